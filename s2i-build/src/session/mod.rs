//! The session with the agent in a container, independent of the transport.
//!
//! An engine that has started the [agent](s2i_core::wire) passes its streams as a [`Transport`], and from then on
//! every operation in the container is a request here.

mod forms;
mod mask;
mod pipes;
#[cfg(test)]
mod tests;

use std::{io, pin::Pin};

use bytes::{Bytes, BytesMut};
use futures_util::{
    Sink, SinkExt as _, Stream, StreamExt as _,
    future::{Either, select},
};
use s2i_core::{
    ContainerPath, ImageRef, bounds, environment,
    wire::{
        Answer, Decoder, Exec, Exit, Failure, Finish, Frame, HEADER, Hello, Kind, MAX_PAYLOAD,
        ReadItem, Request, Trailer, VERSION, header,
    },
};
use thiserror::Error;

use self::mask::Mask;
use crate::{
    event::{Event, Output, Progress},
    ports::{Content, EngineError, Input, Operation, Program},
    stream::ArchiveStream,
};

/// The message of an error about a session that ended early.
#[derive(Debug, Error)]
#[error("{0}")]
struct Said(String);

/// The streams of an agent.
pub struct Transport {
    /// The stream to its standard input.
    pub input: Pin<Box<dyn Sink<Bytes, Error = io::Error> + Send>>,
    /// The stream from its two outputs.
    pub output: Pin<Box<dyn Stream<Item = io::Result<Piece>> + Send>>,
}

/// Bytes of one of the agent's outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Standard output, which carries the frames.
    Stdout(Bytes),
    /// Standard error, which only contains messages about failures of the agent itself.
    Stderr(Bytes),
}

/// A running agent.
pub struct Session {
    input: Pin<Box<dyn Sink<Bytes, Error = io::Error> + Send>>,
    frames: Frames,
    /// The user that inputs belong to.
    user: String,
    uid: u32,
}

/// The frames from the agent.
struct Frames {
    image: ImageRef,
    output: Pin<Box<dyn Stream<Item = io::Result<Piece>> + Send>>,
    decoder: Decoder,
    complaint: String,
    /// The masks of both outputs, kept from the first program with secrets on: processes that it left running may still
    /// write after its end.
    stdout: Mask,
    stderr: Mask,
}

impl Session {
    /// Waits for the hello of the agent, and resolves `user`, in the notation of image configs. Errors name
    /// `image`.
    ///
    /// # Errors
    /// [`EngineError::Container`] when the container could not be set up or the image has no such user,
    /// [`EngineError::Lost`] when the agent sends nothing or anything else.
    pub async fn open(
        image: ImageRef,
        user: &str,
        transport: Transport,
    ) -> Result<Self, EngineError> {
        let frames = Frames {
            image,
            output: transport.output,
            decoder: Decoder::default(),
            complaint: String::new(),
            stdout: Mask::default(),
            stderr: Mask::default(),
        };
        let mut session = Self {
            input: transport.input,
            frames,
            user: user.into(),
            uid: 0,
        };
        let frame = session.frames.next().await?;
        if frame.kind == Kind::Failure {
            return Err(session.frames.refused(&frame));
        }
        match frame.parse::<Hello>() {
            Ok(Hello { version: VERSION }) if frame.kind == Kind::Hello => {}
            _ => return Err(session.frames.lost("the agent speaks another language")),
        }
        session.uid = session.identify().await?;
        Ok(session)
    }

    async fn identify(&mut self) -> Result<u32, EngineError> {
        let user = self.user.clone();
        self.send(&Request::Identify { user }).await?;
        let frame = self.frames.next().await?;
        match frame.kind {
            Kind::Failure => Err(self.frames.refused(&frame)),
            Kind::Answer => match frame.parse() {
                Ok(Answer::Identified { uid }) => Ok(uid),
                Ok(other) => Err(self.frames.unexpected(&other)),
                Err(err) => Err(self.frames.lost(err.to_string())),
            },
            kind => Err(self.frames.lost(format!("the agent sent a {kind:?} frame"))),
        }
    }

