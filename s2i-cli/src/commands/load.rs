//! `s2i load`.

use std::{
    fs::{File, Metadata},
    io::{self, Read},
    path::Path,
};

use s2i_build::{
    CancelToken,
    event::Progress,
    ports::ImageTransfer,
    stream::{ArchiveStream, pieces_of},
    transfer::{TransferKind, reported},
};
use serde_json::json;

use crate::{args::Load, context::CommandContext, error::Error, files::interruptible};

pub(crate) async fn run(
    engine: &impl ImageTransfer,
    args: &Load,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<(), Error> {
    let (archive, length) = open(args, context, cancel).await?;
    let renderer = context.renderer();
    let progress = Progress::new(&renderer);
    let load = async |archive| engine.load(archive, cancel).await;
    let loaded = reported(archive, TransferKind::Load, length, &progress, load).await?;
    for image in loaded {
        let object = json!({"event": "loaded", "image": image});
        renderer.answer(&format!("{image}\n"), &object);
    }
    Ok(())
}

/// Returns the archive, and its length if it is a file.
async fn open(
    args: &Load,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<(ArchiveStream<'static>, Option<u64>), Error> {
    let input = args.input.as_ref().filter(|input| *input != Path::new("-"));
    let Some(input) = input else {
        if context.host.stdin_is_terminal {
            return Err(Error::Terminal("standard input"));
        }
        return Ok((stream(io::stdin()), None));
    };
    let path = context.host.working_dir.join(input);
    let open = move || File::open(&path).map_err(|source| Error::ReadFile { path, source });
    let file = interruptible(open, cancel).await?;
    let metadata = file.metadata().ok().filter(Metadata::is_file);
    let length = metadata.map(|metadata| metadata.len());
    Ok((stream(file), length))
}

fn stream(mut archive: impl Read + Send + 'static) -> ArchiveStream<'static> {
    pieces_of(move |mut out| io::copy(&mut archive, &mut out).map(drop))
}
