//! Processes: starting them in separate sessions, finding them again and ending them.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

/// A started process. The start time distinguishes it from later processes with the same ID.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Process {
    pid: i32,
    /// The start time in clock ticks since boot.
    started: u64,
    name: String,
}

/// Returns a command that runs `program` in a separate session, so that it survives this terminal.
pub(crate) fn detached(program: &Path) -> Command {
    let mut command = Command::new("setsid");
    command.arg(program);
    command
}

/// Starts a command made by [`detached`], with its output in the file `log`.
pub(crate) fn spawn(command: &mut Command, log: &Path) -> Result<(Process, Child)> {
    let file = File::options().create(true).append(true).open(log);
    let file = file.with_context(|| format!("can't write `{}`", log.display()))?;
    let copy = file.try_clone().context("can't duplicate a descriptor")?;
    command
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(copy)
        .current_dir("/");
    let child = command.spawn();
    let child = child.with_context(|| format!("can't start {command:?}"))?;
    let pid = i32::try_from(child.id()).context("a process number out of range")?;
    // `setsid` is replaced by its argument: the process ID and the start time stay.
    let Some(stat) = Stat::read(pid) else {
        bail!("{command:?} ended at once")
    };
    let name = log.file_stem().unwrap_or_default().to_string_lossy();
    let process = Process {
        pid,
        started: stat.started,
        name: name.into_owned(),
    };
    Ok((process, child))
}

impl Process {
    /// Returns the name of the process in messages and of its log.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the processes that it started and that are still its children.
    pub(crate) fn children(&self) -> Vec<Self> {
        if !self.is_alive() {
            return Vec::new();
        }
        matching(|pid| Stat::read(pid).is_some_and(|stat| stat.parent == self.pid))
    }

    /// Returns whether the process is still running.
    pub(crate) fn is_alive(&self) -> bool {
        Stat::read(self.pid).is_some_and(|stat| stat.started == self.started && stat.state != 'Z')
    }

    /// Asks the process to end, and kills it if it has not ended in time.
    pub(crate) fn end(&self, patience: Duration) -> Result<()> {
        if self.signal(Signal::TERM)? && !self.gone_within(patience) {
            self.kill()?;
        }
        Ok(())
    }

    /// Kills the process.
    pub(crate) fn kill(&self) -> Result<()> {
        if self.signal(Signal::KILL)? && !self.gone_within(Duration::from_secs(10)) {
            bail!("process {} ({}) does not end", self.pid, self.name);
        }
        Ok(())
    }

    /// Sends a signal through a process descriptor, so that it can't reach another process with the same ID.
    fn signal(&self, signal: Signal) -> Result<bool> {
        let Some(pid) = Pid::from_raw(self.pid) else {
            return Ok(false);
        };
        let Ok(fd) = pidfd_open(pid, PidfdFlags::empty()) else {
            return Ok(false);
        };
        if !self.is_alive() {
            return Ok(false);
        }
        match pidfd_send_signal(fd, signal) {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::SRCH) => Ok(false),
            Err(err) => Err(err)
                .with_context(|| format!("can't signal process {} ({})", self.pid, self.name)),
        }
    }

    fn gone_within(&self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        while self.is_alive() {
            if Instant::now() > until {
                return false;
            }
            thread::sleep(Duration::from_millis(20));
        }
        true
    }
}

/// The helpers of engines that may outlive them. A client with the folder in its arguments is not one of them.
const HELPERS: [&str; 6] = [
    "containerd-shim",
    "conmon",
    "docker-proxy",
    "fuse-overlayfs",
    "podman pause",
    "runc",
];

