//! A tree of the host into a directory that nobody else uses yet.
//!
//! One thread walks through the tree and makes directories and empty files, in the order of their names: some file
//! systems list them in the order in which they came, and programs pass that on. Others fill the files, by the
//! kernel's own ways of copying. A directory gets its time when the last of its files is filled.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, ErrorKind},
    os::{
        fd::OwnedFd,
        unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    },
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, SystemTime},
};

use rustix::{
    fs::{AtFlags, Gid, Mode, OFlags, Uid, chownat, fchmod, fchown, mkdirat, openat, symlinkat},
    io::Errno,
};
use s2i_build::{CancelToken, stream::Tree};
use s2i_core::{
    Account,
    archive::{TreeFile, TreeSink, walk_tree},
};
use thiserror::Error;

/// More threads than this gain nothing, however many processors there are: they wait for the disk.
const MOST_WORKERS: usize = 4;

/// How many open files may wait for one.
const WAITING: usize = 64;

/// How many bytes there are between two times of telling.
const TELLING: u64 = 1 << 20;

/// Which side failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The tree, or what is in it.
    Tree(io::Error),
    /// Where it goes.
    Place(io::Error),
}

/// What could not be made there.
#[derive(Debug, Error)]
#[error("can't make `{path}`")]
struct NotMade {
    path: String,
    source: io::Error,
}

/// Copies the tree into the directory, which gets the time of what is in it. What was copied before a failure stays.
pub(super) fn copy(
    tree: &Tree,
    into: OwnedFd,
    account: &Account,
    tell: &(dyn Fn(u64) + Sync),
    cancel: &CancelToken,
) -> Result<(), Failure> {
    let shared = &Shared {
        failure: Mutex::default(),
        bytes: AtomicU64::new(0),
        owner: (Uid::from_raw(account.uid), Gid::from_raw(account.gid)),
        mtime: SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(tree.mtime)),
        tell,
        cancel,
    };
    thread::scope(|scope| {
        let (jobs, waiting) = sync_channel(WAITING);
        // Theirs alone: where none of them is left, the walk does not wait for one.
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..workers() {
            let waiting = Arc::clone(&waiting);
            scope.spawn(move || shared.work(&waiting));
        }
        drop(waiting);
        let root = Level {
            path: Vec::new(),
            directory: Arc::new(into),
        };
        let mut copying = Copying {
            levels: vec![root],
            jobs,
            shared,
        };
        let walked = walk_tree(&tree.root, &tree.filter, &mut copying);
        shared.note(walked.map_err(Failure::Tree));
        shared.note(copying.leave(0).map_err(Failure::Place));
    });
    lock(&shared.failure).take().map_or(Ok(()), Err)
}

fn workers() -> usize {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    processors.min(MOST_WORKERS)
}

/// A directory that is being filled, here and by the files that wait to be filled in it.
type Directory = Arc<OwnedFd>;

/// A file to be filled.
struct Job {
    path: Vec<u8>,
    file: TreeFile,
    copy: File,
    directory: Directory,
}

/// The walk.
struct Copying<'a> {
    /// The directories that it is in, the root first.
    levels: Vec<Level>,
    jobs: SyncSender<Job>,
    shared: &'a Shared<'a>,
}

struct Level {
    path: Vec<u8>,
    directory: Directory,
}

impl Copying<'_> {
    /// Goes to where something is, and gives the directory and the name in it.
    fn enter<'n>(&mut self, path: &'n [u8]) -> io::Result<(Directory, &'n OsStr)> {
        let slash = path.iter().rposition(|byte| *byte == b'/');
        let above = slash.map_or(&path[..0], |at| &path[..at]);
        let depth = self.levels.iter().rposition(|level| level.path == above);
        let depth = depth.expect("a directory comes before what is in it");
        self.leave(depth + 1)?;
        let name = OsStr::from_bytes(&path[slash.map_or(0, |at| at + 1)..]);
        Ok((Arc::clone(&self.levels[depth].directory), name))
    }

    /// Leaves the directories below this depth.
    fn leave(&mut self, depth: usize) -> io::Result<()> {
        let mut left = self.levels.drain(depth..).rev();
        left.try_for_each(|level| self.shared.release(level.directory))
    }

    fn make_directory(&mut self, path: &[u8], mode: u32) -> io::Result<()> {
        let (above, name) = self.enter(path)?;
        let mode = Mode::from_raw_mode(mode);
        mkdirat(&above, name, mode)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = openat(&above, name, flags, Mode::empty())?;
        let (user, group) = self.shared.owner;
        fchown(&directory, Some(user), Some(group))?;
        // The process's mask may have taken something away.
        fchmod(&directory, mode)?;
        self.levels.push(Level {
            path: path.to_vec(),
            directory: Arc::new(directory),
        });
        Ok(())
    }

    fn make_symlink(&mut self, path: &[u8], target: &[u8]) -> io::Result<()> {
        let (above, name) = self.enter(path)?;
        symlinkat(target, &above, name)?;
        let (user, group) = self.shared.owner;
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        Ok(chownat(&above, name, Some(user), Some(group), flags)?)
    }

    fn make_file(&mut self, path: &[u8], mode: u32) -> io::Result<(File, Directory)> {
        let (directory, name) = self.enter(path)?;
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let copy = openat(&directory, name, flags, Mode::from_raw_mode(mode))?;
        Ok((File::from(copy), directory))
    }
}

