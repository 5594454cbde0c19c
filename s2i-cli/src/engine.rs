//! The engines behind one type.

use std::sync::Arc;

use s2i_core::Diagnostic;
use s2i_docker::{DockerEngine, Endpoint};
use s2i_native::NativeEngine;
use s2i_oci::layer::Compression;

use crate::{
    agents,
    choice::EngineKind,
    context::CommandContext,
    credentials::{self, Provider},
    error::Error,
    host::Host,
    native,
};

/// An engine that is ready for use.
pub(crate) enum AnyEngine {
    /// Docker or Podman.
    Api(Box<DockerEngine>),
    /// The embedded engine, and the restriction that its containers have here.
    Native(Box<NativeEngine>, Option<Diagnostic>),
}

impl AnyEngine {
    /// Opens the engine. Must be called before any thread starts: the embedded engine changes the privileges of
    /// the whole process.
    ///
    /// `compression` is that of layers that are pushed, if it is requested. Docker and Podman have their own, and speak
    /// to registries as their configuration defines it.
    pub(crate) fn open(
        kind: EngineKind,
        compression: Option<Compression>,
        context: &CommandContext<'_>,
    ) -> Result<Self, Error> {
        match kind {
            EngineKind::Api(_) if compression.is_some() => Err(Error::CompressionOfApi),
            EngineKind::Api(_) if !context.global.tls_verify => Err(Error::TlsVerifyOfApi),
            EngineKind::Api(endpoint) => Ok(Self::Api(Box::new(api(endpoint, context.host)?))),
            EngineKind::Here => Err(Error::OnlyBuilds),
            EngineKind::Native(store) => {
                let restriction = native::enter(&store)?;
                let engine = native::open(store, compression, context)?;
                Ok(Self::Native(Box::new(engine), restriction))
            }
        }
    }
}

/// Opens Docker or Podman.
pub(crate) fn api(endpoint: Endpoint, host: &Host) -> Result<DockerEngine, Error> {
    let provider = Provider(credentials::store(host, endpoint.flavour()));
    let engine = DockerEngine::connect(endpoint, agents::embedded())?;
    Ok(engine.with_credentials(Arc::new(provider)))
}
