//! Copying a tree of the host into a directory that no other process uses yet.
//!
//! One thread walks the tree and makes directories and empty files in the order of their names, because some file
//! systems list entries in the order of creation, and output of programs may depend on that. Other threads fill the
//! files by the kernel's copy calls. A directory gets its time when the last of its files is filled.

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
    archive::{TreeDirectory, TreeFile, TreeSink, walk_tree},
};
use thiserror::Error;

/// The most threads that fill files. More gain nothing: they wait for the disk.
const MAX_WORKERS: usize = 4;

/// The most open files in the queue.
const WAITING: usize = 64;

/// The number of bytes between two reports.
const REPORT_INTERVAL: u64 = 1 << 20;

/// An error of a copy, by the side that failed.
#[derive(Debug)]
pub(super) enum CopyError {
    /// The tree, or what is in it.
    Tree(io::Error),
    /// The target directory.
    Target(io::Error),
}

/// An entry that could not be made.
#[derive(Debug, Error)]
#[error("can't make `{path}`")]
struct EntryError {
    path: String,
    source: io::Error,
}

/// Copies the tree into the directory, which gets the time of its entries. After a failure, copied files stay.
pub(super) fn copy(
    tree: &Tree,
    into: OwnedFd,
    account: &Account,
    report: &(dyn Fn(u64) + Sync),
    cancel: &CancelToken,
) -> Result<(), CopyError> {
    let shared = &Shared {
        failure: Mutex::default(),
        bytes: AtomicU64::new(0),
        owner: (Uid::from_raw(account.uid), Gid::from_raw(account.gid)),
        mtime: tree.mtime,
        report,
        cancel,
    };
    thread::scope(|scope| {
        let (jobs, waiting) = sync_channel(WAITING);
        // The threads alone own the receiver: when all of them have ended, the walk fails and does not wait.
        let waiting = Arc::new(Mutex::new(waiting));
        let processors = thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..processors.min(MAX_WORKERS) {
            let waiting = Arc::clone(&waiting);
            scope.spawn(move || shared.work(&waiting));
        }
        drop(waiting);
        let root = Level {
            path: Vec::new(),
            directory: Arc::new(Filled {
                descriptor: into,
                mode: None,
            }),
        };
        let mut copying = Copying {
            levels: vec![root],
            jobs,
            shared,
        };
        let walked = walk_tree(&tree.root, &tree.filter, tree.keep, &mut copying);
        shared.note(walked.map_err(CopyError::Tree));
        shared.note(copying.leave(0).map_err(CopyError::Target));
    });
    lock(&shared.failure).take().map_or(Ok(()), Err)
}

/// A directory, shared by the walk and the files that are still to be filled in it.
type Directory = Arc<Filled>;

/// A directory that is filled.
struct Filled {
    descriptor: OwnedFd,
    /// The mode that it gets in the end; until then its owner alone can use it.
    mode: Option<Mode>,
}

/// A file to be filled.
struct Job {
    path: Vec<u8>,
    file: TreeFile,
    copy: File,
    directory: Directory,
}

/// The walk.
struct Copying<'a> {
    /// The current directory and its parents, the root first.
    levels: Vec<Level>,
    jobs: SyncSender<Job>,
    shared: &'a Shared<'a>,
}

struct Level {
    path: Vec<u8>,
    directory: Directory,
}

impl Copying<'_> {
    /// Goes to the directory of a path and returns it, with the name of the entry.
    fn enter<'n>(&mut self, path: &'n [u8]) -> io::Result<(Directory, &'n OsStr)> {
        let slash = path.iter().rposition(|byte| *byte == b'/');
        let above = slash.map_or(&path[..0], |at| &path[..at]);
        let depth = self.levels.iter().rposition(|level| level.path == above);
        let depth = depth.expect("a directory comes before its entries");
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
        mkdirat(&above.descriptor, name, Mode::RWXU)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let descriptor = openat(&above.descriptor, name, flags, Mode::empty())?;
        let (user, group) = self.shared.owner;
        fchown(&descriptor, Some(user), Some(group))?;
        self.levels.push(Level {
            path: path.to_vec(),
            directory: Arc::new(Filled {
                descriptor,
                mode: Some(Mode::from_raw_mode(mode)),
            }),
        });
        Ok(())
    }

    fn make_symlink(&mut self, path: &[u8], target: &[u8]) -> io::Result<()> {
        let (above, name) = self.enter(path)?;
        symlinkat(target, &above.descriptor, name)?;
        let (user, group) = self.shared.owner;
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        Ok(chownat(
            &above.descriptor,
            name,
            Some(user),
            Some(group),
            flags,
        )?)
    }

    fn make_file(&mut self, path: &[u8], mode: u32) -> io::Result<(File, Directory)> {
        let (directory, name) = self.enter(path)?;
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let copy = openat(
            &directory.descriptor,
            name,
            flags,
            Mode::from_raw_mode(mode),
        )?;
        Ok((File::from(copy), directory))
    }
}

