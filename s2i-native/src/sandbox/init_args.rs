//! The arguments of the stages of a container.
//!
//! Stages inherit no files: a descriptor that survives `exec` would also get into any program that another thread
//! starts at that moment. A stage opens the files of its parent through `/proc` instead, so the parent of an ordinary
//! user must not have hidden itself (`PR_SET_DUMPABLE`).

use std::{
    ffi::OsString,
    fs::File,
    io::{self, BufReader},
    os::fd::{AsRawFd as _, RawFd},
    path::PathBuf,
};

use rustix::process::{Pid, RawPid, getpid};
use serde::{Deserialize, Serialize};

use super::spec::Sandbox;

/// The description of a container for its stages, which read it from a file.
#[derive(Serialize, Deserialize)]
pub(super) struct ContainerSpec {
    pub(super) sandbox: Sandbox,
    /// The file through which a process enters the cgroup with the limits.
    pub(super) cgroup: Option<PathBuf>,
}

/// The argument of a stage: the files that it opens in the process that started it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct InitArgs {
    pid: RawPid,
    spec: RawFd,
    agent: Option<RawFd>,
    lifeline: Option<RawFd>,
}

impl InitArgs {
    /// Makes the argument for a child of this process, which must keep the files open while the stage may open them.
    pub(super) fn new(spec: &File, agent: Option<&File>, lifeline: Option<RawFd>) -> Self {
        Self {
            pid: getpid().as_raw_pid(),
            spec: spec.as_raw_fd(),
            agent: agent.map(File::as_raw_fd),
            lifeline,
        }
    }

    pub(super) fn to_arg(self) -> String {
        serde_json::to_string(&self).expect("plain data")
    }

    pub(super) fn parse(args: &[OsString]) -> io::Result<Self> {
        let arg = args.first().and_then(|arg| arg.to_str());
        Ok(serde_json::from_str(arg.unwrap_or_default())?)
    }

    /// Returns the process that started the stage.
    pub(super) fn parent(&self) -> io::Result<Pid> {
        Pid::from_raw(self.pid).ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }

    pub(super) fn spec_file(&self) -> io::Result<File> {
        self.open(self.spec)
    }

    pub(super) fn spec(&self) -> io::Result<ContainerSpec> {
        Ok(serde_json::from_reader(BufReader::new(self.spec_file()?))?)
    }

    pub(super) fn agent(&self) -> io::Result<Option<File>> {
        self.agent.map(|fd| self.open(fd)).transpose()
    }

    pub(super) fn lifeline(&self) -> io::Result<File> {
        let fd = self.lifeline.ok_or(io::ErrorKind::NotFound)?;
        self.open(fd)
    }

    fn open(&self, fd: RawFd) -> io::Result<File> {
        File::open(format!("/proc/{}/fd/{fd}", self.pid))
    }
}
