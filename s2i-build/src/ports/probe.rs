//! The port that finds out whether an engine answers.

use super::EngineError;

/// Finds out whether an engine answers, and what it is.
pub trait EngineProbe: Send + Sync {
    /// Asks the engine.
    ///
    /// # Errors
    /// [`EngineError::Unreachable`] when it does not answer.
    fn probe(&self) -> impl Future<Output = Result<EngineInfo, EngineError>> + Send;
}

/// An engine as it describes itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineInfo {
    /// `Docker`, `Podman` and so on.
    pub name: String,
    /// The version.
    pub version: String,
    /// The address that it was found at.
    pub endpoint: String,
}