impl TreeSink for Copying<'_> {
    fn directory(&mut self, path: &[u8], attributes: TreeDirectory) -> io::Result<()> {
        let mode = attributes.mode;
        let done = self.make_directory(path, mode);
        self.shared.or_cancel(path, done)
    }

    fn symlink(&mut self, path: &[u8], target: &[u8]) -> io::Result<()> {
        let done = self.make_symlink(path, target);
        self.shared.or_cancel(path, done)
    }

    fn file(&mut self, path: &[u8], file: TreeFile) -> io::Result<()> {
        let done = self.make_file(path, file.mode());
        let (copy, directory) = self.shared.or_cancel(path, done)?;
        let sent = self.jobs.send(Job {
            path: path.to_vec(),
            file,
            copy,
            directory,
        });
        sent.map_err(|_| ErrorKind::BrokenPipe.into())
    }
}

/// The state that all threads share.
struct Shared<'a> {
    /// The first failure.
    failure: Mutex<Option<CopyError>>,
    /// The number of copied bytes.
    bytes: AtomicU64,
    owner: (Uid, Gid),
    /// The time of directories, and of files without another one.
    mtime: u64,
    report: &'a (dyn Fn(u64) + Sync),
    cancel: &'a CancelToken,
}

impl Shared<'_> {
    /// Fills files until the queue ends. After a failure it drains the queue, so that the walk is not blocked.
    fn work(&self, waiting: &Mutex<Receiver<Job>>) {
        loop {
            let job = lock(waiting).recv();
            let Ok(job) = job else { return };
            if self.check().is_ok() {
                self.note(self.fill(job));
            }
        }
    }

    fn fill(&self, job: Job) -> Result<(), CopyError> {
        let Job {
            path,
            file,
            mut copy,
            directory,
        } = job;
        let (mode, mtime) = (file.mode(), file.mtime().unwrap_or(self.mtime));
        let copied = file.copy_to(&mut copy, &mut |bytes| {
            self.count(bytes);
            self.check()
        });
        copied.map_err(|err| match err.kind() {
            ErrorKind::StorageFull
            | ErrorKind::QuotaExceeded
            | ErrorKind::FileTooLarge
            | ErrorKind::ReadOnlyFilesystem => CopyError::Target(err),
            _ => CopyError::Tree(err),
        })?;
        let finish = || -> io::Result<()> {
            let (user, group) = self.owner;
            fchown(&copy, Some(user), Some(group))?;
            if copy.metadata()?.mode() & 0o7777 != mode {
                fchmod(&copy, Mode::from_raw_mode(mode))?;
            }
            set_time(&copy, mtime)?;
            self.release(directory)
        };
        finish().map_err(|err| entry_error(&path, err))
    }

    /// Releases a directory, which is filled when the last owner does so.
    fn release(&self, directory: Directory) -> io::Result<()> {
        let Some(Filled { descriptor, mode }) = Arc::into_inner(directory) else {
            return Ok(());
        };
        if let Some(mode) = mode {
            fchmod(&descriptor, mode)?;
        }
        set_time(&File::from(descriptor), self.mtime)
    }

    fn count(&self, bytes: u64) {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let now = before + bytes;
        if before / REPORT_INTERVAL != now / REPORT_INTERVAL {
            (self.report)(now);
        }
    }

    /// Ends the walk with an error if an entry could not be made, or the command is cancelled.
    fn or_cancel<T>(&self, path: &[u8], done: io::Result<T>) -> io::Result<T> {
        self.check()?;
        done.map_err(|err| {
            self.note(Err(entry_error(path, err)));
            Errno::CANCELED.into()
        })
    }

    /// Fails after another failure, and when the command is cancelled. The first failure is returned in the end.
    fn check(&self) -> io::Result<()> {
        let is_over = self.cancel.reason().is_some() || lock(&self.failure).is_some();
        if is_over {
            return Err(Errno::CANCELED.into());
        }
        Ok(())
    }

    fn note(&self, result: Result<(), CopyError>) {
        if let Err(failure) = result {
            lock(&self.failure).get_or_insert(failure);
        }
    }
}

/// Sets the modification time. One that is out of range is left out.
fn set_time(file: &File, mtime: u64) -> io::Result<()> {
    let mtime = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(mtime));
    mtime.map_or(Ok(()), |mtime| file.set_modified(mtime))
}

