//! Walks a directory and tells what is in it, in one way for archives and for copies.

use std::{
    error::Error,
    ffi::{OsStr, OsString},
    fmt,
    fs::File,
    io::{self, ErrorKind, Read, Write},
    path::{Path, PathBuf},
    vec,
};

use cap_fs_ext::{
    FileTypeExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsMaybeDirExt, OpenOptionsSyncExt,
};
use cap_std::{
    ambient_authority,
    fs::{Dir, DirEntry, FileType, Metadata, OpenOptions},
};

use super::{
    Limits,
    grammar::shown,
    name,
    write::{Writer, Written, invalid},
};
use crate::ignore::Filter;

const DIRECTORY_MODE: u32 = 0o755;

/// How many bytes are copied before somebody may end it.
const AT_ONCE: u64 = 32 << 20;

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

/// What takes the entries of a [tree](walk_tree) in their order: a directory comes before what is in it, and
/// nothing of another directory in between.
///
/// Names are relative to the root of the tree and `/`-separated.
pub trait TreeSink {
    /// Takes a directory.
    ///
    /// # Errors
    /// What ends the walk.
    fn directory(&mut self, name: &[u8], mode: u32) -> io::Result<()>;

    /// Takes a symbolic link.
    ///
    /// # Errors
    /// What ends the walk.
    fn symlink(&mut self, name: &[u8], target: &[u8]) -> io::Result<()>;

    /// Takes a file.
    ///
    /// # Errors
    /// What ends the walk.
    fn file(&mut self, name: &[u8], file: TreeFile) -> io::Result<()>;
}

/// A file of a tree, open. Reading it gives errors that name it.
#[derive(Debug)]
pub struct TreeFile {
    file: File,
    path: PathBuf,
    mode: u32,
    size: u64,
}

impl TreeFile {
    /// The mode that every copy gets.
    #[must_use]
    pub fn mode(&self) -> u32 {
        self.mode
    }

