//! Walks a directory and writes what is in it.

use std::{
    error::Error,
    ffi::{OsStr, OsString},
    fmt,
    io::{self, ErrorKind, Read, Write},
    path::{Path, PathBuf},
    vec,
};

use cap_fs_ext::{
    FileTypeExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsMaybeDirExt, OpenOptionsSyncExt,
};
use cap_std::{
    ambient_authority,
    fs::{Dir, DirEntry, File, FileType, Metadata, OpenOptions},
};

use super::write::{Writer, Written, invalid};
use crate::ignore::Filter;

const DIRECTORY_MODE: u32 = 0o755;

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

/// Writes the tree below `root`: depth first, in the order of the names' bytes, without the root.
///
/// Directories get the mode 0755, files 0755 where anybody may execute them and 0644 otherwise. Links
/// are kept and never followed, hard links become files of their own. A directory that is left out and
/// has something rescued in it is written with it.
///
/// # Errors
/// What the file system or `out` says, with the path in the message; [`ErrorKind::InvalidInput`] for
/// FIFOs, sockets, devices, files that change while they are read, and names that the reader would
/// refuse.
pub fn write_tree(
    root: &Path,
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
    pub fn tree(&mut self, root: &Path, options: &TreeOptions<'_>) -> io::Result<()> {
        self.at_time(options.mtime, |writer| add_tree(writer, root, options))
    }
}

fn add_tree<W: Write>(
    writer: &mut Writer<W>,
    root: &Path,
    options: &TreeOptions<'_>,
) -> io::Result<()> {
    let mut path = Vec::new();
    for part in options.prefix.split('/').filter(|part| !part.is_empty()) {
        path.extend(path.last().map(|_| b'/'));
        path.extend_from_slice(part.as_bytes());
        writer.directory(&path, DIRECTORY_MODE)?;
    }
    let below = path.len() + usize::from(!path.is_empty());
    let failed = |err| ReadError::wrap(root.to_path_buf(), err);
    let dir = Dir::open_ambient_dir(root, ambient_authority()).map_err(failed)?;
    let names = read_names(&dir).map_err(failed)?;
    let frames = vec![Frame {
        dir,
        names,
        path: path.len(),
        is_written: true,
    }];
    Walk {
        root,
        filter: options.filter,
        below,
        path,
        frames,
        writer,
    }
    .run()
}

struct Walk<'a, W: Write> {
    root: &'a Path,
    filter: &'a Filter,
    /// Where in `path` the part below the root starts.
    below: usize,
    /// The name of the entry at hand.
    path: Vec<u8>,
    /// The directories that it is in.
    frames: Vec<Frame>,
    writer: &'a mut Writer<W>,
}

struct Frame {
    dir: Dir,
    names: vec::IntoIter<(OsString, FileType)>,
    /// The length of its name.
    path: usize,
    is_written: bool,
}

