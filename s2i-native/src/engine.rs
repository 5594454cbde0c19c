//! The engine over the store and the sandbox: images on their way to a build, its containers, and its cache.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Once,
};

use futures_util::{
    StreamExt as _,
    future::{join, ready},
};
use s2i_build::{
    Agents, BuildContext, EngineError, Notice,
    event::{Phase, Progress},
    facts::ImageFacts,
    ports::{
        BuildCache, Committed, EngineInfo, EngineProbe, ImageDescription, ImageInspector,
        ImageResolver, LayerDescription, Operation, Runner, Start,
    },
    request::{self, ContainerOptions, HostMount, PullPolicy},
    session::Transport,
    transfer::TransferKind,
};
use s2i_core::{ContainerPath, Diagnostic, ImageRef, bounds};
use s2i_oci::store::{Store, StoredImage};
#[cfg(feature = "registry")]
use s2i_oci::{
    layer::Compression,
    registry::{self, Registry},
};

use crate::{
    build_cache,
    bundle::{ArtifactMount, Bundle, ContainerConfig},
    container::{NativeBackend, NativeContainer},
    error::{blocking, failed, no_such_image},
    sandbox::{self, Bind, Network, Program, Running},
    source::Source,
};

/// The options of an embedded engine. More of them may come.
#[derive(Debug)]
#[non_exhaustive]
pub struct Options {
    /// The directory of the image store; created when it does not exist.
    pub store: PathBuf,
    /// The agent programs.
    pub agents: Agents,
    /// The options for access to registries. By default, there are no credentials.
    #[cfg(feature = "registry")]
    pub registry: registry::Options,
    /// The compression of layers that were built here, when they are pushed.
    #[cfg(feature = "registry")]
    pub compression: Compression,
    /// The limits of a layer that is built or unpacked, and of an archive of images.
    pub limits: bounds::Limits,
}

impl Options {
    /// Creates options with the defaults for all but the store and the agents.
    #[must_use]
    pub fn new(store: impl Into<PathBuf>, agents: Agents) -> Self {
        Self {
            store: store.into(),
            agents,
            #[cfg(feature = "registry")]
            registry: registry::Options::default(),
            #[cfg(feature = "registry")]
            compression: Compression::default(),
            limits: bounds::Limits::default(),
        }
    }
}

/// The engine in this very process.
pub struct NativeEngine {
    pub(crate) store: Store,
    #[cfg(feature = "registry")]
    pub(crate) registry: Registry,
    #[cfg(feature = "registry")]
    pub(crate) compression: Compression,
    agents: Agents,
    /// The warning about sockets that containers can reach, which is given once.
    warned: Once,
}

impl NativeEngine {
    /// Opens the store, and removes the files of builds that were killed.
    ///
    /// # Errors
    /// [`EngineError::Failed`] when the store can't be used.
    pub fn open(options: Options) -> Result<Self, EngineError> {
        let Options {
            store,
            agents,
            #[cfg(feature = "registry")]
            registry,
            #[cfg(feature = "registry")]
            compression,
            limits,
        } = options;
        let opened = Store::open(&store).map_err(failed(Operation::OpenStore, store.display()))?;
        Ok(Self {
            store: opened.with_limits(limits),
            #[cfg(feature = "registry")]
            registry: Registry::new(registry)
                .map_err(failed(Operation::PrepareFor, "registries"))?,
            #[cfg(feature = "registry")]
            compression,
            agents,
            warned: Once::new(),
        })
    }

    /// Returns the image of this name or id, if the store has it.
    pub(crate) async fn find(&self, image: &ImageRef) -> Result<Option<StoredImage>, EngineError> {
        let (store, image) = (self.store.clone(), image.clone());
        blocking(move || {
            let found = store.find(&image);
            found.map_err(failed(Operation::FindImage, &image))
        })
        .await
    }

