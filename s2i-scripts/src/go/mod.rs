//! Go: modules, workspaces, vendored modules, sources from before there were modules, and files
//! without a module.

mod diagnose;
mod environment;
mod error;
pub(crate) mod facts;
mod flags;
mod kept;
mod layout;
pub(crate) mod modfile;
mod nested;
mod plan;
mod query;
mod request;
mod scan;
mod template;
mod toolchain;
mod version;

pub(crate) use self::diagnose::diagnose;
pub(crate) use self::{
    error::Error, facts::Facts, kept::Kept, layout::Layout, modfile::ModFile, plan::plan,
    request::Request, template::Origin, toolchain::Toolchain, version::Version,
};