    /// Copies the contents into an empty file: file systems that can share them between two files do. After every
    /// 32 MiB at the latest `go_on` gets to know how many came to it, and may end it.
    ///
    /// # Errors
    /// What reading, writing and `go_on` say; [`ErrorKind::UnexpectedEof`] and [`ErrorKind::InvalidInput`] for a
    /// file that changed its size since it was opened.
    pub fn copy_to(
        mut self,
        out: &mut File,
        go_on: &mut dyn FnMut(u64) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut left = self.size;
        while left > 0 {
            // The kernel copies between the two, and an error does not say on which side it was.
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

    /// Makes sure that there is nothing after what was read.
    fn check_end(&mut self) -> io::Result<()> {
        match self.read(&mut [0])? {
            0 => Ok(()),
            _ => Err(invalid(&format!(
                "`{}` grew while it was read",
                self.path.display()
            ))),
        }
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
/// Directories have the mode 0755, files 0755 where anybody may execute them and 0644 otherwise. Links
/// are told and never followed, hard links become files of their own. A directory that is left out and
/// has something rescued in it is told with it.
///
/// # Errors
/// What the file system or `sink` says, with the path in the message; [`ErrorKind::InvalidInput`] for
/// FIFOs, sockets, devices, files that change while they are read, and names and amounts that the reader of
/// archives would refuse.
pub fn walk_tree(root: &Path, filter: &Filter, sink: &mut dyn TreeSink) -> io::Result<()> {
    walk_below(Vec::new(), root, filter, sink)
}

/// Writes the [tree](walk_tree) below `root` as an archive.
///
/// # Errors
/// Those of [`walk_tree`], and what `out` says.
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
        self.at_time(options.mtime, |writer| {
            let mut path = Vec::new();
            for part in options.prefix.split('/').filter(|part| !part.is_empty()) {
                path.extend(path.last().map(|_| b'/'));
                path.extend_from_slice(part.as_bytes());
                writer.directory(&path, DIRECTORY_MODE)?;
            }
            walk_below(path, root, options.filter, writer)
        })
    }
}

impl<W: Write> TreeSink for Writer<W> {
    fn directory(&mut self, name: &[u8], mode: u32) -> io::Result<()> {
        self.directory(name, mode)
    }

    fn symlink(&mut self, name: &[u8], target: &[u8]) -> io::Result<()> {
        self.symlink(name, target)
    }

    fn file(&mut self, name: &[u8], mut file: TreeFile) -> io::Result<()> {
        self.file(name, file.mode, file.size, &mut file)?;
        file.check_end()
    }
}

/// Walks the tree; every name is put below `path`.
fn walk_below(
    path: Vec<u8>,
    root: &Path,
    filter: &Filter,
    sink: &mut dyn TreeSink,
) -> io::Result<()> {
    let failed = |err| FileError::wrap("read", root.to_path_buf(), err);
    let dir = Dir::open_ambient_dir(root, ambient_authority()).map_err(failed)?;
    let names = read_names(&dir).map_err(failed)?;
    let frames = vec![Frame {
        dir,
        names,
        path: path.len(),
        is_told: true,
    }];
    Walk {
        root,
        filter,
        below: path.len() + usize::from(!path.is_empty()),
        path,
        frames,
        left: Limits::default(),
        sink,
    }
    .run()
}

struct Walk<'a> {
    root: &'a Path,
    filter: &'a Filter,
    /// Where in `path` the part below the root starts.
    below: usize,
    /// The name of the entry at hand.
    path: Vec<u8>,
    /// The directories that it is in.
    frames: Vec<Frame>,
    /// What may still come.
    left: Limits,
    sink: &'a mut dyn TreeSink,
}

struct Frame {
    dir: Dir,
    names: vec::IntoIter<(OsString, FileType)>,
    /// The length of its name.
    path: usize,
    is_told: bool,
}

impl Walk<'_> {
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
        self.tell_parents()?;
        if let Some(kind) = special(kind) {
            let shown = self.source().display().to_string();
            return Err(invalid(&format!(
                "`{shown}` is {kind}, which can't go into a container"
            )));
        }
        self.left.take(&self.path)?;
        if kind.is_symlink() {
            let target = self.dir().read_link_contents(name);
            let target = target.map_err(|err| self.failed(err))?;
            return self
                .sink
                .symlink(&self.path, target.as_os_str().as_encoded_bytes());
        }
        let file = self.open_file(name)?;
        self.left.take_bytes(file.size)?;
        self.sink.file(&self.path, file)
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
            is_told: false,
        });
        if is_out { Ok(()) } else { self.tell_parents() }
    }

    /// Tells of the directories that have something in them that is told.
    fn tell_parents(&mut self) -> io::Result<()> {
        for frame in self.frames.iter_mut().filter(|frame| !frame.is_told) {
            let path = &self.path[..frame.path];
            self.left.take(path)?;
            self.sink.directory(path, DIRECTORY_MODE)?;
            frame.is_told = true;
        }
        Ok(())
    }

    fn open_file(&self, name: &OsStr) -> io::Result<TreeFile> {
        let (file, meta) = open(self.dir(), name).map_err(|err| self.failed(err))?;
        let path = self.source();
        if !meta.is_file() {
            return Err(invalid(&format!(
                "`{}` is no file any more",
                path.display()
            )));
        }
        Ok(TreeFile {
            file: file.into_std(),
            path,
            mode: if is_executable(&meta) { 0o755 } else { 0o644 },
            size: meta.len(),
        })
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
        FileError::wrap("read", self.source(), err)
    }
}

/// What can't be read or copied, and why.
#[derive(Debug)]
struct FileError {
    operation: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl FileError {
    fn wrap(operation: &'static str, path: PathBuf, source: io::Error) -> io::Error {
        let kind = source.kind();
        let error = Self {
            operation,
            path,
            source,
        };
        io::Error::new(kind, error)
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "can't {} `{}`", self.operation, self.path.display())
    }
}

impl Error for FileError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// What the reader of archives would refuse is refused wherever a tree goes.
impl Limits {
    fn take(&mut self, name: &[u8]) -> io::Result<()> {
        if let Err(fault) = name::components(name, self.path) {
            return Err(invalid(&format!("`{}` {fault}", shown(name))));
        }
        let left = self.entries.checked_sub(1);
        let most = Self::default().entries;
        self.entries =
            left.ok_or_else(|| invalid(&format!("the tree has more than {most} entries")))?;
        Ok(())
    }

    fn take_bytes(&mut self, count: u64) -> io::Result<()> {
        let left = self.bytes.checked_sub(count);
        let most = Self::default().bytes;
        self.bytes =
            left.ok_or_else(|| invalid(&format!("the tree holds more than {most} bytes")))?;
        Ok(())
    }
}

/// Opens a file or directory itself, and never waits for the other end of a FIFO.
fn open(dir: &Dir, name: &OsStr) -> io::Result<(cap_std::fs::File, Metadata)> {
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
