//! The agent in a container of the scripted daemon.

use std::{io, sync::atomic::Ordering};

use s2i_core::{
    IMAGE_METADATA_FILE,
    wire::{Answer, Decoder, Failure, FailureKind, Frame, Hello, Kind, Request, Trailer},
};
use serde::Serialize;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use super::{Conduct, Daemon, Moment, Step};

/// How often others get their turn when the agent is slow.
const TURNS: usize = 50;

pub(crate) struct Peer {
    daemon: Daemon,
    name: String,
    input: OwnedReadHalf,
    output: OwnedWriteHalf,
    decoder: Decoder,
}

impl Peer {
    pub(crate) fn new(daemon: Daemon, name: &str, stream: UnixStream) -> Self {
        let (input, output) = stream.into_split();
        Self {
            daemon,
            name: name.into(),
            input,
            output,
            decoder: Decoder::default(),
        }
    }

    pub(crate) async fn converse(mut self) -> io::Result<()> {
        if !self.may(Step::Hello).await? {
            return Ok(());
        }
        let version = self.daemon.0.knobs.version;
        self.send_json(Kind::Hello, &Hello { version }).await?;
        while let Some(frame) = self.hear().await? {
            if frame.kind != Kind::Request {
                continue;
            }
            let request: Request = frame.parse()?;
            if is_labels_file(&request) {
                let failure = Failure::new(FailureKind::NoArtifact, "there is no such file");
                self.send_json(Kind::Failure, &failure).await?;
                continue;
            }
            self.daemon.model().requests.push(request.clone());
            let step = match &request {
                Request::Identify { .. } => Step::Identify,
                Request::Unpack { .. } | Request::Inject { .. } => Step::Unpack,
                Request::Exec(_) => Step::Exec,
                Request::Read { .. } => Step::Read,
                Request::Finish(_) => Step::Finish,
            };
            if !self.may(step).await? {
                continue;
            }
            let answer = self.answer(step).await?;
            self.send_json(Kind::Answer, &answer).await?;
        }
        Ok(())
    }

    async fn answer(&mut self, step: Step) -> io::Result<Answer> {
        Ok(match step {
            Step::Identify => Answer::Identified { uid: 1001 },
            Step::Hello | Step::Unpack => Answer::Unpacked(self.unpack().await?),
            Step::Exec => {
                for (kind, bytes) in self.daemon.0.knobs.output.clone() {
                    self.send(kind, &bytes).await?;
                }
                Answer::Exited(self.daemon.0.knobs.exit)
            }
            Step::Read => {
                let files = self.daemon.0.knobs.files.clone();
                self.files(&files, files.len()).await?;
                Answer::Read
            }
            Step::Finish => {
                self.daemon.finished(&self.name);
                Answer::Finished
            }
        })
    }

    async fn files(&mut self, files: &[u8], promised: usize) -> io::Result<()> {
        for piece in files.chunks(1000) {
            self.send(Kind::Data, piece).await?;
        }
        let trailer = Trailer {
            bytes: promised as u64,
            entries: 1,
        };
        self.send_json(Kind::End, &trailer).await
    }

    async fn unpack(&mut self) -> io::Result<Trailer> {
        let mut bytes = 0;
        while let Some(frame) = self.hear().await? {
            match frame.kind {
                Kind::Data => bytes += frame.payload.len() as u64,
                Kind::End if frame.parse::<Trailer>()?.bytes == bytes => {
                    return Ok(Trailer { bytes, entries: 1 });
                }
                kind => return Err(io::Error::other(format!("{kind:?} in an archive"))),
            }
            let length = frame.payload.len() as u64;
            self.daemon.0.unpacked.fetch_add(length, Ordering::SeqCst);
            if self.daemon.0.knobs.slow {
                for _ in 0..TURNS {
                    tokio::task::yield_now().await;
                }
            }
        }
        Err(io::ErrorKind::UnexpectedEof.into())
    }

    /// Whether this step goes as it should. If not, it went as the test wants.
    async fn may(&mut self, step: Step) -> io::Result<bool> {
        self.daemon.reached(Moment::Agent(step)).await;
        let conduct = self.daemon.0.knobs.conduct.clone();
        let Some((_, conduct)) = conduct.filter(|(at, _)| *at == step) else {
            return Ok(true);
        };
        match conduct {
            Conduct::Refuses(failure) => {
                if step == Step::Unpack {
                    self.unpack().await?;
                }
                self.send_json(Kind::Failure, &failure).await?;
                return Ok(false);
            }
            Conduct::StopsReading(failure) => {
                self.hear().await?;
                self.send_json(Kind::Failure, &failure).await?;
            }
            Conduct::Dies(complaint) => {
                self.frame(2, complaint.as_bytes()).await?;
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            Conduct::Babbles(text) => self.frame(1, text.as_bytes()).await?,
            Conduct::Sends(kind, text) => self.send(kind, text.as_bytes()).await?,
            Conduct::SendsHalf => {
                let files = self.daemon.0.knobs.files.clone();
                self.files(&files[..files.len() / 2], files.len()).await?;
                self.send_json(Kind::Answer, &Answer::Read).await?;
                return Ok(false);
            }
        }
        // Neither reads nor ends: only a client that listens gets on.
        std::future::pending().await
    }

    async fn hear(&mut self) -> io::Result<Option<Frame>> {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            if let Some(frame) = self.decoder.next_frame()? {
                return Ok(Some(frame));
            }
            match self.input.read(&mut buffer).await? {
                0 => return Ok(None),
                count => self.decoder.push(&buffer[..count]),
            }
        }
    }

    async fn send_json(&mut self, kind: Kind, message: &impl Serialize) -> io::Result<()> {
        let frame = Frame::json(kind, message);
        self.send(frame.kind, &frame.payload).await
    }

    /// One frame of the agent, in as many frames of the daemon as the test wants.
    async fn send(&mut self, kind: Kind, payload: &[u8]) -> io::Result<()> {
        let mut bytes = s2i_core::wire::header(kind, payload.len())?.to_vec();
        bytes.extend(payload);
        for piece in bytes.chunks(self.daemon.0.knobs.piece) {
            self.frame(1, piece).await?;
        }
        Ok(())
    }

    /// One frame of the daemon, on standard output (1) or standard error (2).
    async fn frame(&mut self, stream: u8, payload: &[u8]) -> io::Result<()> {
        let [a, b, c, d] = u32::try_from(payload.len())
            .unwrap_or(u32::MAX)
            .to_be_bytes();
        self.output
            .write_all(&[stream, 0, 0, 0, a, b, c, d])
            .await?;
        self.output.write_all(payload).await
    }
}

/// Returns whether a build looks for the labels of scripts, which containers of the model do not have.
fn is_labels_file(request: &Request) -> bool {
    match request {
        Request::Read { items, .. } => items
            .iter()
            .any(|item| item.path.as_str() == IMAGE_METADATA_FILE),
        _ => false,
    }
}
