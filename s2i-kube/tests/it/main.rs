//! Tests of objects: their texts, and that the systems that read them take them.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod apps;
mod chains;
mod documents;
mod findings;
mod kubesphere;
mod migrations;
mod new_apps;
mod pipelines;
mod s2irun;
mod schemas;
