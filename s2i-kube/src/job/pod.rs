//! The pod of a build.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{
        Affinity, LocalObjectReference, PodSecurityContext, PodSpec, PodTemplateSpec,
        SeccompProfile, Toleration,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

use super::{BuildJob, JobError, Placement, PodUser, Step, containers, metadata, names, volumes};

/// The annotation that keeps the autoscaler of nodes from ending the build to save a node.
const SAFE_TO_EVICT: &str = "cluster-autoscaler.kubernetes.io/safe-to-evict";

/// Returns the template of a build's pods.
pub(crate) fn template(build: &BuildJob) -> Result<PodTemplateSpec, JobError> {
    build.secrets.check()?;
    if let Some(account) = &build.service_account {
        names::check_object("a service account", account)?;
    }
    let mut steps = build
        .steps()
        .into_iter()
        .map(|step| containers::container(build, step))
        .collect::<Result<Vec<_>, _>>()?;
    // The last step is the container proper, the others run before it, one after another.
    let push = steps.pop();
    let metadata = ObjectMeta {
        labels: Some(metadata::labels(build)?),
        annotations: Some(annotations(build)),
        ..ObjectMeta::default()
    };
    let spec = PodSpec {
        // A container must not start again over the files that it left.
        restart_policy: Some("Never".to_owned()),
        // Code of the user runs in this pod, and has no business with the API.
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        service_account_name: build.service_account.clone(),
        security_context: Some(security_context(build.user.checked()?)),
        image_pull_secrets: pull_secrets(&build.secrets.images),
        init_containers: Some(steps),
        containers: push.into_iter().collect(),
        volumes: Some(volumes::volumes(build)?),
        affinity: affinity(&build.placement),
        tolerations: tolerations(&build.placement),
        ..PodSpec::default()
    };
    Ok(PodTemplateSpec {
        metadata: Some(metadata),
        spec: Some(spec),
    })
}

fn annotations(build: &BuildJob) -> BTreeMap<String, String> {
    let account =
        volumes::account(build).map(|line| (metadata::ACCOUNT_ANNOTATION.to_owned(), line));
    [(SAFE_TO_EVICT.to_owned(), "false".to_owned())]
        .into_iter()
        .chain(account)
        .collect()
}

/// Returns the security context of a pod at the Pod Security level `restricted`.
pub(crate) fn security_context(user: PodUser) -> PodSecurityContext {
    let common = PodSecurityContext {
        run_as_non_root: Some(true),
        seccomp_profile: Some(SeccompProfile {
            type_: "RuntimeDefault".to_owned(),
            ..SeccompProfile::default()
        }),
        ..PodSecurityContext::default()
    };
    match user {
        PodUser::Assigned => common,
        PodUser::Id(id) => PodSecurityContext {
            run_as_user: Some(id.into()),
            run_as_group: Some(0),
            fs_group: Some(0),
            fs_group_change_policy: Some("OnRootMismatch".to_owned()),
            ..common
        },
    }
}

fn affinity(placement: &Placement) -> Option<Affinity> {
    let nodes = placement.nodes.clone()?;
    Some(Affinity {
        node_affinity: Some(nodes),
        ..Affinity::default()
    })
}

fn tolerations(placement: &Placement) -> Option<Vec<Toleration>> {
    let tolerations = placement.tolerations.clone();
    (!tolerations.is_empty()).then_some(tolerations)
}

fn pull_secrets(names: &[String]) -> Option<Vec<LocalObjectReference>> {
    let references = names
        .iter()
        .map(|name| LocalObjectReference { name: name.clone() });
    (!names.is_empty()).then(|| references.collect())
}

impl Step {
    /// Returns whether our own program alone runs in the step, in our image.
    pub(crate) fn is_agent(self) -> bool {
        matches!(self, Self::Prepare | Self::Push)
    }
}
