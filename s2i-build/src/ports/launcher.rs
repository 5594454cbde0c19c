//! The port that runs applications.

use s2i_core::{EnvVar, wire::Exit};

use super::EngineError;
use crate::{
    context::BuildContext,
    facts::ImageFacts,
    request::{Limits, Network},
};

/// Runs the command of an image.
pub trait Launcher: Send + Sync {
    /// Returns whether commands listen on the ports of the host, so that a published port can't have another number.
    fn shares_ports(&self) -> bool {
        false
    }

    /// Starts the command and waits for it; its output is sent as events. A cancellation passes its reason on as a
    /// signal, and kills the command after ten seconds; its exit is not an error then either. Nothing of the container
    /// is left behind.
    fn launch(
        &self,
        launch: &Launch<'_>,
        context: BuildContext<'_>,
    ) -> impl Future<Output = Result<Exit, EngineError>> + Send;
}

/// A container that runs an image's own command.
#[derive(Clone, Debug)]
pub struct Launch<'a> {
    /// The image.
    pub image: &'a ImageFacts,
    /// Arguments that replace the command of the image, if there are any.
    pub args: Vec<String>,
    /// Variables in addition to those of the image.
    pub env: Vec<EnvVar>,
    /// A user in place of the image's, in the notation of image configs.
    pub user: Option<String>,
    /// The network.
    pub network: Network,
    /// The limits of its resources.
    pub limits: Limits,
    /// Ports of the host that lead to ports of the container.
    pub ports: Vec<Publish>,
    /// True when its file system can't be written to, except `/tmp`.
    pub read_only: bool,
}

/// A port of the host that leads to a port of the container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish {
    /// The port on all addresses of the host.
    pub host: u16,
    /// The TCP port in the container.
    pub container: u16,
}
