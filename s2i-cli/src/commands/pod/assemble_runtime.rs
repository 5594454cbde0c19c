//! `s2i pod assemble-runtime`.

use std::{fs, path::Path};

use s2i_build::{
    CancelToken,
    request::{ArtifactCache, AssembleRuntime, Builder},
};

use s2i_core::pod::OUT_DIR;

use super::{PodBuild, PodError, Step, assemble::write_result, open, source::Received};
use crate::{
    commands::{build, build_here},
    context::CommandContext,
    error::Error,
};

/// Makes the image in this container of the runtime image, of the artifacts that `assemble` has left. A build that runs
/// nothing in its runtime image has its result already.
pub(super) async fn run(
    pod: &PodBuild,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<(), Error> {
    let args = pod.build()?;
    let artifacts = ArtifactCache::new(OUT_DIR);
    if !artifacts.has_artifacts() {
        return Ok(());
    }
    build_here::prepare_process();
    let engine = open(args, Step::AssembleRuntime, context)?;
    let (mut request, renderer) = build::inputs(&engine, args, context, cancel).await?;
    if let Some(builder) = &args.builder {
        request.builder = Builder::Named(builder.clone());
    }
    request.assemble_runtime = AssembleRuntime::RunIfNeeded;
    // The container of the builder has used it.
    request.artifact_cache = None;
    request.source = Received::request(args.exclude.clone())?;
    let source = Received::read(build::sources(&request, context))?;
    let preparing = s2i_build::prepare(&engine, &source, &request, &renderer, cancel);
    let prepared = Box::pin(preparing).await?;
    let building = s2i_build::build_runtime(&engine, prepared, &artifacts, &renderer, cancel);
    let outcome = Box::pin(building).await?;
    renderer.outcome(&outcome);
    write_result(&engine, &outcome)?;
    let archive = artifacts.archive();
    fs::remove_file(&archive).map_err(PodError::file("remove", Path::new(&archive)))?;
    Ok(())
}