    /// Returns the image of this name or id, which must be there.
    pub(crate) async fn get(&self, image: &ImageRef) -> Result<StoredImage, EngineError> {
        let found = self.find(image).await?;
        found.ok_or_else(|| no_such_image(image))
    }

    /// Returns the image that the facts describe.
    pub(crate) async fn pinned(&self, facts: &ImageFacts) -> Result<StoredImage, EngineError> {
        let (store, name, id) = (self.store.clone(), facts.name.clone(), facts.id.clone());
        blocking(move || {
            let id = id.parse().map_err(failed(Operation::FindImage, &name))?;
            let found = store.find_id(id);
            let found = found.map_err(failed(Operation::FindImage, &name))?;
            found.ok_or_else(|| no_such_image(&name))
        })
        .await
    }

    /// Returns the artifacts to mount in a container; `None` if there are none, or if their image was removed meanwhile.
    async fn artifacts(&self, start: &Start<'_>) -> Result<Option<ArtifactMount>, EngineError> {
        let Some(artifacts) = start.artifacts else {
            return Ok(None);
        };
        match self.pinned(artifacts.image).await {
            Ok(image) => Ok(Some(ArtifactMount {
                image,
                directory: artifacts.directory.clone(),
                at: artifacts.at.clone(),
            })),
            Err(EngineError::NoSuchImage { .. }) => Ok(None),
            Err(err) => Err(err),
        }
    }

    /// Starts a container. Nothing of it is left if the command is cancelled before.
    pub(crate) async fn start_container(
        &self,
        config: ContainerConfig,
        agent: Option<Vec<u8>>,
        context: BuildContext<'_>,
    ) -> Result<(Bundle, Running, Transport), EngineError> {
        if let Some(exposure) = exposure(config.network, sandbox::has_scopes()) {
            self.warned.call_once(|| context.progress.warn([exposure]));
        }
        let (store, token) = (self.store.clone(), context.cancel.clone());
        let prepare =
            move |progress: &Progress<'_>| Bundle::prepare(&store, config, progress, &token);
        let mut prepared = with_progress(context.progress, prepare).await?;
        if let Some(staged) = prepared.staged.take() {
            // The rest of the start counts to it: another phase would take less time than its report.
            context.progress.phase(Phase::Upload);
            let (cancel, image) = (context.cancel.clone(), prepared.bundle.name.clone());
            let copy = move |progress: &Progress<'_>| {
                prepared.bundle.source = Some(staged.path().clone());
                let transfer = progress.transfer(TransferKind::Upload);
                let report = |bytes| transfer.report(bytes, None);
                staged.copy(&image, &report, &cancel).map(|()| prepared)
            };
            prepared = with_progress(context.progress, copy).await?;
        }
        let cancel = context.cancel.clone();
        blocking(move || {
            cancel.check()?;
            let bundle = prepared.bundle;
            let (running, transport) = bundle.start(&prepared.sandbox, agent.as_deref())?;
            Ok((bundle, running, transport))
        })
        .await
    }
}

/// Runs blocking work with a progress of its own, whose events are forwarded meanwhile.
pub(crate) async fn with_progress<T: Send + 'static>(
    progress: &Progress<'_>,
    work: impl FnOnce(&Progress<'_>) -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    let (sender, events) = futures_channel::mpsc::unbounded();
    let work = blocking(move || {
        let send = move |event| drop(sender.unbounded_send(event));
        work(&Progress::new(&send))
    });
    let forward = events.for_each(|event| {
        progress.send(event);
        ready(())
    });
    join(work, forward).await.0
}

impl EngineProbe for NativeEngine {
    async fn probe(&self) -> Result<EngineInfo, EngineError> {
        Ok(EngineInfo {
            name: "native".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            endpoint: self.store.root().display().to_string(),
        })
    }
}

