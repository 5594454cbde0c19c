//! The source of a build in a pod: received or cloned by `prepare`, and read by the later steps.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, BufReader, Read},
    path::Path,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    stdio::stdin,
};
use s2i_build::{
    BuildContext, SourceError,
    ports::SourceReader,
    request::{BuildRequest, SourceLocation, SourceRequest},
    source::{Fetched, Origin},
    stream::ArchiveReader,
};
use s2i_core::{
    Printable, Script, ScriptsUrl,
    archive::{self, Limits},
    bounds,
    pod::IN_DIR,
    upload::Receiver,
};

use super::PodError;
use crate::{error::Error, render, sources::Sources};

/// The directory with the files, in [`IN_DIR`].
const FILES: &str = "source";

/// The longest time in which a sender sends nothing.
const SILENCE: Duration = Duration::from_secs(2 * 60);

/// The file with the origin, in [`IN_DIR`].
const ORIGIN: &str = "origin.json";

/// Receives a source on standard input.
///
/// # Errors
/// [`PodError::Upload`] if it is cut or damaged.
pub(super) fn receive() -> Result<Origin, PodError> {
    let input = BufReader::with_capacity(1 << 20, TimedInput);
    let (origin, mut receiver) = Receiver::new(input).map_err(PodError::Upload)?;
    unpack(&mut receiver)?;
    let length = receiver.finish().map_err(PodError::Upload)?;
    keep(&origin)?;
    // The sender waits for this line, which nothing else of the step writes to standard output.
    let line = format!("received the source: {length} bytes\n");
    render::write_stdout(&Printable::lines(&line));
    Ok(origin)
}

/// Standard input that fails if nothing comes for [`SILENCE`]: a sender that was killed before it was connected, or whose
/// machine was lost, does not close it.
struct TimedInput;

impl Read for TimedInput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let silence = Timespec::try_from(SILENCE).map_err(io::Error::other)?;
        let mut input = [PollFd::from_borrowed_fd(stdin(), PollFlags::IN)];
        match poll(&mut input, Some(&silence)) {
            Ok(0) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("nothing was sent for {} s", SILENCE.as_secs()),
            )),
            Ok(_) => Ok(rustix::io::read(stdin(), buffer)?),
            Err(err) => Err(err.into()),
        }
    }
}

/// Fetches the source of a request.
pub(super) async fn fetch(
    sources: &Sources,
    request: &BuildRequest,
    context: BuildContext<'_>,
) -> Result<Origin, Error> {
    let fetched = s2i_build::gather::source(sources, request, context).await;
    let fetched = fetched.map_err(s2i_build::BuildFailure::from)?;
    let (forward, archive) = ArchiveReader::new(fetched.archive());
    let unpacked = s2i_build::stream::blocking(move || unpack(archive));
    let (unpacked, ()) = futures_util::future::join(unpacked, forward).await;
    unpacked.map_err(Error::Runtime)??;
    let origin = fetched.origin();
    keep(&origin)?;
    Ok(origin)
}

fn unpack(archive: impl Read) -> Result<(), PodError> {
    let path = Path::new(IN_DIR).join(FILES);
    let unpacked = archive::unpack_to(&path, archive, &Limits::default());
    unpacked.map(drop).map_err(PodError::Upload)
}

fn keep(origin: &Origin) -> Result<(), PodError> {
    let path = Path::new(IN_DIR).join(ORIGIN);
    let bytes = serde_json::to_vec(origin).map_err(io::Error::from);
    let written = bytes.and_then(|bytes| fs::write(&path, bytes));
    written.map_err(PodError::file("write", path))
}

/// Returns the origin of the source that another step has prepared.
pub(super) fn origin() -> Result<Origin, PodError> {
    let path = Path::new(IN_DIR).join(ORIGIN);
    let read = bounds::read_file(&path, bounds::FILE);
    let origin = read.and_then(|bytes| Ok(serde_json::from_slice(&bytes)?));
    origin.map_err(PodError::file("read", path))
}

/// The reader of a source that `prepare` has put into a directory.
pub(super) struct Received {
    sources: Sources,
    origin: Origin,
}

impl Received {
    /// Creates the reader of a source with this origin.
    pub(super) fn new(sources: Sources, origin: Origin) -> Self {
        Self { sources, origin }
    }

    /// Creates the reader of the source that another step has prepared.
    pub(super) fn read(sources: Sources) -> Result<Self, PodError> {
        let origin = origin()?;
        Ok(Self { sources, origin })
    }

    /// Returns the request for the source. Its other parts are done.
    pub(super) fn request(exclude: String) -> Result<SourceRequest, PodError> {
        let path = Path::new(IN_DIR).join(FILES).display().to_string();
        let location: Result<SourceLocation, _> = path.parse();
        let location = location.map_err(|err| PodError::Arguments(err.to_string()))?;
        Ok(SourceRequest {
            copy: true,
            exclude,
            ..SourceRequest::new(location)
        })
    }
}

impl SourceReader for Received {
    async fn fetch(
        &self,
        request: &SourceRequest,
        context: BuildContext<'_>,
    ) -> Result<Fetched, SourceError> {
        let fetched = self.sources.fetch(request, context).await?;
        Ok(fetched.with_origin(self.origin.clone()))
    }

    async fn fetch_scripts(
        &self,
        url: &ScriptsUrl,
        scripts: &[Script],
        context: BuildContext<'_>,
    ) -> Result<BTreeMap<Script, Vec<u8>>, SourceError> {
        self.sources.fetch_scripts(url, scripts, context).await
    }
}
