//! The conversation with the agent over the attached streams of its container.

use std::{io, pin::Pin};

use bollard::container::{AttachContainerResults, LogOutput};
use bytes::Bytes;
use futures_util::{
    Stream, StreamExt as _,
    future::{Either, select},
};
use s2i_build::{
    EngineError,
    event::{Event, Output, Progress},
    stream::ArchiveStream,
};
use s2i_core::{
    ContainerPath, ImageRef,
    wire::{
        Answer, Decoder, Failure, Frame, Hello, Kind, MAX_PAYLOAD, Request, Trailer, VERSION,
        header,
    },
};
use tokio::io::{AsyncWrite, AsyncWriteExt as _, BufWriter};

use crate::error::Said;

/// As much as a piece of an archive with its header, so that the two travel together.
const BUFFER: usize = 512 * 1024;

/// How much of what the agent itself complains about is kept for a message, in bytes.
const COMPLAINT: usize = 2048;

/// A running agent.
pub(crate) struct Session {
    input: Input,
    frames: Frames,
}

type Input = BufWriter<Pin<Box<dyn AsyncWrite + Send>>>;

/// What comes from the agent.
struct Frames {
    image: ImageRef,
    output: Pin<Box<dyn Stream<Item = Result<LogOutput, bollard::errors::Error>> + Send>>,
    decoder: Decoder,
    complaint: String,
}

impl Session {
    /// Waits for the agent's first words.
    pub(crate) async fn open(
        image: ImageRef,
        attached: AttachContainerResults,
    ) -> Result<Self, EngineError> {
        let frames = Frames {
            image,
            output: attached.output,
            decoder: Decoder::default(),
            complaint: String::new(),
        };
        let mut session = Self {
            input: BufWriter::with_capacity(BUFFER, attached.input),
            frames,
        };
        let frame = session.frames.next().await?;
        match frame.parse::<Hello>() {
            Ok(Hello { version: VERSION }) if frame.kind == Kind::Hello => Ok(session),
            _ => Err(session.frames.lost("the agent speaks another language")),
        }
    }

    /// Sends an archive to be unpacked, as fast as it is taken. The agent may refuse it at any time.
    pub(crate) async fn unpack(
        &mut self,
        into: &ContainerPath,
        user: &str,
        archive: ArchiveStream<'_>,
        progress: &Progress<'_>,
    ) -> Result<Trailer, EngineError> {
        let request = Request::Unpack {
            into: into.clone(),
            user: user.into(),
        };
        let Self { input, frames } = self;
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
            Answer::Unpacked(trailer) => Ok(trailer),
            other => Err(frames.unexpected(&other)),
        }
    }

    /// Sends a request and waits for its answer; what a script writes in between is told.
    pub(crate) async fn ask(
        &mut self,
        request: &Request,
        progress: &Progress<'_>,
    ) -> Result<Answer, EngineError> {
        self.send(request).await?;
        self.frames.answer(progress).await
    }

    /// Sends a request. Whether it arrived shows in the answer; one that is too large never leaves.
    async fn send(&mut self, request: &Request) -> Result<(), EngineError> {
        tracing::trace!(?request, "asking the agent");
        let frame = Frame::json(Kind::Request, request);
        let header =
            header(frame.kind, frame.payload.len()).map_err(|source| EngineError::Failed {
                operation: "describe the work to a container of",
                subject: self.frames.image.to_string(),
                source: source.into(),
            })?;
        let input = &mut self.input;
        let _ = async {
            input.write_all(&header).await?;
            input.write_all(&frame.payload).await?;
            input.flush().await
        }
        .await;
        Ok(())
    }

    /// Asks for files and streams them; the stream fails when it is cut or less than promised.
    pub(crate) fn read(&mut self, request: Request) -> ArchiveStream<'_> {
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

    pub(crate) fn unexpected(&self, answer: &Answer) -> EngineError {
        self.frames.unexpected(answer)
    }
}

