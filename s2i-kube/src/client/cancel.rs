//! Ending a build from outside.

use std::time::Duration;

use kube::api::{DeleteParams, Preconditions};
use tokio::time::{Instant, sleep};

use super::{
    cluster::{Build, answer},
    error::{ApiError, Cause},
};

/// The pause between two looks at a Job that is being deleted.
const PAUSE: Duration = Duration::from_millis(500);

/// The time that a deletion may take: pods get half a minute to end.
const LONGEST: Duration = Duration::from_secs(120);

impl Build {
    /// Deletes the Job with its pods, and waits until they are gone. A Job that does not exist is no error.
    ///
    /// # Errors
    /// The errors of the requests, and [`Cause::Timeout`] if a pod does not end; it will, when its node answers again.
    pub async fn cancel(&self) -> Result<(), ApiError> {
        let uid = match self.job().await {
            Ok(job) => job.metadata.uid,
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(error),
        };
        // In the foreground the Job goes last, so its absence shows that the pods are gone. Another Job of this name,
        // made meanwhile, is not deleted.
        let params = DeleteParams::foreground().preconditions(Preconditions {
            uid: uid.clone(),
            resource_version: None,
        });
        let operation = self
            .cluster()
            .operation("delete", "jobs.batch", Some(self.name()));
        let deleted = answer(
            &operation,
            self.cluster().jobs().delete(self.name(), &params),
        )
        .await;
        match deleted {
            Err(error) if error.is_not_found() => return Ok(()),
            deleted => deleted?,
        };
        let start = Instant::now();
        loop {
            match self.job().await {
                Err(error) if error.is_not_found() => return Ok(()),
                Ok(job) if job.metadata.uid != uid => return Ok(()),
                Err(error) if !error.is_temporary() => return Err(error),
                _ if start.elapsed() >= LONGEST => {
                    return Err(operation.failed(Cause::Timeout {
                        seconds: LONGEST.as_secs(),
                    }));
                }
                _ => sleep(PAUSE).await,
            }
        }
    }
}
