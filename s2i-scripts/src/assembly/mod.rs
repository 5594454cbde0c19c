//! The parts that all recipes share: plans and their execution, caches and trees of files.

pub(crate) mod cache;
pub(crate) mod execute;
mod install_output;
pub(crate) mod plan;
mod search;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod tree;

pub(crate) use plan::{Phase, Plan, Step};
