//! A build, and the use of its result: names, pushes, files, an archive, a container.

use std::{net::TcpListener, process::ExitCode};

use s2i_build::{
    BuildContext, CancelToken, Engine, Outcome,
    event::Progress,
    ports::{EngineProbe, ImageResolver, ImageTransfer, Launch, Launcher, Publish},
    request::{Network, PullPolicy},
};
use s2i_core::{ImageRef, label};
use serde_json::json;

use super::{build, export, run::status};
use crate::{
    args::{Build, ResultArgs},
    context::CommandContext,
    error::Error,
    files,
    render::Renderer,
};

/// The names of a result, and the digests under which registries have it.
#[derive(Debug, Default)]
pub(super) struct Names {
    all: Vec<ImageRef>,
    /// For each pushed name the reference with its digest, or the name if the engine reports no digest.
    pushed: Vec<String>,
    digest: Option<String>,
}

/// Builds an image and does with it what the command line asks for.
pub(super) async fn build<E: Engine + EngineProbe + ImageTransfer + Launcher>(
    engine: &E,
    args: &Build,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<ExitCode, Error> {
    let (image, renderer) = without_run(engine, args, &|_| (), context, cancel).await?;
    if args.result.run {
        return launch(engine, &image, &renderer, cancel).await;
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds an image after a change of the request, and does with it what the command line asks for, but does not run it.
pub(super) async fn without_run<E: Engine + EngineProbe + ImageTransfer>(
    engine: &E,
    args: &Build,
    adapt: &build::Adapt<'_>,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<(ImageRef, Renderer), Error> {
    check(args, context)?;
    let building = build::adapted(engine, args, adapt, context, cancel);
    let (outcome, renderer) = Box::pin(building).await?;
    let names = Names::of(&outcome);
    let names = if args.result.push {
        push(engine, names, &renderer, cancel).await?
    } else {
        names
    };
    let image = match names.all.first() {
        Some(name) => name.clone(),
        None => outcome.image_id.parse()?,
    };
    write_files(&outcome, &names, args, context)?;
    if let Some(output) = &args.result.output {
        export::write_to(engine, &image, output, context, cancel).await?;
    }
    let reference = names.pushed.first().cloned();
    let reference = reference.unwrap_or_else(|| image.to_string());
    if args.result.is_piped() {
        renderer.completed_without_reference();
    } else {
        renderer.completed(&reference, context.host);
    }
    Ok((image, renderer))
}

/// Refuses what can't succeed after the build.
fn check(args: &Build, context: &CommandContext<'_>) -> Result<(), Error> {
    if let (Some(option), None) = (args.result.needs_name(), args.name()) {
        return Err(Error::NoName(option));
    }
    if args.result.is_piped() {
        if context.renderer().is_json() {
            return Err(Error::TwoOutputs);
        }
        if context.host.stdout_is_terminal {
            return Err(Error::Terminal("standard output"));
        }
    } else if let Some(output) = &args.result.output {
        files::check_writable(&context.host.working_dir.join(output))?;
    }
    prepare_files(args, context)
}

/// Checks that the files with the ID and the metadata can be written after the build. An old file with an ID is removed,
/// as `docker buildx` does, so that a failed build leaves none.
pub(super) fn prepare_files(args: &Build, context: &CommandContext<'_>) -> Result<(), Error> {
    let path = |file| context.host.working_dir.join(file);
    let ResultArgs {
        iidfile,
        metadata_file,
        ..
    } = &args.result;
    for file in iidfile.iter().chain(metadata_file) {
        files::check_writable(&path(file))?;
    }
    iidfile
        .iter()
        .try_for_each(|file| files::remove(&path(file)))
}

impl Names {
    /// Returns the names that the result of a build has.
    pub(super) fn of(outcome: &Outcome) -> Self {
        let names = outcome.tag.iter().chain(&outcome.other_tags);
        Self {
            all: names.cloned().collect(),
            ..Self::default()
        }
    }
}

async fn push(
    engine: &impl ImageTransfer,
    mut names: Names,
    renderer: &Renderer,
    cancel: &CancelToken,
) -> Result<Names, Error> {
    let progress = Progress::new(renderer);
    let context = BuildContext::new(&progress, cancel);
    for name in &names.all {
        let digest = engine.push(name, context).await?.digest;
        let object = json!({"event": "pushed", "image": name.to_string(), "digest": digest});
        if renderer.is_json() {
            renderer.answer("", &object);
        }
        names.pushed.push(match &digest {
            Some(digest) => format!("{}@{digest}", name.name()),
            None => name.to_string(),
        });
        names.digest = names.digest.or(digest);
    }
    Ok(names)
}

/// Writes the files with the metadata and the ID. Each is complete, and the ID comes last.
pub(super) fn write_files(
    outcome: &Outcome,
    names: &Names,
    args: &Build,
    context: &CommandContext<'_>,
) -> Result<(), Error> {
    let path = |file| context.host.working_dir.join(file);
    if let Some(file) = &args.result.metadata_file {
        let all: Vec<_> = names.all.iter().map(ToString::to_string).collect();
        let label = |name| {
            let value = outcome.labels.get(name);
            value.filter(|value| !value.is_empty())
        };
        let metadata = json!({
            "id": outcome.image_id,
            "digest": names.digest,
            "names": all,
            "builder": outcome.builder.to_string(),
            "source": {
                "location": label(label::BUILD_SOURCE_LOCATION),
                "context_dir": label(label::BUILD_SOURCE_CONTEXT_DIR),
                "commit": label(label::BUILD_COMMIT_ID),
                "ref": label(label::BUILD_COMMIT_REF),
            },
        });
        files::write(&path(file), &format!("{metadata:#}\n"))?;
    }
    if let Some(file) = &args.result.iidfile {
        files::write(&path(file), &outcome.image_id)?;
    }
    Ok(())
}

/// Runs the image with all its ports published until it ends.
async fn launch(
    engine: &(impl ImageResolver + Launcher),
    image: &ImageRef,
    renderer: &Renderer,
    cancel: &CancelToken,
) -> Result<ExitCode, Error> {
    let progress = Progress::new(renderer);
    let context = BuildContext::new(&progress, cancel);
    let facts = engine.resolve(image, PullPolicy::Never, context).await?;
    let exposed = facts.config.exposed_ports.iter();
    let ports = exposed.filter_map(|port| published(port, engine.shares_ports()));
    let ports: Vec<_> = ports.collect();
    renderer.running(&image.to_string(), &ports);
    let launch = Launch {
        image: &facts,
        args: Vec::new(),
        env: Vec::new(),
        user: None,
        network: Network::default(),
        limits: s2i_build::limits::Limits::default(),
        ports,
        read_only: false,
    };
    let exit = engine.launch(&launch, context).await?;
    renderer.ended(exit);
    Ok(status(exit))
}

/// Returns a port of this machine for an exposed TCP port of a container.
fn published(exposed: &str, is_shared: bool) -> Option<Publish> {
    let container = exposed
        .strip_suffix("/tcp")
        .unwrap_or(exposed)
        .parse()
        .ok()?;
    if is_shared {
        let host = container;
        return Some(Publish { host, container });
    }
    // The port is free again before the engine listens, which is as good as engines that all support it allow.
    let listener = TcpListener::bind(("0.0.0.0", 0)).ok()?;
    let host = listener.local_addr().ok()?.port();
    Some(Publish { host, container })
}