impl ImageResolver for NativeEngine {
    async fn resolve(
        &self,
        image: &ImageRef,
        policy: PullPolicy,
        context: BuildContext<'_>,
    ) -> Result<ImageFacts, EngineError> {
        if policy != PullPolicy::Always {
            if let Some(stored) = context.or_interrupted(self.find(image)).await? {
                return Ok(facts(image, &stored));
            }
            if policy == PullPolicy::Never {
                return Err(no_such_image(image));
            }
        }
        context.progress.notice(Notice::Pulling {
            image: image.clone(),
        });
        let pulled = context.or_interrupted(self.pull(image, context)).await?;
        Ok(facts(image, &pulled))
    }
}

impl ImageInspector for NativeEngine {
    async fn describe(&self, image: &ImageRef) -> Result<ImageDescription, EngineError> {
        let stored = self.get(image).await?;
        let layers = stored.layers().map(|layer| LayerDescription {
            digest: layer.diff_id.to_string(),
            size: Some(layer.descriptor.size),
        });
        let created = stored.config().created.as_deref();
        Ok(ImageDescription {
            facts: facts(image, &stored),
            names: stored.names().iter().map(ToString::to_string).collect(),
            created: created.and_then(s2i_core::image::parse_timestamp),
            size: Some(stored.size()),
            layers: layers.collect(),
        })
    }
}

fn facts(name: &ImageRef, image: &StoredImage) -> ImageFacts {
    ImageFacts {
        name: name.clone(),
        id: image.id().to_string(),
        digest: registry_digest(name, image),
        platform: image.config().platform.clone(),
        config: image.config().config.clone().normalised(),
    }
}

impl Runner for NativeEngine {
    type Container = NativeContainer;

    fn check_options(&self, options: &ContainerOptions) -> Result<(), EngineError> {
        options.mounts.iter().try_for_each(check_mount)?;
        let known = |option: &&String| option.starts_with("no-new-privileges");
        match options.security.iter().find(|option| !known(option)) {
            None => Ok(()),
            Some(option) => {
                let reason =
                    "the embedded engine has its own security options, which can't be changed";
                Err(failed(Operation::UseSecurityOption, option)(reason))
            }
        }
    }

    async fn start(
        &self,
        start: &Start<'_>,
        context: BuildContext<'_>,
    ) -> Result<NativeContainer, EngineError> {
        let name = &start.image.name;
        let architecture = &start.image.platform.architecture;
        let agent = self.agents.of(architecture).map(<[u8]>::to_vec);
        let agent = agent.ok_or_else(|| EngineError::NoAgent {
            image: name.clone(),
            architecture: architecture.clone(),
        })?;
        context.progress.phase(Phase::Start);
        let config = ContainerConfig {
            name: name.clone(),
            image: context.or_interrupted(self.pinned(start.image)).await?,
            network: network(start.network)?,
            program: Program::Agent {
                for_root: start.is_for_root(),
            },
            limits: start.limits,
            artifacts: context.or_interrupted(self.artifacts(start)).await?,
            // The mounts would hide files that are copied before them.
            source: start
                .source
                .filter(|source| !is_mounted(start.options, source.into))
                .map(|source| Source {
                    tree: source.tree.clone(),
                    into: source.into.clone(),
                    user: start.user.to_owned(),
                }),
            binds: binds(start.options),
            hosts: start.options.hosts.clone(),
            tmpfs: Vec::new(),
            read_only: false,
        };
        let starting = self.start_container(config, Some(agent), context);
        let (mut bundle, running, transport) = starting.await?;
        bundle.running = Some(running);
        let backend = NativeBackend(Some(bundle));
        NativeContainer::open(backend, start, ready(Ok(transport)), context).await
    }
}

impl BuildCache for NativeEngine {
    async fn get(
        &self,
        key: &str,
        name: Option<&ImageRef>,
    ) -> Result<Option<Committed>, EngineError> {
        let (store, key, name) = (self.store.clone(), key.to_owned(), name.cloned());
        blocking(move || build_cache::get(&store, &key, name.as_ref())).await
    }