/// Returns the processes that an engine started and did not end: helpers with its folder in their arguments or
/// environment, processes in its control group, and all descendants of those.
pub(crate) fn strays(dir: &Path, cgroup: &str) -> Vec<Process> {
    let all = pids().filter_map(|pid| Some((pid, Stat::read(pid)?)));
    let mut all: Vec<(i32, Stat)> = all.collect();
    let below = format!("{}/", dir.display());
    let strays = all
        .iter()
        .filter(|(pid, stat)| is_stray(*pid, stat, &below, cgroup));
    let mut ours: BTreeSet<i32> = strays.map(|(pid, _)| *pid).collect();
    loop {
        let known = ours.len();
        let children = all.iter().filter(|(_, stat)| ours.contains(&stat.parent));
        let children: Vec<i32> = children.map(|(pid, _)| *pid).collect();
        ours.extend(children);
        if ours.len() == known {
            break;
        }
    }
    all.retain(|(pid, stat)| ours.contains(pid) && stat.state != 'Z');
    let processes = all.into_iter().map(|(pid, stat)| Process {
        pid,
        started: stat.started,
        name: stat.name,
    });
    processes.collect()
}

fn is_stray(pid: i32, stat: &Stat, below: &str, cgroup: &str) -> bool {
    let read = |file: &str| {
        let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    // The service of an ordinary user's Podman is a child process.
    let serves = stat.name == "podman" && read("cmdline").contains("\0system\0service\0");
    if serves || HELPERS.contains(&stat.name.as_str()) {
        let mut files = ["cmdline", "environ"].into_iter();
        return files.any(|file| read(file).contains(below));
    }
    let groups = read("cgroup");
    let mut paths = groups.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    paths.any(|path| path.starts_with(cgroup))
}

/// Returns the running processes whose IDs match.
pub(crate) fn matching(matches: impl Fn(i32) -> bool) -> Vec<Process> {
    let all = pids().filter(|pid| matches(*pid));
    let all = all.filter_map(|pid| Some((pid, Stat::read(pid)?)));
    let running = all.filter(|(_, stat)| stat.state != 'Z');
    let processes = running.map(|(pid, stat)| Process {
        pid,
        started: stat.started,
        name: stat.name,
    });
    processes.collect()
}

fn pids() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The relevant fields of `/proc/PID/stat`.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    name: String,
    state: char,
    parent: i32,
    started: u64,
}

impl Stat {
    fn read(pid: i32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Parses the line. The name is in parentheses and may contain any character, including parentheses and
    /// spaces.
    fn parse(line: &str) -> Option<Self> {
        let (head, tail) = line.rsplit_once(") ")?;
        let name = head.split_once('(')?.1.to_owned();
        let fields: Vec<&str> = tail.split(' ').collect();
        let state = fields.first()?.chars().next()?;
        Some(Self {
            name,
            state,
            parent: fields.get(1)?.parse().ok()?,
            started: fields.get(19)?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_is_read() {
        let line = "7 (a) (b c) S 3 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4242 1000 5";
        let expected = Stat {
            name: "a) (b c".into(),
            state: 'S',
            parent: 3,
            started: 4242,
        };
        assert_eq!(Stat::parse(line), Some(expected));
        assert_eq!(Stat::parse("7 (a"), None);
    }

    #[test]
    fn a_process_is_started_found_and_ended() {
        let log = std::env::temp_dir().join(format!("xtask-process-{}.log", std::process::id()));
        let (process, mut child) = spawn(detached(Path::new("sleep")).arg("60"), &log).unwrap();
        assert!(process.is_alive());
        let this = i32::try_from(std::process::id()).unwrap();
        let this = matching(|pid| pid == this).remove(0);
        assert!(this.children().iter().any(|child| child.pid == process.pid));
        assert!(process.children().is_empty());
        let other = Process {
            started: process.started + 1,
            ..process.clone()
        };
        assert!(
            !other.is_alive(),
            "the same number, started later, is another process"
        );
        other.end(Duration::from_secs(5)).unwrap();
        assert!(process.is_alive());
        process.end(Duration::from_secs(5)).unwrap();
        assert!(!process.is_alive());
        child.wait().unwrap();
        fs::remove_file(log).unwrap();
    }
}
