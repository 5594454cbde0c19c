//! Tar archives: a writer that is deterministic and a reader that nothing escapes from.
//!
//! The [`Writer`] puts entries in the order in which it gets them, with the time, owner and modes that
//! it is told, so that the same tree gives the same bytes; [`write_tree`] walks a directory in name
//! order. [`unpack`] takes an archive from anywhere: every entry is checked before a byte of it is
//! used, and files are made through a directory handle, so that neither `..`, nor absolute names, nor
//! links that the archive itself planted lead out of the directory.
//!
//! The reader is stricter than other readers. Where two of them could see different entries in the same
//! bytes (two sizes, two names, text after the end of a field, archives glued together), it sees none
//! and says so. What readers of other dialects need of that is in [`grammar`].

mod entry;
mod error;
pub mod grammar;
mod header;
mod input;
mod jail;
mod name;
mod pax;
mod read;
mod tree;
mod walk;
mod write;

pub use crate::bounds::Limits;
pub use entry::{Entry, Kind};
pub use error::{ArchiveFault, EntryFault, HeaderFault, UnpackError};
pub use read::{Selection, Unpacked, unpack, unpack_selected};
pub use tree::{TreeFile, TreeOptions, TreeSink, stat_tree, walk_tree, write_tree};
pub use write::{Writer, Written};
