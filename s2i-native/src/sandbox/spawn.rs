//! Starting a container.

use std::{
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
};

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::{Deserialize, Serialize};

use super::{
    Error, Killer, OUTER, Running, Sandbox, cgroup::Cgroup, descriptors::sealed, error::os,
    handover::Handover,
};
use crate::reexec;

/// What the stages are told.
#[derive(Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) sandbox: Sandbox,
    /// The file through which a process gets its limits.
    pub(super) cgroup: Option<std::path::PathBuf>,
}

impl Sandbox {
    /// Starts it with these standard streams. For [`Program::Agent`](super::Program), `agent` is its file.
    ///
    /// Everything that happens in the container comes after this call: so do failures to make it, which the
    /// [program](super::Program) tells.
    ///
    /// # Errors
    /// The limits can't be set, or no process can be started.
    ///
    /// # Panics
    /// When a path is not UTF-8.
    pub fn spawn(
        &self,
        agent: Option<&[u8]>,
        stdin: Stdio,
        stdout: Stdio,
        stderr: Stdio,
    ) -> Result<Running, Error> {
        let cgroup = Cgroup::create(&self.limits)?;
        let order = Order {
            sandbox: self.clone(),
            cgroup: cgroup.as_ref().map(Cgroup::procs),
        };
        let order = serde_json::to_vec(&order).expect("paths are UTF-8");
        let in_memory = |name, bytes| sealed(name, bytes).map_err(os("keep in memory", name));
        let spec = in_memory("s2i-order", &order)?;
        let agent = agent
            .map(|bytes| in_memory("s2i-agent", bytes))
            .transpose()?;
        let mut command = reexec::command(reexec::SELF, OUTER);
        command
            .arg(Handover::new(&spec, agent.as_ref(), None).to_arg())
            .stdin(stdin)
            .stdout(stdout)
            .stderr(stderr)
            // An interrupt from the terminal is for s2i, which decides what becomes of the container.
            .process_group(0);
        start(command, (spec, agent, cgroup))
    }
}

/// Starts the command on a thread that lives as long as the process: the kernel ends the process with the
/// *thread* that started it, and the caller's may end early. What the process needs is `held` until then.
fn start<T: Send + 'static>(mut command: Command, held: T) -> Result<Running, Error> {
    let (started, when_started) = mpsc::sync_channel(1);
    let (ended, when_ended) = mpsc::sync_channel(1);
    let keep = move || {
        let (mut child, running) = match spawn(&mut command) {
            Ok(both) => both,
            Err(err) => return drop(started.send(Err(err))),
        };
        // Streams of the parent that the command still has would keep readers waiting for the end.
        drop(command);
        let _ = started.send(Ok(running));
        let status = child.wait();
        drop(held);
        // Nobody waits any more when this fails.
        let _ = ended.send(status);
    };
    let thread = thread::Builder::new().name("sandbox".into()).spawn(keep);
    let thread = thread.map_err(os("start", "a thread for the container"))?;
    let lost = || std::io::Error::other("the thread of the container panicked");
    let (streams, killer) = when_started
        .recv()
        .unwrap_or_else(|_| Err(os("start", "the container")(lost())))?;
    Ok(Running::new(streams, killer, when_ended, thread))
}

pub(super) type Streams = (
    Option<std::process::ChildStdin>,
    Option<std::process::ChildStdout>,
    Option<std::process::ChildStderr>,
);

fn spawn(command: &mut Command) -> Result<(Child, (Streams, Killer)), Error> {
    let start = || os("start again", "this program");
    let mut child = command.spawn().map_err(start())?;
    let streams = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let pid = Pid::from_child(&child);
    // Nobody has waited for it yet, so the number is still its own.
    let process = pidfd_open(pid, PidfdFlags::empty());
    let process = process.map_err(|err| {
        let _ = child.kill();
        let _ = child.wait();
        start()(err.into())
    })?;
    Ok((child, (streams, Killer::new(pid, process))))
}
