//! The transport of the client, which tells apart that the engine has accepted a request and that its response is
//! complete.

use std::sync::Arc;

use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker, errors::Error};
use hyper_util::{
    client::legacy::{Client, connect::Connect},
    rt::TokioExecutor,
};
use tokio::sync::Notify;

/// A mark of requests: a notification that the engine has accepted the request, which is when the head of its response
/// arrives. For a wait, Docker and Podman send it at once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Accepted(Arc<Notify>);

impl Accepted {
    /// Returns a client whose requests have this mark.
    pub(crate) fn mark(&self, docker: &Docker) -> Docker {
        let mark = self.clone();
        docker.clone().with_request_modifier(move |mut request| {
            request.extensions_mut().insert(mark.clone());
            request
        })
    }

    /// Waits until the engine has accepted a marked request.
    pub(crate) async fn accepted(&self) {
        self.0.notified().await;
    }
}

/// Creates the client of the engine at a URL whose scheme the connector knows; the first call connects. `idle` is the
/// number of connections that wait for the next request, and `timeout` is in seconds.
pub(crate) fn client(
    connector: impl Connect + Clone + Send + Sync + 'static,
    url: String,
    idle: usize,
    timeout: u64,
) -> Result<Docker, Error> {
    let mut builder = Client::builder(TokioExecutor::new());
    builder.pool_max_idle_per_host(idle);
    let client = builder.build(connector);
    let transport = move |request: BollardRequest| {
        let mark = request.extensions().get::<Accepted>().cloned();
        let response = client.request(request);
        async move {
            let response = response.await.map_err(Error::from)?;
            if let Some(Accepted(mark)) = mark
                && response.status().is_success()
            {
                mark.notify_one();
            }
            Ok(response)
        }
    };
    Docker::connect_with_custom_transport(transport, Some(url), timeout, API_DEFAULT_VERSION)
}
