//! Node.js: builds with npm, pnpm and Yarn, and the start of applications.

mod commands;
mod credentials;
mod diagnose;
mod error;
pub(crate) mod facts;
mod frameworks;
pub(crate) mod manager;
mod manifest;
pub(crate) mod modules;
mod plan;
pub(crate) mod project;
pub mod range;
mod request;
pub(crate) mod reuse;
pub(crate) mod settings;
mod start;

pub(crate) use self::{
    diagnose::diagnose,
    start::{is_application, launch},
};
pub(crate) use self::{
    error::Error, facts::Facts, manifest::Manifest, plan::plan, project::Project, request::Request,
};
