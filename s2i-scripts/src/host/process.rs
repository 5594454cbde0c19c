//! Running a command so that every line of its output passes the console.

use std::{
    io::{self, BufRead as _, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

use super::console::Console;

/// How often a silent command is looked at.
const GLANCE: Duration = Duration::from_millis(20);

/// How long output may still come after the command has ended. It may have left a process behind
/// that keeps the stream open.
const TAIL: Duration = Duration::from_millis(500);

/// The stream that a line goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Out,
    Err,
}

/// The use of a command's standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// It is shown.
    Shown,
    /// It is collected and handed back.
    Collected,
    /// So is it, and the standard error is dropped.
    Quiet,
}

/// Runs the command to its end.
pub(super) fn run(
    command: &mut Command,
    output: Output,
    console: &mut Console<'_>,
) -> io::Result<(ExitStatus, String)> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (sender, lines) = mpsc::channel();
    if let Some(stream) = child.stdout.take() {
        pump(stream, Stream::Out, sender.clone());
    }
    if let Some(stream) = child.stderr.take() {
        pump(stream, Stream::Err, sender);
    }
    let mut collected = String::new();
    let mut ended = None;
    loop {
        match lines.recv_timeout(GLANCE) {
            Ok((Stream::Out, line)) if output != Output::Shown => {
                collected.push_str(&line);
                collected.push('\n');
            }
            Ok((Stream::Out, line)) => console.line(line),
            Ok((Stream::Err, _)) if output == Output::Quiet => {}
            Ok((Stream::Err, line)) => console.note(line),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if is_over(&mut child, &mut ended)? {
            break;
        }
    }
    Ok((child.wait()?, collected))
}

/// Returns whether the command has ended, and long enough ago.
fn is_over(child: &mut Child, ended: &mut Option<Instant>) -> io::Result<bool> {
    if let Some(end) = ended {
        return Ok(end.elapsed() > TAIL);
    }
    *ended = child.try_wait()?.map(|_| Instant::now());
    Ok(false)
}

/// Reads lines on a thread of its own, which ends with the stream.
fn pump(stream: impl Read + Send + 'static, to: Stream, sender: Sender<(Stream, String)>) {
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while matches!(stream.read_until(b'\n', &mut line), Ok(1..)) {
            let text = line.strip_suffix(b"\n").unwrap_or(&line);
            if sender
                .send((to, String::from_utf8_lossy(text).into_owned()))
                .is_err()
            {
                return;
            }
            line.clear();
        }
    });
}
