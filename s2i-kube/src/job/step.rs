//! The steps of a build, each a container of its pod.

use std::fmt;

use serde::Serialize;

/// A step of a build, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Getting the source, looking images up and planning.
    Prepare,
    /// The scripts of the builder image, in it.
    Assemble,
    /// The script `assemble-runtime` of the runtime image, in it.
    AssembleRuntime,
    /// Putting the result together in the registry.
    Push,
}

impl Step {
    /// All steps, in order.
    pub const ALL: [Self; 4] = [
        Self::Prepare,
        Self::Assemble,
        Self::AssembleRuntime,
        Self::Push,
    ];

    /// Returns the name of the step's container.
    #[must_use]
    pub fn container(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Assemble => "assemble",
            Self::AssembleRuntime => "assemble-runtime",
            Self::Push => "push",
        }
    }

    /// Returns the step of a container, unless something else in the cluster added that container to the pod.
    #[must_use]
    pub fn of_container(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.container() == name)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.container())
    }
}
