//! Starting a container.

use std::{
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
};

use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::{
    cgroup::Cgroup,
    descriptors::sealed,
    error::{Error, os},
    init_args::{ContainerSpec, InitArgs},
    running::{Killer, Running, Streams},
    spec::Sandbox,
};
use crate::stage::Stage;

impl Sandbox {
    /// Starts the container with these standard streams. `agent` is the file of the agent, for
    /// [`Program::Agent`](super::Program).
    ///
    /// The container is made after this call returns. A failure to make it is reported as the
    /// [program](super::Program) would report one.
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
        let spec = ContainerSpec {
            sandbox: self.clone(),
            cgroup: cgroup.as_ref().map(Cgroup::procs),
        };
        let spec = serde_json::to_vec(&spec).expect("paths are UTF-8");
        let in_memory = |name, bytes| sealed(name, bytes).map_err(os("keep in memory", name));
        let spec = in_memory("s2i-spec", &spec)?;
        let agent = agent
            .map(|bytes| in_memory("s2i-agent", bytes))
            .transpose()?;
        let mut command = Stage::Monitor.command();
        command
            .arg(InitArgs::new(&spec, agent.as_ref(), None).to_arg())
            .stdin(stdin)
            .stdout(stdout)
            .stderr(stderr)
            // An interrupt from the terminal is for s2i, which decides what becomes of the container.
            .process_group(0);
        start(command, (spec, agent, cgroup))
    }
}

/// Starts the command on a thread that lives as long as the process: the kernel kills the process when the
/// *thread* that started it ends, and the caller's may end early. The thread keeps `needed`, which the process needs.
fn start<T: Send + 'static>(mut command: Command, needed: T) -> Result<Running, Error> {
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
        drop(needed);
        // It fails if the container was dropped.
        let _ = ended.send(status);
    };
    let thread = thread::Builder::new().name("sandbox".into()).spawn(keep);
    let thread = thread.map_err(os("start", "a thread for the container"))?;
    let lost = std::io::Error::other("the thread of the container panicked");
    let started = when_started.recv();
    let (streams, killer) = started.unwrap_or_else(|_| Err(os("start", "the container")(lost)))?;
    Ok(Running::new(streams, killer, when_ended, thread))
}

fn spawn(command: &mut Command) -> Result<(Child, (Streams, Killer)), Error> {
    let start = || os("start again", "this program");
    let mut child = command.spawn().map_err(start())?;
    let streams = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let pid = Pid::from_child(&child);
    // Without a wait for it yet, the process id is still its own.
    let process = pidfd_open(pid, PidfdFlags::empty());
    let process = process.map_err(|err| {
        let _ = child.kill();
        let _ = child.wait();
        start()(err.into())
    })?;
    Ok((child, (streams, Killer::new(pid, process))))
}
