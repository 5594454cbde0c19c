//! Creating the Job of a build.

use std::time::Duration;

use http::Request;
use k8s_openapi::api::batch::v1::Job;
use kube::{Resource as _, client::Body};
use tokio::time::sleep;

use super::{
    cluster::{Build, Cluster, answer},
    error::{ApiError, Cause, Operation},
    warning::{Warning, warnings},
};

/// The name under which the server notes who has set which field.
pub(crate) const FIELD_MANAGER: &str = "s2i";

/// The number of times that an overloaded server is asked again.
const RETRIES: usize = 4;

/// The longest time that an overloaded server may want the client to wait.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// A build that was created.
#[derive(Debug)]
pub struct Submitted {
    /// The build.
    pub build: Build,
    /// The Job as the server has stored it.
    pub job: Job,
    /// The warnings of the server, each once.
    pub warnings: Vec<Warning>,
}

impl Cluster {
    /// Lets the server check a Job without creating it. A violation of Pod Security is a warning: the server checks
    /// pods, and a Job has none yet.
    ///
    /// # Errors
    /// A refusal of the server; unknown fields are one.
    pub async fn dry_run(&self, job: &Job) -> Result<Vec<Warning>, ApiError> {
        self.post(job, true).await.map(|(_, warnings)| warnings)
    }

    /// Lets the server check a Job, and creates it. A future that is dropped may leave a Job whose name is not known: an
    /// interrupted command awaits it, and [`run()`](super::run()) then removes the Job.
    ///
    /// # Errors
    /// A refusal of the server; then there is no Job.
    pub async fn submit(&self, job: &Job) -> Result<Submitted, ApiError> {
        let mut warnings = self.dry_run(job).await?;
        let (job, later) = self.post(job, false).await?;
        for warning in later {
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
        let operation = self.create();
        let name = job.metadata.name.clone().ok_or_else(|| {
            operation.failed(Cause::Unexpected {
                words: "the Job that was created has no name".to_owned(),
            })
        })?;
        Ok(Submitted {
            build: self.build(name),
            job,
            warnings,
        })
    }

    fn create(&self) -> Operation {
        self.operation("create", "jobs.batch", None)
    }

    async fn post(&self, job: &Job, dry_run: bool) -> Result<(Job, Vec<Warning>), ApiError> {
        let operation = self.create();
        let mut tries = 0;
        loop {
            let error = match self.post_once(&operation, job, dry_run).await {
                Err(error) if tries < RETRIES => error,
                done => return done,
            };
            // Only this code means that nothing was done. After any other one, there may be a Job.
            let Cause::Unavailable {
                code: 429,
                retry_after,
                ..
            } = error.cause
            else {
                return Err(error);
            };
            tries += 1;
            let wait = Duration::from_secs(retry_after.unwrap_or(1).into());
            sleep(wait.min(LONGEST_WAIT)).await;
        }
    }

    async fn post_once(
        &self,
        operation: &Operation,
        job: &Job,
        dry_run: bool,
    ) -> Result<(Job, Vec<Warning>), ApiError> {
        let unexpected = |words: String| operation.failed(Cause::Unexpected { words });
        let path = Job::url_path(&(), Some(self.namespace()));
        let dry = if dry_run { "&dryRun=All" } else { "" };
        let body = serde_json::to_vec(job).map_err(|error| unexpected(error.to_string()))?;
        let request = Request::post(format!(
            "{path}?fieldManager={FIELD_MANAGER}&fieldValidation=Strict{dry}"
        ))
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(Body::from(body))
        .map_err(|error| unexpected(error.to_string()))?;
        let exchange = async {
            let response = self.client.send(request).await?;
            let (head, body) = response.into_parts();
            Ok((head, body.collect_bytes().await?))
        };
        let (head, body) = answer(operation, exchange).await?;
        if !head.status.is_success() {
            return Err(operation.failed(refusal(head.status, &body)));
        }
        let job = serde_json::from_slice(&body).map_err(|error| unexpected(error.to_string()))?;
        Ok((job, warnings(&head.headers)))
    }
}

/// Returns the cause of a refusal from the status object in it, or from its code if a proxy has answered.
fn refusal(code: http::StatusCode, body: &[u8]) -> Cause {
    let mut status: kube::core::Status = serde_json::from_slice(body).unwrap_or_default();
    status.code = code.as_u16();
    if status.message.is_empty() && status.reason.is_empty() {
        let reason = code.canonical_reason().unwrap_or("unknown code");
        reason.clone_into(&mut status.message);
    }
    status.into()
}
