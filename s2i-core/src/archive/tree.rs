//! Walks a directory and lists its entries, in one way for archives and for copies.

use std::{
    fs::File,
    io::{self, ErrorKind, Read, Write},
    path::PathBuf,
    time::SystemTime,
};

use cap_std::fs::{Dir, Metadata, MetadataExt as _};
use thiserror::Error;

use super::{
    Limits,
    walk::{Leaf, Visit, walk},
    write::{Writer, Written, invalid},
};
use crate::{OpenDir, Times, ignore::Filter};

const DIRECTORY_MODE: u32 = 0o755;

/// The bits of a mode that are kept.
const PERMISSIONS: u32 = 0o777;

/// The number of bytes to copy before the caller may cancel.
const AT_ONCE: u64 = 32 << 20;

/// The options of [`write_tree`]: names, times and filter of the entries.
#[derive(Clone, Debug)]
pub struct TreeOptions<'a> {
    /// The filter for files that are left out.
    pub filter: &'a Filter,
    /// The modification time of every entry without another one, in seconds since 1970.
    pub mtime: u64,
    /// The attributes that files keep.
    pub keep: Keep,
    /// A `/`-separated directory that every entry's name is put below; empty for none.
    pub prefix: &'a str,
}

/// The attributes that the entries of a tree keep. By default, directories have the mode 0755, files 0755 if any execute
/// bit is set and 0644 otherwise, and none has its own time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// True if files and directories keep their permissions: the nine bits of user, group and others.
    pub modes: bool,
    /// The rule by which files keep their times. Links don't: not all readers can set their times. Directories don't
    /// by default: an entry that was left out may have changed the time of its directory.
    pub times: Option<KeptTimes>,
    /// True if directories keep their times by the same rule, for a tree of which nothing is left out.
    pub directory_times: bool,
}

/// The rule by which files keep their times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptTimes {
    /// The times of files that are new, and the latest one of others.
    pub times: Times,
    /// The time after which files are new; `None` if none is.
    pub started: Option<SystemTime>,
}

impl Keep {
    /// Returns the mode of a file with this one.
    #[must_use]
    pub fn file_mode(&self, mode: u32) -> u32 {
        match mode {
            mode if self.modes => mode & PERMISSIONS,
            mode if mode & 0o111 != 0 => 0o755,
            _ => 0o644,
        }
    }

    /// Returns the attributes of a directory.
    fn directory(&self, dir: &Dir) -> io::Result<TreeDirectory> {
        let mut attributes = TreeDirectory {
            mode: DIRECTORY_MODE,
            mtime: None,
        };
        if self.modes || self.directory_times {
            let metadata = dir.dir_metadata()?;
            if self.modes {
                attributes.mode = metadata.mode() & PERMISSIONS;
            }
            if self.directory_times {
                attributes.mtime = self.file_time(metadata.modified()?.into_std());
            }
        }
        Ok(attributes)
    }

    /// Returns the time of a file that was modified at this time, in seconds since 1970; `None` for that of the tree.
    #[must_use]
    pub fn file_time(&self, modified: SystemTime) -> Option<u64> {
        let KeptTimes { times, started } = self.times?;
        Some(times.of(modified, started))
    }
}

/// A directory of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeDirectory {
    /// The permissions.
    pub mode: u32,
    /// The modification time in seconds since 1970; `None` for that of the tree.
    pub mtime: Option<u64>,
}

/// A sink for the entries of a [tree](walk_tree) in their order: a directory comes before its contents, and no entry of
/// another directory comes in between.
///
/// Names are relative to the root of the tree and `/`-separated.
pub trait TreeSink {
    /// Takes a directory.
    ///
    /// # Errors
    /// The error that ends the walk.
    fn directory(&mut self, name: &[u8], attributes: TreeDirectory) -> io::Result<()>;

    /// Takes a symbolic link.
    ///
    /// # Errors
    /// The error that ends the walk.
    fn symlink(&mut self, name: &[u8], target: &[u8]) -> io::Result<()>;

