//! A namespace of a cluster, and a build in it.

use std::{borrow::Cow, fmt::Debug, time::Duration};

use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        batch::v1::Job,
        core::v1::{Event, Pod, Secret},
    },
};
use kube::{Api, Client, Resource, client::ClientBuilder};
use tokio::time::timeout;

use super::{
    bounded::BoundedLayer,
    error::{ApiError, Cause, Operation},
};

/// The time in which an answer has to come.
pub(crate) const ANSWER_TIME: Duration = Duration::from_secs(30);

/// A namespace of a cluster. Clones share one connection.
#[derive(Clone)]
pub struct Cluster {
    pub(crate) client: Client,
    namespace: String,
}

/// A build in a cluster.
#[derive(Clone)]
pub struct Build {
    pub(crate) cluster: Cluster,
    name: String,
}

impl Cluster {
    /// Returns a namespace of a cluster, over a stack of services that reaches its API server: that of
    /// [`kube::client::ClientBuilder`], or one of the caller.
    #[must_use]
    pub fn new<S, B>(stack: ClientBuilder<S>, namespace: impl Into<String>) -> Self
    where
        S: tower_service::Service<http::Request<kube::client::Body>, Response = http::Response<B>>
            + Send
            + 'static,
        S::Future: Send + 'static,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
        B: http_body::Body<Data = bytes::Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Self {
            client: stack.with_layer(&BoundedLayer).build(),
            namespace: namespace.into(),
        }
    }

    /// Returns the name of the namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Returns the build of this name, whether it exists or not.
    #[must_use]
    pub fn build(&self, name: impl Into<String>) -> Build {
        Build {
            cluster: self.clone(),
            name: name.into(),
        }
    }

    pub(crate) fn jobs(&self) -> Api<Job> {
        self.api()
    }

    pub(crate) fn pods(&self) -> Api<Pod> {
        self.api()
    }

    pub(crate) fn secrets(&self) -> Api<Secret> {
        self.api()
    }

    pub(crate) fn events(&self) -> Api<Event> {
        self.api()
    }

    fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Returns the description of a request in this namespace.
    pub(crate) fn operation(
        &self,
        verb: &'static str,
        resource: impl Into<Cow<'static, str>>,
        name: Option<&str>,
    ) -> Operation {
        Operation {
            verb,
            resource: resource.into(),
            name: name.map(str::to_owned),
            namespace: self.namespace.clone(),
        }
    }
}

impl Build {
    /// Returns the name of the Job.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the namespace.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Returns the Job as it is now.
    ///
    /// # Errors
    /// [`Cause::NotFound`] if there is none, and what a request fails with.
    pub async fn job(&self) -> Result<Job, ApiError> {
        let operation = self
            .cluster
            .operation("get", "jobs.batch", Some(&self.name));
        answer(&operation, self.cluster.jobs().get(&self.name)).await
    }
}

impl Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster")
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

impl Debug for Build {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Build({}/{})", self.cluster.namespace, self.name)
    }
}

/// Waits for an answer, but not for ever.
pub(crate) async fn answer<T>(
    operation: &Operation,
    request: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, ApiError> {
    match timeout(ANSWER_TIME, request).await {
        Ok(answer) => answer.map_err(|error| operation.failed(error)),
        Err(_) => Err(operation.failed(Cause::Timeout {
            seconds: ANSWER_TIME.as_secs(),
        })),
    }
}
