//! The engine over the API: its probe, the resolution and pull of images, and its containers.

use std::{sync::Arc, time::Duration};

use bollard::{
    models::{SystemInfo, SystemVersion},
    query_parameters::CreateImageOptionsBuilder,
};
use futures_util::StreamExt as _;
use s2i_build::{
    Agents, BuildContext, CredentialProvider, EngineError, Notice, Resource,
    event::{Event, Phase, Progress},
    facts::ImageFacts,
    ports::{BuildCache, EngineInfo, EngineProbe, ImageResolver, Operation, Runner, Start},
    request::PullPolicy,
    trace,
};
use s2i_core::{Diagnostic, ErrorChain, ImageRef};
use tokio::sync::OnceCell;

use crate::{
    backend::{DockerBackend, DockerContainer},
    client::{Client, Message, cause, is_only_the_end, is_unreachable},
    container::Created,
    convert,
    endpoint::{Endpoint, Flavour, HostEnv},
    transfers,
};

/// The timeout of a probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(20);

/// Docker or Podman.
pub struct DockerEngine {
    pub(crate) client: Client,
    pub(crate) endpoint: Endpoint,
    agents: Agents,
    pub(crate) credentials: Option<Arc<dyn CredentialProvider>>,
    /// The kind of the engine, once it answered: Docker runs two programs for each query of its version.
    flavour: OnceCell<Flavour>,
}

impl DockerEngine {
    /// Creates the client of an endpoint; the first call connects.
    ///
    /// # Errors
    /// [`EngineError::NoEndpoint`] when its address can't be used.
    pub fn connect(endpoint: Endpoint, agents: Agents) -> Result<Self, EngineError> {
        Ok(Self {
            client: Client::new(&endpoint)?,
            endpoint,
            agents,
            credentials: None,
            flavour: OnceCell::new(),
        })
    }

    /// Creates the client of the engine that the environment of this process names, or else of the first one that
    /// listens on a default socket.
    ///
    /// # Errors
    /// [`EngineError::NoEndpoint`] when there is none.
    pub fn from_env(agents: Agents) -> Result<Self, EngineError> {
        Self::connect(Endpoint::find(None, None, &HostEnv::from_env())?, agents)
    }

    /// Sets the provider of credentials for registries. Without one, all pulls and pushes are anonymous.
    #[must_use]
    pub fn with_credentials(mut self, provider: Arc<dyn CredentialProvider>) -> Self {
        self.credentials = Some(provider);
        self
    }

    /// Returns the kind of the engine.
    async fn flavour(&self) -> Result<Flavour, EngineError> {
        let query = async || Ok(self.flavour_of(self.version().await?).0);
        self.flavour.get_or_try_init(query).await.copied()
    }

    /// Queries the properties of the engine.
    pub(crate) async fn system(&self) -> Result<SystemInfo, EngineError> {
        let system = self.client.info().await;
        system.map_err(self.client.failed(Operation::Describe, "itself"))
    }

    /// Queries the version of the engine.
    pub(crate) async fn version(&self) -> Result<SystemVersion, EngineError> {
        let version = tokio::time::timeout(PROBE_TIMEOUT, self.client.version()).await;
        let version = version.unwrap_or(Err(bollard::errors::Error::RequestTimeoutError));
        version.map_err(|err| EngineError::Unreachable {
            endpoint: self.address(),
            source: cause(err),
        })
    }

    fn address(&self) -> String {
        format!("{} (from {})", self.endpoint.url, self.endpoint.from)
    }

    /// Returns the kind of the engine and its description from its version.
    pub(crate) fn flavour_of(&self, version: SystemVersion) -> (Flavour, EngineInfo) {
        let endpoint = self.address();
        let components = version.components.unwrap_or_default();
        let is_podman = components
            .iter()
            .any(|component| component.name.starts_with("Podman"));
        let (flavour, name) = if is_podman {
            (Flavour::Podman, "Podman")
        } else {
            (Flavour::Docker, "Docker")
        };
        let version = version.version.unwrap_or_default();
        tracing::debug!(
            { trace::ENDPOINT } = endpoint,
            name,
            version,
            "the engine answers"
        );
        let info = EngineInfo {
            name: name.into(),
            version,
            endpoint,
        };
        (flavour, info)
    }

