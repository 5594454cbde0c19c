//! Creating the Job of a build.

use k8s_openapi::api::batch::v1::Job;
use kube::Resource as _;

use super::{
    change::ChangeRequest,
    cluster::{Build, Cluster},
    error::{ApiError, Cause, Operation},
    warning::Warning,
};

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
        let unexpected = |error: serde_json::Error| {
            let words = error.to_string();
            operation.failed(Cause::Unexpected { words })
        };
        let path = Job::url_path(&(), Some(self.namespace()));
        let body = serde_json::to_vec(job).map_err(unexpected)?;
        let request = ChangeRequest::create(&path, dry_run, body);
        let changed = self.change(&operation, &request).await?;
        let job = serde_json::from_value(changed.object).map_err(unexpected)?;
        Ok((job, changed.warnings))
    }
}
