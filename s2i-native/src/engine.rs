//! The engine over the store and the sandbox: images on their way to a build, its containers, and its cache.

use std::{path::PathBuf, sync::Once};

use futures_util::{StreamExt as _, future::join};
use s2i_build::{
    Agents, BuildContext, EngineError, Notice,
    event::{Event, Phase, Progress},
    facts::ImageFacts,
    ports::{
        BuildCache, Committed, EngineInfo, EngineProbe, ImageResolver, Operation, Runner, Start,
    },
    request::{self, PullPolicy},
    session::{Session, Transport},
};
use s2i_core::{Diagnostic, ErrorChain, ImageRef, bounds};
#[cfg(feature = "registry")]
use s2i_oci::registry::{self, Registry};
use s2i_oci::store::{Store, StoredImage};

use crate::{
    build_cache,
    bundle::{ArtifactMount, Bundle, ContainerConfig, PreparedBundle},
    container::NativeContainer,
    error::{blocking, failed, no_such_image},
    sandbox::{self, Limits, Network, Program, Running},
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
            limits: bounds::Limits::default(),
        }
    }
}

/// The engine in this very process.
pub struct NativeEngine {
    pub(crate) store: Store,
    #[cfg(feature = "registry")]
    pub(crate) registry: Registry,
    agents: Agents,
    /// Done once the user was warned of what the containers can reach.
    warned: Once,
}

impl NativeEngine {
    /// Opens the store, and takes away what builds that were killed have left in it.
    ///
    /// # Errors
    /// [`EngineError::Failed`] when the store can't be used.
    pub fn open(options: Options) -> Result<Self, EngineError> {
        let Options {
            store,
            agents,
            #[cfg(feature = "registry")]
            registry,
            limits,
        } = options;
        let opened = Store::open(&store).map_err(failed(Operation::OpenStore, store.display()))?;
        Ok(Self {
            store: opened.with_limits(limits),
            #[cfg(feature = "registry")]
            registry: Registry::new(registry)
                .map_err(failed(Operation::PrepareFor, "registries"))?,
            agents,
            warned: Once::new(),
        })
    }

    /// The image of this name or id, as the store has it.
    pub(crate) async fn find(&self, image: &ImageRef) -> Result<Option<StoredImage>, EngineError> {
        let (store, image) = (self.store.clone(), image.clone());
        blocking(move || {
            store
                .find(&image)
                .map_err(failed(Operation::FindImage, &image))
        })
        .await
    }

    /// The same, where it must be there.
    pub(crate) async fn get(&self, image: &ImageRef) -> Result<StoredImage, EngineError> {
        let found = self.find(image).await?;
        found.ok_or_else(|| no_such_image(image))
    }

    /// The image that facts were found of.
    pub(crate) async fn pinned(&self, facts: &ImageFacts) -> Result<StoredImage, EngineError> {
        let (store, name, id) = (self.store.clone(), facts.name.clone(), facts.id.clone());
        let find = move || {
            let id = id.parse().map_err(failed(Operation::FindImage, &name))?;
            let found = store
                .find_id(id)
                .map_err(failed(Operation::FindImage, &name))?;
            found.ok_or_else(|| no_such_image(&name))
        };
        blocking(find).await
    }

    /// The artifacts that a container is to have; none where the image is gone meanwhile.
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

    /// Starts a container, unless everything stops before; then nothing of it is left.
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
        let prepare = move |tell: &Tell| Bundle::prepare(&store, config, tell, &token);
        let mut prepared = telling(context.progress, prepare).await?;
        if let Some(staged) = prepared.staged.take() {
            // What is left of the start counts to it: it takes less than telling of it would.
            context.progress.phase(Phase::Upload);
            let (cancel, image) = (context.cancel.clone(), prepared.bundle.name.clone());
            let fill = move |tell: &Tell| {
                prepared.bundle.source = Some(staged.path().clone());
                let told = |bytes| drop(tell.unbounded_send(Event::Uploaded(bytes)));
                staged.copy(&image, &told, &cancel).map(|()| prepared)
            };
            prepared = telling(context.progress, fill).await?;
        }
        let cancel = context.cancel.clone();
        let start = move || {
            cancel.check()?;
            let PreparedBundle {
                bundle, sandbox, ..
            } = prepared;
            let (running, transport) = bundle.start(&sandbox, agent.as_deref())?;
            Ok((bundle, running, transport))
        };
        blocking(start).await
    }
}

type Tell = futures_channel::mpsc::UnboundedSender<Event>;

/// Runs blocking work and forwards its events meanwhile.
async fn telling<T: Send + 'static>(
    progress: &Progress<'_>,
    work: impl FnOnce(&Tell) -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    let (tell, mut told) = futures_channel::mpsc::unbounded();
    let working = blocking(move || work(&tell));
    let telling = async {
        while let Some(event) = told.next().await {
            progress.send(event);
        }
    };
    join(working, telling).await.0
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
        let facts = |stored: &StoredImage| ImageFacts {
            name: image.clone(),
            id: stored.id().to_string(),
            platform: stored.config().platform.clone(),
            config: stored.config().config.clone().normalised(),
        };
        if policy != PullPolicy::Always {
            if let Some(stored) = context.or_interrupted(self.find(image)).await? {
                return Ok(facts(&stored));
            }
            if policy == PullPolicy::Never {
                return Err(no_such_image(image));
            }
        }
        context.progress.notice(Notice::Pulling {
            image: image.clone(),
        });
        let pulled = context.or_interrupted(self.pull(image, context)).await?;
        Ok(facts(&pulled))
    }
}

impl Runner for NativeEngine {
    type Container = NativeContainer;

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
            limits: limits(&start.limits),
            artifacts: context.or_interrupted(self.artifacts(start)).await?,
            source: start.source.map(|source| Source {
                tree: source.tree.clone(),
                into: source.into.clone(),
                user: start.user.to_owned(),
            }),
            tmpfs: Vec::new(),
            read_only: false,
        };
        let placed = self.start_container(config, Some(agent), context);
        let (mut bundle, running, transport) = placed.await?;
        bundle.running = Some(running);
        let opening = Session::open(name.clone(), start.user, transport);
        match context.or_interrupted(opening).await {
            Ok(session) => Ok(NativeContainer::new(bundle, session, start.user)),
            Err(err) => {
                if let Err(left) = blocking(move || bundle.remove()).await {
                    context
                        .progress
                        .warn([Diagnostic::new("cleanup", ErrorChain(&left).to_string())]);
                }
                Err(err)
            }
        }
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

    async fn put(&self, key: &str, made: &Committed) {
        let (store, key, id) = (self.store.clone(), key.to_owned(), made.id.clone());
        let remembered = blocking(move || build_cache::put(&store, &key, &id)).await;
        if let Err(err) = remembered {
            tracing::debug!(%err, "this build will not be remembered");
        }
    }
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

/// Converts the limits of a request to those of the sandbox.
pub(crate) fn limits(limits: &request::Limits) -> Limits {
    let request::Limits {
        memory,
        cpu_millis,
        pids,
    } = *limits;
    Limits {
        memory,
        pids,
        cpu_millis,
    }
}

/// Containers use the host's network, or none: a network of their own would need a program that
/// carries packets.
pub(crate) fn network(network: &request::Network) -> Result<Network, EngineError> {
    match network {
        request::Network::Default | request::Network::Host => Ok(Network::Host),
        request::Network::None => Ok(Network::None),
        request::Network::Named(name) => {
            let why = "the embedded engine has the networks `host` and `none`";
            Err(failed(Operation::UseNetwork, name)(why))
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
