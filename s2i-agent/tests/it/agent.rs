//! An agent that runs, and the frames from and to it.

use std::{
    io::Write as _,
    process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use s2i_core::{
    archive::Writer,
    wire::{
        Answer, Exec, Exit, Failure, Frame, Hello, Kind, MAX_PAYLOAD, Request, Trailer, write_frame,
    },
};

/// After this an agent that neither answers nor ends is killed, so that its test fails.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Agent {
    child: Child,
    /// The watch over the agent ends when this is dropped.
    _watched: Sender<()>,
    input: Option<ChildStdin>,
    output: ChildStdout,
}

/// All that came up to an answer or a failure.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) data: Vec<u8>,
    pub(crate) trailer: Option<Trailer>,
    pub(crate) last: Frame,
}

impl Heard {
    #[track_caller]
    pub(crate) fn answer(&self) -> Answer {
        let told = String::from_utf8_lossy(&self.last.payload);
        assert_eq!(self.last.kind, Kind::Answer, "{told}");
        self.last.parse().unwrap()
    }

    #[track_caller]
    pub(crate) fn failure(&self) -> Failure {
        let told = String::from_utf8_lossy(&self.last.payload);
        assert_eq!(self.last.kind, Kind::Failure, "{told}");
        self.last.parse().unwrap()
    }

    #[track_caller]
    pub(crate) fn exit(&self) -> Exit {
        match self.answer() {
            Answer::Exited(exit) => exit,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn stdout(&self) -> String {
        String::from_utf8(self.stdout.clone()).unwrap()
    }
}

impl Agent {
    /// The agent as an ordinary process of the host.
    pub(crate) fn start() -> Self {
        let mut agent = Self::spawn(&mut Command::new(env!("CARGO_BIN_EXE_s2i-agent")));
        agent.expect_hello();
        agent
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (watched, ended) = channel();
        let pid = Pid::from_child(&child);
        std::thread::spawn(move || {
            if ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                let _ = kill_process(pid, Signal::KILL);
            }
        });
        Self {
            _watched: watched,
            input: child.stdin.take(),
            output: child.stdout.take().unwrap(),
            child,
        }
    }

    pub(crate) fn expect_hello(&mut self) {
        let hello = self.hear().expect("the first words");
        assert_eq!(hello.kind, Kind::Hello);
        let version = s2i_core::wire::VERSION;
        assert_eq!(hello.parse::<Hello>().unwrap(), Hello { version });
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.input.as_mut().unwrap().write_all(bytes).unwrap();
    }

    pub(crate) fn say(&mut self, kind: Kind, payload: &[u8]) {
        write_frame(self.input.as_mut().unwrap(), kind, payload).unwrap();
    }

    pub(crate) fn request(&mut self, request: &Request) {
        let frame = Frame::json(Kind::Request, request);
        self.say(frame.kind, &frame.payload);
    }

    pub(crate) fn hear(&mut self) -> Option<Frame> {
        Frame::read_from(&mut self.output, Vec::new()).unwrap()
    }

    /// Listens up to an answer or a failure.
    pub(crate) fn listen(&mut self) -> Heard {
        let (mut stdout, mut stderr, mut data) = (Vec::new(), Vec::new(), Vec::new());
        let mut trailer = None;
        loop {
            let frame = self.hear().expect("the agent goes on");
            match frame.kind {
                Kind::Stdout => stdout.extend(frame.payload),
                Kind::Stderr => stderr.extend(frame.payload),
                Kind::Data => data.extend(frame.payload),
                Kind::End => trailer = Some(frame.parse().unwrap()),
                Kind::Answer | Kind::Failure => {
                    return Heard {
                        stdout,
                        stderr,
                        data,
                        trailer,
                        last: frame,
                    };
                }
                kind => panic!("a {kind:?} frame"),
            }
        }
    }

    pub(crate) fn ask(&mut self, request: &Request) -> Heard {
        self.request(request);
        self.listen()
    }

    /// Sends an archive into a directory.
    pub(crate) fn unpack(&mut self, into: &str, user: &str, archive: &[u8]) -> Heard {
        self.request(&unpack(into, user));
        for piece in archive.chunks(MAX_PAYLOAD) {
            self.say(Kind::Data, piece);
        }
        self.end(archive.len());
        self.listen()
    }

    /// Says that an archive is whole.
    pub(crate) fn end(&mut self, bytes: usize) {
        let trailer = Trailer {
            bytes: bytes as u64,
            entries: 0,
        };
        let frame = Frame::json(Kind::End, &trailer);
        self.say(frame.kind, &frame.payload);
    }

    /// Returns the most memory that it ever had, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.unwrap().trim().trim_end_matches(" kB");
        kib.parse::<u64>().unwrap() * 1024
    }

    /// Closes the agent's input.
    pub(crate) fn hang_up(&mut self) {
        self.input = None;
    }

    /// Takes the rest of the agent's output and waits for its end.
    pub(crate) fn wait(mut self) -> ExitStatus {
        while self.hear().is_some() {}
        self.child.wait().unwrap()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The user that runs the tests, in the notation of requests.
pub(crate) fn me() -> String {
    rustix::process::geteuid().as_raw().to_string()
}

pub(crate) fn unpack(into: &str, user: &str) -> Request {
    Request::Unpack {
        into: into.parse().unwrap(),
        user: user.into(),
    }
}

pub(crate) fn exec(argv: &[&str], user: &str) -> Exec {
    Exec {
        without: Vec::new(),
        argv: argv.iter().map(ToString::to_string).collect(),
        env: Vec::new(),
        cwd: "/".parse().unwrap(),
        user: user.into(),
    }
}

/// A request to run this in a shell.
pub(crate) fn shell(script: &str) -> Request {
    Request::Exec(exec(&["/bin/sh", "-c", script], &me()))
}

/// An archive of files.
pub(crate) fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Writer::new(Vec::new(), 1_000_000_000);
    for (name, content) in files {
        let length = content.len() as u64;
        archive
            .file(name, 0o755, length, &mut &content[..])
            .unwrap();
    }
    archive.finish().unwrap().0
}

/// Makes a named pipe: its reader notices when the last process that has it open has ended.
pub(crate) fn make_fifo(path: &std::path::Path) {
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}
