//! Builds without an engine.
//!
//! - `plans`: what is planned from which request and facts, as text
//! - `choices`: which image builds a source where the request leaves it open
//! - `usages`: asking an image what it is for
//! - `executions`: what an executor does to an engine, with a fault at every operation
//! - `keys`: which builds an engine takes for the same
//! - `races`: sources that change while they are built
//! - `sources`: directories and Git repositories, with the real `git`
//! - `checkouts`: checkouts of Git repositories without the program `git`
//! - `submodules`: submodules, clones and references
//! - `lfs`: files of Git LFS, with the real `git-lfs`
//! - `triggers`: builders with `ONBUILD` triggers
//! - `hostile_repositories`: repositories and requests that try to run a program by way of Git
//! - `destinations`: no text of a user or a label leads an upload out of its directory

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod checkouts;
mod choices;
mod destinations;
mod dockerfiles;
mod documents;
mod executions;
mod hostile_repositories;
mod inspections;
mod keys;
mod lfs;
mod place;
mod plans;
mod races;
mod secrets;
mod sources;
mod submodules;
mod triggers;
mod usages;
