//! Builds in a Kubernetes cluster: `s2i build --on cluster` and `s2i cluster`.

mod build;
mod error;
mod follow;
mod job;
mod kubesphere;
mod rebuild;
mod source;

use std::{fmt::Write as _, process::ExitCode, time::Duration};

use s2i_build::{CancelToken, context::or_interrupted};
use s2i_core::Printable;
use s2i_kube::client::{CheckRequest, Level, OnInterrupt, Patience, Run, Target, needs_source};
use serde_json::json;

pub(crate) use self::{
    build::{repository_job, run as build_on_cluster},
    error::ClusterError,
};
use crate::{
    args::{Cluster, Named, Where},
    context::CommandContext,
    error::Error,
    exit,
};

/// The time that a build may wait for a node, if the command line has no other.
const NODE_WAIT: Duration = Duration::from_secs(5 * 60);

/// `s2i cluster`.
pub(crate) async fn run(
    command: &Cluster,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<ExitCode, Error> {
    match command {
        Cluster::Check { place, cache } => {
            let check = check(place, *cache, context);
            or_interrupted(check, cancel).await
        }
        Cluster::List { place, application } => {
            let list = list(place, application.as_deref(), context);
            or_interrupted(list, cancel).await
        }
        Cluster::Logs(named) => follow(named, true, context, cancel).await,
        Cluster::Wait(named) => follow(named, false, context, cancel).await,
        Cluster::Cancel { name, place } => {
            let remove = async {
                let cluster = connect(place).await?;
                let removed = cluster.build(name).cancel().await;
                removed.map_err(ClusterError::from)?;
                Ok(ExitCode::SUCCESS)
            };
            Box::pin(or_interrupted(remove, cancel)).await
        }
        Cluster::Retry(named) => retry(named, context, cancel).await,
        Cluster::Kubesphere => Box::pin(kubesphere::run(context, cancel)).await,
        Cluster::Rebuild(args) => Box::pin(rebuild::run(args, context, cancel)).await,
    }
}

/// Returns the cluster of a command. Nothing is sent yet.
pub(crate) async fn connect(place: &Where) -> Result<s2i_kube::client::Cluster, ClusterError> {
    let target = Target {
        context: place.context.clone(),
        namespace: place.namespace.clone(),
    };
    Ok(s2i_kube::client::Cluster::connect(&target).await?)
}

async fn check(
    place: &Where,
    cache: bool,
    context: &CommandContext<'_>,
) -> Result<ExitCode, Error> {
    let cluster = connect(place).await?;
    let request = CheckRequest {
        cache,
        ..CheckRequest::default()
    };
    let findings = cluster.check(&request).await;
    let mut text = String::new();
    for finding in &findings {
        let mark = match finding.level {
            Level::Fine => "ok     ",
            Level::Unknown => "unknown",
            Level::Problem => "problem",
        };
        let _ = writeln!(text, "{mark}  {}: {}", finding.subject, finding.text);
        if let Some(remedy) = &finding.remedy {
            let _ = writeln!(text, "         {remedy}");
        }
    }
    let is_bad = findings
        .iter()
        .any(|finding| finding.level == Level::Problem);
    let object =
        json!({"event": "cluster-checked", "namespace": cluster.namespace(), "findings": findings});
    context.renderer().answer(&text, &object);
    Ok(if is_bad {
        exit::CLUSTER.into()
    } else {
        ExitCode::SUCCESS
    })
}

async fn list(
    place: &Where,
    application: Option<&str>,
    context: &CommandContext<'_>,
) -> Result<ExitCode, Error> {
    let cluster = connect(place).await?;
    let builds = cluster
        .builds(application)
        .await
        .map_err(ClusterError::from)?;
    let text = builds.iter().fold(String::new(), |text, build| {
        let output = build.facts.output.as_deref().unwrap_or_default();
        let status = json!(build.status);
        let status = status.as_str().unwrap_or_default();
        text + &format!("{}  {status}  {output}\n", build.name)
    });
    let objects: Vec<_> = builds
        .iter()
        .map(|build| {
            json!({
                "name": build.name,
                "application": build.application,
                "status": build.status,
                "created": build.created.map(|time| time.to_string()),
                "ended": build.ended.map(|time| time.to_string()),
                "source": build.facts.source,
                "revision": build.facts.revision,
                "builder": build.facts.builder,
                "output": build.facts.output,
            })
        })
        .collect();
    let object =
        json!({"event": "cluster-builds", "namespace": cluster.namespace(), "builds": objects});
    context.renderer().answer(&text, &object);
    Ok(ExitCode::SUCCESS)
}

/// Follows a build that another command has started; an interrupt ends this command alone.
async fn follow(
    named: &Named,
    with_logs: bool,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<ExitCode, Error> {
    let cluster = connect(&named.place).await?;
    let build = cluster.build(&named.name);
    build.job().await.map_err(ClusterError::from)?;
    let options = Run {
        patience: patience(named.wait),
        on_interrupt: OnInterrupt::Leave,
        keep_failed: true,
        without_logs: !with_logs,
        ..Run::default()
    };
    let renderer = context.renderer();
    let outcome = follow::run(&build, options, &renderer, cancel).await?;
    let reference = follow::reference(&outcome).unwrap_or_default();
    renderer.completed(&Printable::line(&reference).to_string(), context.host);
    Ok(ExitCode::SUCCESS)
}

async fn retry(
    named: &Named,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<ExitCode, Error> {
    let cluster = connect(&named.place).await?;
    let job = cluster
        .build(&named.name)
        .job()
        .await
        .map_err(ClusterError::from)?;
    if needs_source(&job) {
        return Err(ClusterError::SourceIsGone(named.name.clone()).into());
    }
    let submitted = cluster
        .retry(&named.name)
        .await
        .map_err(ClusterError::from)?;
    let renderer = context.renderer();
    follow::announce(&submitted, &cluster, &renderer);
    let options = Run {
        patience: patience(named.wait),
        ..Run::default()
    };
    let outcome = follow::run(&submitted.build, options, &renderer, cancel).await?;
    let reference = follow::reference(&outcome).unwrap_or_default();
    renderer.completed(&Printable::line(&reference).to_string(), context.host);
    Ok(ExitCode::SUCCESS)
}

/// Returns the times that a build may stand still. Builds with one cache are a queue, in which only a command with an
/// explicit limit gives up.
fn patience(wait: Option<Duration>) -> Patience {
    Patience {
        node: wait.unwrap_or(NODE_WAIT),
        cache: wait,
        ..Patience::default()
    }
}