impl<W: Write> Walk<'_, W> {
    fn run(mut self) -> io::Result<()> {
        while let Some(frame) = self.frames.last_mut() {
            self.path.truncate(frame.path);
            let Some((name, kind)) = frame.names.next() else {
                self.frames.pop();
                continue;
            };
            if !self.path.is_empty() {
                self.path.push(b'/');
            }
            self.path.extend_from_slice(name.as_encoded_bytes());
            self.visit(&name, kind)?;
        }
        Ok(())
    }

    fn visit(&mut self, name: &OsStr, kind: FileType) -> io::Result<()> {
        let path = String::from_utf8_lossy(&self.path[self.below..]);
        let is_out = self.filter.leaves_out(&path);
        if kind.is_dir() {
            if is_out && self.filter.prunes(&path) {
                return Ok(());
            }
            return self.enter(name, is_out);
        }
        if is_out {
            return Ok(());
        }
        self.write_parents()?;
        if kind.is_symlink() {
            let target = self
                .dir()
                .read_link_contents(name)
                .map_err(|err| self.failed(err))?;
            return self
                .writer
                .symlink(&self.path, target.as_os_str().as_encoded_bytes());
        }
        match special(kind) {
            None => self.write_file(name),
            Some(kind) => {
                let shown = self.source().display().to_string();
                Err(invalid(&format!(
                    "`{shown}` is {kind}, which no archive of a source can have"
                )))
            }
        }
    }

    fn enter(&mut self, name: &OsStr, is_out: bool) -> io::Result<()> {
        let dir = open(self.dir(), name).and_then(|(file, meta)| {
            if meta.is_dir() {
                Ok(Dir::from_std_file(file.into_std()))
            } else {
                Err(ErrorKind::NotADirectory.into())
            }
        });
        let dir = dir.map_err(|err| self.failed(err))?;
        let names = read_names(&dir).map_err(|err| self.failed(err))?;
        self.frames.push(Frame {
            dir,
            names,
            path: self.path.len(),
            is_written: false,
        });
        if is_out { Ok(()) } else { self.write_parents() }
    }

    /// Writes the directories that have something in them that is written.
    fn write_parents(&mut self) -> io::Result<()> {
        for frame in self.frames.iter_mut().filter(|frame| !frame.is_written) {
            self.writer
                .directory(&self.path[..frame.path], DIRECTORY_MODE)?;
            frame.is_written = true;
        }
        Ok(())
    }

    fn write_file(&mut self, name: &OsStr) -> io::Result<()> {
        let (mut file, meta) = open(self.dir(), name).map_err(|err| self.failed(err))?;
        if !meta.is_file() {
            return Err(invalid(&format!(
                "`{}` is no file any more",
                self.source().display()
            )));
        }
        let mode = if is_executable(&meta) { 0o755 } else { 0o644 };
        let source = self.source();
        let mut content = Content {
            file: &mut file,
            path: &source,
        };
        self.writer
            .file(&self.path, mode, meta.len(), &mut content)?;
        match content.read(&mut [0])? {
            0 => Ok(()),
            _ => Err(invalid(&format!(
                "`{}` grew while it was read",
                source.display()
            ))),
        }
    }

    fn dir(&self) -> &Dir {
        &self
            .frames
            .last()
            .expect("it is called below a directory")
            .dir
    }

    /// Where the entry at hand comes from, as messages show it.
    fn source(&self) -> PathBuf {
        self.root
            .join(String::from_utf8_lossy(&self.path[self.below..]).as_ref())
    }

    fn failed(&self, err: io::Error) -> io::Error {
        ReadError::wrap(self.source(), err)
    }
}

/// A file whose errors name it.
struct Content<'a> {
    file: &'a mut File,
    path: &'a Path,
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer).map_err(|err| match err.kind() {
            ErrorKind::Interrupted => err,
            _ => ReadError::wrap(self.path.to_path_buf(), err),
        })
    }
}

/// What can't be read, and why.
#[derive(Debug)]
struct ReadError {
    path: PathBuf,
    source: io::Error,
}

impl ReadError {
    fn wrap(path: PathBuf, source: io::Error) -> io::Error {
        io::Error::new(source.kind(), Self { path, source })
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "can't read `{}`", self.path.display())
    }
}

impl Error for ReadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// Opens a file or directory itself, and never waits for the other end of a FIFO.
fn open(dir: &Dir, name: &OsStr) -> io::Result<(File, Metadata)> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .follow(FollowSymlinks::No)
        .maybe_dir(true)
        .nonblock(true);
    let file = dir.open_with(name, &options)?;
    let meta = file.metadata()?;
    Ok((file, meta))
}

/// The names in a directory in the order of their bytes.
fn read_names(dir: &Dir) -> io::Result<vec::IntoIter<(OsString, FileType)>> {
    let mut names = dir
        .entries()?
        .map(|entry| named(dir, &entry?))
        .collect::<io::Result<Vec<_>>>()?;
    names.sort_unstable_by(|(a, _), (b, _)| a.as_encoded_bytes().cmp(b.as_encoded_bytes()));
    Ok(names.into_iter())
}

fn named(dir: &Dir, entry: &DirEntry) -> io::Result<(OsString, FileType)> {
    let (name, kind) = (entry.file_name(), entry.file_type()?);
    // Some file systems do not tell the type together with the name.
    let is_known = kind.is_dir() || kind.is_file() || kind.is_symlink() || special(kind).is_some();
    let kind = if is_known {
        kind
    } else {
        dir.symlink_metadata(&name)?.file_type()
    };
    Ok((name, kind))
}

/// What it is if it is neither file, directory nor symbolic link.
fn special(kind: FileType) -> Option<&'static str> {
    let kinds = [
        (kind.is_fifo(), "a FIFO"),
        (kind.is_socket(), "a socket"),
        (kind.is_char_device(), "a character device"),
        (kind.is_block_device(), "a block device"),
    ];
    kinds
        .iter()
        .find_map(|(is_kind, text)| is_kind.then_some(*text))
}

#[cfg(unix)]
fn is_executable(meta: &Metadata) -> bool {
    cap_std::fs::MetadataExt::mode(meta) & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &Metadata) -> bool {
    false
}
