//! `s2i build --on cluster`.

use std::{ffi::OsString, process::ExitCode, sync::Arc};

use s2i_build::{
    BuildContext, CancelToken, PreparedBuild,
    event::Progress,
    facts::ImageFacts,
    plan::StageName,
    ports::{ImageResolver as _, Runner as _},
    request::{AssembleRuntime, BuildRequest, Builder, PullPolicy},
    source::location::Place,
};
use s2i_core::{
    ImageRef, Printable,
    label::{self, ImageLabels},
};
use s2i_in_place::InPlaceEngine;
use s2i_kube::{
    client::{Outcome, Run, RunError},
    job::{BuildJob, Facts, Placement, Source},
};
use serde_json::json;

use super::{ClusterError, connect, follow, job, patience, source};
use crate::{
    args::{Build, OnCluster, Where},
    commands::{build, pod, result},
    context::CommandContext,
    error::Error,
    files,
    render::Renderer,
};

/// Builds in a cluster, and pushes the result.
pub(crate) async fn run(
    args: &Build,
    place: &OnCluster,
    words: &[OsString],
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<ExitCode, Error> {
    let anywhere = Placement::default();
    Box::pin(placed(args, place, words, &anywhere, context, cancel)).await?;
    Ok(ExitCode::SUCCESS)
}

/// Builds in a cluster, on the nodes of a placement, and pushes the result. There is no outcome if the build goes on
/// without this command.
pub(super) async fn placed(
    args: &Build,
    place: &OnCluster,
    words: &[OsString],
    placement: &Placement,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<Option<Outcome>, Error> {
    check(args)?;
    result::prepare_files(args, context)?;
    let cluster = connect(&Where {
        context: place.context.clone(),
        namespace: args.cluster.job.namespace.clone(),
    })
    .await?;
    let Looked {
        engine,
        request,
        renderer,
    } = look(args, context, cancel).await?;
    renderer.started(&request);
    let (mut job, prepared) = if matches!(request.source.location.place, Place::Remote(_)) {
        let progress = Progress::new(&renderer);
        let build_context = BuildContext::new(&progress, cancel);
        let job = job_of_repository(&engine, &request, args, words, build_context).await?;
        (job, None)
    } else {
        let source = build::sources(&request, context);
        let preparing = s2i_build::prepare(&engine, &source, &request, &renderer, cancel);
        let prepared = Box::pin(preparing).await?;
        let images = planned(&prepared, &request)?;
        let job = job::job(args, words, &images, Source::Upload, facts(&prepared))?;
        (job, Some(Arc::new(prepared)))
    };
    job.placement.clone_from(placement);
    let object = job.object().map_err(ClusterError::from)?;
    let submitted = cluster.submit(&object).await.map_err(ClusterError::from)?;
    follow::announce(&submitted, &cluster, &renderer);
    let options = Run {
        source: prepared.map(source::open),
        patience: patience(args.cluster.wait),
        detach: args.cluster.detach,
        ..Run::default()
    };
    let outcome = match follow::run(&submitted.build, options, &renderer, cancel).await {
        Err(Error::Cluster(ClusterError::Run(RunError::Detached(name)))) => {
            renderer.answer(
                &format!("{name}\n"),
                &json!({"event": "detached", "job": name}),
            );
            return Ok(None);
        }
        done => done?,
    };
    if let Some(file) = &args.result.metadata_file {
        let metadata = json!({
            "digest": outcome.digest,
            "names": args.names().iter().map(ToString::to_string).collect::<Vec<_>>(),
            "builder": job.builder,
            "source": {"location": object.metadata.annotations.as_ref().and_then(|all| all.get(s2i_kube::job::SOURCE_ANNOTATION)), "commit": outcome.commit},
            "job": outcome.job,
            "pod": outcome.pod,
            "steps": outcome.steps,
        });
        files::write(
            &context.host.working_dir.join(file),
            &format!("{metadata:#}\n"),
        )?;
    }
    let reference = follow::reference(&outcome).unwrap_or_default();
    renderer.completed(&Printable::line(&reference).to_string(), context.host);
    Ok(Some(outcome))
}

/// Returns the Job of a repository, which the cluster clones. The registries of its images are asked, no cluster is.
pub(crate) async fn repository_job(
    args: &Build,
    words: &[OsString],
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<BuildJob, Error> {
    check(args)?;
    let looked = look(args, context, cancel).await?;
    // Only the Job is shown, and on standard output.
    let progress = Progress::new(&());
    let build_context = BuildContext::new(&progress, cancel);
    job_of_repository(&looked.engine, &looked.request, args, words, build_context).await
}

/// A request for a build in a cluster, and what looks its images up.
struct Looked {
    engine: InPlaceEngine,
    request: BuildRequest,
    renderer: Renderer,
}

/// Reads the request, and refuses what the step with scripts would refuse later.
async fn look(
    args: &Build,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<Looked, Error> {
    let engine = pod::resolver(args, context)?;
    let (mut request, renderer) = build::inputs(&engine, args, context, cancel).await?;
    engine.check_options(&request.container)?;
    engine.check_network(&request.network)?;
    let base = engine.base().await?;
    request.builder = Builder::Named(base.name.clone());
    request.assemble_runtime = AssembleRuntime::RunIfNeeded;
    Ok(Looked {
        engine,
        request,
        renderer,
    })
}

async fn job_of_repository(
    engine: &InPlaceEngine,
    request: &BuildRequest,
    args: &Build,
    words: &[OsString],
    context: BuildContext<'_>,
) -> Result<BuildJob, Error> {
    let looking_up = Box::pin(look_up(engine, request, context));
    let images = context.or_interrupted(looking_up).await?;
    let facts = Facts {
        source: Some(args.source.public()),
        ..Facts::default()
    };
    Ok(job::job(args, words, &images, Source::Git, facts)?)
}

/// Refuses options for files and services of this machine.
fn check(args: &Build) -> Result<(), ClusterError> {
    if args.builder.is_none() {
        return Err(ClusterError::Missing("the name of the builder"));
    }
    let option = if args.result.iidfile.is_some() {
        "--iidfile"
    } else if args.result.callback_url().is_some() {
        "--callback-url"
    } else if !args.secret.is_empty() {
        "--secret"
    } else if args.previous.incremental && args.runtime_image.is_some() {
        "--incremental with --runtime-image"
    } else {
        return match pod::unsupported(args) {
            Some(option) => Err(ClusterError::Unsupported(option)),
            None => Ok(()),
        };
    };
    Err(ClusterError::Unsupported(option))
}

/// Returns the images of a plan.
fn planned(prepared: &PreparedBuild, request: &BuildRequest) -> Result<job::Images, Error> {
    let plan = prepared.plan();
    let images = &plan.inputs.images;
    let stage = plan.stage(StageName::Build);
    let runtime = match (&request.runtime, &images.runtime) {
        (Some(named), Some(found)) => Some(job::RuntimeImage {
            name: pinned(&named.image, found.digest.as_deref())?,
            user: plan
                .stage(StageName::Runtime)
                .filter(|_| prepared.runs_in_runtime_image())
                .map(|stage| stage.user.name.clone()),
        }),
        _ => None,
    };
    Ok(job::Images {
        builder: pinned(&images.builder.reference, images.builder.digest.as_deref())?,
        runtime,
        user: stage
            .map(|stage| stage.user.name.clone())
            .unwrap_or_default(),
    })
}

/// Looks up the images of a build whose source is fetched in the cluster.
async fn look_up(
    engine: &InPlaceEngine,
    request: &BuildRequest,
    context: BuildContext<'_>,
) -> Result<job::Images, Error> {
    let base = engine.base().await?;
    let builder = engine
        .resolve(&base.name, PullPolicy::Always, context)
        .await?;
    let runtime = match &request.runtime {
        Some(runtime) => {
            let found = engine
                .resolve(&runtime.image, PullPolicy::Always, context)
                .await?;
            Some(job::RuntimeImage {
                name: pinned(&runtime.image, found.digest.as_deref())?,
                user: user_of_runtime(request, &found),
            })
        }
        None => None,
    };
    let user = request
        .assemble_user
        .clone()
        .unwrap_or_else(|| user_of(&builder));
    Ok(job::Images {
        builder: pinned(&builder.name, builder.digest.as_deref())?,
        runtime,
        user,
    })
}

/// Returns the user of `assemble` in a builder.
fn user_of(builder: &ImageFacts) -> String {
    let (labels, _) = ImageLabels::read(&builder.config.labels, &builder.config.env);
    labels
        .assemble_user
        .unwrap_or_else(|| builder.config.user.clone())
}

/// Returns the user of `assemble-runtime` in a runtime image, if that has scripts and does not declare that its results
/// are complete without this one.
fn user_of_runtime(request: &BuildRequest, image: &ImageFacts) -> Option<String> {
    let (labels, _) = ImageLabels::read(&image.config.labels, &image.config.env);
    if labels.scripts_url.is_none() || labels.assemble_runtime.as_deref() == Some(label::OPTIONAL) {
        return None;
    }
    let user = request.assemble_runtime_user.clone();
    let user = user.or(labels.assemble_runtime_user);
    Some(user.unwrap_or_else(|| image.config.user.clone()))
}

/// Returns the name of an image with the digest by which its registry has it, so that all steps use the same one. The tag
/// stays, because it names the image with which a rebuild compares.
fn pinned(name: &ImageRef, digest: Option<&str>) -> Result<ImageRef, Error> {
    match digest {
        Some(digest) if name.digest().is_none() => {
            let (repository, tag) = (name.name(), name.tag_or_latest());
            Ok(format!("{repository}:{tag}@{digest}").parse()?)
        }
        _ => Ok(name.clone()),
    }
}

fn facts(prepared: &PreparedBuild) -> Facts {
    let origin = prepared.fetched().origin();
    Facts {
        source: Some(origin.location),
        revision: origin.commit.map(|commit| commit.id),
        ..Facts::default()
    }
}
