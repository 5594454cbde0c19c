//! Tar archives: a writer that is deterministic and a reader that nothing escapes from.
//!
//! The [`Writer`] puts entries in the order in which it gets them, with the time, owner and modes that
//! it is given, so that the same tree gives the same bytes; [`write_tree`] walks a directory in name
//! order. [`unpack()`] takes an archive from anywhere: every entry is checked before a byte of it is
//! used, and files are made through a directory handle, so that neither `..`, nor absolute names, nor
//! links that the archive itself planted lead out of the directory.
//!
//! There is one reader, [`Entries`], for sources, artifacts, layers and archives of images; its [`Rules`] are
//! all that differs. It is stricter than other readers: an archive in which two of them could see different
//! entries (two sizes, two names, text after the end of a field, archives glued together) is refused.

mod entries;
mod entry;
mod error;
mod extractor;
mod grammar;
mod header;
mod input;
mod links;
mod name;
mod pax;
mod records;
mod rules;
mod sparse;
mod tree;
mod unpack;
mod walk;
mod write;

pub use crate::bounds::Limits;
pub use entries::Entries;
pub use entry::{Entry, Kind, Time};
pub use error::{ArchiveFault, EntryFault, HeaderFault, ReadError, UnpackError};
pub use grammar::{BLOCK, shown};
pub use header::is_header;
pub use links::dangling_links;
pub use name::Names;
pub use rules::{End, Rules};
pub use tree::{
    Keep, KeptTimes, TreeDirectory, TreeFile, TreeOptions, TreeSink, stat_tree, walk_tree,
    write_tree,
};
pub use unpack::{Unpacked, unpack, unpack_to};
pub use write::{ContentError, Format, Writer, Written};
