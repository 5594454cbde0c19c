//! Programs that are built already: found, checked and put where `run` starts them.

mod archive;
mod error;
pub(crate) mod facts;
pub(crate) mod inspect;
mod plan;
pub(crate) mod platform;
mod request;

pub(crate) use self::{error::Error, facts::Facts, plan::plan, request::Request};
