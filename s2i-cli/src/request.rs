//! The conversion of command lines to requests.

use std::path::Path;

use s2i_build::{
    BuildFailure, CancelToken,
    plan::PlanError,
    request::{BuildRequest, Builder, PreviousRequest, RuntimeRequest, SourceRequest},
};
use s2i_core::{Diagnostic, EnvVar, bounds, environment, mapping::Mapping};

use crate::{
    args::Build, choice, commands::Setting, error::Error, host::Host, reading::reading, secrets,
};

/// Returns the requested build, and problems in its files that are not fatal.
pub(crate) async fn build(
    args: &Build,
    Setting {
        host,
        config,
        global,
    }: &Setting<'_>,
    cancel: &CancelToken,
) -> Result<(BuildRequest, Vec<Diagnostic>), Error> {
    let file = args.environment_file.as_deref();
    let (env, diagnostics) = variables(&args.env, file, host, cancel).await?;
    let (typed, surroundings) = (args.secret.clone(), Host::clone(host));
    let secrets = reading(move || secrets::read(&typed, &surroundings), cancel).await?;
    let trust = match args.trust_ca.as_deref() {
        Some(file) => Some(read(file, host, cancel).await?),
        None => None,
    };
    let request = BuildRequest {
        source: SourceRequest {
            location: args.source.clone(),
            git_ref: args
                .git_ref
                .clone()
                .filter(|reference| !reference.is_empty()),
            context_dir: args.context_dir.clone().filter(|dir| !dir.is_empty()),
            copy: args.copy,
            exclude: args.exclude.clone(),
            // The store changes while the source is read.
            foreign: vec![choice::store(global, config, host)],
        },
        builder: builder(args),
        builders: config.builders.clone(),
        builder_pull: args.pull_policy,
        tag: args.tag.clone(),
        runtime: args.runtime_image.clone().map(|image| RuntimeRequest {
            image,
            pull: args.runtime_pull_policy,
            artifacts: artifacts(args),
        }),
        previous: previous(args)?,
        env,
        secrets,
        trust,
        network: args.network.clone().unwrap_or_default(),
        limits: args.limited.limits(),
        destination: args.destination.clone(),
        assemble_user: args.assemble_user.clone().filter(|user| !user.is_empty()),
        assemble_runtime_user: args
            .assemble_runtime_user
            .clone()
            .filter(|user| !user.is_empty()),
        allowed_uids: args.allowed.ranges(config),
        application_name: args.application_name.clone(),
        description: args.description.clone(),
        keep_source: args.keep_source,
        no_cache: args.no_cache,
        epoch: epoch(host)?,
    };
    Ok((request, diagnostics))
}

fn previous(args: &Build) -> Result<Option<PreviousRequest>, Error> {
    let (is_split, pull) = (args.runtime_image.is_some(), args.incremental_pull_policy);
    if !args.incremental {
        return Ok(None);
    }
    // A single name may turn out to be the builder; then the result has no name.
    match args.tag.as_ref().or(args.builder.as_ref()) {
        Some(tag) => Ok(Some(PreviousRequest::of(tag, is_split, pull)?)),
        None => Err(BuildFailure::from(PlanError::NoTag).into()),
    }
}

fn builder(args: &Build) -> Builder {
    match (&args.builder, &args.tag) {
        (Some(builder), Some(_)) => Builder::Named(builder.clone()),
        (Some(either), None) => Builder::Either(either.clone()),
        (None, _) => Builder::Detected,
    }
}

fn artifacts(args: &Build) -> Vec<Mapping> {
    args.runtime_artifact
        .iter()
        .flat_map(|list| list.0.clone())
        .collect()
}

/// Returns the variables of the command line and then those of a file, which take precedence.
pub(crate) async fn variables(
    typed: &[EnvVar],
    file: Option<&Path>,
    host: &Host,
    cancel: &CancelToken,
) -> Result<(Vec<EnvVar>, Vec<Diagnostic>), Error> {
    let Some(file) = file else {
        return Ok((typed.to_vec(), Vec::new()));
    };
    let text = read(file, host, cancel).await?;
    let (from_file, diagnostics) = environment::parse_file(&file.display().to_string(), &text);
    Ok((environment::merge([typed, &from_file]), diagnostics))
}

async fn read(file: &Path, host: &Host, cancel: &CancelToken) -> Result<String, Error> {
    let path = host.working_dir.join(file);
    let read = move || {
        let read = bounds::read_text_file(&path, bounds::FILE);
        read.map_err(|source| Error::ReadFile { path, source })
    };
    reading(read, cancel).await
}

fn epoch(host: &Host) -> Result<Option<u64>, Error> {
    let parse = |text: &String| text.parse().map_err(|_| Error::Epoch(text.clone()));
    host.epoch.as_ref().map(parse).transpose()
}
