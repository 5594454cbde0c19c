//! The last request: the container is prepared for the commit.

use std::{
    collections::HashSet,
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
use s2i_core::{
    Times, bounds, mounts,
    needles::Needles,
    wire::{Answer, Failure, FailureKind, Finish, OrFailure as _},
};

use crate::{
    account::keeps_own,
    inject::{self, Injections},
    processes,
};

/// The longest tick of the kernel. File times lag behind the clock by up to a tick, but never behind each other.
const TICK: Duration = Duration::from_millis(20);

/// Ends every process, removes the injected files and the paths of the request, checks the required programs, sets the
/// modification time of all files that changed since `started`, and refuses one with the content of an injected file.
pub(crate) fn finish(
    finish: &Finish,
    made: &[PathBuf],
    injections: &mut Injections,
    started: SystemTime,
) -> Result<Answer, Failure> {
    processes::end_all();
    processes::collect_all();
    injections.remove()?;
    let mounts = mount_points();
    let (kept, removed): (Vec<_>, Vec<_>) = finish.remove.iter().partition(|removal| {
        let unless = removal.unless.as_ref();
        unless.is_some_and(|program| executable(Path::new(program.as_str())).is_ok())
    });
    for (number, removal) in removed.into_iter().enumerate() {
        let path = Path::new(removal.path.as_str());
        let aside = finish.aside.as_ref();
        if !aside.is_some_and(|aside| put_aside(path, &format!("{aside}{number}"))) {
            remove(path, &mounts)
                .or_failure(format_args!("can't clean up `{}`", path.display()))?;
        }
    }
    // Directories that were created for removed files. Those that are not empty stay.
    let requested = finish.made.iter().map(|dir| Path::new(dir.as_str()));
    let made = requested.chain(made.iter().map(PathBuf::as_path));
    let is_kept = |dir: &&Path| {
        kept.iter()
            .any(|kept| *dir == Path::new(kept.path.as_str()))
    };
    let unneeded = made.rev().filter(|dir| !is_kept(dir));
    unneeded.for_each(|dir| drop(fs::remove_dir(dir)));
    for path in &finish.require {
        check_executable(Path::new(path.as_str()))?;
    }
    let needles = injections.needles();
    if finish.times.is_some() || !needles.is_empty() {
        let walk = Walk {
            started,
            times: finish.times,
            needles,
            mounts,
        };
        walk.directory(Path::new("/"))?;
    }
    Ok(Answer::Finished)
}

/// Removes this program's own file, which must not get into an image, and returns the time of its upload: files that
/// changed before that belong to the image.
pub(crate) fn remove_own_file() -> SystemTime {
    let own = std::env::args_os().next().unwrap_or_default();
    let now = SystemTime::now();
    let now = now.checked_sub(TICK).unwrap_or(now);
    if !own.as_encoded_bytes().starts_with(b"/.s2i") {
        return now;
    }
    let uploaded = fs::symlink_metadata(&own).map_or(now, |metadata| changed(&metadata));
    let _ = fs::remove_file(own);
    uploaded
}

fn changed(metadata: &fs::Metadata) -> SystemTime {
    let seconds = metadata.ctime().try_into().unwrap_or_default();
    let nanoseconds = metadata.ctime_nsec().try_into().unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds)
}

/// Moves a directory and returns whether that succeeded. Other files are not moved, and a directory of which a part
/// belongs to the image may not be movable.
fn put_aside(path: &Path, aside: &str) -> bool {
    let metadata = path.symlink_metadata();
    metadata.is_ok_and(|metadata| metadata.is_dir()) && fs::rename(path, aside).is_ok()
}

/// Removes a file or a directory. What is mounted is not of this container: it stays, and so do the directories above
/// it.
fn remove(path: &Path, mounts: &HashSet<PathBuf>) -> io::Result<()> {
    let real = match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => fs::canonicalize(parent).map(|parent| parent.join(name)),
        _ => Ok(path.to_owned()),
    };
    let real = real.as_deref().unwrap_or(path);
    if mounts.contains(real) {
        return Ok(());
    }
    let removed = match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() && mounts.iter().any(|mount| mount.starts_with(real)) => {
            let mut entries = fs::read_dir(real)?;
            entries.try_for_each(|entry| remove(&entry?.path(), mounts))
        }
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(err) => Err(err),
    };
    removed.or_else(|err| match err.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(()),
        _ => Err(err),
    })
}

/// Returns the problem with a program, as a predicate.
fn executable(path: &Path) -> Result<(), &'static str> {
    match path.metadata() {
        Err(_) => Err("not there"),
        Ok(metadata) if !metadata.is_file() || metadata.mode() & 0o111 == 0 => {
            Err("not executable")
        }
        Ok(_) => Ok(()),
    }
}

fn check_executable(path: &Path) -> Result<(), Failure> {
    let Err(problem) = executable(path) else {
        return Ok(());
    };
    let path = path.display();
    let message = format!("`{path}` would be the command of the image and is {problem}");
    Err(Failure::new(FailureKind::Requirement, message))
}

/// Returns the mount points in the container except the root.
fn mount_points() -> HashSet<PathBuf> {
    let table = bounds::head_of_file(Path::new("/proc/self/mountinfo"), bounds::FILE);
    let table = table.unwrap_or_default();
    let points = mounts::points(&table);
    points.filter(|point| point != Path::new("/")).collect()
}

struct Walk<'a> {
    started: SystemTime,
    times: Option<Times>,
    needles: &'a Needles,
    mounts: HashSet<PathBuf>,
}

impl Walk<'_> {
    /// Visits the entries of the directory first, because that may change the directory's own time.
    fn directory(&self, path: &Path) -> Result<(), Failure> {
        let operation = format_args!("can't clean up `{}`", path.display());
        let entries = match fs::read_dir(path) {
            // The files in it are not of this process.
            Err(err) if err.kind() == io::ErrorKind::PermissionDenied && keeps_own() => {
                return Ok(());
            }
            entries => entries.or_failure(operation)?,
        };
        for entry in entries {
            let entry = entry.or_failure(operation)?;
            let child = entry.path();
            if self.mounts.contains(&child) {
                continue;
            }
            if entry.file_type().or_failure(operation)?.is_dir() {
                self.directory(&child)?;
            } else {
                self.leave(&child)?;
            }
        }
        self.leave(path)
    }

    /// Checks a file that changed, and sets its time.
    fn leave(&self, path: &Path) -> Result<(), Failure> {
        let operation = format_args!("can't clean up `{}`", path.display());
        let metadata = path.symlink_metadata().or_failure(operation)?;
        // The engine created files with the same time as this program.
        if changed(&metadata) <= self.started {
            return Ok(());
        }
        if let Some(injected) = inject::find(self.needles, path, &metadata).or_failure(operation)? {
            let path = path.display();
            let message = format!("`{path}` has the content of the injected file `{injected}`");
            return Err(Failure::new(FailureKind::Leak, message));
        }
        self.clamp(path, &metadata).or_failure(operation)
    }

    /// A file to which the script gave an older time keeps it, up to the latest one.
    fn clamp(&self, path: &Path, metadata: &fs::Metadata) -> io::Result<()> {
        let Some(times) = self.times else {
            return Ok(());
        };
        let own = metadata.modified()?;
        let Some(time) = times.replacement(own, Some(self.started)) else {
            return Ok(());
        };
        let time = Timespec {
            tv_sec: time.try_into().unwrap_or(i64::MAX),
            tv_nsec: 0,
        };
        let times = Timestamps {
            last_access: time,
            last_modification: time,
        };
        utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).map_err(Into::into)
    }
}
