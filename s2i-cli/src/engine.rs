//! The engines as one.

use std::sync::Arc;

use s2i_core::Diagnostic;
use s2i_docker::{DockerEngine, Endpoint};
use s2i_native::NativeEngine;

use crate::{
    agents,
    choice::Chosen,
    config::Config,
    credentials::{self, Provider},
    error::Error,
    host::Host,
    native,
};

/// An engine that is ready.
pub(crate) enum AnyEngine {
    /// Docker or Podman.
    Api(DockerEngine),
    /// The embedded one, and what its containers can't have here.
    Native(NativeEngine, Option<Diagnostic>),
}

impl AnyEngine {
    /// Prepares the engine. To be called before any thread starts: the embedded one changes what this
    /// process may do, and that is for all of it.
    pub(crate) fn open(chosen: Chosen, config: &Config, host: &Host) -> Result<Self, Error> {
        match chosen {
            Chosen::Api(endpoint) => api(endpoint, host).map(Self::Api),
            Chosen::Native(store) => {
                let lacking = native::enter(&store)?;
                Ok(Self::Native(native::open(store, config, host)?, lacking))
            }
        }
    }
}

/// Docker or Podman.
pub(crate) fn api(endpoint: Endpoint, host: &Host) -> Result<DockerEngine, Error> {
    let provider = Provider(credentials::store(host, endpoint.flavour()));
    let engine = DockerEngine::connect(endpoint, agents::embedded())?;
    Ok(engine.with_credentials(Arc::new(provider)))
}
