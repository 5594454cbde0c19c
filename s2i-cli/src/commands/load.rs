//! `s2i load`.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use s2i_build::{
    CancelToken,
    ports::ImageTransfer,
    stream::{ArchiveStream, pieces_of},
};
use serde_json::json;

use crate::{args::Load, context::CommandContext, error::Error, files::interruptible};

pub(crate) async fn run(
    engine: &impl ImageTransfer,
    args: &Load,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<(), Error> {
    let archive = open(args, context, cancel).await?;
    let loaded = engine.load(archive, cancel).await?;
    let renderer = context.renderer();
    for image in loaded {
        let object = json!({"event": "loaded", "image": image});
        renderer.answer(&format!("{image}\n"), &object);
    }
    Ok(())
}

async fn open(
    args: &Load,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<ArchiveStream<'static>, Error> {
    let input = args.input.as_ref().filter(|input| *input != Path::new("-"));
    let Some(input) = input else {
        if context.host.stdin_is_terminal {
            return Err(Error::Terminal("standard input"));
        }
        return Ok(stream(io::stdin()));
    };
    let path = context.host.working_dir.join(input);
    let open = move || File::open(&path).map_err(|source| Error::ReadFile { path, source });
    Ok(stream(interruptible(open, cancel).await?))
}

fn stream(mut archive: impl Read + Send + 'static) -> ArchiveStream<'static> {
    pieces_of(move |mut out| io::copy(&mut archive, &mut out).map(drop))
}
