//! The static agent of s2i's build containers as bytes, for Linux on amd64 and arm64.
//!
//! The agent is the first process of every build container; engines put it there. A published version of this crate
//! contains the agents, so that a program that uses [`s2i_build`] needs no other files. Their digests are checked when
//! the crate is compiled.
//!
//! ```
//! match s2i_agent_bin::agents() {
//!     Ok(agents) => assert!(agents.amd64.is_some() || agents.arm64.is_some()),
//!     // The crate was compiled in a checkout without agents.
//!     Err(err) => assert!(err.to_string().contains("cargo xtask dist")),
//! }
//! ```

use std::borrow::Cow;

use s2i_build::Agents;
use thiserror::Error;

include!(concat!(env!("OUT_DIR"), "/agents.rs"));

/// The error of a program that was compiled without agents, as a checkout has none at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "this program was compiled without s2i's agents; build them with `cargo xtask dist` in a checkout of s2i, \
     and compile the program again with `S2I_AGENT_DIR=CHECKOUT/target/s2i`"
)]
pub struct NoAgents;

/// Returns the agents that this crate contains: of a published version both, of a checkout those that were built.
///
/// # Errors
/// [`NoAgents`] if there are none.
pub fn agents() -> Result<Agents, NoAgents> {
    if AMD64.is_none() && ARM64.is_none() {
        return Err(NoAgents);
    }
    Ok(Agents {
        amd64: AMD64.map(Cow::Borrowed),
        arm64: ARM64.map(Cow::Borrowed),
    })
}

/// The example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
