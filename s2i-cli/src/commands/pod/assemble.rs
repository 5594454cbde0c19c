//! `s2i pod assemble`.

use std::path::Path;

use s2i_build::CancelToken;

use super::{OUTPUT, PodBuild, Step, open, source::Received};
use crate::{
    commands::{build, build_here},
    context::CommandContext,
    error::Error,
    secrets,
};

/// The directory with a directory for each Secret of the build.
const SECRETS: &str = "/.s2i/secrets";

/// Builds in this container, and leaves the result in [`OUTPUT`].
pub(super) async fn run(
    pod: &PodBuild,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<(), Error> {
    let args = pod.build()?;
    build_here::prepare_process();
    let engine = open(args, Step::Assemble, context)?;
    let (mut request, renderer) = build::inputs(&engine, args, context, cancel).await?;
    request
        .secrets
        .extend(secrets::read_dirs(SECRETS.as_ref())?);
    let base = engine.base().await?;
    build_here::adapt(&mut request, &base, context.host);
    request.source = Received::request(args.exclude.clone())?;
    let source = Received::read(build::sources(&request, context))?;
    let building = build::of_source(&engine, &source, &request, args, &renderer, cancel);
    let outcome = Box::pin(building).await?;
    let image = match &outcome.tag {
        Some(name) => name.clone(),
        None => outcome.image_id.parse()?,
    };
    engine.write_result(&image, Path::new(OUTPUT))?;
    Ok(())
}
