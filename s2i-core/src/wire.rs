//! The protocol between s2i and the agent in a build container.
//!
//! Both directions are a sequence of frames: one byte of kind, four bytes of length (big endian),
//! then the payload. The host sends [`Request`]s one after another and waits for the [`Answer`] to
//! each; the archive of an unpack request follows it as data frames and one end frame. The agent
//! answers in the same way, with the script's output in between. A stream that stops without an
//! end frame was cut: the agent then ends every process and itself.

use std::{
    fmt,
    io::{self, Read, Write},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Capability, ContainerPath, EnvVar, Times};

/// The version of this protocol. Agent and host come from one build, so their versions are equal; a difference means
/// that the agent was replaced.
pub const VERSION: u32 = 7;

/// The argument that makes the agent a process of a container that is in use already.
pub const IN_PLACE: &str = "--in-place";

/// The most bytes that the payload of one frame may have.
pub const MAX_PAYLOAD: usize = 1 << 20;

/// The bytes before a payload.
pub const HEADER: usize = 5;

/// The content of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Host: a [`Request`].
    Request = 1,
    /// Both: a piece of an archive.
    Data = 2,
    /// Both: the archive is whole; a [`Trailer`].
    End = 3,
    /// Host: one byte, the number of a signal for the running script.
    Signal = 4,
    /// Agent: the first frame, a [`Hello`].
    Hello = 16,
    /// Agent: a piece of the script's standard output.
    Stdout = 17,
    /// Agent: a piece of the script's standard error.
    Stderr = 18,
    /// Agent: an [`Answer`].
    Answer = 19,
    /// Agent: a [`Failure`], in place of an answer.
    Failure = 20,
}

impl Kind {
    const ALL: [Self; 9] = [
        Self::Request,
        Self::Data,
        Self::End,
        Self::Signal,
        Self::Hello,
        Self::Stdout,
        Self::Stderr,
        Self::Answer,
        Self::Failure,
    ];

    fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The content of the frame.
    pub kind: Kind,
    /// At most [`MAX_PAYLOAD`] bytes.
    pub payload: Vec<u8>,
}

impl Frame {
    /// A frame whose payload is JSON.
    ///
    /// # Panics
    /// Never: the messages of this module are plain data.
    #[must_use]
    pub fn json(kind: Kind, message: &impl Serialize) -> Self {
        let payload = serde_json::to_vec(message).expect("messages are plain data");
        Self { kind, payload }
    }

    /// Reads the payload as JSON.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] when it is something else.
    pub fn parse<T: DeserializeOwned>(&self) -> io::Result<T> {
        serde_json::from_slice(&self.payload)
            .map_err(|err| invalid(format!("{:?} frame: {err}", self.kind)))
    }

    /// Writes header and payload.
    ///
    /// # Errors
    /// Errors of `out`.
    pub fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        write_frame(out, self.kind, &self.payload)
    }

    /// Reads one frame into the memory of a payload that is no longer needed; `None` when the stream ends before one
    /// starts.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] when the stream ends inside a frame, [`io::ErrorKind::InvalidData`] when it
    /// holds something else, and errors of `input`.
    pub fn read_from(input: &mut impl Read, mut payload: Vec<u8>) -> io::Result<Option<Self>> {
        let mut header = [0; HEADER];
        if !read_or_end(input, &mut header)? {
            return Ok(None);
        }
        let (kind, length) = parse_header(header)?;
        payload.resize(length, 0);
        input.read_exact(&mut payload)?;
        Ok(Some(Self { kind, payload }))
    }
}

/// Writes one frame without owning its payload.
///
/// # Errors
/// Errors of `out`; [`io::ErrorKind::InvalidInput`] above [`MAX_PAYLOAD`].
pub fn write_frame(out: &mut impl Write, kind: Kind, payload: &[u8]) -> io::Result<()> {
    out.write_all(&header(kind, payload.len())?)?;
    out.write_all(payload)
}

