//! The names of fields in traces, in one place, so that collectors of traces can rely on them.
//!
//! Traces are for the diagnosis of s2i itself; users see [events](crate::event). No value of a variable and no
//! credential is in a trace.

/// The image of the operation, by its name in the request.
pub const IMAGE: &str = "image";

/// The container of the operation.
pub const CONTAINER: &str = "container";

/// The script that runs.
pub const SCRIPT: &str = "script";

/// The endpoint of the engine.
pub const ENDPOINT: &str = "endpoint";
