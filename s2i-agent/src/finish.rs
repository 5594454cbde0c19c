//! The last request: the container is prepared for the commit.

use std::{
    collections::HashSet,
    ffi::OsStr,
    fs, io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
use s2i_core::wire::{Answer, Failure, FailureKind, Finish};

use crate::{files::kernel_text, processes};

/// The longest tick of the kernel. File times lag behind the clock by up to a tick, but never behind each other.
const TICK: Duration = Duration::from_millis(20);

/// Ends every process, removes the paths of the request, checks the required programs, and sets the modification time
/// of all files that changed since `started`.
pub(crate) fn finish(
    finish: &Finish,
    made: &[PathBuf],
    started: SystemTime,
) -> Result<Answer, Failure> {
    processes::end_all();
    processes::collect_all();
    let os = |path: &Path, err: &io::Error| Failure {
        kind: FailureKind::Os,
        message: format!("can't clean up `{}`: {err}", path.display()),
    };
    for (number, path) in finish.remove.iter().enumerate() {
        let path = Path::new(path.as_str());
        let aside = finish.aside.as_ref();
        if !aside.is_some_and(|aside| put_aside(path, &format!("{aside}{number}"))) {
            remove(path).map_err(|err| os(path, &err))?;
        }
    }
    // Directories that were created for removed files. Those that are not empty stay.
    let told = finish.made.iter().map(|dir| Path::new(dir.as_str()));
    let made = told.chain(made.iter().map(PathBuf::as_path));
    made.rev().for_each(|dir| drop(fs::remove_dir(dir)));
    for path in &finish.require {
        check_executable(Path::new(path.as_str()))?;
    }
    if let Some(mtime) = finish.mtime {
        let mounts = mount_points();
        let walk = Walk {
            started,
            mtime,
            mounts,
        };
        walk.directory(Path::new("/"))
            .map_err(|(path, err)| os(&path, &err))?;
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
    let came = fs::symlink_metadata(&own).map_or(now, |metadata| changed(&metadata));
    let _ = fs::remove_file(own);
    came
}

fn changed(metadata: &fs::Metadata) -> SystemTime {
    let seconds = metadata.ctime().try_into().unwrap_or_default();
    SystemTime::UNIX_EPOCH
        + Duration::new(
            seconds,
            metadata.ctime_nsec().try_into().unwrap_or_default(),
        )
}

/// Moves a directory and returns whether that succeeded. Other files are not moved, and a directory of which a part
/// belongs to the image may not be movable.
fn put_aside(path: &Path, aside: &str) -> bool {
    let is_directory = path
        .symlink_metadata()
        .is_ok_and(|metadata| metadata.is_dir());
    is_directory && fs::rename(path, aside).is_ok()
}

fn remove(path: &Path) -> io::Result<()> {
    let removed = match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(err) => Err(err),
    };
    removed.or_else(|err| match err.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(()),
        _ => Err(err),
    })
}

fn check_executable(path: &Path) -> Result<(), Failure> {
    let message = match path.metadata() {
        Err(_) => format!(
            "`{}` would be the command of the image and is not there",
            path.display()
        ),
        Ok(metadata) if !metadata.is_file() || metadata.permissions().mode() & 0o111 == 0 => {
            format!(
                "`{}` would be the command of the image and is not executable",
                path.display()
            )
        }
        Ok(_) => return Ok(()),
    };
    Err(Failure {
        kind: FailureKind::Requirement,
        message,
    })
}

/// Returns the mount points in the container except the root.
fn mount_points() -> HashSet<PathBuf> {
    let text = kernel_text("/proc/self/mountinfo").unwrap_or_default();
    let point = |line: &str| Some(PathBuf::from(line.split(' ').nth(4)?.replace("\\040", " ")));
    text.lines()
        .filter_map(point)
        .filter(|point| point.as_os_str() != OsStr::new("/"))
        .collect()
}

struct Walk {
    started: SystemTime,
    mtime: u64,
    mounts: HashSet<PathBuf>,
}

impl Walk {
    /// Visits the entries of the directory first, because that may change the directory's own time.
    fn directory(&self, path: &Path) -> Result<(), (PathBuf, io::Error)> {
        let in_path = |err| (path.to_owned(), err);
        for entry in fs::read_dir(path).map_err(in_path)? {
            let entry = entry.map_err(in_path)?;
            let child = entry.path();
            if self.mounts.contains(&child) {
                continue;
            }
            if entry.file_type().map_err(in_path)?.is_dir() {
                self.directory(&child)?;
            } else {
                self.clamp(&child).map_err(|err| (child, err))?;
            }
        }
        self.clamp(path).map_err(in_path)
    }

    /// Sets the time of a file that changed. A file to which the script gave an older time keeps it.
    fn clamp(&self, path: &Path) -> io::Result<()> {
        let metadata = path.symlink_metadata()?;
        // The engine created files with the same time as this program.
        let is_new = changed(&metadata) > self.started && metadata.modified()? > self.started;
        if !is_new {
            return Ok(());
        }
        let time = Timespec {
            tv_sec: self.mtime.try_into().unwrap_or(i64::MAX),
            tv_nsec: 0,
        };
        let times = Timestamps {
            last_access: time,
            last_modification: time,
        };
        utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).map_err(Into::into)
    }
}
