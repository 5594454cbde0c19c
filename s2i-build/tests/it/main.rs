//! Builds without an engine.
//!
//! - `plans`: what is planned from which request and facts, as text
//! - `executions`: what an executor does to an engine, with a fault at every operation
//! - `sources`: directories and Git repositories, with the real `git`

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod executions;
mod plans;
mod sources;
