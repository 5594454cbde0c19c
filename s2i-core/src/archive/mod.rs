//! Tar archives: a writer that is deterministic and a reader that nothing escapes from.
//!
//! The [`Writer`] puts entries in the order in which it gets them, with the time, owner and modes that
//! it is told, so that the same tree gives the same bytes; [`write_tree`] walks a directory in name
//! order. [`unpack`] takes an archive from anywhere: every entry is checked before a byte of it is
//! used, and files are made through a directory handle, so that neither `..`, nor absolute names, nor
//! links that the archive itself planted lead out of the directory.

mod read;
mod write;

pub use read::{Limits, UnpackError, Unpacked, unpack};
pub use write::{TreeOptions, Written, Writer, write_tree};
