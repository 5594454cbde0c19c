//! The container that this process runs in.

use std::{
    collections::BTreeSet,
    env,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use s2i_core::{bounds, mounts};
use thiserror::Error;

/// This process does not run in a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("this process does not run in a container")]
pub struct NotInContainer;

/// The files by which engines mark their containers.
const MARKS: [&str; 2] = ["/.dockerenv", "/run/.containerenv"];

/// The variables that are set in containers alone.
const VARIABLES: [&str; 2] = ["container", "KUBERNETES_SERVICE_HOST"];

/// The directories of a container that are no part of its image, also where nothing is mounted there.
const OUTSIDE: [&str; 3] = ["/proc", "/sys", "/dev"];

/// The ticks of the clock in which `/proc` has times, in a second. It is the same on all processors for Linux.
const TICKS: u64 = 100;

/// The container that this process runs in.
#[derive(Clone, Debug)]
pub struct Place {
    /// Directories and files that are no part of the image: mounts, and what the caller leaves out.
    pub(crate) outside: BTreeSet<PathBuf>,
    /// The time at which the container was started, as far as it is known.
    pub(crate) started: Option<SystemTime>,
}

impl Place {
    /// Returns whether there is a sign of a container: a mark of an engine, or the directory of s2i in a `:ci` image.
    #[must_use]
    pub fn is_container(share: &Path) -> bool {
        share.is_dir()
            || MARKS.iter().any(|mark| Path::new(mark).exists())
            || VARIABLES.iter().any(|name| env::var_os(name).is_some())
    }

    /// Reads the mounts and the start of the container.
    pub(crate) fn read(left_out: &[PathBuf]) -> Self {
        let mounts = bounds::head_of_file(Path::new("/proc/self/mountinfo"), bounds::FILE);
        let mounts = mounts.unwrap_or_default();
        let outside = OUTSIDE.map(PathBuf::from).into_iter();
        Self {
            outside: outside
                .chain(mounts::points(&mounts))
                .chain(left_out.iter().cloned())
                .filter(|path| path != Path::new("/"))
                .collect(),
            started: start_of_container(),
        }
    }
}

/// Returns the time at which the first process of this PID namespace was started.
fn start_of_container() -> Option<SystemTime> {
    let text = |path: &str| {
        let text = bounds::head_of_file(Path::new(path), bounds::FILE).ok()?;
        String::from_utf8(text).ok()
    };
    let stat = text("/proc/1/stat")?;
    // The name of the program is in parentheses and may have any characters. Field 22 of the line is the start.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: u64 = fields.split_whitespace().nth(19)?.parse().ok()?;
    let stat = text("/proc/stat")?;
    let booted = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    let booted = Duration::from_secs(booted.trim().parse().ok()?);
    let running = Duration::from_millis(ticks.saturating_mul(1000 / TICKS));
    SystemTime::UNIX_EPOCH.checked_add(booted + running)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_of_the_container_is_in_the_past() {
        assert!(start_of_container().is_some_and(|start| start <= SystemTime::now()));
    }
}
