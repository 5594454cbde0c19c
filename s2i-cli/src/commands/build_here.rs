//! `s2i build --engine here`: builds in the container that s2i runs in.

use std::{fs, process::ExitCode};

use s2i_build::{
    CancelToken, EngineError, Notice,
    context::or_interrupted,
    request::{AssembleRuntime, BuildRequest, Builder},
};
use s2i_core::{EnvVar, label::ImageLabels};
use s2i_in_place::{Base, InPlaceEngine, Options};

use super::{build, result};
use crate::{
    agents, args::Build, context::CommandContext, error::Error, host::Host, native, request,
};

/// The variables of every job that programs read to reach a network.
const NETWORK: [&str; 8] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
];

/// The variables in which CI systems, or the user, have the image of a job.
const JOB_IMAGE: [&str; 2] = ["S2I_JOB_IMAGE", "CI_JOB_IMAGE"];

pub(crate) async fn run(
    args: &Build,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<ExitCode, Error> {
    if args.load.is_some() {
        return Err(Error::LoadOfApi);
    }
    if args.result.run {
        return Err(Error::OnlyBuilds);
    }
    if !args.result.push && args.result.output.is_none() && args.dry_run.is_none() {
        return Err(Error::NotKept);
    }
    if args.previous.incremental && args.runtime_image.is_some() {
        return Err(Error::IncrementalHere);
    }
    prepare_process();
    let engine = open(args, context)?;
    let find = async { Ok::<_, Error>(engine.base().await?) };
    let base = or_interrupted(find, cancel).await?;
    context.notice(Notice::BuildsHere {
        image: base.name.clone(),
        id: base.id.to_string(),
    });
    if let Some(problem) = &base.problem {
        context.warn(base.name.to_string(), problem);
    }
    if base.has_no_layers() && args.runtime_image.is_none() {
        return Err(Error::NoBaseLayers(base.name.clone()));
    }
    let adapt = |request: &mut BuildRequest| adapt(request, &base, context.host);
    if let Some(form) = args.dry_run {
        let planning = build::dry_run(&engine, args, form, &adapt, context, cancel);
        Box::pin(planning).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let built = result::without_run(&engine, args, &adapt, context, cancel).await;
    if built.is_err() && engine.has_started() {
        let message =
            "what `assemble` has changed stays in it: use a new container for the next try";
        context.warn("this container", message);
    }
    built?;
    Ok(ExitCode::SUCCESS)
}

/// Keeps other processes of this user, such as those of `assemble`, from the memory and the variables of s2i, in which the
/// logins for registries are, and makes the modes of new files independent of the job.
pub(super) fn prepare_process() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    }
}

fn open(args: &Build, context: &CommandContext<'_>) -> Result<InPlaceEngine, Error> {
    let CommandContext { config, host, .. } = context;
    let mut options = Options::new(agents::embedded());
    let named = args.builder.clone();
    options.is_of_job = named.is_none();
    let of_job = || host.variables.first_text(&JOB_IMAGE).map(str::parse);
    options.image = match named {
        Some(image) => Some(image),
        None => of_job().transpose()?,
    };
    options.registry = native::registry(context)?;
    options.compression = args.result.compression.unwrap_or_default();
    options.limits = config.limits.get();
    if let Some(dir) = request::cache_dir(args, host) {
        let made = fs::create_dir_all(&dir).and_then(|()| dir.canonicalize());
        let dir = made.map_err(|source| Error::WriteFile { path: dir, source })?;
        options.left_out.push(dir);
    }
    InPlaceEngine::new(options).map_err(|err| match err {
        EngineError::NoEndpoint { .. } => Error::NotInContainer,
        err => err.into(),
    })
}

/// Makes the request one for the own container: its image is the builder, its variables are those of `assemble` that
/// the image names, and a runtime image only receives files.
pub(super) fn adapt(request: &mut BuildRequest, base: &Base, host: &Host) {
    request.builder = Builder::Named(base.name.clone());
    request.assemble_runtime = AssembleRuntime::Omit;
    let (labels, _) = ImageLabels::read(&base.config.config.labels, &base.config.config.env);
    let image: Vec<_> = base.config.config.env.iter().collect();
    let is_passed = |name: &str| labels.variables.matches(name) || NETWORK.contains(&name);
    let variables = host.variables.texts().filter_map(|(name, value)| {
        let variable = EnvVar::new(name, value).ok()?;
        // The image sets its own anyway.
        let is_new = !image.contains(&&variable.to_entry());
        (is_new && is_passed(variable.name())).then_some(variable)
    });
    request.assemble_env = variables.collect();
}