impl TreeSink for Copying<'_> {
    fn directory(&mut self, path: &[u8], mode: u32) -> io::Result<()> {
        let done = self.make_directory(path, mode);
        self.shared.end_where_not_made(path, done)
    }

    fn symlink(&mut self, path: &[u8], target: &[u8]) -> io::Result<()> {
        let done = self.make_symlink(path, target);
        self.shared.end_where_not_made(path, done)
    }

    fn file(&mut self, path: &[u8], file: TreeFile) -> io::Result<()> {
        let done = self.make_file(path, file.mode());
        let (copy, directory) = self.shared.end_where_not_made(path, done)?;
        let path = path.to_vec();
        let job = Job {
            path,
            file,
            copy,
            directory,
        };
        let sent = self.jobs.send(job);
        sent.map_err(|_| ErrorKind::BrokenPipe.into())
    }
}

/// What all threads know.
struct Shared<'a> {
    /// The first one.
    failure: Mutex<Option<Failure>>,
    /// How many were copied.
    bytes: AtomicU64,
    owner: (Uid, Gid),
    /// `None` where no clock goes so far.
    mtime: Option<SystemTime>,
    tell: &'a (dyn Fn(u64) + Sync),
    cancel: &'a CancelToken,
}

impl Shared<'_> {
    /// Fills files until no more come. After a failure they are taken and left, so that the walk does not wait for
    /// somebody to take them.
    fn work(&self, waiting: &Mutex<Receiver<Job>>) {
        loop {
            let job = lock(waiting).recv();
            let Ok(job) = job else { return };
            if self.check().is_ok() {
                self.note(self.fill(job));
            }
        }
    }

    fn fill(&self, job: Job) -> Result<(), Failure> {
        let Job {
            path,
            file,
            mut copy,
            directory,
        } = job;
        let mode = file.mode();
        let copied = file.copy_to(&mut copy, &mut |bytes| {
            self.count(bytes);
            self.check()
        });
        copied.map_err(|err| match err.kind() {
            ErrorKind::StorageFull
            | ErrorKind::QuotaExceeded
            | ErrorKind::FileTooLarge
            | ErrorKind::ReadOnlyFilesystem => Failure::Place(err),
            _ => Failure::Tree(err),
        })?;
        let finish = || -> io::Result<()> {
            let (user, group) = self.owner;
            fchown(&copy, Some(user), Some(group))?;
            if copy.metadata()?.mode() & 0o7777 != mode {
                fchmod(&copy, Mode::from_raw_mode(mode))?;
            }
            self.set_time(&copy)?;
            self.release(directory)
        };
        finish().map_err(|err| not_made(&path, err))
    }

    /// Gives up a directory. Whoever does so last knows that it is filled.
    fn release(&self, directory: Directory) -> io::Result<()> {
        match Arc::into_inner(directory) {
            Some(directory) => self.set_time(&File::from(directory)),
            None => Ok(()),
        }
    }

    fn set_time(&self, file: &File) -> io::Result<()> {
        self.mtime.map_or(Ok(()), |mtime| file.set_modified(mtime))
    }

    fn count(&self, bytes: u64) {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let now = before + bytes;
        if before / TELLING != now / TELLING {
            (self.tell)(now);
        }
    }

    /// Ends the walk with an error where something could not be made, or everything is to stop.
    fn end_where_not_made<T>(&self, path: &[u8], done: io::Result<T>) -> io::Result<T> {
        self.check()?;
        done.map_err(|err| {
            self.note(Err(not_made(path, err)));
            Errno::CANCELED.into()
        })
    }

    /// An error where everything is to stop; which failure it was is told in the end.
    fn check(&self) -> io::Result<()> {
        let is_over = self.cancel.reason().is_some() || lock(&self.failure).is_some();
        if is_over {
            return Err(Errno::CANCELED.into());
        }
        Ok(())
    }

    fn note(&self, result: Result<(), Failure>) {
        if let Err(failure) = result {
            lock(&self.failure).get_or_insert(failure);
        }
    }
}

