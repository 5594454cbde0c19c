//! The nodes of a build, and the object that it belongs to.

use k8s_openapi::{
    api::core::v1::{NodeAffinity, Toleration},
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};

/// The nodes on which a build may run, and the object with which it goes: those of a pod that asks for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Placement {
    /// The object whose deletion deletes the Job.
    pub owner: Option<OwnerReference>,
    /// The wishes for nodes.
    pub nodes: Option<NodeAffinity>,
    /// The taints that the build tolerates.
    pub tolerations: Vec<Toleration>,
}
