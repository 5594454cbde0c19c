//! Stores: what they keep, who may use them at once, and what becomes of them when something ends early.

mod archives;
mod boots;
mod compressed;
mod crowds;
mod disks;
mod downloads;
mod exports;
mod garbage;
mod images;
mod imports;
mod layers;
mod opening;
mod refusals;
mod scene;
mod stops;
