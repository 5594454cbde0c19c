//! A tree of the host into a directory that nobody else uses yet.
//!
//! One thread walks through the tree and makes directories, others make the files in them: nearly all of the time is
//! the kernel's, and it makes files in different directories at once. A directory gets its time when the last of
//! its files is there.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io,
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

/// More threads than this gain nothing, however many processors there are: they wait for the disk.
const MOST_WORKERS: usize = 4;

/// How many open files may wait for one.
const WAITING: usize = 64;

/// How many bytes there are between two times of telling.
const TELLING: u64 = 1 << 20;

/// Copies the tree into the directory. What was copied before an error stays.
pub(super) fn copy(
    tree: &Tree,
    into: OwnedFd,
    account: &Account,
    tell: &(dyn Fn(u64) + Sync),
    cancel: &CancelToken,
) -> io::Result<()> {
    let (jobs, waiting) = sync_channel(WAITING);
    let shared = Shared {
        waiting: Mutex::new(waiting),
        failure: Mutex::default(),
        bytes: AtomicU64::new(0),
        owner: (Uid::from_raw(account.uid), Gid::from_raw(account.gid)),
        mtime: SystemTime::UNIX_EPOCH + Duration::from_secs(tree.mtime),
        tell,
        cancel,
    };
    thread::scope(|scope| {
        for _ in 0..workers() {
            scope.spawn(|| shared.work());
        }
        let root = Level {
            path: Vec::new(),
            directory: Arc::new(into),
        };
        let mut copying = Copying {
            levels: vec![root],
            jobs,
            shared: &shared,
        };
        let walked = walk_tree(&tree.root, &tree.filter, &mut copying);
        shared.note(walked.and_then(|()| copying.leave(0)));
    });
    shared.into_result()
}

fn workers() -> usize {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    processors.min(MOST_WORKERS)
}

/// A directory that is being filled, here and by the files that wait to be made in it.
type Directory = Arc<OwnedFd>;

/// A file to be made.
struct Job {
    file: TreeFile,
    directory: Directory,
    name: OsString,
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
        self.shared.check()?;
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
}

