//! The agent programs, one for each architecture.

use std::borrow::Cow;

/// The available static agent programs.
#[derive(Clone, Debug, Default)]
pub struct Agents {
    /// For `amd64`.
    pub amd64: Option<Cow<'static, [u8]>>,
    /// For `arm64`.
    pub arm64: Option<Cow<'static, [u8]>>,
}

impl Agents {
    /// Returns the agent for an architecture, by Go's name for it.
    #[must_use]
    pub fn of(&self, architecture: &str) -> Option<&[u8]> {
        match architecture {
            "amd64" => self.amd64.as_deref(),
            "arm64" => self.arm64.as_deref(),
            _ => None,
        }
    }
}
