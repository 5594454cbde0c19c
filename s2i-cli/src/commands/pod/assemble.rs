//! `s2i pod assemble`.

use std::path::Path;

use s2i_build::{
    CancelToken, Outcome,
    request::{ArtifactCache, AssembleRuntime},
};
use s2i_core::pod::{OUT_DIR, SECRETS_DIR};
use s2i_in_place::InPlaceEngine;

use super::{PodBuild, Step, open, source::Received};
use crate::{
    commands::{build, build_here},
    context::CommandContext,
    error::Error,
    secrets,
};

/// Builds in this container, and leaves the result in [`OUT_DIR`], or the artifacts for a runtime image with a script.
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
        .extend(secrets::read_dirs(SECRETS_DIR.as_ref())?);
    let base = engine.base().await?;
    build_here::adapt(&mut request, &base, context.host);
    request.assemble_runtime = AssembleRuntime::RunIfNeeded;
    request.source = Received::request(args.exclude.clone())?;
    let source = Received::read(build::sources(&request, context))?;
    renderer.started(&request);
    let preparing = s2i_build::prepare(&engine, &source, &request, &renderer, cancel);
    let prepared = Box::pin(preparing).await?;
    if prepared.runs_in_runtime_image() {
        let artifacts = ArtifactCache::new(OUT_DIR);
        let building =
            s2i_build::build_artifacts(&engine, &prepared, &artifacts, &renderer, cancel);
        Box::pin(building).await?;
        return Ok(());
    }
    let building = s2i_build::build_prepared(&engine, prepared, &renderer, cancel);
    let outcome = Box::pin(building).await?;
    renderer.outcome(&outcome);
    write_result(&engine, &outcome)
}

/// Leaves the image of a build in [`OUT_DIR`].
pub(super) fn write_result(engine: &InPlaceEngine, outcome: &Outcome) -> Result<(), Error> {
    let image = match &outcome.tag {
        Some(name) => name.clone(),
        None => outcome.image_id.parse()?,
    };
    engine.write_result(&image, Path::new(OUT_DIR))?;
    Ok(())
}
