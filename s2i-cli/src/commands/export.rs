//! `s2i export`.

use std::{
    fs::{File, Permissions},
    io::{self, Write},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use futures_util::{
    StreamExt as _,
    future::{Either, select},
};
use s2i_build::{CancelToken, EngineError, Images, stream::ArchiveStream};
use s2i_core::ImageRef;
use serde_json::json;

use super::Setting;
use crate::{args::Export, error::Error};

pub(crate) async fn run(
    engine: &impl Images,
    args: &Export,
    setting: &Setting<'_>,
    cancel: &CancelToken,
) -> Result<(), Error> {
    let image = &args.image;
    let output = args.output.as_deref();
    let Some(output) = output.filter(|output| *output != Path::new("-")) else {
        if setting.host.stdout_is_terminal {
            return Err(Error::Terminal("standard output"));
        }
        let name = Path::new("standard output");
        let archive = engine.export(image);
        write(archive, image, io::stdout(), name, cancel).await?;
        return Ok(());
    };
    let path = setting.host.working_dir.join(output);
    let bytes = write_file(engine.export(image), image, &path, cancel).await?;
    let object =
        json!({"event": "exported", "image": image.to_string(), "file": path, "bytes": bytes});
    setting.renderer().answer("", &object);
    Ok(())
}

/// Writes a file that is there as a whole or not at all. A device or a pipe is written to as it is.
async fn write_file(
    archive: ArchiveStream<'static>,
    image: &ImageRef,
    path: &Path,
    cancel: &CancelToken,
) -> Result<u64, Error> {
    let failed = |source| Error::WriteFile {
        path: path.into(),
        source,
    };
    if path.exists() && !path.is_file() {
        let file = File::options().write(true).open(path).map_err(failed)?;
        return write(archive, image, file, path, cancel).await;
    }
    // Beside the file that a link leads to, not in place of the link.
    let target = path.canonicalize().unwrap_or_else(|_| path.into());
    let dir = target.parent().unwrap_or(Path::new("/"));
    let file = tempfile::Builder::new()
        .prefix(".s2i-export-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(dir)
        .map_err(failed)?;
    let bytes = write(archive, image, file.as_file(), path, cancel).await?;
    file.persist(&target).map_err(|err| failed(err.error))?;
    Ok(bytes)
}

/// Writes an archive, and gives its size in bytes.
async fn write(
    mut archive: ArchiveStream<'static>,
    image: &ImageRef,
    mut out: impl Write,
    path: &Path,
    cancel: &CancelToken,
) -> Result<u64, Error> {
    let failed = |source| Error::WriteFile {
        path: path.into(),
        source,
    };
    let copy = async {
        let mut bytes = 0;
        while let Some(piece) = archive.next().await {
            let piece = piece.map_err(|err| cannot_export(image, err))?;
            out.write_all(&piece).map_err(failed)?;
            bytes += piece.len() as u64;
        }
        out.flush().map_err(failed)?;
        Ok(bytes)
    };
    match select(std::pin::pin!(cancel.cancelled()), std::pin::pin!(copy)).await {
        Either::Left((reason, _)) => Err(EngineError::Interrupted(reason).into()),
        Either::Right((done, _)) => done,
    }
}

/// The engine's own error, where there is one in it.
fn cannot_export(image: &ImageRef, err: io::Error) -> EngineError {
    err.downcast().unwrap_or_else(|source| EngineError::Failed {
        operation: "export",
        subject: image.to_string(),
        source: source.into(),
    })
}
