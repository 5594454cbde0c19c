//! The builds of a namespace.

use std::cmp::Reverse;

use k8s_openapi::{api::batch::v1::Job, jiff::Timestamp};
use kube::api::ListParams;
use serde::Serialize;

use super::{
    cluster::{Cluster, answer},
    error::ApiError,
};
use crate::job::{
    BUILDER_ANNOTATION, Facts, NAME_LABEL, OUTPUT_ANNOTATION, REVISION_ANNOTATION,
    SOURCE_ANNOTATION, selector,
};

/// The Jobs of one answer.
const PAGE: u32 = 200;

/// The most builds that are listed: the newest.
const MOST: usize = 10_000;

/// A build in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildInfo {
    /// The name of the Job.
    pub name: String,
    /// The name of the application.
    pub application: Option<String>,
    /// The state.
    pub status: BuildStatus,
    /// The time of its creation.
    pub created: Option<Timestamp>,
    /// The time of its success or failure.
    pub ended: Option<Timestamp>,
    /// The source, the builder and the name of the result.
    pub facts: Facts,
}

/// The state of a build, as the Job alone shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BuildStatus {
    /// It has no pod that runs.
    Waiting,
    /// It has a pod that has started.
    Active,
    /// It has succeeded.
    Succeeded,
    /// It has failed.
    Failed,
}

impl Cluster {
    /// Returns the builds of the namespace, or of one application in it, the newest first.
    ///
    /// # Errors
    /// The errors of the requests.
    pub async fn builds(&self, application: Option<&str>) -> Result<Vec<BuildInfo>, ApiError> {
        let operation = self.operation("list", "jobs.batch", None);
        let mut params = ListParams::default()
            .labels(&selector(application))
            .limit(PAGE);
        let mut builds = Vec::new();
        loop {
            let page = answer(&operation, self.jobs().list(&params)).await?;
            builds.extend(page.items.iter().map(info));
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) if builds.len() < MOST => params = params.continue_token(&token),
                _ => break,
            }
        }
        builds.sort_by_key(|build| (Reverse(build.created), build.name.clone()));
        Ok(builds)
    }
}

fn info(job: &Job) -> BuildInfo {
    let annotation = |key: &str| job.metadata.annotations.as_ref()?.get(key).cloned();
    let ended = conditions(job)
        .find(|(type_, _)| *type_ != "FailureTarget")
        .and_then(|(_, time)| time);
    BuildInfo {
        name: job.metadata.name.clone().unwrap_or_default(),
        application: job
            .metadata
            .labels
            .as_ref()
            .and_then(|labels| labels.get(NAME_LABEL))
            .cloned(),
        status: status(job),
        created: job.metadata.creation_timestamp.as_ref().map(|time| time.0),
        ended,
        facts: Facts {
            source: annotation(SOURCE_ANNOTATION),
            revision: annotation(REVISION_ANNOTATION),
            builder: annotation(BUILDER_ANNOTATION),
            output: annotation(OUTPUT_ANNOTATION),
        },
    }
}

fn status(job: &Job) -> BuildStatus {
    let end = conditions(job).map(|(type_, _)| type_).next();
    let active = job
        .status
        .as_ref()
        .and_then(|status| status.active)
        .unwrap_or_default();
    match end {
        Some("Complete") => BuildStatus::Succeeded,
        Some(_) => BuildStatus::Failed,
        None if active > 0 => BuildStatus::Active,
        None => BuildStatus::Waiting,
    }
}

/// Returns the conditions of the end with their times.
fn conditions(job: &Job) -> impl Iterator<Item = (&str, Option<Timestamp>)> {
    let conditions = job
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_deref())
        .unwrap_or_default();
    let ends = conditions.iter().filter(|condition| {
        condition.status == "True"
            && matches!(
                condition.type_.as_str(),
                "Complete" | "Failed" | "FailureTarget"
            )
    });
    ends.map(|condition| {
        let time = condition.last_transition_time.as_ref().map(|time| time.0);
        (condition.type_.as_str(), time)
    })
}
