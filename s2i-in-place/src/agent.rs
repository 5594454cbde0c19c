//! The agent as a child of this process.

use std::{
    fs::File,
    io::{self, Write as _},
    os::{fd::AsRawFd as _, unix::process::CommandExt as _},
    process::{Child, Command, Stdio},
};

use rustix::{
    fs::{MemfdFlags, memfd_create},
    io::Errno,
};
use s2i_build::session::Transport;
use s2i_core::wire::IN_PLACE;
use tempfile::TempPath;

/// A running agent. It ends all processes that it has started and itself when its input ends.
#[derive(Debug)]
pub(crate) struct AgentProcess {
    child: Child,
    /// The file of the program, where it can't be executed from memory.
    _file: Option<TempPath>,
}

impl AgentProcess {
    /// Starts an agent and returns it with its streams.
    pub(crate) fn start(program: &[u8]) -> io::Result<(Self, Transport)> {
        let (mut child, file) = match in_memory(program).and_then(|file| {
            let path = format!("/proc/self/fd/{}", file.as_raw_fd());
            Ok((spawn(&path)?, None))
        }) {
            Ok(started) => started,
            Err(err) => {
                tracing::debug!(%err, "the agent is not started from memory");
                let path = in_file(program)?;
                (spawn(&path.display().to_string())?, Some(path))
            }
        };
        let closed = || io::Error::other("the agent has no streams");
        let stdin = child.stdin.take().ok_or_else(closed)?;
        let stdout = child.stdout.take().ok_or_else(closed)?;
        let stderr = child.stderr.take().ok_or_else(closed)?;
        let transport = Transport::over(stdin, stdout, stderr);
        Ok((Self { child, _file: file }, transport))
    }

    /// Waits for the end of the agent, whose input has ended.
    pub(crate) fn wait(mut self) -> io::Result<()> {
        self.child.wait().map(drop)
    }
}

fn spawn(path: &str) -> io::Result<Child> {
    Command::new(path)
        .arg(IN_PLACE)
        // The environment of the job may have secrets. Scripts only get what the plan gives them.
        .env_clear()
        // A signal for the group of s2i must not end it before it has ended its programs.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

fn in_memory(program: &[u8]) -> io::Result<File> {
    let flags = MemfdFlags::CLOEXEC;
    let created = match memfd_create("s2i-agent", flags | MemfdFlags::EXEC) {
        // Before Linux 6.3, every such file is executable.
        Err(Errno::INVAL) => memfd_create("s2i-agent", flags),
        created => created,
    };
    let mut file = File::from(created?);
    file.write_all(program)?;
    Ok(file)
}

fn in_file(program: &[u8]) -> io::Result<TempPath> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut file = tempfile::Builder::new().prefix("s2i-agent-").tempfile()?;
    file.write_all(program)?;
    file.as_file()
        .set_permissions(std::fs::Permissions::from_mode(0o700))?;
    // A program that is open for writing can't be executed.
    Ok(file.into_temp_path())
}
