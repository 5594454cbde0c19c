//! The agents embedded in this program.

use s2i_build::Agents;

/// Returns the embedded agents. Without any, all commands but those that start a container of a build work.
pub(crate) fn embedded() -> Agents {
    s2i_agent_bin::agents().unwrap_or_default()
}
