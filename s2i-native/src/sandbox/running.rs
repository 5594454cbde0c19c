//! A container that has been started.

use std::{
    io,
    os::{fd::OwnedFd, unix::process::ExitStatusExt as _},
    process::{ChildStderr, ChildStdin, ChildStdout, ExitStatus},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    thread::JoinHandle,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};
use s2i_core::wire::Exit;

use crate::files::host_text;

/// The other ends of the standard streams that are pipes: input, output and errors.
pub(super) type Streams = (Option<ChildStdin>, Option<ChildStdout>, Option<ChildStderr>);

/// A container that has been started. It ends at the latest when this is dropped, and with this process.
#[derive(Debug)]
pub struct Running {
    /// The other end of the standard input, if that is a pipe.
    pub stdin: Option<ChildStdin>,
    /// The other end of the standard output, if that is a pipe.
    pub stdout: Option<ChildStdout>,
    /// The other end of the standard error, if that is a pipe.
    pub stderr: Option<ChildStderr>,
    killer: Killer,
    when_ended: Receiver<io::Result<ExitStatus>>,
    ended: Option<Exit>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub(super) fn new(
        (stdin, stdout, stderr): Streams,
        killer: Killer,
        when_ended: Receiver<io::Result<ExitStatus>>,
        thread: JoinHandle<()>,
    ) -> Self {
        Self {
            stdin,
            stdout,
            stderr,
            killer,
            when_ended,
            ended: None,
            thread: Some(thread),
        }
    }

    /// Returns a handle that ends the container, for other threads.
    #[must_use]
    pub fn killer(&self) -> Killer {
        self.killer.clone()
    }

    /// Ends every process of the container. It takes a moment: [`Running::wait`] waits for it.
    pub fn kill(&self) {
        self.killer.kill();
    }

    /// Waits until every process of the container has ended and nothing is mounted any more. A first process
    /// that was ended by a signal gives 128 and the signal's number.
    ///
    /// # Errors
    /// The operating system lost the process, which it never does.
    pub fn wait(&mut self) -> io::Result<Exit> {
        loop {
            if let Some(exit) = self.wait_for(Duration::MAX)? {
                return Ok(exit);
            }
        }
    }

    /// Waits like [`Running::wait`], for at most this time; `None` if the container goes on.
    ///
    /// # Errors
    /// As [`Running::wait`].
    pub fn wait_for(&mut self, time: Duration) -> io::Result<Option<Exit>> {
        if self.ended.is_none() {
            self.ended = match self.when_ended.recv_timeout(time) {
                Ok(status) => Some(exit_of(status?)),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(io::Error::other("the thread of the container panicked"));
                }
            };
        }
        Ok(self.ended)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended.is_none() {
            self.kill();
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn exit_of(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(u8::try_from(code).unwrap_or(u8::MAX)),
        (None, signal) => Exit::Signal(signal.unwrap_or_default()),
    }
}

/// A handle that ends a container, from any thread and at any time.
#[derive(Clone, Debug)]
pub struct Killer {
    monitor: Pid,
    process: Arc<OwnedFd>,
}

impl Killer {
    pub(super) fn new(monitor: Pid, process: OwnedFd) -> Self {
        Self {
            monitor,
            process: Arc::new(process),
        }
    }

    /// Ends every process of the container.
    pub fn kill(&self) {
        // With process 1 the kernel ends all others and waits for them, and the monitor waits for that.
        if self.signal(Signal::KILL).is_err() {
            // There is no process 1 yet, or everything has ended already.
            let _ = pidfd_send_signal(&*self.process, Signal::KILL);
        }
    }

    /// Sends a signal to the first process. As everywhere, one that it does not handle does nothing to it.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] when it has not started or has ended.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        let first = self.first_process()?;
        let process = pidfd_open(first, PidfdFlags::empty())?;
        // Process ids are used again. These two were not, if nothing has ended meanwhile.
        if self.first_process()? != first || self.has_ended() {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(pidfd_send_signal(process, signal)?)
    }

    /// Returns process 1 of the container, the only child that its monitor ever has.
    fn first_process(&self) -> io::Result<Pid> {
        let pid = self.monitor;
        let children = host_text(format!("/proc/{pid}/task/{pid}/children"))?;
        let first = children.split_whitespace().next();
        let first = first.and_then(|child| Pid::from_raw(child.parse().ok()?));
        first.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn has_ended(&self) -> bool {
        let mut ended = [PollFd::new(&*self.process, PollFlags::IN)];
        !matches!(poll(&mut ended, Some(&Timespec::default())), Ok(0))
    }
}