    /// Returns the uid of the user that it was [opened](Self::open) with, by the tables of the image.
    #[must_use]
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// Runs a program and waits for it; its output is sent as events, without its secrets.
    ///
    /// # Errors
    /// The failure that the agent reports.
    pub async fn exec(
        &mut self,
        program: &Program,
        progress: &Progress<'_>,
    ) -> Result<Exit, EngineError> {
        self.frames.mask(program);
        match self.ask(&exec(program), progress).await? {
            Answer::Exited(exit) => Ok(exit),
            other => Err(self.frames.unexpected(&other)),
        }
    }

    /// Runs a program and streams its standard output; see [`Container::pour`](crate::Container::pour).
    pub fn pour<'a>(
        &'a mut self,
        program: &Program,
        progress: &'a Progress<'_>,
    ) -> ArchiveStream<'a> {
        self.frames.mask(program);
        let name = program.argv.first().cloned().unwrap_or_default();
        let request = Some(exec(program));
        let state = (self, request);
        futures_util::stream::try_unfold(state, move |(session, request)| {
            let name = name.clone();
            async move {
                if let Some(request) = request {
                    session.send(&request).await.map_err(io::Error::other)?;
                }
                let poured = session.frames.poured(&name, progress).await;
                let piece = poured.map_err(io::Error::other)?;
                Ok(piece.map(|piece| (piece, (session, None))))
            }
        })
        .boxed()
    }

    /// Streams files out with the rights of the user; see [`Container::read`](crate::Container::read).
    pub fn read(&mut self, items: Vec<ReadItem>, mtime: u64) -> ArchiveStream<'_> {
        let user = self.user.clone();
        self.stream(Request::Read { items, mtime, user })
    }

    /// Prepares the container for the commit.
    ///
    /// # Errors
    /// The failure that the agent reports.
    pub async fn finish(
        &mut self,
        finish: Finish,
        progress: &Progress<'_>,
    ) -> Result<(), EngineError> {
        match self.ask(&Request::Finish(finish), progress).await? {
            Answer::Finished => Ok(()),
            other => Err(self.frames.unexpected(&other)),
        }
    }

    /// Sends an input to be unpacked as the user, as fast as the agent accepts it. The agent may refuse it at any time.
    ///
    /// # Errors
    /// The failure that the agent reports, and errors of reading the input.
    pub async fn unpack(
        &mut self,
        input: Input<'_>,
        progress: &Progress<'_>,
    ) -> Result<(), EngineError> {
        let into = &input.into;
        let archive = match input.content {
            Content::Tree(tree) => tree.into_archive(),
            Content::Archive(archive) => archive,
        };
        let request = Request::Unpack {
            into: into.clone(),
            user: self.user.clone(),
        };
        let Self { input, frames, .. } = self;
        let answer = {
            let sending = std::pin::pin!(send_archive(input, &request, archive, progress));
            let answering = std::pin::pin!(frames.answer(progress));
            match select(answering, sending).await {
                Either::Left((answer, _)) => answer,
                Either::Right((Ok(()) | Err(Sending::Connection), answering)) => answering.await,
                Either::Right((Err(Sending::Archive(source)), _)) => Err(cannot_send(into, source)),
            }
        };
        match answer? {
            Answer::Unpacked(_) => Ok(()),
            other => Err(frames.unexpected(&other)),
        }
    }

    /// Sends a request and waits for its answer; the output of a script in between is sent as events.
    async fn ask(
        &mut self,
        request: &Request,
        progress: &Progress<'_>,
    ) -> Result<Answer, EngineError> {
        self.send(request).await?;
        self.frames.answer(progress).await
    }

    /// Sends a request. The answer shows whether it arrived; a request that is too large is not sent.
    async fn send(&mut self, request: &Request) -> Result<(), EngineError> {
        tracing::trace!(?request, "asking the agent");
        let frame = Frame::json(Kind::Request, request);
        let header =
            header(frame.kind, frame.payload.len()).map_err(|source| EngineError::Failed {
                operation: Operation::DescribeWork,
                subject: self.frames.image.to_string(),
                source: source.into(),
            })?;
        let _ = self.input.send(framed(header, &frame.payload)).await;
        Ok(())
    }

    /// Requests files and streams them; the stream fails when it is truncated.
    fn stream(&mut self, request: Request) -> ArchiveStream<'_> {
        enum At<'a> {
            Start(&'a mut Session, Request),
            Middle(&'a mut Session, u64),
        }
        let other = |err: EngineError| io::Error::other(err);
        futures_util::stream::try_unfold(At::Start(self, request), move |at| async move {
            let (session, received) = match at {
                At::Start(session, request) => {
                    session.send(&request).await.map_err(other)?;
                    (session, 0)
                }
                At::Middle(session, received) => (session, received),
            };
            let frame = session.frames.next().await.map_err(other)?;
            match frame.kind {
                Kind::Data => {
                    let received = received + frame.payload.len() as u64;
                    Ok(Some((
                        Bytes::from(frame.payload),
                        At::Middle(session, received),
                    )))
                }
                Kind::End => {
                    let promised: Trailer = frame.parse()?;
                    session.frames.next().await.map_err(other)?;
                    if promised.bytes == received {
                        Ok(None)
                    } else {
                        Err(io::ErrorKind::UnexpectedEof.into())
                    }
                }
                Kind::Failure => Err(other(session.frames.refused(&frame))),
                kind => Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("a {kind:?} frame"),
                )),
            }
        })
        .boxed()
    }
}

