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
    Sink, SinkExt as _, Stream, StreamExt as _, TryStreamExt as _,
    future::{Either, select},
    stream,
};
use s2i_core::{
    ContainerPath, ImageRef, Times,
    archive::{Entries, Kind as EntryKind, ReadError, Rules},
    bounds, environment,
    wire::{
        Answer, Decoder, Exec, Exit, Failure, FailureKind, Finish, Frame, HEADER, Hello, Kind,
        MAX_PAYLOAD, ReadItem, Request, Trailer, VERSION, header,
    },
};
use serde::Serialize;
use thiserror::Error;

use self::mask::Mask;
use crate::{
    event::{Output, Progress},
    ports::{Content, EngineError, Files, Input, Operation, Program},
    stream::ArchiveStream,
    transfer::TransferKind,
};

/// The reason why a session ended early.
#[derive(Debug, Error)]
#[error("{0}")]
struct Message(String);

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

/// The name of a single file in its archive.
const FILE_NAME: &str = "file";

/// The bytes of an archive with one file.
const MOST_OF_FILE: u64 = bounds::FILE + (64 << 10);

/// Returns the content of the file in an archive with one file. An archive of a directory has none.
fn file_of(mut archive: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let limits = bounds::Limits::default();
    let mut entries = Entries::new(&mut archive, &Rules::TREE, &limits);
    let mut content = None;
    while let Some(entry) = entries.next_entry().map_err(io::Error::other)? {
        if entry.name != FILE_NAME.as_bytes() || entry.kind != EntryKind::File {
            continue;
        }
        let mut bytes = Vec::new();
        let read = entries.contents(&entry, |_, piece| {
            bytes.extend_from_slice(piece);
            Ok::<_, ReadError>(())
        });
        read.map_err(io::Error::other)?;
        content = Some(bytes);
    }
    Ok(content)
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
    /// The beginning of the standard error of the agent itself.
    agent_errors: String,
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
            agent_errors: String::new(),
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
            _ => {
                return Err(session
                    .frames
                    .lost("the agent has another version of the protocol"));
            }
        }
        session.uid = session.identify(user).await?;
        Ok(session)
    }

    /// Returns the uid of a user, by the tables of the container when it is asked for first.
    ///
    /// # Errors
    /// [`EngineError::Container`] when there is no such user.
    pub async fn identify(&mut self, user: &str) -> Result<u32, EngineError> {
        let user = user.to_owned();
        let request = Request::Identify { user };
        match self.ask(&request, &Progress::new(&())).await? {
            Answer::Identified { uid } => Ok(uid),
            other => Err(self.frames.unexpected(&other)),
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

    /// Runs a program and streams its standard output; see [`Container::exec_archive`](crate::Container::exec_archive).
    pub fn exec_archive<'a>(
        &'a mut self,
        program: &Program,
        progress: &'a Progress<'_>,
    ) -> ArchiveStream<'a> {
        self.frames.mask(program);
        let name = program.argv.first().cloned().unwrap_or_default();
        let request = exec(program);
        let opening = async move {
            self.send(&request).await.map_err(io::Error::other)?;
            let state = (&mut self.frames, name);
            Ok::<_, io::Error>(stream::try_unfold(
                state,
                move |(frames, name)| async move {
                    let piece = frames.stdout(&name, progress).await;
                    let piece = piece.map_err(io::Error::other)?;
                    Ok(piece.map(|piece| (piece, (frames, name))))
                },
            ))
        };
        stream::once(opening).try_flatten().boxed()
    }

    /// Streams files out with the rights of the user; see [`Container::read`](crate::Container::read). The stream fails
    /// when it is truncated.
    pub fn read(&mut self, files: Files) -> ArchiveStream<'_> {
        let Files {
            items,
            times,
            keep_modes,
        } = files;
        let request = Request::Read {
            items,
            times,
            keep_modes,
            user: self.user.clone(),
        };
        let opening = async move {
            self.send(&request).await.map_err(io::Error::other)?;
            let state = (&mut self.frames, 0);
            Ok::<_, io::Error>(stream::try_unfold(
                state,
                move |(frames, received)| async move {
                    let piece = frames.data(received).await?;
                    Ok(piece.map(|piece| {
                        let received = received + piece.len() as u64;
                        (piece, (frames, received))
                    }))
                },
            ))
        };
        stream::once(opening).try_flatten().boxed()
    }

    /// Returns the content of a file, read with the rights of the user; `None` where there is no file.
    ///
    /// # Errors
    /// The failure that the agent reports; [`EngineError::Failed`] for more than [`bounds::FILE`] bytes.
    pub async fn read_file(
        &mut self,
        path: &ContainerPath,
    ) -> Result<Option<Vec<u8>>, EngineError> {
        let image = self.frames.image.clone();
        let item = ReadItem {
            path: path.clone(),
            name: FILE_NAME.into(),
        };
        let failed = |source: io::Error| match source.downcast::<EngineError>() {
            Ok(error) => error,
            Err(source) => EngineError::Failed {
                operation: Operation::Read,
                subject: format!("{path} of {image}"),
                source: source.into(),
            },
        };
        let mut archive = self.read(Files {
            items: vec![item],
            times: Times::default(),
            keep_modes: false,
        });
        let mut bytes = Vec::new();
        while let Some(piece) = archive.next().await {
            match piece.map_err(failed) {
                Ok(piece) => bytes.extend(piece),
                Err(EngineError::Container { failure, .. })
                    if failure.kind == FailureKind::NoArtifact =>
                {
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
            if bytes.len() as u64 > MOST_OF_FILE {
                return Err(failed(io::ErrorKind::FileTooLarge.into()));
            }
        }
        file_of(&bytes).map_err(failed)
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
        let archive = match input.content {
            Content::Tree(tree) => tree.into_archive(),
            Content::Archive(archive) => archive,
        };
        let request = Request::Unpack {
            into: input.into.clone(),
            user: input.owner.unwrap_or_else(|| self.user.clone()),
        };
        self.upload(&input.into, &request, archive, progress).await
    }

    /// Sends files that exist until the end; see [`Container::inject`](crate::Container::inject).
    ///
    /// # Errors
    /// Those of [`unpack`](Self::unpack).
    pub async fn inject(
        &mut self,
        into: &ContainerPath,
        archive: ArchiveStream<'_>,
        progress: &Progress<'_>,
    ) -> Result<(), EngineError> {
        let request = Request::Inject {
            into: into.clone(),
            user: self.user.clone(),
        };
        self.upload(into, &request, archive, progress).await
    }

    async fn upload(
        &mut self,
        into: &ContainerPath,
        request: &Request,
        archive: ArchiveStream<'_>,
        progress: &Progress<'_>,
    ) -> Result<(), EngineError> {
        let Self { input, frames, .. } = self;
        let answer = {
            let sending = std::pin::pin!(send_archive(input, request, archive, progress));
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
        let frame = encode_json(Kind::Request, request);
        let frame = frame.map_err(|source| EngineError::Failed {
            operation: Operation::DescribeWork,
            subject: self.frames.image.to_string(),
            source: source.into(),
        })?;
        let _ = self.input.send(frame).await;
        Ok(())
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
        without: program.without.clone(),
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
    let request = encode_json(Kind::Request, request).map_err(Sending::Archive)?;
    input.feed(request).await.map_err(cut)?;
    let transfer = progress.transfer(TransferKind::Upload);
    let mut bytes = 0;
    while let Some(piece) = archive.next().await {
        let piece = piece.map_err(Sending::Archive)?;
        for part in piece.chunks(MAX_PAYLOAD) {
            let part = encode(Kind::Data, part).map_err(Sending::Archive)?;
            input.feed(part).await.map_err(cut)?;
        }
        bytes += piece.len() as u64;
        transfer.report(bytes, None);
    }
    let trailer = encode_json(Kind::End, &Trailer { bytes, entries: 0 });
    let trailer = trailer.map_err(Sending::Archive)?;
    input.send(trailer).await.map_err(cut)
}

fn encode_json(kind: Kind, value: &impl Serialize) -> io::Result<Bytes> {
    encode(kind, &Frame::json(kind, value).payload)
}

/// Encodes a frame in one piece, so that header and payload are sent together.
fn encode(kind: Kind, payload: &[u8]) -> io::Result<Bytes> {
    let header = header(kind, payload.len())?;
    let mut frame = BytesMut::with_capacity(HEADER + payload.len());
    frame.extend_from_slice(&header);
    frame.extend_from_slice(payload);
    Ok(frame.freeze())
}

/// A reply to a request for a program.
enum Reply {
    /// A piece of its standard output.
    Stdout(Vec<u8>),
    /// The last reply.
    Answer(Answer),
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
                Some(Ok(Piece::Stderr(message))) => self.note_error(&message),
                Some(Ok(Piece::Stdout(bytes))) => self.decoder.push(&bytes),
                Some(Err(err)) => return Err(self.lost(err.to_string())),
                None => return Err(self.lost("the connection to the container ended")),
            }
        }
    }

    /// Returns the next reply. Standard error before it is sent as events.
    async fn reply(&mut self, progress: &Progress<'_>) -> Result<Reply, EngineError> {
        loop {
            let frame = self.next().await?;
            if matches!(frame.kind, Kind::Answer | Kind::Failure) {
                self.flush_masks(progress);
            }
            match frame.kind {
                Kind::Stdout => return Ok(Reply::Stdout(frame.payload)),
                Kind::Stderr => progress.output(Output::Stderr, self.stderr.push(&frame.payload)),
                Kind::Answer => {
                    let answer = frame.parse();
                    let answer = answer.map_err(|err| self.lost(err.to_string()))?;
                    return Ok(Reply::Answer(answer));
                }
                Kind::Failure => return Err(self.refused(&frame)),
                kind => return Err(self.unexpected_frame(kind)),
            }
        }
    }

    /// Returns the answer to a request. Output before it is sent as events.
    async fn answer(&mut self, progress: &Progress<'_>) -> Result<Answer, EngineError> {
        loop {
            match self.reply(progress).await? {
                Reply::Stdout(piece) => progress.output(Output::Stdout, self.stdout.push(&piece)),
                Reply::Answer(answer) => return Ok(answer),
            }
        }
    }

    /// Returns the next piece of a program's standard output; `None` when it has ended with status 0.
    async fn stdout(
        &mut self,
        program: &str,
        progress: &Progress<'_>,
    ) -> Result<Option<Bytes>, EngineError> {
        match self.reply(progress).await? {
            Reply::Stdout(piece) => Ok(Some(piece.into())),
            Reply::Answer(Answer::Exited(Exit::Code(0))) => Ok(None),
            Reply::Answer(Answer::Exited(exit)) => Err(EngineError::ProgramFailed {
                program: program.into(),
                image: self.image.clone(),
                exit,
            }),
            Reply::Answer(other) => Err(self.unexpected(&other)),
        }
    }

    /// Returns the next piece of an archive of files; `None` at its end, which is after this many bytes.
    async fn data(&mut self, received: u64) -> io::Result<Option<Bytes>> {
        let frame = self.next().await.map_err(io::Error::other)?;
        match frame.kind {
            Kind::Data => Ok(Some(frame.payload.into())),
            Kind::End => {
                let trailer: Trailer = frame.parse()?;
                self.next().await.map_err(io::Error::other)?;
                if trailer.bytes == received {
                    Ok(None)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                }
            }
            Kind::Failure => Err(io::Error::other(self.refused(&frame))),
            kind => Err(io::Error::other(self.unexpected_frame(kind))),
        }
    }

    fn mask(&mut self, program: &Program) {
        if !program.secrets.is_empty() || !program.masked.is_empty() {
            self.stdout = Mask::new(&program.secrets, &program.masked);
            self.stderr = Mask::new(&program.secrets, &program.masked);
        }
    }

    /// Sends the output that was held back because it could have been the beginning of a secret, at the end of a
    /// program.
    fn flush_masks(&mut self, progress: &Progress<'_>) {
        progress.output(Output::Stdout, self.stdout.finish());
        progress.output(Output::Stderr, self.stderr.finish());
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

    fn unexpected_frame(&self, kind: Kind) -> EngineError {
        self.lost(format!("the agent sent a {kind:?} frame"))
    }

    fn note_error(&mut self, message: &[u8]) {
        let room = bounds::SHOWN.saturating_sub(self.agent_errors.len());
        let text = String::from_utf8_lossy(message);
        self.agent_errors.extend(text.chars().take(room));
    }

    fn lost(&self, why: impl Into<String>) -> EngineError {
        let mut why = why.into();
        let errors = self.agent_errors.trim();
        if !errors.is_empty() {
            why = format!("{why}; its last message: {errors}");
        }
        EngineError::Lost {
            image: self.image.clone(),
            source: Message(self.stderr.apply(&why)).into(),
        }
    }
}
