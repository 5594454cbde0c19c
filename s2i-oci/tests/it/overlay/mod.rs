//! Layers as trees, and trees as layers.

mod hostile;
mod kernel;
mod layers;
mod packs;
pub(crate) mod raw;
mod round_trips;
mod sandbox;
mod trees;
