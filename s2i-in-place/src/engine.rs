//! The engine: the image of the own container, the other images of a build, and its containers.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use s2i_build::{
    Agents, BuildContext, EngineError,
    event::Phase,
    facts::ImageFacts,
    ports::{
        BuildCache, Container as _, Content, EngineInfo, EngineProbe, ImageResolver, Input,
        Operation, Runner, Start,
    },
    request::{ContainerOptions, Network, PullPolicy},
};
use s2i_core::{
    ErrorChain, ImageRef, bounds,
    image::{ImageConfig, Platform},
};
use s2i_oci::{
    Digest,
    layer::Compression,
    registry::{self, Registry, RegistryError},
};
use tokio::sync::OnceCell;

use crate::{
    archives, artifacts,
    base::{self, Base, BaseError, OwnConfig},
    check,
    composed::Composed,
    container::{InPlaceContainer, Kind},
    error::{blocking, failed},
    job::{Before, Job, JobBackend, owner},
    layers::{Layer, common},
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
        }
    }
}

/// The engine of the container that this process runs in.
pub struct InPlaceEngine {
    pub(crate) store: Store,
    pub(crate) registry: Arc<Registry>,
    agents: Agents,
    image: Option<ImageRef>,
    is_of_job: bool,
    limits: bounds::Limits,
    share: PathBuf,
    place: Arc<Place>,
    base: OnceCell<Arc<Base>>,
    /// The other images that were looked up, by ID.
    images: Mutex<BTreeMap<String, Arc<OtherImage>>>,
    before: Before,
}

/// An image that is not that of the own container.
struct OtherImage {
    config: ImageConfig,
    layers: Vec<Layer>,
}