    async fn inspect(&self, image: &ImageRef) -> Result<Option<ImageFacts>, EngineError> {
        let inspected = self.client.find_image(image).await?;
        Ok(inspected.map(|inspect| convert::image_facts(image, inspect)))
    }

    async fn pull(&self, image: &ImageRef, progress: &Progress<'_>) -> Result<(), EngineError> {
        progress.notice(Notice::Pulling {
            image: image.clone(),
        });
        let reference = image.digest().or(image.tag()).unwrap_or("latest");
        let options = CreateImageOptionsBuilder::new()
            .from_image(&image.name())
            .tag(reference)
            .build();
        // Most builders are public, and the registry decides whether this one is.
        let credentials = self.credentials(image).await.unwrap_or_else(|why| {
            let problem = format!("it is asked for without a login: {}", ErrorChain(&*why));
            progress.send(Event::Warning(Diagnostic::new(image.to_string(), problem)));
            None
        });
        let mut pull = self.client.create_image(Some(options), None, credentials);
        let mut steps = transfers::Pull::new(progress);
        while let Some(step) = pull.next().await {
            let step = match step {
                Err(err) if is_only_the_end(&err) => break,
                Err(err) if is_unreachable(&err) => {
                    return Err(self.client.failed(Operation::Pull, image.to_string())(err));
                }
                Err(err) => {
                    return Err(EngineError::Pull {
                        image: image.clone(),
                        source: cause(err),
                    });
                }
                Ok(step) => step,
            };
            steps.step(step);
        }
        Ok(())
    }
}

impl EngineProbe for DockerEngine {
    async fn probe(&self) -> Result<EngineInfo, EngineError> {
        let (flavour, info) = self.flavour_of(self.version().await?);
        // It is the same one if it is known already.
        let _ = self.flavour.set(flavour);
        Ok(info)
    }
}

impl ImageResolver for DockerEngine {
    async fn resolve(
        &self,
        image: &ImageRef,
        policy: PullPolicy,
        context: BuildContext<'_>,
    ) -> Result<ImageFacts, EngineError> {
        let find = async {
            if policy != PullPolicy::Always {
                if let Some(facts) = self.inspect(image).await? {
                    return Ok(facts);
                }
                if policy == PullPolicy::Never {
                    return Err(EngineError::NoSuchImage {
                        image: image.clone(),
                    });
                }
            }
            self.pull(image, context.progress).await?;
            let pulled = self.inspect(image).await?;
            pulled.ok_or_else(|| EngineError::Pull {
                image: image.clone(),
                source: Message("it is not there after the pull".into()).into(),
            })
        };
        context.or_interrupted(find).await
    }
}

impl Runner for DockerEngine {
    type Container = DockerContainer;

    async fn start(
        &self,
        start: &Start<'_>,
        context: BuildContext<'_>,
    ) -> Result<DockerContainer, EngineError> {
        let flavour = context.or_interrupted(self.flavour()).await?;
        let image = start.image;
        let agent = self
            .agents
            .of(&image.platform.architecture)
            .ok_or_else(|| EngineError::NoAgent {
                image: image.name.clone(),
                architecture: image.platform.architecture.clone(),
            })?;
        context.progress.phase(Phase::Start);
        let body = convert::create_body(start, flavour);
        let name = image.name.clone();
        let created = Created::new(&self.client, name, body, Resource::Container, context);
        let created = created.await?;
        let handle = created.handle();
        let backend = DockerBackend {
            handle: handle.clone(),
            flavour,
        };
        let starting = async {
            handle.check_limits(&start.limits).await?;
            created.start(agent).await
        };
        DockerContainer::open(backend, start, starting, context).await
    }
}

impl BuildCache for DockerEngine {}