fn exec(program: &Program) -> Request {
    let secrets = program.secrets.iter().map(|secret| secret.reveal().clone());
    let secrets: Vec<_> = secrets.collect();
    Request::Exec(Exec {
        argv: program.argv.clone(),
        env: environment::merge([&program.env[..], &secrets]),
        cwd: program.cwd.clone(),
        user: program.user.clone(),
    })
}

/// The side that failed while an archive was sent.
enum Sending {
    Archive(io::Error),
    Connection,
}

/// Returns the error for an archive that can't be read. One from another container has that container's error.
fn cannot_send(into: &ContainerPath, source: io::Error) -> EngineError {
    source
        .downcast::<EngineError>()
        .unwrap_or_else(|source| EngineError::Input {
            into: into.clone(),
            source,
        })
}

async fn send_archive(
    input: &mut Pin<Box<dyn Sink<Bytes, Error = io::Error> + Send>>,
    request: &Request,
    mut archive: ArchiveStream<'_>,
    progress: &Progress<'_>,
) -> Result<(), Sending> {
    let cut = |_| Sending::Connection;
    let request = Frame::json(Kind::Request, request);
    input
        .feed(whole(&request).map_err(Sending::Archive)?)
        .await
        .map_err(cut)?;
    let mut bytes = 0;
    while let Some(piece) = archive.next().await {
        let piece = piece.map_err(Sending::Archive)?;
        for part in piece.chunks(MAX_PAYLOAD) {
            let header = header(Kind::Data, part.len()).map_err(Sending::Archive)?;
            input.feed(framed(header, part)).await.map_err(cut)?;
        }
        bytes += piece.len() as u64;
        progress.send(Event::Uploaded(bytes));
    }
    let trailer = Frame::json(Kind::End, &Trailer { bytes, entries: 0 });
    input
        .send(whole(&trailer).map_err(Sending::Archive)?)
        .await
        .map_err(cut)
}

/// Encodes a frame in one piece, so that header and payload are sent together.
fn whole(frame: &Frame) -> io::Result<Bytes> {
    Ok(framed(
        header(frame.kind, frame.payload.len())?,
        &frame.payload,
    ))
}

fn framed(header: [u8; HEADER], payload: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(HEADER + payload.len());
    frame.extend_from_slice(&header);
    frame.extend_from_slice(payload);
    frame.freeze()
}

fn tell(output: Output, piece: Vec<u8>, progress: &Progress<'_>) {
    if !piece.is_empty() {
        progress.send(Event::Output(output, piece));
    }
}

