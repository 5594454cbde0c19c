//! `s2i kube rbac`, `pvc` and `cronjob`.

use s2i_kube::{
    document::object,
    job::{
        Access, CLIENT_RULES, CacheClaim, KUBESPHERE_RULES, PodUser, REBUILD_RULES, RebuildJob,
        Subject, name_from_image,
    },
};
use serde_json::Value;

use super::KubeError;
use crate::{
    args::kube::{CronJob, Pvc, Rbac},
    context::CommandContext,
};

/// The name of what builds images again, unless another one follows from an image or is given.
const REBUILD: &str = "s2i-rebuild";

/// The longest name of a CronJob: its Jobs have eleven characters more.
const LONGEST: usize = 63 - 11;

/// Returns the rights in a namespace. A service account can't be bound without one.
pub(super) fn rbac(args: &Rbac, namespace: Option<&str>) -> Result<Vec<Value>, KubeError> {
    let named = [
        (&args.user, Subject::User as fn(String) -> Subject),
        (&args.group, Subject::Group),
        (&args.service_account, Subject::ServiceAccount),
        (&args.new_service_account, Subject::NewServiceAccount),
    ];
    let subject = named
        .into_iter()
        .find_map(|(name, subject)| name.clone().map(subject));
    let (rules, usual): (&'static [_], _) = if args.rebuild {
        (&REBUILD_RULES, REBUILD)
    } else if args.kubesphere {
        (&KUBESPHERE_RULES, "s2i-kubesphere")
    } else {
        (&CLIENT_RULES, "s2i-build")
    };
    let access = Access {
        name: args.name.clone().unwrap_or_else(|| usual.to_owned()),
        namespace: namespace.ok_or(KubeError::NoNamespace)?.to_owned(),
        subject: subject.ok_or(KubeError::NoSubject)?,
        rules,
    };
    let (account, role, binding) = access.objects()?;
    let account = account.iter().map(object);
    Ok(account.chain([object(&role), object(&binding)]).collect())
}

pub(super) fn pvc(args: &Pvc) -> Result<Value, KubeError> {
    let claim = CacheClaim {
        name: args.name.clone(),
        application: args.application.or(&args.name).to_owned(),
        namespace: args.objects.namespace(),
        size: args.size.clone(),
        storage_class: args.storage_class.clone(),
    };
    Ok(object(&claim.object()?))
}

pub(super) fn cron_job(args: &CronJob, context: &CommandContext<'_>) -> Result<Value, KubeError> {
    let name = args.name.clone().unwrap_or_else(|| usual_name(args));
    let job = RebuildJob {
        application: args.application.or(&name).to_owned(),
        namespace: args.objects.namespace(),
        schedule: args.schedule.clone(),
        time_zone: args.time_zone.clone(),
        agent: args.agent_image.clone(),
        images: args.images.iter().map(ToString::to_string).collect(),
        options: args.options.clone(),
        pull: args.pull_secret.clone(),
        insecure: !context.global.tls_verify,
        user: if args.openshift {
            PodUser::Assigned
        } else {
            PodUser::Id(args.uid)
        },
        ..RebuildJob::new(name, &args.service_account)
    };
    Ok(object(&job.object()?))
}

/// Returns the name that follows from the first image.
fn usual_name(args: &CronJob) -> String {
    let Some(image) = args.images.first() else {
        return REBUILD.to_owned();
    };
    let suffix = "-rebuild";
    let name = name_from_image(&image.to_string());
    let start: String = name.chars().take(LONGEST - suffix.len()).collect();
    start.trim_end_matches('-').to_owned() + suffix
}