impl InPlaceEngine {
    /// Creates the engine. Nothing is looked up yet.
    ///
    /// # Errors
    /// [`EngineError::NoEndpoint`] outside of a container, [`EngineError::Failed`] when there can be no temporary
    /// directory.
    pub fn new(options: Options) -> Result<Self, EngineError> {
        if !Place::is_container(&options.share) {
            return Err(EngineError::NoEndpoint {
                reason: NotInContainer.to_string(),
            });
        }
        let store = Store::new(options.compression);
        let store = store.map_err(failed(Operation::CreateDirectory, "for temporary files"))?;
        let mut left_out = options.left_out;
        left_out.push(store.dir().to_owned());
        let registry = Registry::new(options.registry);
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

    async fn known_base(&self) -> Result<Arc<Base>, EngineError> {
        let base = self.base().await;
        base.map_err(failed(Operation::Describe, "the image of this container"))
    }

    async fn find_base(&self) -> Result<Base, BaseError> {
        let own = OwnConfig::read(&self.share)?;
        let Some(image) = &self.image else {
            return own.map(OwnConfig::into_base).ok_or(BaseError::Unknown);
        };
        let base = match base::look_up(&self.registry, image, own.clone()).await {
            Err(err @ BaseError::Registry { .. }) => match own.filter(|_| self.is_of_job) {
                Some(own) => Base {
                    problem: Some(format!(
                        "its layers are not known, so only a runtime image can be the base: {}",
                        ErrorChain(&err)
                    )),
                    ..own.into_base()
                },
                None => return Err(err),
            },
            found => found?,
        };
        if base.is_identified || self.compare(image, &base).await? {
            return Ok(base);
        }
        let problem = "its files are not compared with those of this container: all of its last layers are large or have no files";
        Ok(Base {
            problem: Some(problem.into()),
            ..base
        })
    }

    /// Compares the files of this container with the last layer of its image that has files, and returns whether there
    /// is one that is not too large.
    async fn compare(&self, image: &ImageRef, base: &Base) -> Result<bool, BaseError> {
        let failed = |source: std::io::Error| BaseError::Registry {
            image: image.clone(),
            source: source.into(),
        };
        for layer in base.layers.iter().flatten().rev() {
            if layer.descriptor.size > check::MOST {
                return Ok(false);
            }
            let blob = layer.blob(&self.registry);
            let compare = move || check::compare(&blob, Path::new("/"));
            let compared = s2i_build::stream::blocking(compare).await;
            match compared.map_err(failed)?.map_err(failed)? {
                check::Comparison::NoFiles => {}
                check::Comparison::Same => return Ok(true),
                check::Comparison::Different(reason) => {
                    let image = image.clone();
                    return Err(BaseError::OtherImage { image, reason });
                }
            }
        }
        Ok(false)
    }

    /// Returns whether a build has been started, so that its files may be in this container.
    #[must_use]
    pub fn has_started(&self) -> bool {
        self.before.get().is_some()
    }

    fn is_own(&self, id: &str) -> bool {
        let base = self.base.get();
        base.is_some_and(|base| base.id.to_string() == id)
    }

    fn other(&self, id: &str) -> Option<Arc<OtherImage>> {
        let images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        images.get(id).cloned()
    }

    fn keep(&self, id: Digest, config: ImageConfig, layers: Vec<Layer>) {
        let mut images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        images.insert(id.to_string(), Arc::new(OtherImage { config, layers }));
    }

    /// Looks for an image in the archives of the own image.
    async fn archived(&self, image: &ImageRef) -> Result<Option<ImageFacts>, EngineError> {
        let (dir, into, name) = (
            self.share.join("images"),
            self.store.dir().join("images"),
            image.clone(),
        );
        let found = blocking(move || {
            archives::find(&dir, &name, &into).map_err(failed(Operation::FindImage, name))
        });
        Ok(found.await?.map(|found| {
            let facts = facts(image, found.id, None, &found.config);
            self.keep(found.id, found.config, found.layers);
            facts
        }))
    }

    /// Looks up an image in its registry.
    async fn pulled(&self, image: &ImageRef) -> Result<ImageFacts, EngineError> {
        let pulled = self
            .registry
            .manifest(image, &Platform::of_this_machine())
            .await;
        let failed = |source: s2i_build::ports::BoxError| EngineError::Pull {
            image: image.clone(),
            source,
        };
        let pulled = pulled.map_err(|err: RegistryError| failed(err.into()))?;
        let config: ImageConfig =
            serde_json::from_slice(&pulled.config_bytes).map_err(|err| failed(err.into()))?;
        if config.rootfs.diff_ids.len() != pulled.manifest.layers.len() {
            return Err(failed("its config has another number of layers".into()));
        }
        let facts = facts(image, pulled.config_digest, Some(pulled.named), &config);
        let layers = base::layers(image, pulled.manifest.layers);
        self.keep(pulled.config_digest, config, layers);
        Ok(facts)
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

fn facts(name: &ImageRef, id: Digest, digest: Option<Digest>, config: &ImageConfig) -> ImageFacts {
    ImageFacts {
        name: name.clone(),
        id: id.to_string(),
        digest: digest.map(|digest| digest.to_string()),
        platform: config.platform.clone(),
        config: config.config.clone().normalised(),
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

impl ImageResolver for InPlaceEngine {
    async fn resolve(
        &self,
        image: &ImageRef,
        policy: PullPolicy,
        context: BuildContext<'_>,
    ) -> Result<ImageFacts, EngineError> {
        let base = context.or_interrupted(self.known_base()).await?;
        if base.name.normalised() == image.normalised() {
            return Ok(facts(&base.name, base.id, base.digest, &base.config));
        }
        if let Some(composed) = self.store.find(image) {
            return Ok(facts(image, composed.id(), None, &composed.config));
        }
        // It is short, and an interrupt must not remove the directory that it writes to.
        if policy != PullPolicy::Always
            && let Some(facts) = self.archived(image).await?
        {
            return Ok(facts);
        }
        if policy == PullPolicy::Never {
            return Err(EngineError::NoSuchImage {
                image: image.clone(),
            });
        }
        context.or_interrupted(self.pulled(image)).await
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
        if matches!(start.network, Network::None | Network::Named(_)) {
            let reason = "in place, scripts have the network of the job";
            return Err(failed(Operation::UseNetwork, start.network)(reason));
        }
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
