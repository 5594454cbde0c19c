//! The names of fields in traces, in one place, so that whoever collects traces can rely on them.
//!
//! Traces are for those who look into s2i itself; what users see are [events](crate::event). No value of
//! a variable and no credential is in a trace.

/// The image that something is done with, as the user called it.
pub const IMAGE: &str = "image";

/// The container that something is done with.
pub const CONTAINER: &str = "container";

/// The script that runs.
pub const SCRIPT: &str = "script";

/// Where the engine listens.
pub const ENDPOINT: &str = "endpoint";
