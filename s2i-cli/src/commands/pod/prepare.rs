//! `s2i pod prepare`.

use std::{fs, io, os::unix::fs::PermissionsExt as _, path::Path};

use s2i_build::{BuildContext, CancelToken, event::Progress, request::AssembleRuntime};
use s2i_core::pod::{COPIED_PROGRAM, IN_DIR};

use super::{
    ARGUMENTS, PodBuild, PodError, Step, make_dir, open,
    source::{self, Received},
};
use crate::{
    commands::{build, build_here},
    context::CommandContext,
    error::Error,
    files,
};

/// The file of the running program.
const PROGRAM: &str = "/proc/self/exe";

/// The options of the step.
pub(super) struct Options {
    /// True if the source comes on standard input.
    pub(super) receive: bool,
    /// True if the pod has a step in the runtime image.
    pub(super) with_runtime: bool,
}

/// Fills [`IN_DIR`].
pub(super) async fn run(
    pod: &PodBuild,
    options: &Options,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<(), Error> {
    let args = pod.build()?;
    make_dir(&context.host.temp_dir)?;
    install()?;
    keep_arguments(&pod.words)?;
    let engine = open(args, Step::Prepare, context)?;
    let (mut request, renderer) = build::inputs(&engine, args, context, cancel).await?;
    let sources = build::sources(&request, context);
    let progress = Progress::new(&renderer);
    let build_context = BuildContext::new(&progress, cancel);
    let origin = if options.receive {
        // The sender may never send anything.
        files::interruptible(source::receive, cancel).await?
    } else {
        source::fetch(&sources, &request, build_context).await?
    };
    progress.end_phase();
    let base = engine.base().await?;
    build_here::adapt(&mut request, &base, context.host);
    request.assemble_runtime = AssembleRuntime::RunIfNeeded;
    request.source = Received::request(args.exclude.clone())?;
    let source = Received::new(sources, origin);
    let preparing = s2i_build::prepare(&engine, &source, &request, &renderer, cancel);
    let prepared = Box::pin(preparing).await?;
    if prepared.runs_in_runtime_image() && !options.with_runtime {
        return Err(PodError::NoRuntimeStep.into());
    }
    let runtime: Vec<_> = request
        .runtime
        .iter()
        .map(|runtime| runtime.image.clone())
        .collect();
    let written = engine.write_images(Path::new(IN_DIR), &runtime, build_context);
    written.await?;
    Ok(())
}

/// Copies the running program for the steps in other images.
fn install() -> Result<(), PodError> {
    let path = Path::new(COPIED_PROGRAM);
    make_dir(path.parent().unwrap_or(path))?;
    let install = || -> io::Result<()> {
        fs::copy(PROGRAM, path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))
    };
    install().map_err(PodError::file("write", path))
}

fn keep_arguments(words: &[String]) -> Result<(), PodError> {
    let path = Path::new(IN_DIR).join(ARGUMENTS);
    let bytes = serde_json::to_vec(words).map_err(io::Error::from);
    let written = bytes.and_then(|bytes| fs::write(&path, bytes));
    written.map_err(PodError::file("write", path))
}
