//! The agents embedded in this program.

use s2i_build::Agents;

/// Returns the agents that were embedded when this program was built.
pub(crate) fn embedded() -> Agents {
    include!(concat!(env!("OUT_DIR"), "/agents.rs"))
}