impl TreeSink for Copying<'_> {
    fn directory(&mut self, path: &[u8], mode: u32) -> io::Result<()> {
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

    fn symlink(&mut self, path: &[u8], target: &[u8]) -> io::Result<()> {
        let (above, name) = self.enter(path)?;
        symlinkat(target, &above, name)?;
        let (user, group) = self.shared.owner;
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        Ok(chownat(&above, name, Some(user), Some(group), flags)?)
    }

    fn file(&mut self, path: &[u8], file: TreeFile) -> io::Result<()> {
        let (directory, name) = self.enter(path)?;
        let job = Job {
            file,
            directory,
            name: name.into(),
        };
        let sent = self.jobs.send(job);
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// What all threads know.
struct Shared<'a> {
    waiting: Mutex<Receiver<Job>>,
    /// The first failure.
    failure: Mutex<Option<io::Error>>,
    /// How many were copied.
    bytes: AtomicU64,
    owner: (Uid, Gid),
    mtime: SystemTime,
    tell: &'a (dyn Fn(u64) + Sync),
    cancel: &'a CancelToken,
}

impl Shared<'_> {
    /// Makes files until no more come. After a failure they are taken and left, so that the walk does not wait for
    /// somebody to take them.
    fn work(&self) {
        loop {
            let job = lock(&self.waiting).recv();
            let Ok(job) = job else { return };
            if self.check().is_ok() {
                let made = self.make(job);
                self.note(made);
            }
        }
    }

    fn make(&self, job: Job) -> io::Result<()> {
        let Job {
            file,
            directory,
            name,
        } = job;
        let mode = Mode::from_raw_mode(file.mode());
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut copy = File::from(openat(&directory, name, flags, mode)?);
        file.copy_to(&mut copy, &mut |bytes| {
            self.count(bytes);
            self.check()
        })?;
        let (user, group) = self.owner;
        fchown(&copy, Some(user), Some(group))?;
        if copy.metadata()?.mode() & 0o7777 != mode.as_raw_mode() {
            fchmod(&copy, mode)?;
        }
        copy.set_modified(self.mtime)?;
        self.release(directory)
    }

    /// Gives up a directory. Whoever does so last knows that it is filled.
    fn release(&self, directory: Directory) -> io::Result<()> {
        match Arc::into_inner(directory) {
            Some(directory) => File::from(directory).set_modified(self.mtime),
            None => Ok(()),
        }
    }

    fn count(&self, bytes: u64) {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let now = before + bytes;
        if before / TELLING != now / TELLING {
            (self.tell)(now);
        }
    }

    /// An error where everything is to stop; which one it was is told in the end.
    fn check(&self) -> io::Result<()> {
        let is_over = self.cancel.reason().is_some() || lock(&self.failure).is_some();
        if is_over {
            return Err(Errno::CANCELED.into());
        }
        Ok(())
    }

    fn note(&self, result: io::Result<()>) {
        if let Err(err) = result {
            lock(&self.failure).get_or_insert(err);
        }
    }

    fn into_result(self) -> io::Result<()> {
        let failure = self.failure.into_inner();
        failure
            .unwrap_or_else(PoisonError::into_inner)
            .map_or(Ok(()), Err)
    }
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
        os::unix::fs::{PermissionsExt as _, symlink},
        path::Path,
        sync::atomic::AtomicU64,
    };

    use s2i_build::Interrupt;
    use s2i_core::{
        archive::{Limits, TreeOptions, unpack, write_tree},
        ignore::Filter,
    };

    use super::*;

    const MTIME: u64 = 1_700_000_000;

    /// More directories than may be open and more files than may wait.
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
        let (filter, _) = Filter::default().with_ignore_file("f", "left-out");
        Tree {
            root: root.to_owned(),
            filter: Arc::new(filter),
            mtime: MTIME,
        }
    }

    /// Whoever runs the tests.
    fn oneself() -> Account {
        let metadata = fs::metadata("/proc/self").unwrap();
        Account {
            uid: metadata.uid(),
            gid: metadata.gid(),
            groups: Vec::new(),
            home: "/".into(),
        }
    }

    fn copy_to(into: &Path, tree: &Tree, cancel: &CancelToken) -> io::Result<u64> {
        let told = AtomicU64::new(0);
        let tell = |bytes| told.store(bytes, Ordering::Relaxed);
        let dir = File::open(into).unwrap().into();
        copy(tree, dir, &oneself(), &tell, cancel)?;
        Ok(told.into_inner())
    }

    /// Everything that an archive tells of a tree: what an entry is and has, its mode and its time.
    fn listing(root: &Path) -> BTreeMap<String, (u32, i64, Vec<u8>)> {
        let mut found = BTreeMap::new();
        let mut waiting = vec![root.to_owned()];
        while let Some(dir) = waiting.pop() {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                let metadata = path.symlink_metadata().unwrap();
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
        let told = copy_to(copied.path(), &tree, &CancelToken::default()).unwrap();
        let options = TreeOptions {
            filter: &tree.filter,
            mtime: MTIME,
            prefix: "",
        };
        let mut archive = Vec::new();
        let written = write_tree(source.path(), &options, &mut archive).unwrap();
        let dir = cap_std::fs::Dir::open_ambient_dir(unpacked.path(), cap_std::ambient_authority());
        unpack(&mut &archive[..], &dir.unwrap(), &Limits::default()).unwrap();
        let expected = listing(unpacked.path());
        assert_eq!(listing(copied.path()), expected);
        assert_eq!(expected.len() as u64, written.entries);
        // Once in a while, and never more than there is.
        assert!((TELLING..=written.bytes).contains(&told), "{told}");
    }

    #[test]
    fn a_failure_ends_the_walk_and_is_the_one_that_is_told() {
        // One while a file is made, with many files still to come, and one of the walk itself.
        let (source, into) = (source(), tempfile::tempdir().unwrap());
        let tree = tree(source.path());
        fs::create_dir(into.path().join("zzz")).unwrap();
        fs::write(source.path().join("zzz"), "x").unwrap();
        let err = copy_to(into.path(), &tree, &CancelToken::default()).unwrap_err();
        assert_eq!(err.kind(), io::ErrorKind::AlreadyExists, "{err}");

        let into = tempfile::tempdir().unwrap();
        fs::create_dir(into.path().join("d0")).unwrap();
        let err = copy_to(into.path(), &tree, &CancelToken::default()).unwrap_err();
        assert_eq!(err.kind(), io::ErrorKind::AlreadyExists, "{err}");
        assert!(!into.path().join("zzz").exists());
    }

    #[test]
    fn nothing_is_copied_once_somebody_stops_it() {
        let (source, into) = (source(), tempfile::tempdir().unwrap());
        let cancel = CancelToken::default();
        cancel.cancel(Interrupt::Interrupted);
        copy_to(into.path(), &tree(source.path()), &cancel).unwrap_err();
        assert!(listing(into.path()).is_empty());
    }
}
