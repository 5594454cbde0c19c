//! `s2i kube`: objects of Kubernetes and of systems on it, and the linter of such objects. No cluster is asked.

mod app;
mod builds;
mod error;
mod job;
mod lint;
mod migrate;
mod needs;
mod pipelines;
mod secret;
mod source;

use std::{io, path::Path, process::ExitCode};

use s2i_build::{CancelToken, context::or_interrupted};
use s2i_core::{Printable, bounds};
use s2i_kube::document;
use serde_json::Value;

pub(crate) use self::error::KubeError;
use crate::{
    args::kube::{Kube, KubeCommand, ObjectArgs},
    context::CommandContext,
    error::Error,
    files::interruptible,
    render,
};

pub(crate) async fn run(
    args: &Kube,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<ExitCode, Error> {
    let (objects, args) = match &args.command {
        KubeCommand::App(args) => {
            let objects = or_interrupted(app::objects(args, context), cancel).await?;
            (objects, &args.objects)
        }
        KubeCommand::Job(args) => {
            let job = Box::pin(job::job(args, context, cancel)).await?;
            (vec![job], &args.objects)
        }
        KubeCommand::Secret(args) => {
            let secret = Box::pin(secret::secret(args, context, cancel)).await?;
            (vec![secret], args.objects())
        }
        KubeCommand::Rbac(args) => {
            let namespace = args.objects.namespace();
            (needs::rbac(args, namespace.as_deref())?, &args.objects)
        }
        KubeCommand::Pvc(args) => (vec![needs::pvc(args)?], &args.objects),
        KubeCommand::ImageStream(args) => {
            (vec![builds::image_stream(args, context)], &args.objects)
        }
        KubeCommand::BuildConfig(args) => (builds::build_config(args)?, &args.objects),
        KubeCommand::NewApp(args) => {
            let objects = or_interrupted(builds::new_app(args, context), cancel).await?;
            (objects, &args.objects)
        }
        KubeCommand::Tekton(args) => (vec![pipelines::tekton(args)], &args.objects),
        KubeCommand::Shipwright(args) => (pipelines::shipwright(args)?, &args.objects),
        KubeCommand::Kubesphere(args) => (pipelines::kubesphere(args, context)?, &args.objects),
        KubeCommand::Lint(args) => return lint::run(args, context, cancel).await,
        KubeCommand::Import(args) => return migrate::run(args, context, cancel).await,
    };
    write(&objects, args)?;
    Ok(ExitCode::SUCCESS)
}

/// Reads the objects in a file or, with `-`, from standard input.
async fn read(
    file: &Path,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<Vec<Value>, Error> {
    let path = context.host.working_dir.join(file);
    let is_stdin = file == Path::new("-");
    let read = move || {
        let text = if is_stdin {
            bounds::read_text(io::stdin(), bounds::DOCUMENT)
        } else {
            bounds::read_text_file(&path, bounds::DOCUMENT)
        };
        text.map_err(|source| Error::ReadFile { path, source })
    };
    let text = interruptible(read, cancel).await?;
    let objects = document::read(&text).map_err(|source| KubeError::Read {
        file: file.display().to_string(),
        source,
    })?;
    Ok(objects)
}

/// Writes objects to standard output. Text that is not printable would be another one there.
fn write(objects: &[Value], args: &ObjectArgs) -> Result<(), KubeError> {
    let text = document::write(objects, args.output);
    let printable = Printable::lines(&text);
    if printable.as_str() != text {
        return Err(KubeError::NotPrintable);
    }
    render::write_stdout(&printable);
    Ok(())
}
