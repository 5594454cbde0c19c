//! Walks a tree, in one order for everything that is done with one.

use std::{
    ffi::{OsStr, OsString},
    io,
    path::{Path, PathBuf},
    vec,
};

use cap_fs_ext::{
    FileTypeExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsMaybeDirExt, OpenOptionsSyncExt,
};
use cap_std::fs::{Dir, DirEntry, FileType, Metadata, MetadataExt as _, OpenOptions};

use super::{
    EntryFault, Limits, Rules,
    grammar::shown,
    links::{Target, Whole},
    tree::FileError,
    write::invalid,
};
use crate::{OpenDir, bounds, ignore::Filter, open_dir::Outer};

/// The visitor of the entries of a tree.
pub(super) trait Visit {
    /// Takes a directory, which comes before its contents.
    fn directory(&mut self, path: &[u8], dir: &Dir) -> io::Result<()>;

    /// Takes a file or a symbolic link. The size of a file is to be taken from `left`.
    fn leaf(&mut self, leaf: &Leaf<'_>, left: &mut Limits) -> io::Result<()>;
}

/// A file or a symbolic link, not open yet.
pub(super) struct Leaf<'a> {
    /// The directory that it is in.
    pub(super) dir: &'a Dir,
    /// Its name there.
    pub(super) name: &'a OsStr,
    /// Its name in the tree.
    pub(super) path: &'a [u8],
    /// Its metadata when the directory was listed.
    pub(super) kind: FileType,
    /// True for a link that leads to nothing that goes along with it.
    pub(super) is_dangling: bool,
    /// Its path, for messages.
    source: &'a Source<'a>,
}

impl Leaf<'_> {
    /// Opens the file itself, never another one through a link, and does not wait for the other end of a FIFO.
    pub(super) fn open(&self) -> io::Result<(cap_std::fs::File, Metadata)> {
        let (file, meta) = open(self.dir, self.name).map_err(|err| self.failed(err))?;
        if meta.is_file() {
            return Ok((file, meta));
        }
        let path = self.source();
        Err(invalid(&format!(
            "`{}` is not a file any more",
            path.display()
        )))
    }

    /// Returns the path for messages.
    pub(super) fn source(&self) -> PathBuf {
        self.source.of(self.path)
    }

    pub(super) fn failed(&self, err: io::Error) -> io::Error {
        FileError::wrap("read", self.source(), err)
    }
}

/// The rule by which names in a tree become paths for messages.
struct Source<'a> {
    root: &'a Path,
    /// The start of the part of a name that is below the root.
    below: usize,
}

impl Source<'_> {
    fn of(&self, path: &[u8]) -> PathBuf {
        let below = String::from_utf8_lossy(&path[self.below..]);
        self.root.join(below.as_ref())
    }
}

/// Visits everything below `root`; every name is put below `prefix`.
pub(super) fn walk(
    root: &OpenDir,
    prefix: Vec<u8>,
    filter: &Filter,
    visitor: &mut dyn Visit,
) -> io::Result<()> {
    walk_within(root, prefix, filter, Limits::default(), visitor)
}

fn walk_within(
    root: &OpenDir,
    prefix: Vec<u8>,
    filter: &Filter,
    limits: Limits,
    visitor: &mut dyn Visit,
) -> io::Result<()> {
    let failed = |err| FileError::wrap("read", root.path().to_path_buf(), err);
    let dir = root.dir().try_clone().map_err(failed)?;
    // A removed directory would look empty.
    if dir.dir_metadata().map_err(failed)?.nlink() == 0 {
        return Err(failed(io::ErrorKind::NotFound.into()));
    }
    let names = read_names(&dir, limits.entries).map_err(failed)?;
    let names = names.ok_or_else(|| too_many(limits.entries))?;
    let outer = root.outer();
    let place = outer.map(|outer| outer.part.clone()).unwrap_or_default();
    let wholes = vec![Whole {
        frame: 0,
        dir: dir.try_clone().map_err(failed)?,
        path: place.clone(),
    }];
    let frames = vec![Frame {
        place,
        dir,
        names,
        path: prefix.len(),
        is_visited: true,
    }];
    Walk {
        source: Source {
            root: root.path(),
            below: prefix.len() + usize::from(!prefix.is_empty()),
        },
        filter,
        path: prefix,
        frames,
        wholes,
        outer,
        most: limits.entries,
        left: limits,
        visitor,
    }
    .run()
}

struct Walk<'a> {
    source: Source<'a>,
    filter: &'a Filter,
    /// The name of the entry at hand.
    path: Vec<u8>,
    /// The directories that it is in.
    frames: Vec<Frame>,
    /// The root, and the directories that links led to.
    wholes: Vec<Whole>,
    /// The tree that the root is a part of.
    outer: Option<&'a Outer>,
    /// The most entries.
    most: u64,
    /// The bytes and entries that may still come.
    left: Limits,
    visitor: &'a mut dyn Visit,
}

