//! The conversion of command lines to requests.

use std::path::{Path, PathBuf};

use s2i_build::{
    CancelToken,
    injection::{Injection, InjectionError},
    request::{
        ArtifactCache, AssembleRuntime, BuildRequest, Builder, RuntimeRequest, SourceRequest,
    },
};
use s2i_core::{Diagnostic, EnvVar, environment};

use crate::{
    args::Build,
    choice,
    context::CommandContext,
    error::Error,
    files::{self, interruptible},
    host::Host,
    s2ifile, secrets,
};

/// Returns the requested build, and problems in its files that are not fatal.
pub(crate) async fn build(
    args: &Build,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<(BuildRequest, Vec<Diagnostic>), Error> {
    let CommandContext { host, config, .. } = context;
    let file = args.environment_file.as_deref();
    let (env, mut diagnostics) = variables(&args.env, file, host, cancel).await?;
    let (options, secret_host) = (args.secret.clone(), Host::clone(host));
    let secrets = interruptible(move || secrets::read(&options, &secret_host), cancel).await?;
    let trust = match args.trust_ca.as_deref() {
        Some(file) => Some(read(file, host, cancel).await?),
        None => None,
    };
    let (injections, warnings) = injections(args, host, cancel).await?;
    diagnostics.extend(warnings);
    if args.scripts.is_deprecated() {
        let message = "this option is deprecated; use `--scripts-url`";
        diagnostics.push(Diagnostic::new("--scripts", message));
    }
    let request = BuildRequest {
        source: SourceRequest {
            location: args.source.clone(),
            git_ref: not_empty(args.git_ref.as_ref()),
            context_dir: not_empty(args.context_dir.as_ref()),
            copy: args.copy,
            submodules: args.submodules.submodules(),
            exclude: args.exclude.clone(),
            // The store changes while the source is read.
            excluded_dirs: std::iter::once(choice::store(context))
                .chain(
                    args.config
                        .use_config
                        .then(|| host.working_dir.join(s2ifile::FILE)),
                )
                .chain(cache_dir(args, host))
                .collect(),
        },
        builder: builder(args),
        builders: config.builders.clone(),
        builder_pull: args.pull_policy,
        tag: args.name(),
        other_tags: args.names().into_iter().skip(1).collect(),
        runtime: args.runtime_image.clone().map(|image| RuntimeRequest {
            image,
            pull: args.runtime_pull_policy,
            artifacts: args
                .runtime_artifact
                .iter()
                .flat_map(|list| list.0.clone())
                .collect(),
        }),
        // A single name may turn out to be the builder; then the result has no name.
        previous: args.previous.request(
            args.name().as_ref().or(args.builder.as_ref()),
            args.runtime_image.is_some(),
        )?,
        artifact_cache: cache_dir(args, host).map(ArtifactCache::new),
        assemble_runtime: AssembleRuntime::Run,
        env,
        assemble_env: Vec::new(),
        secrets,
        trust,
        injections,
        container: args.container.options(&host.working_dir),
        labels: args.container.labels.iter().cloned().collect(),
        network: args.network.clone().unwrap_or_default(),
        limits: args.limits.limits(),
        scripts_url: args.scripts.url().cloned(),
        names_places: args.dockerfile.as_dockerfile.is_some(),
        destination: args.legacy.destination(args.destination.as_ref()),
        assemble_user: not_empty(args.assemble_user.as_ref()),
        assemble_runtime_user: not_empty(args.assemble_runtime_user.as_ref()),
        allowed_uids: args.allowed.or(&config.allowed_uids),
        on_build: args.triggers.treatment(),
        application_name: args.application_name.clone(),
        description: args.description.clone(),
        keep_source: args.keep_source,
        no_cache: args.no_cache,
        epoch: epoch(host)?,
    };
    diagnostics.extend(args.legacy.warnings());
    Ok((request, diagnostics))
}

/// Reads the files to inject, and returns problems with them that are not fatal.
async fn injections(
    args: &Build,
    host: &Host,
    cancel: &CancelToken,
) -> Result<(Vec<Injection>, Vec<Diagnostic>), Error> {
    let lists = args.container.inject.iter();
    let mappings: Vec<_> = lists.flat_map(|list| list.0.clone()).collect();
    if mappings.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let base = host.working_dir.clone();
    let read = move || {
        let read = mappings
            .iter()
            .map(|mapping| Injection::read(mapping, &base));
        let (injections, warnings): (Vec<_>, Vec<_>) = read.collect::<Result<_, _>>()?;
        Ok::<_, InjectionError>((injections, warnings.into_iter().flatten().collect()))
    };
    interruptible(read, cancel).await
}

/// Returns the directory that keeps the artifacts.
pub(crate) fn cache_dir(args: &Build, host: &Host) -> Option<PathBuf> {
    let dir = args.previous.cache_dir.as_ref();
    dir.map(|dir| host.working_dir.join(dir))
}

fn builder(args: &Build) -> Builder {
    match (&args.builder, args.name()) {
        (Some(builder), Some(_)) => Builder::Named(builder.clone()),
        (Some(either), None) => Builder::Either(either.clone()),
        (None, _) => Builder::Detected,
    }
}

/// Returns the value of an option; an empty one counts as left out.
pub(crate) fn not_empty(value: Option<&String>) -> Option<String> {
    value.filter(|value| !value.is_empty()).cloned()
}

/// Returns the variables of the command line and then those of a file, which take precedence.
pub(crate) async fn variables(
    options: &[EnvVar],
    file: Option<&Path>,
    host: &Host,
    cancel: &CancelToken,
) -> Result<(Vec<EnvVar>, Vec<Diagnostic>), Error> {
    let Some(file) = file else {
        return Ok((options.to_vec(), Vec::new()));
    };
    let text = read(file, host, cancel).await?;
    let (from_file, diagnostics) = environment::parse_file(&file.display().to_string(), &text);
    Ok((environment::merge([options, &from_file]), diagnostics))
}

async fn read(file: &Path, host: &Host, cancel: &CancelToken) -> Result<String, Error> {
    let path = host.working_dir.join(file);
    interruptible(move || files::read(&path), cancel).await
}

fn epoch(host: &Host) -> Result<Option<u64>, Error> {
    let parse = |text: &String| text.parse().map_err(|_| Error::Epoch(text.clone()));
    host.epoch.as_ref().map(parse).transpose()
}
