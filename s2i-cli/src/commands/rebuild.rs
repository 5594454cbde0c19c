//! `s2i rebuild`.

use std::{ffi::OsString, process::ExitCode};

use s2i_build::{
    BuildContext, CancelToken, Engine,
    event::Progress,
    ports::{EngineProbe, ImageTransfer, Launcher},
};
use s2i_core::{ImageRef, label};

use super::result;
use crate::{
    args::{self, Build, Command, EngineCommand, Rebuild},
    context::CommandContext,
    error::Error,
};

/// Builds an image again: from the source and with the builder in its labels.
pub(super) async fn run<E: Engine + EngineProbe + ImageTransfer + Launcher>(
    engine: &E,
    args: &Rebuild,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<ExitCode, Error> {
    let renderer = context.renderer();
    let progress = Progress::new(&renderer);
    let lookup = BuildContext::new(&progress, cancel);
    let image = engine
        .resolve(&args.image, args.pull_policy, lookup)
        .await?;
    // An empty label stands in place of one of the base.
    let label = |name| {
        let value = image.config.labels.get(name);
        value.filter(|value| !value.is_empty()).cloned()
    };
    let required = |name| {
        label(name).ok_or_else(|| Error::NotRebuildable {
            image: args.image.clone(),
            label: name,
        })
    };
    let builder = required(label::BUILD_IMAGE)?;
    let source = required(label::BUILD_SOURCE_LOCATION)?;
    // A branch may have newer commits, which are what a rebuild is for.
    let reference = label(label::BUILD_COMMIT_REF).or_else(|| label(label::BUILD_COMMIT_ID));
    let tag = args.tag.as_ref().unwrap_or(&args.image);
    let mut build = build(&source, &builder, tag).map_err(|reason| Error::InvalidLabels {
        image: args.image.clone(),
        reason,
    })?;
    // Files without a commit were copied, even if their directory is a repository.
    build.copy = reference.is_none();
    build.git_ref = reference;
    build.context_dir = label(label::BUILD_SOURCE_CONTEXT_DIR);
    build.pull_policy = args.pull_policy;
    build.destination.clone_from(&args.destination);
    build.previous = args.previous.clone();
    build.quiet = args.quiet;
    build.result = args.result();
    result::build(engine, &build, context, cancel).await
}

/// Returns the arguments of a build with the defaults for all else. Labels are of any origin, so they can't be options.
fn build(source: &str, builder: &str, tag: &ImageRef) -> Result<Build, String> {
    let words = ["s2i", "build", "--", source, builder].map(OsString::from);
    let words = words.into_iter().chain([tag.to_string().into()]);
    let args = args::parse(words).map_err(|err| err.kind().to_string())?;
    match args.command {
        Command::WithEngine(EngineCommand::Build(build)) => Ok(*build),
        _ => Err("no build".into()),
    }
}
