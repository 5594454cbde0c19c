//! `s2i pod`: the steps of a build whose containers another program starts, as Kubernetes does for a Job.
//!
//! The steps share two directories. `prepare` has the logins, and fills [`IN_DIR`]: the program itself, the command line
//! of the build, the source and the [images](s2i_in_place::KnownImages). `assemble` runs in a container of the builder,
//! has no logins, can only read [`IN_DIR`], and leaves the result in [`OUT_DIR`]. If a runtime image has a script of its own,
//! `assemble` leaves the artifacts there, and `assemble-runtime`, in a container of that image, makes the result. `push`
//! has the logins again.

mod assemble;
mod assemble_runtime;
mod prepare;
mod push;
mod source;
mod termination;

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use s2i_build::CancelToken;
use s2i_core::{
    bounds,
    pod::{IN_DIR, OUT_DIR},
};
use s2i_in_place::{InPlaceEngine, Options};
use thiserror::Error;

use crate::{
    agents,
    args::{self, Args, Build, Command, EngineCommand, Pod},
    context::CommandContext,
    error::Error,
    exit::{self, Code},
    native,
};

/// The file with the arguments of the build, in [`IN_DIR`].
const ARGUMENTS: &str = "arguments.json";

/// The reason why a step fails that has nothing to do with the build itself.
#[derive(Debug, Error)]
pub(crate) enum PodError {
    /// The directories of the pod can't be used.
    #[error("can't {operation} `{}`", path.display())]
    File {
        operation: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// The arguments are not those of a build.
    #[error("the arguments of the build can't be used: {0}")]
    Arguments(String),
    /// The source did not arrive as it was sent.
    #[error("the source was not received completely")]
    Upload(#[source] io::Error),
    /// The build needs a part of the machine that it was requested on.
    #[error("{0} can't be used in a pod")]
    Unsupported(&'static str),
    /// A script has to run in the runtime image, in which the pod has no container.
    #[error(
        "the source has the script `assemble-runtime`, and the pod has no step in the runtime image; build with `--on \
         cluster` from a checkout, or put the script into the image"
    )]
    NoRuntimeStep,
}

impl PodError {
    fn file(operation: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File {
            operation,
            path,
            source,
        }
    }

    pub(crate) fn exit_code(&self) -> Code {
        match self {
            Self::File { .. } => exit::ENGINE,
            Self::Arguments(_) | Self::Unsupported(_) | Self::NoRuntimeStep => exit::USAGE,
            Self::Upload(_) => exit::FETCH,
        }
    }
}

/// The build that a step belongs to.
pub(crate) struct PodBuild {
    /// The command line of the build, parsed.
    args: Args,
    words: Vec<String>,
}

impl PodBuild {
    /// Parses the arguments of the build: those of `prepare`, or those that it has written.
    pub(crate) fn of(step: &Pod) -> Result<Self, PodError> {
        let words = match step {
            Pod::Prepare { build, .. } => build.clone(),
            Pod::Assemble | Pod::AssembleRuntime | Pod::Push => {
                let path = Path::new(IN_DIR).join(ARGUMENTS);
                let bytes = bounds::read_file(&path, bounds::FILE);
                let bytes = bytes.map_err(PodError::file("read", &path))?;
                let parsed = serde_json::from_slice(&bytes);
                parsed.map_err(|err| PodError::Arguments(err.to_string()))?
            }
        };
        let given = ["s2i", "build"].into_iter().map(OsString::from);
        let given = given.chain(words.iter().map(OsString::from));
        let args = args::parse(given);
        let mut args = args.map_err(|err| PodError::Arguments(err.to_string()))?;
        if let Command::WithEngine(EngineCommand::Build(build)) = &mut args.command
            && !matches!(step, Pod::Assemble)
        {
            // Only `assemble` has their values.
            build.secret.clear();
        }
        let build = Self { args, words };
        build.check()?;
        Ok(build)
    }

    /// Returns the parsed command line.
    pub(crate) fn args(&self) -> &Args {
        &self.args
    }

    fn build(&self) -> Result<&Build, PodError> {
        match &self.args.command {
            Command::WithEngine(EngineCommand::Build(build)) => Ok(build),
            _ => Err(PodError::Arguments(
                "they are those of another command".into(),
            )),
        }
    }

    /// Refuses options that a pod can't use.
    fn check(&self) -> Result<(), PodError> {
        match unsupported(self.build()?) {
            Some(option) => Err(PodError::Unsupported(option)),
            None => Ok(()),
        }
    }
}

/// Returns the first option of a build that needs a file, a directory or a service of the machine on which it was given.
pub(super) fn unsupported(build: &Build) -> Option<&'static str> {
    let options = [
        (build.load.is_some(), "--load"),
        (build.result.run, "--run"),
        (build.result.output.is_some(), "--output"),
        (!build.container.inject.is_empty(), "--inject"),
        (build.trust_ca.is_some(), "--trust-ca"),
        (build.environment_file.is_some(), "--environment-file"),
    ];
    let given = options.into_iter().find(|(is_given, _)| *is_given);
    given.map(|(_, option)| option)
}

/// Opens an engine that looks up images for a build in a pod.
#[cfg(feature = "kube")]
pub(super) fn resolver(
    build: &Build,
    context: &CommandContext<'_>,
) -> Result<InPlaceEngine, Error> {
    open(build, Step::Prepare, context)
}

/// Runs a step. A failure is written to the termination message of the container.
pub(crate) async fn run(
    step: &Pod,
    build: &PodBuild,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<ExitCode, Error> {
    let done = match step {
        Pod::Prepare {
            receive,
            with_runtime,
            ..
        } => {
            let options = prepare::Options {
                receive: *receive,
                with_runtime: *with_runtime,
            };
            Box::pin(prepare::run(build, &options, context, cancel)).await
        }
        Pod::Assemble => Box::pin(assemble::run(build, context, cancel)).await,
        Pod::AssembleRuntime => Box::pin(assemble_runtime::run(build, context, cancel)).await,
        Pod::Push => Box::pin(push::run(build, context, cancel)).await,
    };
    if let Err(err) = &done {
        termination::failed(err);
    }
    done?;
    Ok(ExitCode::SUCCESS)
}

/// A step without its options.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Prepare,
    Assemble,
    AssembleRuntime,
    Push,
}

/// Opens the engine of a step. The containers of a pod are started from the images that the build names.
fn open(build: &Build, step: Step, context: &CommandContext<'_>) -> Result<InPlaceEngine, Error> {
    let mut options = Options::new(agents::embedded());
    let runtime = build.runtime_image.as_ref();
    let runtime = runtime.filter(|_| step == Step::AssembleRuntime);
    options.image = runtime.or(build.builder.as_ref()).cloned();
    options.is_certain = true;
    options.registry = native::registry(context)?;
    options.compression = build.result.compression.unwrap_or_default();
    options.limits = context.config.limits.get();
    // The only steps that write to it.
    let writes = matches!(step, Step::Assemble | Step::AssembleRuntime);
    options.work_dir = writes.then(|| OUT_DIR.into());
    options.left_out = vec![IN_DIR.into(), OUT_DIR.into()];
    // Those that `prepare` has found.
    options.known = (step != Step::Prepare).then(|| IN_DIR.into());
    if let Some(dir) = crate::request::cache_dir(build, context.host) {
        options.left_out.push(dir);
    }
    Ok(InPlaceEngine::new(options)?)
}

/// Creates a directory, with its parents.
fn make_dir(path: &Path) -> Result<(), PodError> {
    fs::create_dir_all(path).map_err(PodError::file("make the directory", path))
}
