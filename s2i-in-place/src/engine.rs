//! The engine: the image of the own container, the other images of a build, and its containers.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use s2i_build::{
    Agents, BuildContext, EngineError,
    event::Phase,
    ports::{
        BuildCache, Container as _, Content, EngineInfo, EngineProbe, Input, Operation, Runner,
        Start,
    },
    request::{ContainerOptions, Network},
};
use s2i_core::{ImageRef, bounds};
use s2i_oci::{
    layer::Compression,
    registry::{self, Registry},
};
use tokio::sync::OnceCell;

use crate::{
    artifacts,
    base::{Base, BaseError},
    composed::Composed,
    container::{InPlaceContainer, Kind},
    error::failed,
    job::{Before, Job, JobBackend, owner},
    known::KnownImages,
    layers::common,
    lookup::OtherImage,
    place::{NotInContainer, Place},
    store::Store,
};

/// The directory in which `:ci` images have the config of their builder, and images for builds without a registry.
const SHARE: &str = "/usr/share/s2i";

/// The options of an engine. More of them may come.
#[derive(Debug)]
#[non_exhaustive]
pub struct Options {
    /// The agent programs.
    pub agents: Agents,
    /// The name of the image of the own container, as the user or the CI system gives it.
    pub image: Option<ImageRef>,
    /// True if the name is that of a CI system: an image with the config of its builder is used even if the registry of
    /// the name can't describe it.
    pub is_of_job: bool,
    /// The options for access to registries.
    pub registry: registry::Options,
    /// The compression of the layer of a result.
    pub compression: Compression,
    /// The limits of the layer of a result.
    pub limits: bounds::Limits,
    /// Directories of the container that are no part of a result, for example those of a cache.
    pub left_out: Vec<PathBuf>,
    /// The directory with the config of the builder, as `builder.json`, and the archives `images/*.tar`.
    pub share: PathBuf,
    /// True if the caller has chosen the image of the container by this name, so that nothing is compared.
    pub is_certain: bool,
    /// The directory in which another process has described [the images](crate::KnownImages), if this one can't reach
    /// registries.
    pub known: Option<PathBuf>,
    /// The directory for new layers; otherwise a temporary one.
    pub work_dir: Option<PathBuf>,
}

impl Options {
    /// Creates options with the defaults for all but the agents.
    #[must_use]
    pub fn new(agents: Agents) -> Self {
        Self {
            agents,
            image: None,
            is_of_job: false,
            registry: registry::Options::default(),
            compression: Compression::default(),
            limits: bounds::Limits::default(),
            left_out: Vec::new(),
            share: SHARE.into(),
            is_certain: false,
            known: None,
            work_dir: None,
        }
    }
}

/// The engine of the container that this process runs in.
pub struct InPlaceEngine {
    pub(crate) store: Store,
    pub(crate) registry: Arc<Registry>,
    agents: Agents,
    pub(crate) image: Option<ImageRef>,
    pub(crate) is_of_job: bool,
    limits: bounds::Limits,
    pub(crate) share: PathBuf,
    place: Arc<Place>,
    pub(crate) base: OnceCell<Arc<Base>>,
    /// The other images that were looked up, by ID.
    pub(crate) images: Mutex<BTreeMap<String, Arc<OtherImage>>>,
    before: Before,
    pub(crate) is_certain: bool,
    /// The images that another process has described, and the directory.
    pub(crate) known: Option<(KnownImages, PathBuf)>,
}

impl InPlaceEngine {
    /// Refuses a network of the scripts that the container does not have. A build whose container another program starts
    /// can be refused with this before it is requested.
    ///
    /// # Errors
    /// [`EngineError::Failed`] for no network and for one with a name.
    pub fn check_network(&self, network: &Network) -> Result<(), EngineError> {
        match network {
            Network::None | Network::Named(_) => {
                let reason = "in place, scripts have the network of the job";
                Err(failed(Operation::UseNetwork, network)(reason))
            }
            _ => Ok(()),
        }
    }

    /// Creates the engine. Nothing is looked up yet.
    ///
    /// # Errors
    /// [`EngineError::NoEndpoint`] outside of a container, [`EngineError::Failed`] when there can be no temporary
    /// directory.
    pub fn new(options: Options) -> Result<Self, EngineError> {
        if !options.is_certain && !Place::is_container(&options.share) {
            return Err(EngineError::NoEndpoint {
                reason: NotInContainer.to_string(),
            });
        }
        let store = Store::new(options.compression, options.work_dir.as_deref());
        let store = store.map_err(failed(Operation::CreateDirectory, "for temporary files"))?;
        let mut left_out = options.left_out;
        left_out.push(store.dir().to_owned());
        let registry = Registry::new(options.registry);
        let known = options.known.map(|dir| {
            let known = KnownImages::read(&dir);
            let known = known.map_err(failed(Operation::Read, dir.display()))?;
            Ok::<_, EngineError>((known, dir))
        });
        Ok(Self {
            place: Arc::new(Place::read(&left_out)),
            store,
            registry: Arc::new(registry.map_err(failed(Operation::PrepareFor, "registries"))?),
            agents: options.agents,
            image: options.image,
            is_of_job: options.is_of_job,
            limits: options.limits,
            share: options.share,
            base: OnceCell::new(),
            images: Mutex::default(),
            before: Before::new(),
            is_certain: options.is_certain,
            known: known.transpose()?,
        })
    }

