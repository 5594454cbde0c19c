//! Programs that are built already: found, checked and put where `run` starts them.

mod archive;
mod error;
pub mod facts;
pub mod inspect;
mod plan;
pub mod platform;
mod request;

pub use self::{error::Error, facts::Facts, plan::plan, request::Request};
