//! The port that starts containers.

use s2i_core::{Account, ContainerPath};

use super::{Container, EngineError};
use crate::{
    context::BuildContext,
    facts::ImageFacts,
    request::{ContainerOptions, Limits, Network},
    stream::Tree,
};

/// Starts containers.
pub trait Runner: Send + Sync {
    /// The containers of this runner.
    type Container: Container;

    /// Checks that the engine has these options of containers.
    ///
    /// # Errors
    /// [`EngineError`] names the option that it lacks.
    fn check_options(&self, options: &ContainerOptions) -> Result<(), EngineError> {
        let _ = options;
        Ok(())
    }

    /// Starts a container in which nothing of the image runs yet. After an error nothing is left behind.
    fn start(
        &self,
        start: &Start<'_>,
        context: BuildContext<'_>,
    ) -> impl Future<Output = Result<Self::Container, EngineError>> + Send;
}

/// A container to start.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// The image to start from.
    pub image: &'a ImageFacts,
    /// The user of all operations in it without another one, in the notation of image configs; empty for root.
    pub user: &'a str,
    /// The other users of programs in it.
    pub others: &'a [&'a str],
    /// The network.
    pub network: &'a Network,
    /// The limits of its resources.
    pub limits: Limits,
    /// Its other options.
    pub options: &'a ContainerOptions,
    /// A directory of another image, for an engine that can mount it; other engines ignore it.
    pub artifacts: Option<Artifacts<'a>>,
    /// A directory of the host, for an engine that can copy it into the container itself; other engines ignore it, and
    /// get it as an [input](Container::unpack).
    pub source: Option<SourceTree<'a>>,
}

impl Start<'_> {
    /// Returns whether the container gets the usual capabilities of root: if one of its users is root by number, or by
    /// the name `root`. Another name may turn out to be root's as well; such a container only has the agent's
    /// capabilities.
    #[must_use]
    pub fn is_for_root(&self) -> bool {
        let is_root = |user: &str| {
            let name = user.split(':').next();
            Account::uid_of(user) == Some(0) || name == Some("root")
        };
        is_root(self.user) || self.others.iter().any(|user| is_root(user))
    }
}

/// A directory of the host that a container gets a copy of.
#[derive(Clone, Copy, Debug)]
pub struct SourceTree<'a> {
    /// The directory.
    pub tree: &'a Tree,
    /// The directory in the container, created for the container's user.
    pub into: &'a ContainerPath,
}

/// A directory of an image that a container gets as a copy-on-write mount.
#[derive(Clone, Copy, Debug)]
pub struct Artifacts<'a> {
    /// The image.
    pub image: &'a ImageFacts,
    /// The directory in it.
    pub directory: &'a ContainerPath,
    /// The path in the container. It can't be removed there, and is not committed.
    pub at: &'a ContainerPath,
}