/// The header of a frame.
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`] above [`MAX_PAYLOAD`].
pub fn header(kind: Kind, length: usize) -> io::Result<[u8; HEADER]> {
    let length = u32::try_from(length).ok().filter(|_| length <= MAX_PAYLOAD);
    let too_long = || io::Error::new(io::ErrorKind::InvalidInput, "a frame of more than 1 MiB");
    let [a, b, c, d] = length.ok_or_else(too_long)?.to_be_bytes();
    Ok([kind as u8, a, b, c, d])
}

fn parse_header([kind, a, b, c, d]: [u8; HEADER]) -> io::Result<(Kind, usize)> {
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    let kind = Kind::from_byte(kind)
        .ok_or_else(|| invalid(format!("a frame of the unknown kind {kind}")))?;
    if length > MAX_PAYLOAD {
        return Err(invalid(format!("a frame of {length} bytes")));
    }
    Ok((kind, length))
}

fn read_or_end(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..]) {
            Ok(0) if filled == 0 => return Ok(false),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => filled += count,
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) => return Err(err),
        }
    }
    Ok(true)
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// Cuts frames out of a stream that arrives in pieces of any size.
#[derive(Debug, Default)]
pub struct Decoder {
    pending: Vec<u8>,
    /// The number of these bytes that were returned in frames already.
    start: usize,
}

impl Decoder {
    /// Adds bytes that arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        // Done here and not for each frame, because one piece may hold very many frames.
        self.pending.drain(..self.start);
        self.start = 0;
        self.pending.extend_from_slice(bytes);
    }

    /// The next whole frame, if one is there.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] when the stream holds something else.
    pub fn next_frame(&mut self) -> io::Result<Option<Frame>> {
        let Some((header, rest)) = self.pending[self.start..].split_first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let (kind, length) = parse_header(*header)?;
        let Some(payload) = rest.get(..length) else {
            return Ok(None);
        };
        let payload = payload.to_vec();
        self.start += HEADER + length;
        Ok(Some(Frame { kind, payload }))
    }

    /// Returns whether the stream may end here, between two frames.
    #[must_use]
    pub fn is_between_frames(&self) -> bool {
        self.start == self.pending.len()
    }
}

/// The agent's first message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`VERSION`] of the agent.
    pub version: u32,
}

/// A request of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Resolves a user in the image's user tables. Later requests that name this user run as the account found here,
    /// even if the tables have changed since.
    Identify {
        /// The user, in the notation of image configs; empty is root.
        user: String,
    },
    /// Unpacks the archive that follows.
    Unpack {
        /// The directory to unpack into; created if absent.
        into: ContainerPath,
        /// The user that unpacks the archive and owns the files, in the notation of image configs; empty is root.
        user: String,
    },
    /// Puts the files of the archive that follows into a directory until [`Request::Finish`], which removes them and
    /// refuses a container in which their content was copied elsewhere. Files of the image come back then.
    Inject {
        /// The directory; created if its parent exists.
        into: ContainerPath,
        /// The user that owns the files, in the notation of image configs; empty is root.
        user: String,
    },
    /// Runs a program and waits for it.
    Exec(Exec),
    /// Streams files out as an archive.
    Read {
        /// The files and directories to stream, in this order.
        items: Vec<ReadItem>,
        /// The modification times of the entries. Files that changed since the agent started are new.
        times: Times,
        /// True if the entries keep the permissions of the files.
        #[serde(default)]
        keep_modes: bool,
        /// The user that reads the files, so that files which the container's user can't read stay inside.
        user: String,
    },
    /// Ends every process, removes temporary files, and makes times deterministic.
    Finish(Finish),
}

/// A program to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exec {
    /// Program and arguments; the program is a path.
    pub argv: Vec<String>,
    /// The whole environment. `HOME` is added from the account where it is absent.
    pub env: Vec<EnvVar>,
    /// The working directory.
    pub cwd: ContainerPath,
    /// The user to run as; empty is root.
    pub user: String,
    /// The capabilities that the program can't have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<Capability>,
}

/// One file or directory to stream out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadItem {
    /// The path in the container.
    pub path: ContainerPath,
    /// Its relative path in the archive.
    pub name: String,
}

/// A path to remove before a commit, with everything below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Removal {
    /// The path. One that does not exist is ignored.
    pub path: ContainerPath,
    /// A program that needs the path: if it exists and is executable, the path stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unless: Option<ContainerPath>,
}

impl From<ContainerPath> for Removal {
    /// Returns the removal of a path that nothing needs.
    fn from(path: ContainerPath) -> Self {
        let unless = None;
        Self { path, unless }
    }
}

/// The state in which to leave the container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finish {
    /// The paths to remove.
    pub remove: Vec<Removal>,
    /// Directories that were created for this container. They are removed if they are empty and not to be kept.
    #[serde(default)]
    pub made: Vec<ContainerPath>,
    /// The prefix of the paths to which removed directories are moved, each with a number appended, so that the process
    /// that makes the layer can delete them. A directory that can't be moved there is deleted at once.
    #[serde(default)]
    pub aside: Option<ContainerPath>,
    /// The modification times of everything that changed in this container. If it is `None`, the process that makes the
    /// layer sets the times, and the agent does not look for changes.
    pub times: Option<Times>,
    /// The files that must exist and be executable.
    pub require: Vec<ContainerPath>,
}

/// The result of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The user was found.
    Identified {
        /// The user's number.
        uid: u32,
    },
    /// The archive was unpacked or injected.
    Unpacked(Trailer),
    /// The program ended.
    Exited(Exit),
    /// The archive was sent.
    Read,
    /// The container may be committed or dropped.
    Finished,
}

/// The way in which a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// It exited with this status.
    Code(u8),
    /// It was killed by this signal.
    Signal(i32),
}

impl Exit {
    /// Returns whether the program exited with status 0.
    #[must_use]
    pub fn is_success(self) -> bool {
        self == Self::Code(0)
    }
}

/// Shows how the program ended, as the end of a sentence about it.
impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(0) => f.write_str("succeeded"),
            Self::Code(code) => write!(f, "failed with status {code}"),
            Self::Signal(9) => f.write_str("was killed by signal 9 (is there enough memory?)"),
            Self::Signal(signal) => write!(f, "was killed by signal {signal}"),
        }
    }
}

/// The size of a complete archive, which shows a truncated one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trailer {
    /// Bytes of the archive.
    pub bytes: u64,
    /// Entries, where the sender counted them.
    pub entries: u64,
}

/// An error of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The kind of failure.
    pub kind: FailureKind,
    /// The failed operation, its object and the cause, as a lower-case fragment.
    pub message: String,
}

impl Failure {
    /// Returns a failure of this kind.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { kind, message }
    }

    /// Returns a failure of the operating system.
    pub fn os(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Os, message)
    }
}

/// Conversion of errors to failures of the operating system.
pub trait OrFailure<T> {
    /// Adds the operation that failed to an error.
    ///
    /// # Errors
    /// The error, as a [`Failure`].
    fn or_failure(self, operation: impl fmt::Display) -> Result<T, Failure>;
}

impl<T, E: fmt::Display> OrFailure<T> for Result<T, E> {
    fn or_failure(self, operation: impl fmt::Display) -> Result<T, Failure> {
        self.map_err(|err| Failure::os(format!("{operation}: {err}")))
    }
}

/// The kinds of failure that the host distinguishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The program does not exist.
    NotFound,
    /// A file or directory to stream out does not exist.
    NoArtifact,
    /// The program can't be executed.
    NotExecutable,
    /// The image has no such user.
    NoSuchUser,
    /// The archive is refused.
    BadArchive,
    /// Files can't be injected there.
    Injection,
    /// The content of an injected file is in a file that would be in the image.
    Leak,
    /// A file of [`Finish::require`] does not exist or is not executable.
    Requirement,
    /// The operating system refused something.
    Os,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames() -> impl Strategy<Value = Vec<Frame>> {
        let frame = (
            0..Kind::ALL.len(),
            prop::collection::vec(any::<u8>(), 0..64),
        )
            .prop_map(|(kind, payload)| Frame {
                kind: Kind::ALL[kind],
                payload,
            });
        prop::collection::vec(frame, 0..8)
    }

    proptest! {
        #[test]
        fn frames_survive_pieces_of_any_size(frames in frames(), piece in 1_usize..16) {
            let mut stream = Vec::new();
            for frame in &frames {
                frame.write_to(&mut stream).unwrap();
            }
            let mut decoder = Decoder::default();
            let mut decoded = Vec::new();
            for bytes in stream.chunks(piece) {
                decoder.push(bytes);
                while let Some(frame) = decoder.next_frame().unwrap() {
                    decoded.push(frame);
                }
            }
            prop_assert!(decoder.is_between_frames());
            prop_assert_eq!(&decoded, &frames);
            let mut input = &stream[..];
            let read: Vec<_> = std::iter::from_fn(|| Frame::read_from(&mut input, Vec::new()).unwrap()).collect();
            prop_assert_eq!(&read, &frames);
        }

        #[test]
        fn a_cut_stream_is_an_error_or_a_clean_end(frames in frames(), cut in any::<prop::sample::Index>()) {
            let mut stream = Vec::new();
            let mut ends = vec![0];
            for frame in &frames {
                frame.write_to(&mut stream).unwrap();
                ends.push(stream.len());
            }
            let cut = cut.index(stream.len() + 1);
            let mut input = &stream[..cut];
            let outcome = std::iter::from_fn(|| Frame::read_from(&mut input, Vec::new()).transpose()).last();
            prop_assert_eq!(outcome.is_some_and(|last| last.is_err()), !ends.contains(&cut));
        }
    }

    #[test]
    fn a_piece_of_many_frames_takes_no_more_than_its_length() {
        let count = 200_000;
        let piece = header(Kind::Stdout, 0).unwrap().repeat(count);
        let start = std::time::Instant::now();
        let mut decoder = Decoder::default();
        decoder.push(&piece);
        let frames = std::iter::from_fn(|| decoder.next_frame().unwrap());
        assert_eq!(frames.count(), count);
        // Milliseconds; it was more than ten seconds when each frame moved the rest.
        assert!(start.elapsed().as_secs() < 5);
    }

    #[test]
    fn foreign_bytes_are_refused() {
        let mut decoder = Decoder::default();
        decoder.push(b"hello world");
        assert_eq!(
            decoder.next_frame().unwrap_err().to_string(),
            "a frame of the unknown kind 104"
        );
    }
}
