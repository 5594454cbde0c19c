//! `s2i kube`: objects of Kubernetes and of systems on it, and the linter of such objects. No cluster is asked, unless it
//! gets the objects.

mod app;
mod apply;
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
use s2i_kube::{client::Cluster, document};
use serde_json::Value;

pub(crate) use self::error::KubeError;
use crate::{
    args::{
        Where,
        kube::{Kube, KubeCommand, ObjectArgs},
    },
    commands::cluster::connect,
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
    let options = match &args.command {
        KubeCommand::Lint(args) => return lint::run(args, context, cancel).await,
        KubeCommand::Import(args) => return migrate::run(args, context, cancel).await,
        command => command.objects(),
    };
    let options = options.filter(|options| options.apply);
    let cluster = match options {
        Some(options) => Some(connect(&place(options)).await?),
        None => None,
    };
    let namespace = cluster.as_ref().map(Cluster::namespace);
    let objects = objects(&args.command, namespace, context, cancel).await?;
    match (&cluster, options, args.command.objects()) {
        (Some(cluster), Some(options), _) => {
            let applying = apply::run(&objects, options, cluster, context, cancel);
            Box::pin(applying).await?;
        }
        (_, _, Some(options)) => write(&objects, options)?,
        _ => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the cluster that gets the objects.
fn place(options: &ObjectArgs) -> Where {
    Where {
        context: options.context.clone(),
        namespace: options.namespace(),
    }
}

/// Returns the objects of a command. The namespace is that of the cluster that gets them, if it is known.
async fn objects(
    command: &KubeCommand,
    namespace: Option<&str>,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<Vec<Value>, Error> {
    Ok(match command {
        KubeCommand::App(args) => or_interrupted(app::objects(args, context), cancel).await?,
        KubeCommand::Job(args) => vec![Box::pin(job::job(args, context, cancel)).await?],
        KubeCommand::Secret(args) => {
            vec![Box::pin(secret::secret(args, context, cancel)).await?]
        }
        KubeCommand::Rbac(args) => {
            let named = args.objects.namespace();
            needs::rbac(args, named.as_deref().or(namespace))?
        }
        KubeCommand::Pvc(args) => vec![needs::pvc(args)?],
        KubeCommand::CronJob(args) => vec![needs::cron_job(args, context)?],
        KubeCommand::ImageStream(args) => vec![builds::image_stream(args, context)],
        KubeCommand::BuildConfig(args) => builds::build_config(args)?,
        KubeCommand::NewApp(args) => or_interrupted(builds::new_app(args, context), cancel).await?,
        KubeCommand::Tekton(args) => vec![pipelines::tekton(args)],
        KubeCommand::Shipwright(args) => pipelines::shipwright(args)?,
        KubeCommand::Kubesphere(args) => pipelines::kubesphere(args, context)?,
        KubeCommand::Lint(_) | KubeCommand::Import(_) => Vec::new(),
    })
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
