//! Builds without an engine.
//!
//! - `plans`: what is planned from which request and facts, as text
//! - `choices`: which image builds a source where the request leaves it open
//! - `usages`: asking an image what it is for
//! - `executions`: what an executor does to an engine, with a fault at every operation
//! - `sources`: directories and Git repositories, with the real `git`

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod choices;
mod executions;
mod plans;
mod secrets;
mod sources;
mod usages;
