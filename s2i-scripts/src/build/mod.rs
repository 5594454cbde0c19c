//! What building has in common, whatever is built: a plan, and how it is done.

pub(crate) mod cache;
pub(crate) mod digest;
pub mod execute;
pub mod plan;
mod promote;
mod search;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod tree;

pub use plan::{Phase, Plan, Step};