    async fn put(&self, key: &str, committed: &Committed) {
        let (store, key, id) = (self.store.clone(), key.to_owned(), committed.id.clone());
        if let Err(err) = blocking(move || build_cache::put(&store, &key, &id)).await {
            tracing::debug!(%err, "the build is not cached");
        }
    }
}

/// Returns the digest by which the registry of this name has the image. An image that was built here has layers that are
/// not compressed, and the push of it would make another manifest.
fn registry_digest(name: &ImageRef, image: &StoredImage) -> Option<String> {
    let name = name.normalised();
    let has_name = image.names().iter().any(|own| own.normalised() == name);
    let is_built_here = image.layers().any(|layer| layer.is_plain());
    (has_name && !is_built_here).then(|| image.manifest_digest().to_string())
}

/// Returns the warning about sockets that a container with this network can reach, if this kernel does not keep it
/// from them.
fn exposure(network: Network, has_scopes: bool) -> Option<Diagnostic> {
    let is_exposed = network == Network::Host && !has_scopes;
    is_exposed.then(|| {
        Diagnostic::new(
            "the embedded engine",
            "this kernel has no Landlock that can keep containers from abstract sockets (Linux 6.12): \
             on the network `host`, their programs can reach daemons of this machine by them; \
             `--network none` prevents that",
        )
    })
}

/// Refuses a mount that this engine does not have: it has no volumes with names, and no propagation of mounts.
fn check_mount(mount: &HostMount) -> Result<(), EngineError> {
    const IGNORED: [&str; 7] = [
        "z",
        "Z",
        "cached",
        "delegated",
        "consistent",
        "private",
        "rprivate",
    ];
    let mount_error = failed(Operation::Mount, &mount.source);
    let reason = if !mount.source.starts_with('/') {
        "the embedded engine mounts directories and files by their absolute paths; it has no volumes with names"
    } else if !mount
        .options
        .iter()
        .all(|option| IGNORED.contains(&&**option))
    {
        "the embedded engine has the options `ro` and `rw` of volumes; `z`, `Z` and those of caches have no effect"
    } else if let Err(err) = Path::new(&mount.source).metadata() {
        return Err(match err.kind() {
            ErrorKind::NotFound => mount_error("it does not exist on this machine"),
            ErrorKind::PermissionDenied => mount_error("this user can't reach it"),
            _ => failed(Operation::Mount, &mount.source)(err),
        });
    } else {
        return Ok(());
    };
    Err(mount_error(reason))
}

/// Returns the mounts of a container, those of directories before those below them.
fn binds(options: &ContainerOptions) -> Vec<Bind> {
    let bind = |mount: &HostMount| Bind {
        from: mount.source.clone().into(),
        to: mount.at.as_str().into(),
        read_only: mount.read_only,
    };
    let mut binds: Vec<_> = options.mounts.iter().map(bind).collect();
    binds.sort_by(|a, b| a.to.cmp(&b.to));
    binds
}

/// Returns whether a directory of the container is mounted from the host, or a part of it.
fn is_mounted(options: &ContainerOptions, dir: &ContainerPath) -> bool {
    let mut mounts = options.mounts.iter();
    mounts.any(|mount| mount.at.contains(dir) || dir.contains(&mount.at))
}

/// Containers use the host's network, or none: a network of their own would need a program that
/// carries packets.
pub(crate) fn network(network: &request::Network) -> Result<Network, EngineError> {
    match network {
        request::Network::Default | request::Network::Host => Ok(Network::Host),
        request::Network::None => Ok(Network::None),
        request::Network::Named(name) => {
            let reason = "the embedded engine has the networks `host` and `none`";
            Err(failed(Operation::UseNetwork, name)(reason))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_network_of_the_host_without_landlock_is_exposed() {
        for (network, has_scopes, is_exposed) in [
            (Network::Host, false, true),
            (Network::Host, true, false),
            (Network::None, false, false),
            (Network::None, true, false),
        ] {
            let found = exposure(network, has_scopes);
            assert_eq!(found.is_some(), is_exposed, "{network:?}, {has_scopes}");
        }
    }
}
