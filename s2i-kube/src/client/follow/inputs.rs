//! The streams that a follower reads.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use futures_channel::mpsc;
use futures_util::{
    FutureExt as _, StreamExt as _,
    stream::{BoxStream, select, unfold},
};
use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{Event, Pod},
};
use tokio::time::sleep;

use crate::{
    client::{
        cluster::Build,
        error::ApiError,
        logs::{self, Log, Piece},
        upload::{ByteStream, UploadError, upload},
        watch::{Change, Selector, watch},
    },
    job::Step,
};

/// The label of a Job's pods with its name.
const JOB_NAME_LABEL: &str = "batch.kubernetes.io/job-name";

/// An input of a follower.
#[derive(Debug)]
pub(crate) enum Input {
    Job(Result<Box<Change<Job>>, ApiError>),
    Pods(Result<Box<Change<Pod>>, ApiError>),
    Events(Result<Box<Change<Event>>, ApiError>),
    Log {
        pod: String,
        step: Step,
        piece: Piece,
    },
    Sent(u64),
    Uploaded(Result<u64, UploadError>),
    Clock,
}

pub(crate) fn job(build: &Build) -> BoxStream<'static, Input> {
    let cluster = build.cluster();
    let selector = Selector::Fields(format!("metadata.name={}", build.name()));
    let operation = cluster.operation("list", "jobs.batch", None);
    watch(cluster.jobs(), selector, operation)
        .map(|change| Input::Job(change.map(Box::new)))
        .boxed()
}

pub(crate) fn pods(build: &Build) -> BoxStream<'static, Input> {
    let cluster = build.cluster();
    let selector = Selector::Labels(format!("{JOB_NAME_LABEL}={}", build.name()));
    let operation = cluster.operation("list", "pods", None);
    watch(cluster.pods(), selector, operation)
        .map(|change| Input::Pods(change.map(Box::new)))
        .boxed()
}

pub(crate) fn job_events(build: &Build) -> BoxStream<'static, Input> {
    events(
        build,
        &format!(
            "involvedObject.kind=Job,involvedObject.name={}",
            build.name()
        ),
    )
}

pub(crate) fn pod_events(build: &Build, uid: &str) -> BoxStream<'static, Input> {
    events(build, &format!("involvedObject.uid={uid}"))
}

fn events(build: &Build, fields: &str) -> BoxStream<'static, Input> {
    let cluster = build.cluster();
    let operation = cluster.operation("list", "events", None);
    watch(
        cluster.events(),
        Selector::Fields(fields.to_owned()),
        operation,
    )
    .map(|change| Input::Events(change.map(Box::new)))
    .boxed()
}

pub(crate) fn log(
    build: &Build,
    pod: String,
    step: Step,
    ended: Arc<AtomicBool>,
) -> BoxStream<'static, Input> {
    let cluster = build.cluster();
    let log = Log {
        pods: cluster.pods(),
        pod: pod.clone(),
        container: step.container(),
        operation: cluster.operation("get", "pods/log", Some(&pod)),
        ended,
    };
    let input = move |piece| Input::Log {
        pod: pod.clone(),
        step,
        piece,
    };
    logs::follow(log).map(input).boxed()
}

pub(crate) fn source(build: &Build, pod: String, source: ByteStream) -> BoxStream<'static, Input> {
    let cluster = build.cluster();
    let operation = cluster.operation("get and create", "pods/attach", Some(&pod));
    let (sender, progress) = mpsc::unbounded();
    let sent = upload(cluster.pods(), pod, operation, source, sender)
        .into_stream()
        .map(Input::Uploaded);
    select(progress.map(Input::Sent), sent).boxed()
}

pub(crate) fn clock(period: Duration) -> BoxStream<'static, Input> {
    unfold((), move |()| {
        sleep(period).map(|()| Some((Input::Clock, ())))
    })
    .boxed()
}
