//! The parts that all recipes share: plans and their execution, caches, digests and trees of files.

pub(crate) mod cache;
pub(crate) mod digest;
pub mod execute;
mod install_output;
pub mod plan;
mod search;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod tree;

pub use plan::{Phase, Plan, Step};