    /// Takes a file.
    ///
    /// # Errors
    /// The error that ends the walk.
    fn file(&mut self, name: &[u8], file: TreeFile) -> io::Result<()>;
}

/// A file of a tree, open. Reading it gives errors that name it.
#[derive(Debug)]
pub struct TreeFile {
    file: File,
    path: PathBuf,
    mode: u32,
    mtime: Option<u64>,
    size: u64,
}

impl TreeFile {
    /// The mode that every copy gets.
    #[must_use]
    pub fn mode(&self) -> u32 {
        self.mode
    }

    /// The modification time that every copy gets, in seconds since 1970; `None` for that of the tree.
    #[must_use]
    pub fn mtime(&self) -> Option<u64> {
        self.mtime
    }

    /// Copies the contents into an empty file, sharing the blocks where the file system supports it. At least every 32
    /// MiB, `go_on` receives the number of bytes copied since the last call, and may cancel the copy.
    ///
    /// # Errors
    /// Errors of reading, of writing and of `go_on`; [`ErrorKind::UnexpectedEof`] and [`ErrorKind::InvalidInput`] for a
    /// file whose size changed since it was opened.
    pub fn copy_to(
        mut self,
        out: &mut File,
        go_on: &mut dyn FnMut(u64) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut left = self.size;
        while left > 0 {
            // The kernel copies between the two, and an error does not show on which side it was.
            let copied = io::copy(&mut (&mut self.file).take(left.min(AT_ONCE)), out);
            let copied = copied.map_err(|err| FileError::wrap("copy", self.path.clone(), err))?;
            left -= copied;
            if copied == 0 {
                let (path, size) = (self.path.display(), self.size);
                let message = format!("`{path}` ended after {} of {size} bytes", size - left);
                return Err(io::Error::new(ErrorKind::UnexpectedEof, message));
            }
            go_on(copied)?;
        }
        self.check_end()
    }

    /// Checks that the file has no more contents.
    fn check_end(&mut self) -> io::Result<()> {
        if self.read(&mut [0])? == 0 {
            return Ok(());
        }
        let path = self.path.display();
        Err(invalid(&format!("`{path}` grew while it was read")))
    }
}

impl Read for TreeFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer).map_err(|err| match err.kind() {
            ErrorKind::Interrupted => err,
            _ => FileError::wrap("read", self.path.clone(), err),
        })
    }
}

/// Walks the tree below `root`: depth first, in the order of the names' bytes, without the root.
///
/// Modes and times are those of `keep`. Links are reported and never followed; hard links become separate files. A
/// directory that is left out is reported if it has an entry that a rule includes again.
///
/// # Errors
/// Errors of the file system and of `sink`, with the path in the message; [`ErrorKind::InvalidInput`] for FIFOs,
/// sockets, devices, files that change while they are read, and names and amounts that the reader of archives would
/// refuse.
pub fn walk_tree(
    root: &OpenDir,
    filter: &Filter,
    keep: Keep,
    sink: &mut dyn TreeSink,
) -> io::Result<()> {
    walk(root, Vec::new(), filter, &mut Contents { sink, keep })
}

/// Walks the tree below `root` as [`walk_tree`] does, without opening files, and passes the metadata of every entry to
/// `take`; for a link, that of the link itself.
///
/// # Errors
/// Those of [`walk_tree`] except for reading files, and errors of `take`.
pub fn stat_tree(
    root: &OpenDir,
    filter: &Filter,
    take: &mut dyn FnMut(&[u8], &Metadata) -> io::Result<()>,
) -> io::Result<()> {
    walk(root, Vec::new(), filter, &mut Stats(take))
}

/// Writes the [tree](walk_tree) below `root` as an archive.
///
/// # Errors
/// Those of [`walk_tree`], and errors of `out`.
pub fn write_tree(
    root: &OpenDir,
    options: &TreeOptions<'_>,
    out: &mut dyn Write,
) -> io::Result<Written> {
    let mut writer = Writer::new(out, options.mtime);
    writer.tree(root, options)?;
    Ok(writer.finish()?.1)
}

