//! Running a command so that every line of its output passes the console.

use std::{
    collections::VecDeque,
    io::{self, BufRead as _, BufReader, Read},
    process::{Command, ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

use super::console::Console;

/// The interval at which the end of a silent command is looked for.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The time in which output may still come after the command has ended: it may have left a process behind
/// that keeps the stream open.
const OUTPUT_GRACE: Duration = Duration::from_millis(500);

/// The number of lines, and of bytes of each line, that are kept of the end of the output.
const TAIL_LINES: usize = 400;
const TAIL_WIDTH: usize = 2000;

/// The stream that a line goes to.
#[derive(Clone, Copy)]
enum Stream {
    Out,
    Err,
}

/// The use of a command's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// All of it is shown.
    Shown,
    /// The standard output is collected and returned, the standard error shown.
    Collected,
    /// The standard output is collected and returned, the standard error dropped.
    Quiet,
}

/// Runs the command to its end. Returns its status, its standard output where that is collected, and the last lines of
/// both streams.
pub(super) fn run(
    command: &mut Command,
    output: Output,
    console: &mut Console<'_>,
) -> io::Result<(ExitStatus, String, String)> {
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
    let mut tail = VecDeque::new();
    let mut end: Option<Instant> = None;
    while end.is_none_or(|end| end.elapsed() <= OUTPUT_GRACE) {
        let received = lines.recv_timeout(POLL_INTERVAL);
        if let Ok((_, line)) = &received {
            if tail.len() == TAIL_LINES {
                tail.pop_front();
            }
            tail.push_back(line.chars().take(TAIL_WIDTH).collect::<String>());
        }
        match received {
            Ok((Stream::Out, line)) if output == Output::Shown => console.line(line),
            Ok((Stream::Out, line)) => {
                collected.push_str(&line);
                collected.push('\n');
            }
            Ok((Stream::Err, _)) if output == Output::Quiet => {}
            Ok((Stream::Err, line)) => console.note(line),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if end.is_none() {
            end = child.try_wait()?.map(|_| Instant::now());
        }
    }
    let tail = Vec::from(tail).join("\n");
    Ok((child.wait()?, collected, tail))
}

/// Reads lines on a thread of its own, which ends with the stream.
fn pump(stream: impl Read + Send + 'static, to: Stream, sender: Sender<(Stream, String)>) {
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while matches!(stream.read_until(b'\n', &mut line), Ok(1..)) {
            let text = line.strip_suffix(b"\n").unwrap_or(&line);
            let text = String::from_utf8_lossy(text).into_owned();
            if sender.send((to, text)).is_err() {
                return;
            }
            line.clear();
        }
    });
}
