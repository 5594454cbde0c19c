//! `s2i` as a process: its lines with the time when each came, its end, its memory.

use std::{
    fmt::Write as _,
    io::{BufRead as _, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// After this `s2i` hangs. A builder may have to download all that it needs, beside other tests.
const PATIENCE: Duration = Duration::from_secs(600);

/// One of the two streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

/// A line that came.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) stream: Stream,
    pub(crate) at: Instant,
    pub(crate) text: String,
}

#[derive(Default)]
struct Transcript {
    lines: Mutex<Vec<Line>>,
    grown: Condvar,
}

/// A process that runs.
pub(crate) struct Running {
    child: Child,
    transcript: Arc<Transcript>,
    readers: Vec<JoinHandle<()>>,
    command: String,
}

/// A process that ended.
pub(crate) struct Done {
    pub(crate) status: ExitStatus,
    pub(crate) lines: Vec<Line>,
    pub(crate) ended: Instant,
    /// The most memory that it had, in KiB.
    pub(crate) peak_kib: u64,
    command: String,
}

impl Running {
    /// Starts it with nothing to read.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::start_with(command, Stdio::null())
    }

    /// Starts it with this to read.
    pub(crate) fn start_with(command: &mut Command, stdin: Stdio) -> Self {
        let shown = format!("{command:?}");
        let mut child = command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let transcript = Arc::new(Transcript::default());
        let stdout = read(child.stdout.take().unwrap(), Stream::Stdout, &transcript);
        let stderr = read(child.stderr.take().unwrap(), Stream::Stderr, &transcript);
        Self {
            child,
            transcript,
            readers: vec![stdout, stderr],
            command: shown,
        }
    }

    /// Waits for a line with this text and returns the time of its arrival.
    pub(crate) fn wait_for(&self, text: &str) -> Instant {
        let start = Instant::now();
        let mut lines = self.transcript.lines.lock().unwrap();
        loop {
            if let Some(line) = lines.iter().find(|line| line.text.contains(text)) {
                return line.at;
            }
            let ended = self.readers.iter().all(JoinHandle::is_finished);
            assert!(
                !ended && start.elapsed() < PATIENCE,
                "`{text}` did not come:\n{}",
                show(&lines)
            );
            lines = self
                .transcript
                .grown
                .wait_timeout(lines, Duration::from_millis(100))
                .unwrap()
                .0;
        }
    }

    /// The output so far, for messages.
    pub(crate) fn output(&self) -> String {
        show(&self.transcript.lines.lock().unwrap())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the end.
    pub(crate) fn finish(mut self) -> Done {
        let start = Instant::now();
        let mut peak_kib = 0;
        let status = loop {
            peak_kib = peak_kib.max(self.peak_kib());
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "{} does not end:\n{}",
                self.command,
                show(&self.transcript.lines.lock().unwrap())
            );
            thread::sleep(Duration::from_millis(5));
        };
        let ended = Instant::now();
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        let lines = self.transcript.lines.lock().unwrap().clone();
        Done {
            status,
            lines,
            ended,
            peak_kib,
            command: self.command.clone(),
        }
    }

    fn peak_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok())
            .unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // After the end both fail, and that is well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(
    stream: impl Read + Send + 'static,
    which: Stream,
    transcript: &Arc<Transcript>,
) -> JoinHandle<()> {
    let transcript = Arc::clone(transcript);
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut bytes = Vec::new();
        while stream.read_until(b'\n', &mut bytes).unwrap() > 0 {
            let line = Line {
                stream: which,
                at: Instant::now(),
                text: String::from_utf8_lossy(&bytes)
                    .trim_end_matches('\n')
                    .to_owned(),
            };
            transcript.lines.lock().unwrap().push(line);
            transcript.grown.notify_all();
            bytes.clear();
        }
    })
}

fn show(lines: &[Line]) -> String {
    lines.iter().fold(String::new(), |mut text, line| {
        let short: String = line.text.chars().take(500).collect();
        let _ = writeln!(text, "  {:?}: {short}", line.stream);
        text
    })
}

impl Done {
    /// Fails unless it ended with status 0.
    #[track_caller]
    pub(crate) fn succeeds(self) -> Self {
        self.ends_with(0)
    }

    /// Fails unless it ended with this status.
    #[track_caller]
    pub(crate) fn ends_with(self, code: i32) -> Self {
        assert_eq!(
            self.status.code(),
            Some(code),
            "{} ended with {}:\n{}",
            self.command,
            self.status,
            show(&self.lines)
        );
        self
    }

    /// Fails unless a line has this text.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(
            self.has(text),
            "nothing says `{text}`:\n{}",
            show(&self.lines)
        );
        self
    }

    /// Fails when a line has this text.
    #[track_caller]
    pub(crate) fn never_says(self, text: &str) -> Self {
        assert!(
            !self.has(text),
            "something says `{text}`:\n{}",
            show(&self.lines)
        );
        self
    }

    fn has(&self, text: &str) -> bool {
        self.lines.iter().any(|line| line.text.contains(text))
    }

    /// The lines of one stream.
    pub(crate) fn stream(&self, stream: Stream) -> Vec<&str> {
        let of_stream = self.lines.iter().filter(|line| line.stream == stream);
        of_stream.map(|line| line.text.as_str()).collect()
    }
}