fn entry_error(path: &[u8], source: io::Error) -> CopyError {
    let path = String::from_utf8_lossy(path).into_owned();
    let kind = source.kind();
    CopyError::Target(io::Error::new(kind, EntryError { path, source }))
}

/// Locks a mutex. A panic leaves no inconsistent state under these locks.
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
        ErrorChain, OpenDir, Times,
        archive::{Keep, KeptTimes, Limits, TreeOptions, unpack, write_tree},
        ignore::Filter,
    };

    use super::*;

    const MTIME: u64 = 1_700_000_000;

    const KEEP: Keep = Keep {
        modes: true,
        times: Some(KeptTimes {
            times: Times {
                new: MTIME,
                latest: None,
            },
            started: None,
        }),
        directory_times: false,
    };

    /// Makes a tree with more files than the queue takes.
    fn source() -> tempfile::TempDir {
        let temp = tempfile::tempdir().unwrap();
        for directory in 0..40 {
            let deep = temp.path().join(format!("d{directory}/with/depth"));
            fs::create_dir_all(&deep).unwrap();
            for file in 0..10 {
                let path = deep.join(format!("f{file}"));
                fs::write(&path, format!("{directory} {file}").repeat(file * 500)).unwrap();
                let mode = [0o600, 0o644, 0o755, 0o700][file % 4];
                fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
                let time = Duration::from_millis(MTIME * 900 + file as u64 * 100);
                let time = SystemTime::UNIX_EPOCH + time;
                File::open(path).unwrap().set_modified(time).unwrap();
            }
        }
        let closed = temp.path().join("d3/with");
        fs::set_permissions(closed, Permissions::from_mode(0o500)).unwrap();
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
            keep: KEEP,
        }
    }

    /// Returns another account if the tests run as root, else their own.
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

    fn copy_to(into: &Path, tree: &Tree) -> Result<u64, CopyError> {
        let reported = AtomicU64::new(0);
        let report = |bytes| {
            reported.fetch_max(bytes, Ordering::Relaxed);
        };
        let dir = File::open(into).unwrap().into();
        copy(tree, dir, &account(), &report, &CancelToken::default())?;
        Ok(reported.into_inner())
    }

    /// Returns the mode, time and content of all entries of a tree, which belong to one user.
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
                    // The time of a link is not set.
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
    fn copy_equals_an_unpacked_archive() {
        let (source, copied, unpacked) = (
            source(),
            tempfile::tempdir().unwrap(),
            tempfile::tempdir().unwrap(),
        );
        let tree = tree(source.path());
        let reported = copy_to(copied.path(), &tree).unwrap();
        let options = TreeOptions {
            filter: &tree.filter,
            mtime: MTIME,
            keep: KEEP,
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
        // From time to time, and never more than the total.
        assert!(
            (REPORT_INTERVAL..=written.bytes).contains(&reported),
            "{reported}"
        );
    }

    /// A file system in memory lists entries in the order of their creation, or backwards.
    #[test]
    fn entries_are_made_in_the_order_of_their_names() {
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
            CopyError::Tree(err) => format!("tree: {}", ErrorChain(&err)),
            CopyError::Target(err) => format!("target: {}", ErrorChain(&err)),
        };
        let shown = shown.replace(source.path().to_str().unwrap(), "ROOT");
        assert_eq!(shown, expected);
        assert!(!into.path().join("d9").exists());
    }

    #[test]
    fn failure_ends_the_walk_and_names_its_side() {
        check_failure(
            |_, into| fs::create_dir(into.join("d0")).unwrap(),
            "target: can't make `d0`: File exists (os error 17)",
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

    /// The tree has more files than the queue takes: the walk ends although no more are filled.
    #[test]
    fn failure_of_a_thread_is_returned() {
        let (source, into) = (source(), tempfile::tempdir().unwrap());
        let path = source.path().join("a");
        let size = 33 << 20;
        let file = File::create(&path).unwrap();
        file.set_len(size).unwrap();
        let shrink = |_| file.set_len(1).unwrap();
        let dir = File::open(into.path()).unwrap().into();
        let tree = tree(source.path());
        let copied = copy(&tree, dir, &account(), &shrink, &CancelToken::default());
        let Err(CopyError::Tree(err)) = copied else {
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
    fn cancelled_copy_stops() {
        let (source, into) = (source(), tempfile::tempdir().unwrap());
        let cancel = CancelToken::default();
        let stop = |_| cancel.cancel(Interrupt::Interrupted);
        let dir = File::open(into.path()).unwrap().into();
        copy(&tree(source.path()), dir, &account(), &stop, &cancel).unwrap_err();
        assert!(into.path().join("d0").exists());
        assert!(!into.path().join("d9").exists());
    }
}