impl Frames {
    /// Returns the next frame. The end of the stream is an error, because the agent never ends first.
    async fn next(&mut self) -> Result<Frame, EngineError> {
        loop {
            match self.decoder.next_frame() {
                Ok(Some(frame)) => return Ok(frame),
                Ok(None) => {}
                Err(err) => return Err(self.lost(err.to_string())),
            }
            match self.output.next().await {
                Some(Ok(Piece::Stderr(message))) => self.complain(&message),
                Some(Ok(Piece::Stdout(bytes))) => self.decoder.push(&bytes),
                Some(Err(err)) => return Err(self.lost(err.to_string())),
                None => return Err(self.lost("the connection to the container ended")),
            }
        }
    }

    async fn answer(&mut self, progress: &Progress<'_>) -> Result<Answer, EngineError> {
        loop {
            let frame = self.next().await?;
            self.tell_rest_before(frame.kind, progress);
            match frame.kind {
                Kind::Stdout => tell(Output::Stdout, self.stdout.push(&frame.payload), progress),
                Kind::Stderr => tell(Output::Stderr, self.stderr.push(&frame.payload), progress),
                Kind::Answer => return frame.parse().map_err(|err| self.lost(err.to_string())),
                Kind::Failure => return Err(self.refused(&frame)),
                kind => return Err(self.lost(format!("the agent sent a {kind:?} frame"))),
            }
        }
    }

    /// Returns the next piece of a program's standard output; `None` when it has ended with status 0.
    async fn poured(
        &mut self,
        program: &str,
        progress: &Progress<'_>,
    ) -> Result<Option<Bytes>, EngineError> {
        loop {
            let frame = self.next().await?;
            self.tell_rest_before(frame.kind, progress);
            match frame.kind {
                Kind::Stdout => return Ok(Some(frame.payload.into())),
                Kind::Stderr => tell(Output::Stderr, self.stderr.push(&frame.payload), progress),
                Kind::Failure => return Err(self.refused(&frame)),
                Kind::Answer => match frame.parse() {
                    Ok(Answer::Exited(Exit::Code(0))) => return Ok(None),
                    Ok(Answer::Exited(exit)) => {
                        return Err(EngineError::Poured {
                            program: program.into(),
                            image: self.image.clone(),
                            exit,
                        });
                    }
                    Ok(other) => return Err(self.unexpected(&other)),
                    Err(err) => return Err(self.lost(err.to_string())),
                },
                kind => return Err(self.lost(format!("the agent sent a {kind:?} frame"))),
            }
        }
    }

    fn mask(&mut self, program: &Program) {
        if !program.secrets.is_empty() {
            self.stdout = Mask::new(&program.secrets);
            self.stderr = Mask::new(&program.secrets);
        }
    }

    /// Sends the output that was held back because it could have been the beginning of a secret, at the end of a
    /// program.
    fn tell_rest_before(&mut self, kind: Kind, progress: &Progress<'_>) {
        if !matches!(kind, Kind::Answer | Kind::Failure) {
            return;
        }
        tell(Output::Stdout, self.stdout.finish(), progress);
        tell(Output::Stderr, self.stderr.finish(), progress);
    }

    fn refused(&self, frame: &Frame) -> EngineError {
        match frame.parse::<Failure>() {
            Ok(mut failure) => {
                // It may contain names of files that a script has created.
                failure.message = self.stderr.apply(&failure.message);
                EngineError::Container {
                    image: self.image.clone(),
                    failure,
                }
            }
            Err(err) => self.lost(err.to_string()),
        }
    }

    fn unexpected(&self, answer: &Answer) -> EngineError {
        self.lost(format!("the agent answered {answer:?}"))
    }

    fn complain(&mut self, message: &[u8]) {
        let room = bounds::SHOWN.saturating_sub(self.complaint.len());
        let text = String::from_utf8_lossy(message);
        self.complaint.extend(text.chars().take(room));
    }

    fn lost(&self, why: impl Into<String>) -> EngineError {
        let mut why = why.into();
        let complaint = self.complaint.trim();
        if !complaint.is_empty() {
            why = format!("{why}; it said: {complaint}");
        }
        EngineError::Lost {
            image: self.image.clone(),
            source: Said(self.stderr.apply(&why)).into(),
        }
    }
}
