//! Node.js: what npm, pnpm and Yarn install and build, and how it starts.

mod commands;
mod credentials;
mod diagnose;
mod error;
pub mod facts;
mod frameworks;
pub mod manager;
mod manifest;
mod plan;
pub mod project;
pub mod range;
mod request;
pub mod settings;
mod start;

pub(crate) use self::{
    diagnose::diagnose,
    start::{is_application, launch},
};
pub use self::{
    error::Error, facts::Facts, manifest::Manifest, plan::plan, project::Project, request::Request,
};
