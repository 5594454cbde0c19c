//! The limits of a container, by a cgroup (version 2) of its own.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use s2i_build::limits::Limits;

use super::error::{Error, os};
use crate::files::host_text;

const HIERARCHY: &str = "/sys/fs/cgroup";

/// The period in which the processor time is counted, in microseconds; the kernel's own default.
const PERIOD: u64 = 100_000;

/// The number of cgroups so far, for their names.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// The cgroup of a container; removed when it is dropped, which must be after its last process.
pub(super) struct Cgroup(PathBuf);

impl Cgroup {
    /// Makes a cgroup, if there is anything to limit.
    pub(super) fn create(limits: &Limits) -> Result<Option<Self>, Error> {
        if limits.is_empty() {
            return Ok(None);
        }
        Self::create_in(Path::new(HIERARCHY), &own(), limits).map(Some)
    }

    fn create_in(hierarchy: &Path, own: &str, limits: &Limits) -> Result<Self, Error> {
        let parent = parent_in(hierarchy, own, &controllers(limits))?;
        remove_stale(&parent);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = parent.join(format!("s2i-{}-{count}", std::process::id()));
        fs::create_dir(&dir).map_err(os("make the cgroup", &dir.display()))?;
        let cgroup = Self(dir);
        for (file, value) in settings(limits) {
            let path = cgroup.0.join(file);
            match fs::write(&path, value) {
                // There is none where nothing can be swapped out.
                Err(err) if err.kind() == io::ErrorKind::NotFound && file == SWAP => {}
                written => written.map_err(os("set the limit", &path.display()))?,
            }
        }
        Ok(cgroup)
    }