    /// Returns the image that results are based on: that of the own container, or the builder that it extends.
    ///
    /// # Errors
    /// [`BaseError`].
    pub async fn base(&self) -> Result<Arc<Base>, BaseError> {
        let find = async || self.find_base().await.map(Arc::new);
        self.base.get_or_try_init(find).await.cloned()
    }

    pub(crate) async fn known_base(&self) -> Result<Arc<Base>, EngineError> {
        let base = self.base().await;
        base.map_err(failed(Operation::Describe, "the image of this container"))
    }

    /// Returns whether a build has been started, so that its files may be in this container.
    #[must_use]
    pub fn has_started(&self) -> bool {
        self.before.get().is_some()
    }

    /// Unpacks the artifacts of an image into the own container, and returns whether it has some. They are in the one
    /// layer that the image has above those of the base.
    async fn restore(
        &self,
        container: &mut crate::job::JobContainer,
        start: &Start<'_>,
        base: &Base,
        context: BuildContext<'_>,
    ) -> Result<bool, EngineError> {
        let Some(wanted) = start.artifacts else {
            return Ok(false);
        };
        let Some(image) = self.other(&wanted.image.id) else {
            return Ok(false);
        };
        let below = common(&base.config.rootfs.diff_ids, &image.config.rootfs.diff_ids);
        let [layer] = &image.layers[below.min(image.layers.len())..] else {
            let reason = "it has not exactly one layer above those of the builder";
            return Err(failed(Operation::FindArtifacts, &wanted.image.name)(reason));
        };
        context.progress.phase(Phase::SaveArtifacts);
        let archive = artifacts::stream(layer.blob(&self.registry), wanted.directory.clone());
        let input = Input {
            into: wanted.at.clone(),
            content: Content::Archive(archive),
            owner: None,
        };
        container.unpack(input, context).await?;
        Ok(true)
    }

    async fn start_job(
        &self,
        start: &Start<'_>,
        base: Arc<Base>,
        context: BuildContext<'_>,
    ) -> Result<InPlaceContainer, EngineError> {
        let architecture = &start.image.platform.architecture;
        let agent = self.agents.of(architecture).map(<[u8]>::to_vec);
        let agent = agent.ok_or_else(|| EngineError::NoAgent {
            image: start.image.name.clone(),
            architecture: architecture.clone(),
        })?;
        context.progress.phase(Phase::Start);
        let job = Job {
            base: Arc::clone(&base),
            place: Arc::clone(&self.place),
            limits: self.limits,
            store: self.store.clone(),
            owner: owner(start.user)?,
        };
        let mut container = JobBackend::start(job, agent, &self.before, start, context).await?;
        match self.restore(&mut container, start, &base, context).await {
            Ok(has_artifacts) => {
                container.backend_mut().has_artifacts = has_artifacts;
                Ok(InPlaceContainer(Kind::Job(Box::new(container))))
            }
            Err(err) => {
                context.warn_of_leftover(container.discard().await);
                Err(err)
            }
        }
    }
}

impl EngineProbe for InPlaceEngine {
    async fn probe(&self) -> Result<EngineInfo, EngineError> {
        let base = self.known_base().await?;
        Ok(EngineInfo {
            name: "here".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            endpoint: format!("this container of {}", base.name),
        })
    }
}

impl Runner for InPlaceEngine {
    type Container = InPlaceContainer;

    fn check_options(&self, options: &ContainerOptions) -> Result<(), EngineError> {
        let option = if !options.mounts.is_empty() {
            "--volume"
        } else if !options.hosts.is_empty() {
            "--add-host"
        } else if options
            .security
            .iter()
            .any(|option| !option.starts_with("no-new-privileges"))
        {
            "--security-opt"
        } else {
            return Ok(());
        };
        Err(failed(Operation::UseSecurityOption, option)(
            "the container of the job was started with its own options",
        ))
    }

    async fn start(
        &self,
        start: &Start<'_>,
        context: BuildContext<'_>,
    ) -> Result<InPlaceContainer, EngineError> {
        let name = &start.image.name;
        self.check_network(start.network)?;
        if start.limits != s2i_build::limits::Limits::default() {
            let reason = "in place, scripts have the resources of the job";
            return Err(failed(Operation::LimitContainer, name)(reason));
        }
        if self.is_own(&start.image.id) {
            let base = self.known_base().await?;
            return self.start_job(start, base, context).await;
        }
        let other = self.other(&start.image.id);
        let other = other.ok_or_else(|| EngineError::NoSuchImage {
            image: name.clone(),
        })?;
        context.progress.phase(Phase::Start);
        let composed = Composed::new(
            (name.clone(), other.config.clone(), other.layers.clone()),
            start.user,
            self.store.clone(),
            Arc::clone(&self.registry),
            self.limits,
        )?;
        Ok(InPlaceContainer(Kind::Composed(Box::new(composed))))
    }
}

impl BuildCache for InPlaceEngine {}
