//! The deterministic writer.

use std::{
    io::{self, Read, Write},
    path::Path,
};

use crate::ignore::Filter;

/// How [`write_tree`] names, dates and filters what it finds.
#[derive(Clone, Debug)]
pub struct TreeOptions<'a> {
    /// What is left out.
    pub filter: &'a Filter,
    /// The modification time of every entry, in seconds since 1970.
    pub mtime: u64,
    /// A `/`-separated directory that every entry's name is put below; empty for none.
    pub prefix: &'a str,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Entries of all types.
    pub entries: u64,
    /// Bytes of file contents.
    pub bytes: u64,
}

/// Writes the tree below `root`.
///
/// # Errors
/// What the file system or `out` says, with the path in the message.
pub fn write_tree(root: &Path, options: &TreeOptions<'_>, out: &mut dyn Write) -> io::Result<Written> {
    let _ = (root, options, out);
    todo!()
}

/// Writes entries one by one.
pub struct Writer<W: Write> {
    out: W,
}

impl<W: Write> Writer<W> {
    /// An archive in `out` whose entries all carry this modification time (seconds since 1970).
    pub fn new(out: W, mtime: u64) -> Self {
        let _ = mtime;
        Self { out }
    }

    /// Adds a directory.
    ///
    /// # Errors
    /// What the output says.
    pub fn directory(&mut self, name: &str, mode: u32) -> io::Result<()> {
        let _ = (name, mode);
        todo!()
    }

    /// Adds a file of exactly `size` bytes.
    ///
    /// # Errors
    /// What input and output say.
    pub fn file(&mut self, name: &str, mode: u32, size: u64, content: &mut dyn Read) -> io::Result<()> {
        let _ = (name, mode, size, content);
        todo!()
    }

    /// Adds a symbolic link.
    ///
    /// # Errors
    /// What the output says.
    pub fn symlink(&mut self, name: &str, target: &str) -> io::Result<()> {
        let _ = (name, target);
        todo!()
    }

    /// Ends the archive. Without it the archive is not valid, so a failed one is never taken for whole.
    ///
    /// # Errors
    /// What the output says.
    pub fn finish(self) -> io::Result<(W, Written)> {
        todo!()
    }
}