    /// Returns the file through which a process enters the cgroup.
    pub(super) fn procs(&self) -> PathBuf {
        self.0.join("cgroup.procs")
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

const SWAP: &str = "memory.swap.max";

fn settings(limits: &Limits) -> Vec<(&'static str, String)> {
    let memory = limits.memory.map(|bytes| ("memory.max", bytes.to_string()));
    let swap = limits.memory.map(|bytes| (SWAP, bytes.to_string()));
    let pids = limits.pids.map(|pids| ("pids.max", pids.to_string()));
    let cpu = limits.cpu_millis.map(|millis| {
        let quota = millis * (PERIOD / 1000);
        ("cpu.max", format!("{quota} {PERIOD}"))
    });
    [memory, swap, pids, cpu].into_iter().flatten().collect()
}

fn controllers(limits: &Limits) -> Vec<&'static str> {
    let memory = limits.memory.map(|_| "memory");
    let pids = limits.pids.map(|_| "pids");
    let cpu = limits.cpu_millis.map(|_| "cpu");
    [memory, pids, cpu].into_iter().flatten().collect()
}

/// Returns the entry of this process in the hierarchies of cgroups.
fn own() -> String {
    host_text("/proc/self/cgroup").unwrap_or_default()
}

/// Returns the cgroup in which this process can make one with these controllers.
pub(crate) fn parent_for(controllers: &[&str]) -> Result<PathBuf, Error> {
    parent_in(Path::new(HIERARCHY), &own(), controllers)
}

/// Returns the nearest cgroup from this process's own upwards that gives all controllers to its children and lets this
/// process in. Its own does not, as a rule: one that has processes can't have children with controllers.
fn parent_in(hierarchy: &Path, own: &str, controllers: &[&str]) -> Result<PathBuf, Error> {
    if !hierarchy.join("cgroup.controllers").exists() {
        return Err(Error::NoCgroups);
    }
    // Only this version has the number 0 and no name.
    let own = own.lines().find_map(|line| line.strip_prefix("0::/"));
    let own = hierarchy.join(own.ok_or(Error::NoCgroups)?);
    let up = own.ancestors().take_while(|dir| dir.starts_with(hierarchy));
    let mut fit = up.filter(|dir| gives(dir, controllers) && is_writable(dir));
    let parent = fit.next().map(Path::to_owned);
    parent.ok_or_else(|| Error::NoDelegation {
        own: own.display().to_string(),
        controllers: controllers.join(", "),
    })
}

fn gives(dir: &Path, controllers: &[&str]) -> bool {
    let given = host_text(dir.join("cgroup.subtree_control")).unwrap_or_default();
    let mut wanted = controllers.iter();
    wanted.all(|wanted| given.split_whitespace().any(|given| given == *wanted))
}

/// Returns whether this process can move a process into the cgroup, which takes write access to the common parent of
/// both cgroups.
fn is_writable(dir: &Path) -> bool {
    use rustix::fs::{Access, access};
    let may = |path: &Path| access(path, Access::WRITE_OK).is_ok();
    may(dir) && may(&dir.join("cgroup.procs"))
}

/// Removes the cgroups of programs that were killed. One with processes in it can't be removed.
fn remove_stale(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name
            .to_str()
            .and_then(|name| name.strip_prefix("s2i-")?.split('-').next());
        let is_stale = |pid: &str| !pid.is_empty() && !Path::new("/proc").join(pid).exists();
        if pid.is_some_and(is_stale) {
            let _ = fs::remove_dir(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        memory: Some(1 << 30),
        pids: Some(100),
        cpu_millis: Some(1500),
    };

    /// A hierarchy like that of systemd: what is below `user.slice` may be limited.
    fn hierarchy(given: &str) -> tempfile::TempDir {
        let temp = tempfile::tempdir().unwrap();
        let session = temp.path().join("user.slice/session.scope");
        fs::create_dir_all(&session).unwrap();
        fs::write(temp.path().join("cgroup.controllers"), "").unwrap();
        for dir in [&session, session.parent().unwrap(), temp.path()] {
            fs::write(dir.join("cgroup.procs"), "").unwrap();
            fs::write(dir.join("cgroup.subtree_control"), "").unwrap();
        }
        fs::write(temp.path().join("user.slice/cgroup.subtree_control"), given).unwrap();
        temp
    }

    #[test]
    fn the_nearest_that_gives_all_is_used_and_left_clean() {
        let temp = hierarchy("cpu memory pids\n");
        let left = temp.path().join("user.slice/s2i-4194399-0");
        fs::create_dir(&left).unwrap();
        let own = "1:name=systemd:/x\n0::/user.slice/session.scope\n";
        let cgroup = Cgroup::create_in(temp.path(), own, &LIMITS).unwrap();
        let dir = cgroup.0.clone();
        assert_eq!(dir.parent(), left.parent());
        assert!(!left.exists());
        let read = |file| fs::read_to_string(dir.join(file)).unwrap();
        let found = ["memory.max", "memory.swap.max", "pids.max", "cpu.max"].map(read);
        assert_eq!(found, ["1073741824", "1073741824", "100", "150000 100000"]);
        // A real one needs no files to be removed first.
        for file in fs::read_dir(&dir).unwrap() {
            fs::remove_file(file.unwrap().path()).unwrap();
        }
        drop(cgroup);
        assert!(!dir.exists());
    }

    #[test]
    fn limits_without_delegation_are_rejected() {
        let temp = hierarchy("memory\n");
        let refused = |own: &str, expected: &str| {
            let err = Cgroup::create_in(temp.path(), own, &LIMITS).err().unwrap();
            assert!(err.to_string().contains(expected), "{err}");
        };
        refused(
            "0::/user.slice/session.scope\n",
            "lets this process limit memory, pids, cpu",
        );
        refused("4:memory:/\n", "limits need cgroup v2");
        fs::remove_file(temp.path().join("cgroup.controllers")).unwrap();
        refused("0::/user.slice/session.scope\n", "limits need cgroup v2");
    }

    #[test]
    fn without_limits_there_is_none() {
        assert!(Cgroup::create(&Limits::default()).unwrap().is_none());
    }
}
