//! The kinds of objects that a cluster knows.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{APIResource, APIResourceList};
use kube::{
    Resource as _,
    core::{ApiResource, DynamicObject, GroupVersionKind},
};

use super::ApplyError;
use crate::client::{
    cluster::{Cluster, answer},
    error::Operation,
};

/// A kind as the cluster has it.
#[derive(Clone, Debug)]
pub(super) struct Kind {
    resource: ApiResource,
    is_namespaced: bool,
}

impl Kind {
    /// Returns the path of its objects, in this namespace if they are in namespaces.
    pub(super) fn path(&self, namespace: Option<&str>) -> String {
        DynamicObject::url_path(&self.resource, namespace.filter(|_| self.is_namespaced))
    }

    pub(super) fn is_namespaced(&self) -> bool {
        self.is_namespaced
    }

    /// Returns the name of the resource as roles have it.
    pub(super) fn name(&self) -> String {
        let ApiResource { group, plural, .. } = &self.resource;
        if group.is_empty() {
            plural.clone()
        } else {
            format!("{plural}.{group}")
        }
    }
}

/// The kinds of a cluster. Each version of an API is asked for once.
pub(super) struct Kinds<'a> {
    cluster: &'a Cluster,
    known: BTreeMap<String, Vec<APIResource>>,
}

impl<'a> Kinds<'a> {
    pub(super) fn of(cluster: &'a Cluster) -> Self {
        Self {
            cluster,
            known: BTreeMap::new(),
        }
    }

    /// Returns the kind of this name in a version of an API, `v1` or `GROUP/VERSION`.
    pub(super) async fn find(&mut self, api: &str, kind: &str) -> Result<Kind, ApplyError> {
        if !self.known.contains_key(api) {
            let resources = self.list(api).await?;
            self.known.insert(api.to_owned(), resources);
        }
        let mut resources = self.known[api].iter();
        // The parts of objects, such as their status, have the kind too.
        let found =
            resources.find(|resource| resource.kind == kind && !resource.name.contains('/'));
        let found = found.ok_or_else(|| ApplyError::UnknownKind {
            kind: kind.to_owned(),
            api: api.to_owned(),
        })?;
        let (group, version) = api.split_once('/').unwrap_or(("", api));
        let kind = GroupVersionKind::gvk(group, version, kind);
        Ok(Kind {
            resource: ApiResource::from_gvk_with_plural(&kind, &found.name),
            is_namespaced: found.namespaced,
        })
    }

    /// Returns the resources of a version; there are none if the cluster does not know it.
    async fn list(&self, api: &str) -> Result<Vec<APIResource>, ApplyError> {
        let operation = Operation {
            verb: "get",
            resource: format!("the resources of `{api}`").into(),
            name: None,
            namespace: String::new(),
        };
        let client = &self.cluster.client;
        let listed: Result<APIResourceList, _> = if api.contains('/') {
            answer(&operation, client.list_api_group_resources(api)).await
        } else {
            answer(&operation, client.list_core_api_resources(api)).await
        };
        match listed {
            Ok(list) => Ok(list.resources),
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            Err(error) => Err(ApplyError::Refused(error)),
        }
    }
}