struct Frame {
    dir: Dir,
    /// Its path in the outer tree.
    place: PathBuf,
    names: Listing,
    /// The length of its name.
    path: usize,
    is_visited: bool,
}

impl Walk<'_> {
    fn run(mut self) -> io::Result<()> {
        while let Some(frame) = self.frames.last_mut() {
            self.path.truncate(frame.path);
            let Some((name, kind)) = frame.names.next() else {
                self.frames.pop();
                let open = self.frames.len();
                self.wholes.retain(|whole| whole.frame < open);
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
        let path = String::from_utf8_lossy(&self.path[self.source.below..]);
        let is_out = self.filter.leaves_out(&path);
        if kind.is_dir() {
            if (is_out && self.filter.prunes(&path)) || self.is_unreachable(name) {
                return Ok(());
            }
            return self.enter(name, is_out);
        }
        if is_out || self.is_unreachable(name) {
            return Ok(());
        }
        if !kind.is_symlink() {
            return self.leaf(name, kind, false, None);
        }
        match self.target(name)? {
            Target::Link => self.leaf(name, kind, false, None),
            Target::Dangling => self.leaf(name, kind, true, None),
            Target::File(dir, name, kind) => self.leaf(name.as_os_str(), kind, false, Some(&dir)),
            Target::Directory(dir, place) => self.enter_whole(dir, place),
        }
    }

    /// Returns whether the rules for the outer tree leave out an entry of a directory that a link led to.
    fn is_unreachable(&self, name: &OsStr) -> bool {
        let (Some(outer), Some(frame)) = (self.outer, self.frames.last()) else {
            return false;
        };
        self.wholes.len() > 1 && {
            let place = frame.place.join(name);
            outer.filter.leaves_out(&place.to_string_lossy())
        }
    }

    fn target(&self, name: &OsStr) -> io::Result<Target> {
        let frame = self.frames.last().expect("an entry is in a directory");
        let whole = self.wholes.last().expect("the root is there");
        let target = whole.target(self.outer, &frame.place.join(name));
        let target =
            target.map_err(|err| FileError::wrap("read", self.source.of(&self.path), err))?;
        Ok(match target {
            // It would contain itself.
            Target::Directory(_, place) if self.frames.iter().any(|f| f.place == place) => {
                Target::Dangling
            }
            target => target,
        })
    }

    /// Visits a file or a link; `dir` is the directory that it is in, if a link led there.
    fn leaf(
        &mut self,
        name: &OsStr,
        kind: FileType,
        is_dangling: bool,
        dir: Option<&Dir>,
    ) -> io::Result<()> {
        self.visit_parents()?;
        if let Some(kind) = special(kind) {
            let path = self.source.of(&self.path);
            let path = path.display();
            let message = format!("`{path}` is {kind}, which can't go into a container");
            return Err(invalid(&message));
        }
        self.left.take(&self.path, self.most)?;
        let frame = self.frames.last().expect("an entry is in a directory");
        let leaf = Leaf {
            dir: dir.unwrap_or(&frame.dir),
            name,
            path: &self.path,
            kind,
            is_dangling,
            source: &self.source,
        };
        self.visitor.leaf(&leaf, &mut self.left)
    }

    fn enter(&mut self, name: &OsStr, is_out: bool) -> io::Result<()> {
        let failed = |err| FileError::wrap("read", self.source.of(&self.path), err);
        let frame = self.frames.last().expect("an entry is in a directory");
        let (file, meta) = open(&frame.dir, name).map_err(failed)?;
        if !meta.is_dir() {
            return Err(failed(io::ErrorKind::NotADirectory.into()));
        }
        let dir = Dir::from_std_file(file.into_std());
        let place = frame.place.join(name);
        self.push(dir, place)?;
        if is_out { Ok(()) } else { self.visit_parents() }
    }

    /// Enters a directory that a link led to.
    fn enter_whole(&mut self, dir: Dir, place: PathBuf) -> io::Result<()> {
        let failed = |err| FileError::wrap("read", self.source.of(&self.path), err);
        self.wholes.push(Whole {
            frame: self.frames.len(),
            dir: dir.try_clone().map_err(failed)?,
            path: place.clone(),
        });
        self.push(dir, place)?;
        self.visit_parents()
    }

    fn push(&mut self, dir: Dir, place: PathBuf) -> io::Result<()> {
        // The depth counts for excluded directories too, as they are searched for entries that a rule includes again.
        if self.frames.len() > bounds::DEPTH {
            let fault = EntryFault::Deep(bounds::DEPTH);
            return Err(invalid(&format!("`{}` {fault}", shown(&self.path))));
        }
        let failed = |err| FileError::wrap("read", self.source.of(&self.path), err);
        // Names that wait in the directories above take memory as well.
        let waiting: u64 = self.frames.iter().map(|f| f.names.len() as u64).sum();
        let left = self.left.entries.saturating_sub(waiting);
        let names = read_names(&dir, left).map_err(failed)?;
        let names = names.ok_or_else(|| too_many(self.most))?;
        self.frames.push(Frame {
            dir,
            place,
            names,
            path: self.path.len(),
            is_visited: false,
        });
        Ok(())
    }

    /// Visits the directories that have something in them that is visited.
    fn visit_parents(&mut self) -> io::Result<()> {
        for frame in self.frames.iter_mut().filter(|frame| !frame.is_visited) {
            let path = &self.path[..frame.path];
            self.left.take(path, self.most)?;
            self.visitor.directory(path, &frame.dir)?;
            frame.is_visited = true;
        }
        Ok(())
    }
}

/// Names that the reader of archives would refuse are refused here too, wherever a tree goes.
impl Limits {
    fn take(&mut self, name: &[u8], most: u64) -> io::Result<()> {
        if let Err(fault) = Rules::TREE.components(name, self) {
            return Err(invalid(&format!("`{}` {fault}", shown(name))));
        }
        let left = self.entries.checked_sub(1);
        self.entries = left.ok_or_else(|| too_many(most))?;
        Ok(())
    }

    pub(super) fn take_bytes(&mut self, count: u64) -> io::Result<()> {
        let most = Self::default().bytes;
        let too_large = || invalid(&format!("the tree holds more than {most} bytes"));
        self.bytes = self.bytes.checked_sub(count).ok_or_else(too_large)?;
        Ok(())
    }
}

fn too_many(most: u64) -> io::Error {
    invalid(&format!("the tree has more than {most} entries"))
}

/// Opens a file or directory itself, and never waits for the other end of a FIFO.
pub(super) fn open(dir: &Dir, name: &OsStr) -> io::Result<(cap_std::fs::File, Metadata)> {
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

/// Names in a directory, with their types when it was listed.
type Listing = vec::IntoIter<(OsString, FileType)>;

/// The names in a directory in the order of their bytes; `None` if there are more than `most`.
fn read_names(dir: &Dir, most: u64) -> io::Result<Option<Listing>> {
    let mut names = Vec::new();
    for entry in dir.entries()? {
        if names.len() as u64 >= most {
            return Ok(None);
        }
        names.push(named(dir, &entry?)?);
    }
    names.sort_unstable_by(|(a, _), (b, _)| a.as_encoded_bytes().cmp(b.as_encoded_bytes()));
    Ok(Some(names.into_iter()))
}

fn named(dir: &Dir, entry: &DirEntry) -> io::Result<(OsString, FileType)> {
    let (name, kind) = (entry.file_name(), entry.file_type()?);
    // Some file systems do not return the type together with the name.
    let is_known = kind.is_dir() || kind.is_file() || kind.is_symlink() || special(kind).is_some();
    let kind = if is_known {
        kind
    } else {
        dir.symlink_metadata(&name)?.file_type()
    };
    Ok((name, kind))
}

/// Returns its kind if it is neither file, directory nor symbolic link.
fn special(kind: FileType) -> Option<&'static str> {
    let kinds = [
        (kind.is_fifo(), "a FIFO"),
        (kind.is_socket(), "a socket"),
        (kind.is_char_device(), "a character device"),
        (kind.is_block_device(), "a block device"),
    ];
    let mut kinds = kinds.iter();
    kinds.find_map(|(is_kind, text)| is_kind.then_some(*text))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A visitor that counts entries.
    #[derive(Default)]
    struct Count(u64);

    impl Visit for Count {
        fn directory(&mut self, _: &[u8], _: &Dir) -> io::Result<()> {
            self.0 += 1;
            Ok(())
        }

        fn leaf(&mut self, _: &Leaf<'_>, _: &mut Limits) -> io::Result<()> {
            self.0 += 1;
            Ok(())
        }
    }

    /// Returns the number of visited entries, and the error that ends the walk.
    fn within(root: &Path, entries: u64) -> (u64, Option<String>) {
        let limits = Limits {
            entries,
            ..Limits::default()
        };
        let root = OpenDir::open(root).unwrap();
        let mut count = Count::default();
        let walked = walk_within(&root, Vec::new(), &Filter::default(), limits, &mut count);
        (count.0, walked.err().map(|err| err.to_string()))
    }

    #[test]
    fn names_that_wait_count_as_entries() {
        let temp = tempfile::tempdir().unwrap();
        let mut dir = temp.path().to_owned();
        for _ in 0..3 {
            for name in ["w", "x", "y", "z"] {
                fs::write(dir.join(name), "").unwrap();
            }
            dir.push("a");
            fs::create_dir(&dir).unwrap();
        }
        fs::write(dir.join("b"), "").unwrap();
        let error = |most| Some(format!("the tree has more than {most} entries"));
        // The directory `a` was visited, and eight names wait when those in `a/a` are read.
        assert_eq!(within(temp.path(), 10), (1, error(10)));
        assert_eq!(within(temp.path(), 4), (0, error(4)));
        assert_eq!(within(temp.path(), 15), (15, error(15)));
        assert_eq!(within(temp.path(), 16), (16, None));
    }
}
