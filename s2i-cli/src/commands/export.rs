//! `s2i export`.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};

use futures_util::StreamExt as _;
use s2i_build::{
    CancelToken, EngineError,
    context::or_interrupted,
    ports::{ImageTransfer, Operation},
    stream::{ArchiveStream, blocking},
};
use s2i_core::ImageRef;
use serde_json::json;

use crate::{
    args::Export,
    context::CommandContext,
    error::Error,
    files::{self, NewFile},
};

pub(crate) async fn run(
    engine: &impl ImageTransfer,
    args: &Export,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<(), Error> {
    let output = args.output.as_deref().unwrap_or(Path::new("-"));
    write_to(engine, &args.image, output, context, cancel).await
}

/// Writes an image as an archive to a file or, with `-`, to standard output.
pub(super) async fn write_to(
    engine: &impl ImageTransfer,
    image: &ImageRef,
    output: &Path,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<(), Error> {
    if output == Path::new("-") {
        if context.host.stdout_is_terminal {
            return Err(Error::Terminal("standard output"));
        }
        let name = Path::new("standard output");
        let archive = engine.export(image, cancel);
        or_interrupted(write(archive, image, io::stdout(), name), cancel).await?;
        return Ok(());
    }
    let path = context.host.working_dir.join(output);
    let archive = engine.export(image, cancel);
    let bytes = or_interrupted(write_file(archive, image, &path), cancel).await?;
    let file = path.display().to_string();
    let object =
        json!({"event": "exported", "image": image.to_string(), "file": file, "bytes": bytes});
    let renderer = context.renderer();
    if renderer.is_json() {
        renderer.answer("", &object);
    }
    Ok(())
}

/// Writes a regular file completely or not at all. Devices and pipes are written to directly.
async fn write_file(
    archive: ArchiveStream<'static>,
    image: &ImageRef,
    path: &Path,
) -> Result<u64, Error> {
    let failed = |source| Error::WriteFile {
        path: path.into(),
        source,
    };
    if files::is_special(path) {
        // Opening a pipe waits for its reader.
        let pipe = path.to_owned();
        let opened = blocking(move || File::options().write(true).open(pipe)).await;
        let file = opened.and_then(|opened| opened).map_err(failed)?;
        return write(archive, image, file, path).await;
    }
    let file = NewFile::create(path).map_err(failed)?;
    let out = file.as_file().try_clone().map_err(failed)?;
    let bytes = write(archive, image, out, path).await?;
    file.persist().map_err(failed)?;
    Ok(bytes)
}

/// Writes an archive and returns its size in bytes. A separate thread writes each piece, because the reader may
/// be slow.
async fn write(
    mut archive: ArchiveStream<'static>,
    image: &ImageRef,
    mut out: impl Write + Send + 'static,
    path: &Path,
) -> Result<u64, Error> {
    let failed = |source| Error::WriteFile {
        path: path.into(),
        source,
    };
    let mut bytes = 0;
    while let Some(piece) = archive.next().await {
        let piece = piece.map_err(|err| cannot_export(image, err))?;
        bytes += piece.len() as u64;
        let write = move || out.write_all(&piece).map(|()| out);
        let written = blocking(write).await.and_then(|written| written);
        out = written.map_err(failed)?;
    }
    let flushed = blocking(move || out.flush()).await;
    flushed.and_then(|flushed| flushed).map_err(failed)?;
    Ok(bytes)
}

/// Returns the error of the engine if there is one inside, or else the I/O error.
fn cannot_export(image: &ImageRef, err: io::Error) -> EngineError {
    err.downcast().unwrap_or_else(|source| EngineError::Failed {
        operation: Operation::Export,
        subject: image.to_string(),
        source: source.into(),
    })
}
