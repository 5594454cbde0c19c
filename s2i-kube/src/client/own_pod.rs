//! The pod that this client runs in, for a build that belongs to it.

use std::{collections::BTreeMap, fmt::Debug};

use k8s_openapi::{
    api::core::v1::{Pod, Secret},
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::json;

use super::{
    change::FIELD_MANAGER,
    cluster::{Cluster, answer},
    error::{ApiError, Cause, Operation},
};
use crate::job::Placement;

/// The beginning of the keys of taints that the cluster lets every pod tolerate for a while.
const OF_CLUSTER: &str = "node.kubernetes.io/";

/// The kinds of them.
const OF_NODES: [&str; 2] = ["not-ready", "unreachable"];

/// The pod that this client runs in.
#[derive(Clone, Debug)]
pub struct OwnPod {
    cluster: Cluster,
    name: String,
    owner: OwnerReference,
    image: Option<String>,
    placement: Placement,
}

impl Cluster {
    /// Returns the pod of this name, which is that of this client.
    ///
    /// # Errors
    /// Without that pod, and the errors of the request.
    pub async fn own_pod(&self, name: &str) -> Result<OwnPod, ApiError> {
        let operation = self.operation("get", "pods", Some(name));
        let pod = answer(&operation, self.pods().get(name)).await?;
        let Some(uid) = pod.metadata.uid.clone() else {
            let words = "the pod has no UID".to_owned();
            return Err(operation.failed(Cause::Unexpected { words }));
        };
        let owner = OwnerReference {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            name: name.to_owned(),
            uid,
            ..OwnerReference::default()
        };
        Ok(OwnPod {
            cluster: self.clone(),
            name: name.to_owned(),
            image: image(&pod),
            placement: placement(pod, owner.clone()),
            owner,
        })
    }
}

impl OwnPod {
    /// Returns the placement of a build that runs where this pod may run, and is deleted with it.
    #[must_use]
    pub fn placement(&self) -> &Placement {
        &self.placement
    }

    /// Returns the image of the first container, as the pod names it.
    #[must_use]
    pub fn image(&self) -> Option<&str> {
        self.image.as_deref()
    }

    /// Returns the name of a Secret of this pod, which begins with that of the pod.
    #[must_use]
    pub fn secret_name(&self, what: &str) -> String {
        format!("{}-{what}", self.name)
    }

    /// Creates a Secret that is deleted with this pod.
    ///
    /// # Errors
    /// The errors of the request. None has content of the Secret.
    pub async fn create_secret(&self, mut secret: Secret) -> Result<(), ApiError> {
        secret.metadata.owner_references = Some(vec![self.owner.clone()]);
        let operation = self.cluster.operation("create", "secrets", None);
        let params = PostParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        answer(&operation, self.secrets().create(&params, &secret))
            .await
            .map(drop)
    }

    /// Deletes a Secret. One that does not exist is no error.
    ///
    /// # Errors
    /// The errors of the request.
    pub async fn delete_secret(&self, name: &str) -> Result<(), ApiError> {
        let operation = self.cluster.operation("delete", "secrets", Some(name));
        let params = DeleteParams::default();
        match answer(&operation, self.secrets().delete(name, &params)).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    /// Sets annotations of this pod. All others stay.
    ///
    /// # Errors
    /// The errors of the request.
    pub async fn annotate(&self, annotations: &BTreeMap<String, String>) -> Result<(), ApiError> {
        let operation = self.operation();
        let patch = Patch::Merge(json!({"metadata": {"annotations": annotations}}));
        let params = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let pods = self.cluster.pods();
        let patched = answer(&operation, pods.patch(&self.name, &params, &patch));
        patched.await.map(drop)
    }

    fn operation(&self) -> Operation {
        self.cluster.operation("patch", "pods", Some(&self.name))
    }

    fn secrets(&self) -> Api<Secret> {
        self.cluster.secrets()
    }
}

fn image(pod: &Pod) -> Option<String> {
    let containers = &pod.spec.as_ref()?.containers;
    containers.first()?.image.clone()
}

fn placement(pod: Pod, owner: OwnerReference) -> Placement {
    let spec = pod.spec.unwrap_or_default();
    let tolerations = spec.tolerations.unwrap_or_default().into_iter();
    // The cluster adds its own to each pod.
    let is_of_cluster = |key: &str| {
        let node = key.strip_prefix(OF_CLUSTER);
        node.is_some_and(|node| OF_NODES.contains(&node))
    };
    Placement {
        owner: Some(owner),
        nodes: spec.affinity.and_then(|affinity| affinity.node_affinity),
        tolerations: tolerations
            .filter(|toleration| !toleration.key.as_deref().is_some_and(is_of_cluster))
            .collect(),
    }
}