/// Which side of sending an archive failed.
enum Sending {
    Archive(io::Error),
    Connection,
}

/// An archive that comes from another container fails with that container's own error.
fn cannot_send(into: &ContainerPath, source: io::Error) -> EngineError {
    source
        .downcast::<EngineError>()
        .unwrap_or_else(|source| EngineError::Input {
            into: into.clone(),
            source,
        })
}

async fn send_archive(
    input: &mut Input,
    request: &Request,
    mut archive: ArchiveStream<'_>,
    progress: &Progress<'_>,
) -> Result<(), Sending> {
    let cut = |_| Sending::Connection;
    write_frame(input, &Frame::json(Kind::Request, request))
        .await
        .map_err(cut)?;
    let mut bytes = 0;
    while let Some(piece) = archive.next().await {
        let piece = piece.map_err(Sending::Archive)?;
        for part in piece.chunks(MAX_PAYLOAD) {
            let header = header(Kind::Data, part.len()).map_err(Sending::Archive)?;
            input.write_all(&header).await.map_err(cut)?;
            input.write_all(part).await.map_err(cut)?;
        }
        bytes += piece.len() as u64;
        progress.tell(Event::Uploaded(bytes));
    }
    let trailer = Trailer { bytes, entries: 0 };
    write_frame(input, &Frame::json(Kind::End, &trailer))
        .await
        .map_err(cut)?;
    input.flush().await.map_err(cut)
}

async fn write_frame(input: &mut Input, frame: &Frame) -> io::Result<()> {
    input
        .write_all(&header(frame.kind, frame.payload.len())?)
        .await?;
    input.write_all(&frame.payload).await
}

impl Frames {
    /// The next frame; the end of the stream is an error, because the agent never ends first.
    async fn next(&mut self) -> Result<Frame, EngineError> {
        loop {
            match self.decoder.next_frame() {
                Ok(Some(frame)) => return Ok(frame),
                Ok(None) => {}
                Err(err) => return Err(self.lost(err.to_string())),
            }
            match self.output.next().await {
                Some(Ok(LogOutput::StdErr { message })) => self.complain(&message),
                Some(Ok(output)) => self.decoder.push(&output.into_bytes()),
                Some(Err(err)) => return Err(self.lost(err.to_string())),
                None => return Err(self.lost("the connection to the container ended")),
            }
        }
    }

    async fn answer(&mut self, progress: &Progress<'_>) -> Result<Answer, EngineError> {
        loop {
            let frame = self.next().await?;
            match frame.kind {
                Kind::Stdout => progress.tell(Event::Output(Output::Stdout, frame.payload)),
                Kind::Stderr => progress.tell(Event::Output(Output::Stderr, frame.payload)),
                Kind::Answer => return frame.parse().map_err(|err| self.lost(err.to_string())),
                Kind::Failure => return Err(self.refused(&frame)),
                kind => return Err(self.lost(format!("the agent sent a {kind:?} frame"))),
            }
        }
    }

    fn refused(&self, frame: &Frame) -> EngineError {
        match frame.parse::<Failure>() {
            Ok(failure) => EngineError::Container {
                image: self.image.clone(),
                failure,
            },
            Err(err) => self.lost(err.to_string()),
        }
    }

    fn unexpected(&self, answer: &Answer) -> EngineError {
        self.lost(format!("the agent answered {answer:?}"))
    }

    fn complain(&mut self, message: &[u8]) {
        let room = COMPLAINT.saturating_sub(self.complaint.len());
        let text = String::from_utf8_lossy(message);
        self.complaint.extend(
            text.chars()
                .filter(|c| *c == '\n' || !c.is_control())
                .take(room),
        );
    }

    fn lost(&self, why: impl Into<String>) -> EngineError {
        let mut why = why.into();
        let complaint = self.complaint.trim();
        if !complaint.is_empty() {
            why = format!("{why}; it said: {complaint}");
        }
        EngineError::Lost {
            image: self.image.clone(),
            source: Said(why).into(),
        }
    }
}
