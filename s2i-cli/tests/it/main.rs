//! The command as a process, without containers: its texts, events and exit codes.
//!
//! [`daemon`] is the model of a Docker daemon that the tests of `s2i-docker` use; in its containers answers a model
//! of the agent.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod choices;
mod ci;
mod cluster;
mod create;
#[path = "../../../s2i-docker/tests/it/daemon/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the tests of s2i-docker use more")]
mod daemon;
mod dockerfiles;
mod events;
mod exits;
mod help;
mod http;
mod images;
mod kube;
mod kube_apply;
mod kube_builds;
mod legacy;
#[path = "../live/platforms/mod.rs"]
mod platforms;
mod registry;
#[path = "../live/report.rs"]
#[expect(dead_code, reason = "only live tests report their times")]
mod report;
mod results;
mod scene;
mod shell;
mod signals;
mod ssh;
mod terminal;
mod triggers;
mod upstream;
