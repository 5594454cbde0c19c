//! Engines on other machines, over the program `ssh`, in the way of Docker's own command.
//!
//! A connection is a process: `ssh HOST docker system dial-stdio`, whose standard streams are those of the engine's
//! socket. So keys, agents, jump hosts and names of hosts are those of the user's own configuration of SSH.

use std::{
    fmt,
    future::Future,
    io,
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream as Socket, process::CommandExt as _},
    },
    pin::Pin,
    process::{Child, Command, Stdio},
    task::{Context, Poll, ready},
    thread,
};

use bollard::{Docker, errors::Error};
use futures_channel::oneshot;
use hyper_util::{
    client::legacy::connect::{Connected, Connection},
    rt::TokioIo,
};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use s2i_core::bounds;
use thiserror::Error as ThisError;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::UnixStream,
};
use tower_service::Service;

use crate::transport;

/// The program.
const SSH: &str = "ssh";

/// The connections that wait for the next request; each is a process.
const IDLE: usize = 2;

/// The address of a machine: `ssh://[user@]host[:port]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    user: Option<String>,
    host: String,
    port: Option<u16>,
}

/// The reason why an address can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
pub(crate) enum AddressError {
    #[error("it has no host")]
    NoHost,
    #[error("a password can't be in it; use a key")]
    Password,
    #[error("a path can't be in it: the Docker of that machine finds its own socket")]
    Path,
    #[error("its port is not a number from 1 to 65535")]
    Port,
    /// `ssh` would take it for an option.
    #[error("a user or host can't start with a dash, or have spaces")]
    Name,
}

impl Address {
    /// Reads the part of an address after `ssh://`.
    pub(crate) fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.strip_suffix('/').unwrap_or(text);
        if text.contains(['/', '?', '#']) {
            return Err(AddressError::Path);
        }
        let (user, place) = match text.rsplit_once('@') {
            Some((user, _)) if user.contains(':') => return Err(AddressError::Password),
            Some((user, place)) => (Some(user), place),
            None => (None, text),
        };
        let (host, port) = match place
            .strip_prefix('[')
            .and_then(|place| place.split_once(']'))
        {
            Some((host, "")) => (host, None),
            Some((host, port)) => (
                host,
                Some(port.strip_prefix(':').ok_or(AddressError::Port)?),
            ),
            None => match place.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (place, None),
            },
        };
        if host.is_empty() {
            return Err(AddressError::NoHost);
        }
        let is_bad = |name: &str| {
            name.is_empty() || name.starts_with('-') || name.contains(char::is_whitespace)
        };
        if is_bad(host) || user.is_some_and(is_bad) {
            return Err(AddressError::Name);
        }
        let number = |port: &str| port.parse().ok().filter(|port| *port > 0);
        let port = port.map(|port| number(port).ok_or(AddressError::Port));
        Ok(Self {
            user: user.map(str::to_owned),
            host: host.into(),
            port: port.transpose()?,
        })
    }

    /// Returns the command of one connection. It can ask no questions: it is in a group of its own,
    /// so that Ctrl-C does not end it before the cleanup.
    fn command(&self) -> Command {
        let mut command = Command::new(SSH);
        command.args(["-T", "-o", "BatchMode=yes"]);
        // Less than the time of a probe, so that the reason is reported; and a lost machine ends a build.
        command.args(["-o", "ConnectTimeout=15", "-o", "ServerAliveInterval=30"]);
        if let Some(user) = &self.user {
            command.args(["-l", user]);
        }
        if let Some(port) = self.port {
            command.args(["-p", &port.to_string()]);
        }
        command
            .args(["--", &self.host, "docker", "system", "dial-stdio"])
            .process_group(0);
        command
    }

    /// Creates the client for the engine there; the first call connects.
    pub(crate) fn connect(&self, timeout: u64) -> Result<Docker, Error> {
        // The name in the requests; the connection decides about the engine.
        let url = "http://localhost".to_owned();
        transport::client(Connector(self.clone()), url, IDLE, timeout)
    }
}

/// The reason why a connection failed.
#[derive(Debug, ThisError)]
enum SshError {
    /// The program could not start.
    #[error("`{SSH}` can't be started")]
    Start(#[source] io::Error),
    /// The program ended before the engine has sent anything.
    #[error("`{SSH} {host} docker system dial-stdio` {end}{messages}")]
    Ended {
        host: String,
        end: String,
        messages: Messages,
    },
}

/// The end of what the program has written to its standard error.
#[derive(Debug)]
struct Messages(String);

impl fmt::Display for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.0.lines().map(str::trim).collect();
        let lines: Vec<_> = lines.into_iter().filter(|line| !line.is_empty()).collect();
        if lines.is_empty() {
            return Ok(());
        }
        write!(f, ": {}", lines.join("; "))
    }
}