fn not_made(path: &[u8], source: io::Error) -> Failure {
    let path = String::from_utf8_lossy(path).into_owned();
    let kind = source.kind();
    Failure::Place(io::Error::new(kind, NotMade { path, source }))
}

/// Nothing is half done in what these locks protect.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        fs::{self, Permissions},
        os::unix::{
            fs::{PermissionsExt as _, symlink},
            net::UnixListener,
        },
        path::Path,
    };

    use s2i_build::Interrupt;
    use s2i_core::{
        ErrorChain, OpenDir,
        archive::{Limits, TreeOptions, unpack, write_tree},
        ignore::Filter,
    };

    use super::*;

    const MTIME: u64 = 1_700_000_000;

    /// More files than may wait.
    fn source() -> tempfile::TempDir {
        let temp = tempfile::tempdir().unwrap();
        for directory in 0..40 {
            let deep = temp.path().join(format!("d{directory}/with/depth"));
            fs::create_dir_all(&deep).unwrap();
            for file in 0..10 {
                let path = deep.join(format!("f{file}"));
                fs::write(&path, format!("{directory} {file}").repeat(file * 500)).unwrap();
                let mode = [0o600, 0o644, 0o755, 0o700][file % 4];
                fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
            }
        }
        fs::create_dir(temp.path().join("empty")).unwrap();
        fs::write(temp.path().join("left-out"), "x").unwrap();
        symlink("/etc/passwd", temp.path().join("absolute")).unwrap();
        symlink("../nowhere", temp.path().join("d7/dangling")).unwrap();
        temp
    }

    fn tree(root: &Path) -> Tree {
        let (filter, _) = Filter::default().with_ignore_file("f", "left-out").unwrap();
        Tree {
            root: Arc::new(OpenDir::open(root).unwrap()),
            filter: Arc::new(filter),
            mtime: MTIME,
        }
    }

    /// Somebody else where that can be, else whoever runs the tests.
    fn account() -> Account {
        let own = fs::metadata("/proc/self").unwrap();
        let (uid, gid) = match own.uid() {
            0 => (1001, 7),
            uid => (uid, own.gid()),
        };
        Account {
            uid,
            gid,
            groups: Vec::new(),
            home: "/".into(),
        }
    }

    fn copy_to(into: &Path, tree: &Tree) -> Result<u64, Failure> {
        let told = AtomicU64::new(0);
        let tell = |bytes| {
            told.fetch_max(bytes, Ordering::Relaxed);
        };
        let dir = File::open(into).unwrap().into();
        copy(tree, dir, &account(), &tell, &CancelToken::default())?;
        Ok(told.into_inner())
    }

    /// Everything that an archive tells of a tree: what an entry is and has, its mode and its time. All belongs to
    /// one user.
    fn listing(root: &Path, owner: (u32, u32)) -> BTreeMap<String, (u32, i64, Vec<u8>)> {
        let mut found = BTreeMap::new();
        let mut waiting = vec![root.to_owned()];
        while let Some(dir) = waiting.pop() {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                let metadata = path.symlink_metadata().unwrap();
                assert_eq!((metadata.uid(), metadata.gid()), owner, "{path:?}");
                let (time, bytes) = if metadata.is_dir() {
                    waiting.push(path.clone());
                    (metadata.mtime(), Vec::new())
                } else if metadata.is_symlink() {
                    let target = fs::read_link(&path).unwrap().into_os_string();
                    // Nobody sets it.
                    (0, target.into_encoded_bytes())
                } else {
                    (metadata.mtime(), fs::read(&path).unwrap())
                };
                let name = path.strip_prefix(root).unwrap().to_str().unwrap();
                found.insert(name.to_owned(), (metadata.mode(), time, bytes));
            }
        }
        found
    }

    #[test]
    fn a_copy_is_what_an_archive_would_have_brought() {
        let (source, copied, unpacked) = (
            source(),
            tempfile::tempdir().unwrap(),
            tempfile::tempdir().unwrap(),
        );
        let tree = tree(source.path());
        let told = copy_to(copied.path(), &tree).unwrap();
        let options = TreeOptions {
            filter: &tree.filter,
            mtime: MTIME,
            prefix: "",
        };
        let mut archive = Vec::new();
        let written = write_tree(&tree.root, &options, &mut archive).unwrap();
        let dir = cap_std::fs::Dir::open_ambient_dir(unpacked.path(), cap_std::ambient_authority());
        unpack(&mut &archive[..], &dir.unwrap(), &Limits::default()).unwrap();
        let own = fs::metadata("/proc/self").unwrap();
        let expected = listing(unpacked.path(), (own.uid(), own.gid()));
        let Account { uid, gid, .. } = account();
        assert_eq!(listing(copied.path(), (uid, gid)), expected);
        assert_eq!(expected.len() as u64, written.entries);
        let root = copied.path().metadata().unwrap();
        assert_eq!(root.mtime(), MTIME.cast_signed());
        // Once in a while, and never more than there is.
        assert!((TELLING..=written.bytes).contains(&told), "{told}");
    }

    /// A file system in memory lists what it has in the order in which it came, or backwards.
    #[test]
    fn everything_is_made_in_the_order_of_its_name() {
        let Ok(into) = tempfile::tempdir_in("/dev/shm") else {
            return;
        };
        let source = source();
        copy_to(into.path(), &tree(source.path())).unwrap();
        for directory in 0..40 {
            let path = into.path().join(format!("d{directory}/with/depth"));
            let entries = fs::read_dir(path).unwrap();
            let names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            assert!(
                names.is_sorted() || names.iter().rev().is_sorted(),
                "{names:?}"
            );
        }
    }

    #[track_caller]
    fn check_failure(prepare: impl FnOnce(&Path, &Path), expected: &str) {
        let (source, into) = (source(), tempfile::tempdir().unwrap());
        prepare(source.path(), into.path());
        let shown = match copy_to(into.path(), &tree(source.path())).unwrap_err() {
            Failure::Tree(err) => format!("tree: {}", ErrorChain(&err)),
            Failure::Place(err) => format!("place: {}", ErrorChain(&err)),
        };
        let shown = shown.replace(source.path().to_str().unwrap(), "ROOT");
        assert_eq!(shown, expected);
        assert!(!into.path().join("d9").exists());
    }

    #[test]
    fn a_failure_ends_the_walk_and_is_told_with_its_side() {
        check_failure(
            |_, into| fs::create_dir(into.join("d0")).unwrap(),
            "place: can't make `d0`: File exists (os error 17)",
        );
        let file = "d0/with/depth/f3";
        check_failure(
            |source, _| {
                let path = source.join(file);
                fs::remove_file(&path).unwrap();
                drop(UnixListener::bind(path).unwrap());
            },
            "tree: `ROOT/d0/with/depth/f3` is a socket, which can't go into a container",
        );
    }

    /// There is more to come than may wait: the walk ends although nothing more is filled.
    #[test]
    fn a_failure_of_one_that_fills_is_told() {
        let (source, into) = (source(), tempfile::tempdir().unwrap());
        let path = source.path().join("a");
        let size = 33 << 20;
        let file = File::create(&path).unwrap();
        file.set_len(size).unwrap();
        let shrink = |_| file.set_len(1).unwrap();
        let dir = File::open(into.path()).unwrap().into();
        let tree = tree(source.path());
        let copied = copy(&tree, dir, &account(), &shrink, &CancelToken::default());
        let Err(Failure::Tree(err)) = copied else {
            panic!("{copied:?}");
        };
        let (begin, end) = (
            format!("`{}` ended", path.display()),
            format!("of {size} bytes"),
        );
        let shown = err.to_string();
        assert!(
            shown.starts_with(&begin) && shown.ends_with(&end),
            "{shown}"
        );
    }

    #[test]
    fn nothing_more_is_copied_once_somebody_stops_it() {
        let (source, into) = (source(), tempfile::tempdir().unwrap());
        let cancel = CancelToken::default();
        let stop = |_| cancel.cancel(Interrupt::Interrupted);
        let dir = File::open(into.path()).unwrap().into();
        copy(&tree(source.path()), dir, &account(), &stop, &cancel).unwrap_err();
        assert!(into.path().join("d0").exists());
        assert!(!into.path().join("d9").exists());
    }
}
