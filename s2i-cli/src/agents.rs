//! The agents that this s2i carries.

use s2i_build::Agents;

/// The agents that were embedded when this program was built.
pub(crate) fn embedded() -> Agents {
    include!(concat!(env!("OUT_DIR"), "/agents.rs"))
}