/// Opens connections.
#[derive(Clone)]
struct Connector(Address);

impl<T> Service<T> for Connector {
    type Response = TokioIo<Stream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: T) -> Self::Future {
        let address = self.0.clone();
        Box::pin(async move { Stream::open(&address).map(TokioIo::new) })
    }
}

/// A connection: one end of a pair of sockets, the other end of which is both standard input and output of the process.
struct Stream {
    socket: UnixStream,
    /// The process, which does not end by itself before it has logged in.
    process: OwnedFd,
    /// The reason of the end of the process.
    ended: oneshot::Receiver<SshError>,
    /// True after the engine has sent something.
    is_answered: bool,
}

impl Stream {
    fn open(address: &Address) -> io::Result<Self> {
        let (own, other) = Socket::pair()?;
        own.set_nonblocking(true)?;
        let output = OwnedFd::from(other.try_clone()?);
        let child = address
            .command()
            .stdin(OwnedFd::from(other))
            .stdout(output)
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|err| io::Error::new(err.kind(), SshError::Start(err)))?;
        let process = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?;
        let (sender, ended) = oneshot::channel();
        let host = address.host.clone();
        thread::spawn(move || {
            // The connection may be gone.
            let _ = sender.send(wait(child, host));
        });
        Ok(Self {
            socket: UnixStream::from_std(own)?,
            process,
            ended,
            is_answered: false,
        })
    }

    /// Returns the error of a connection that ended before an answer.
    fn failure(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let ended = ready!(Pin::new(&mut self.ended).poll(context));
        let kind = io::ErrorKind::ConnectionRefused;
        Poll::Ready(match ended {
            Ok(reason) => io::Error::new(kind, reason),
            Err(_) => kind.into(),
        })
    }

    /// Returns the result of an operation; a failure before the first answer is that of the process.
    fn checked<T>(
        &mut self,
        result: io::Result<T>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        match result {
            Err(_) if !self.is_answered => self.failure(context).map(Err),
            result => Poll::Ready(result),
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // It may have ended.
        let _ = pidfd_send_signal(&self.process, Signal::TERM);
    }
}

/// Waits for the end of the process.
fn wait(mut child: Child, host: String) -> SshError {
    let stderr = child.stderr.take();
    let messages = stderr.and_then(|stderr| bounds::tail(stderr, bounds::SHOWN).ok());
    let messages = messages.unwrap_or_default();
    let messages = Messages(String::from_utf8_lossy(&messages).into_owned());
    let end = match child.wait() {
        Ok(status) => format!("ended ({status})"),
        Err(err) => format!("was lost ({err})"),
    };
    SshError::Ended {
        host,
        end,
        messages,
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.socket).poll_read(context, buffer));
        if read.is_ok() && buffer.filled().len() > before {
            self.is_answered = true;
        }
        let is_end = read.is_ok() && buffer.filled().len() == before;
        if is_end && !self.is_answered && buffer.remaining() > 0 {
            return self.failure(context).map(Err);
        }
        self.checked(read, context)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.socket).poll_write(context, bytes));
        self.checked(written, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_user_host_and_port() {
        let arguments = |text: &str| match Address::parse(text) {
            Ok(address) => {
                let command = address.command();
                let arguments = command.get_args().skip(7);
                let arguments: Vec<_> = arguments.map(|text| text.to_string_lossy()).collect();
                arguments.join(" ").replace(" docker system dial-stdio", "")
            }
            Err(err) => err.to_string(),
        };
        for (text, expected) in [
            ("lab", "-- lab"),
            ("lab/", "-- lab"),
            ("me@lab:22", "-l me -p 22 -- lab"),
            ("[::1]:22", "-p 22 -- ::1"),
            ("me@[::1]", "-l me -- ::1"),
            ("", "it has no host"),
            ("me@", "it has no host"),
            ("me:x@lab", "a password can't be in it; use a key"),
            ("lab:0", "its port is not a number from 1 to 65535"),
            ("lab:x", "its port is not a number from 1 to 65535"),
            (
                "-oProxyCommand=x",
                "a user or host can't start with a dash, or have spaces",
            ),
            (
                "-x@lab",
                "a user or host can't start with a dash, or have spaces",
            ),
            (
                "lab/run/docker.sock",
                "a path can't be in it: the Docker of that machine finds its own socket",
            ),
        ] {
            assert_eq!(arguments(text), expected, "{text}");
        }
    }
}
