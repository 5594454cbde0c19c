//! The port that starts containers.

use s2i_core::{Account, ContainerPath};

use super::{Container, EngineError};
use crate::{
    context::BuildContext,
    facts::ImageFacts,
    request::{Limits, Network},
    stream::Tree,
};

/// Starts containers.
pub trait Runner: Send + Sync {
    /// The containers of this runner.
    type Container: Container;

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
    /// The user of everything that is done in it, in the notation of image configs; empty is root.
    pub user: &'a str,
    /// The network.
    pub network: &'a Network,
    /// The limits of its resources.
    pub limits: Limits,
    /// A directory of another image, for an engine that can mount it; others leave it out.
    pub artifacts: Option<Artifacts<'a>>,
    /// A directory of the host, for an engine that can copy it in by itself; others leave it out, and get it as an
    /// [input](Container::unpack).
    pub source: Option<SourceTree<'a>>,
}

impl Start<'_> {
    /// Returns whether the container is to have what root usually has: where its user is root by number, or by the name
    /// `root`. Another name may turn out to be root's as well, and then there is no more than the agent needs for a user.
    #[must_use]
    pub fn is_for_root(&self) -> bool {
        let name = self.user.split(':').next();
        Account::uid_of(self.user) == Some(0) || name == Some("root")
    }
}

/// A directory of the host that a container gets a copy of.
#[derive(Clone, Copy, Debug)]
pub struct SourceTree<'a> {
    /// The directory.
    pub tree: &'a Tree,
    /// The directory in the container, made for the container's user.
    pub into: &'a ContainerPath,
}

/// A directory of an image that a container gets a copy of, which costs nothing to make.
#[derive(Clone, Copy, Debug)]
pub struct Artifacts<'a> {
    /// The image.
    pub image: &'a ImageFacts,
    /// The directory in it.
    pub directory: &'a ContainerPath,
    /// The path in the container. It can't be removed there, and gets into no image.
    pub at: &'a ContainerPath,
}
