//! What a process gives to the stage that it starts.
//!
//! Nothing is inherited: a descriptor that survives `exec` would get into whatever another thread starts at
//! that moment. A stage opens the files of its parent through `/proc` instead, so an ordinary user's parent must
//! not have hidden itself (`PR_SET_DUMPABLE`).

use std::{
    ffi::OsString,
    fs::File,
    io,
    os::fd::{AsRawFd as _, RawFd},
};

use serde::{Deserialize, Serialize};

use super::spawn::Order;
use crate::files::own_bytes;

/// The files of the process that starts a stage.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Handover {
    /// The process.
    pub(super) pid: u32,
    spec: RawFd,
    agent: Option<RawFd>,
    lifeline: Option<RawFd>,
}

impl Handover {
    /// Of this process, to which the files must belong for as long as the stage may need to open them.
    pub(super) fn new(spec: &File, agent: Option<&File>, lifeline: Option<RawFd>) -> Self {
        Self {
            pid: std::process::id(),
            spec: spec.as_raw_fd(),
            agent: agent.map(File::as_raw_fd),
            lifeline,
        }
    }

    pub(super) fn to_arg(self) -> String {
        serde_json::to_string(&self).expect("plain data")
    }

    pub(super) fn from_args(args: &[OsString]) -> io::Result<Self> {
        let arg = args.first().and_then(|arg| arg.to_str());
        Ok(serde_json::from_str(arg.unwrap_or_default())?)
    }

    pub(super) fn spec(&self) -> io::Result<File> {
        self.open(self.spec)
    }

    /// What it is to do.
    pub(super) fn order(&self) -> io::Result<Order> {
        Ok(serde_json::from_slice(&own_bytes(self.spec()?)?)?)
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