impl<W: Write> Writer<W> {
    /// Adds the tree below `root` in the way of [`write_tree`], with the options' time.
    ///
    /// # Errors
    /// Those of [`write_tree`].
    pub fn tree(&mut self, root: &OpenDir, options: &TreeOptions<'_>) -> io::Result<()> {
        self.at_time(options.mtime, |writer| {
            let mut path = Vec::new();
            let keep = options.keep;
            let parts = options.prefix.split('/').filter(|part| !part.is_empty());
            let mut parts = parts.peekable();
            while let Some(part) = parts.next() {
                path.extend(path.last().map(|_| b'/'));
                path.extend_from_slice(part.as_bytes());
                if parts.peek().is_some() {
                    writer.directory(&path, DIRECTORY_MODE)?;
                } else {
                    TreeSink::directory(writer, &path, keep.directory(root.dir())?)?;
                }
            }
            let mut contents = Contents { sink: writer, keep };
            walk(root, path, options.filter, &mut contents)
        })
    }
}

impl<W: Write> TreeSink for Writer<W> {
    fn directory(&mut self, name: &[u8], attributes: TreeDirectory) -> io::Result<()> {
        let mtime = attributes.mtime.unwrap_or(self.mtime());
        self.at_time(mtime, |writer| writer.directory(name, attributes.mode))
    }

    fn symlink(&mut self, name: &[u8], target: &[u8]) -> io::Result<()> {
        self.symlink(name, target)
    }

    fn file(&mut self, name: &[u8], mut file: TreeFile) -> io::Result<()> {
        let mtime = file.mtime.unwrap_or(self.mtime());
        self.at_time(mtime, |writer| {
            writer.file(name, file.mode, file.size, &mut file)
        })?;
        file.check_end()
    }
}

/// A visitor that reads the visited files for a sink.
struct Contents<'a> {
    sink: &'a mut dyn TreeSink,
    keep: Keep,
}

impl Visit for Contents<'_> {
    fn directory(&mut self, path: &[u8], dir: &Dir) -> io::Result<()> {
        self.sink.directory(path, self.keep.directory(dir)?)
    }

    fn leaf(&mut self, leaf: &Leaf<'_>, left: &mut Limits) -> io::Result<()> {
        if leaf.kind.is_symlink() {
            let target = leaf.dir.read_link_contents(leaf.name);
            let target = target.map_err(|err| leaf.failed(err))?;
            let target = target.as_os_str().as_encoded_bytes();
            return self.sink.symlink(leaf.path, target);
        }
        let (file, meta) = leaf.open()?;
        left.take_bytes(meta.len())?;
        let modified = meta.modified().map_err(|err| leaf.failed(err))?;
        let file = TreeFile {
            file: file.into_std(),
            path: leaf.source(),
            mode: self.keep.file_mode(meta.mode()),
            mtime: self.keep.file_time(modified.into_std()),
            size: meta.len(),
        };
        self.sink.file(leaf.path, file)
    }
}

/// A visitor that passes on metadata.
struct Stats<'a>(&'a mut dyn FnMut(&[u8], &Metadata) -> io::Result<()>);

impl Visit for Stats<'_> {
    fn directory(&mut self, path: &[u8], dir: &Dir) -> io::Result<()> {
        (self.0)(path, &dir.dir_metadata()?)
    }

    fn leaf(&mut self, leaf: &Leaf<'_>, left: &mut Limits) -> io::Result<()> {
        let meta = leaf.dir.symlink_metadata(leaf.name);
        let meta = meta.map_err(|err| leaf.failed(err))?;
        if meta.is_file() {
            left.take_bytes(meta.len())?;
        }
        (self.0)(leaf.path, &meta)
    }
}

/// An error of reading or copying a file.
#[derive(Debug, Error)]
#[error("can't {operation} `{}`", path.display())]
pub(super) struct FileError {
    operation: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl FileError {
    pub(super) fn wrap(operation: &'static str, path: PathBuf, source: io::Error) -> io::Error {
        let kind = source.kind();
        let error = Self {
            operation,
            path,
            source,
        };
        io::Error::new(kind, error)
    }
}
