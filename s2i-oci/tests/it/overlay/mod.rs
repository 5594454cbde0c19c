//! Layers as trees, and trees as layers.

#[path = "../../../../s2i-core/tests/it/canary.rs"]
mod canary;
mod hostile;
mod kernel;
mod layers;
#[path = "../../../../s2i-core/tests/it/malformed.rs"]
mod malformed;
mod packs;
#[path = "../../../../s2i-core/tests/it/raw.rs"]
pub(crate) mod raw;
mod round_trips;
mod sandbox;
mod trees;
