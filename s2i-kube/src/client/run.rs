//! Running a build to its end.

use std::pin::pin;

use futures_util::future::{Either, select};
use s2i_build::{CancelToken, Interrupt, Resource};
use thiserror::Error;

use super::{
    cluster::Build,
    diagnose::{Failure, Patience},
    error::ApiError,
    follow::{End, Follow, FollowError, FollowOptions, State},
    outcome::Outcome,
    upload::{OpenSource, UploadError},
};

/// The options for running a build.
#[derive(Default)]
pub struct Run {
    /// The source, if the build needs one.
    pub source: Option<OpenSource>,
    /// The times that the build may stand still.
    pub patience: Patience,
    /// The fate of the build if this command is interrupted.
    pub on_interrupt: OnInterrupt,
    /// Keeps a build that can't succeed any more, for a look at it. The cluster goes on trying then.
    pub keep_failed: bool,
    /// Ends the command when the build needs it no more: after the source was received. A build whose source comes from
    /// a repository needs no command at all.
    pub detach: bool,
    /// Leaves the logs of the steps out.
    pub without_logs: bool,
}

impl Run {
    /// Returns how a command runs a build that it has not created: it only watches, and leaves the Job in all cases.
    #[must_use]
    pub fn watching() -> Self {
        Self {
            on_interrupt: OnInterrupt::Leave,
            keep_failed: true,
            ..Self::default()
        }
    }
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run")
            .field("source", &self.source.is_some())
            .field("patience", &self.patience)
            .field("on_interrupt", &self.on_interrupt)
            .field("keep_failed", &self.keep_failed)
            .field("detach", &self.detach)
            .field("without_logs", &self.without_logs)
            .finish()
    }
}

/// The fate of a build whose command is interrupted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnInterrupt {
    /// The Job is deleted: the default for the command that has created it.
    #[default]
    Delete,
    /// The build goes on: for a command that only watches it.
    Leave,
}

/// A build that was not run to its end, or has failed.
#[derive(Debug, Error)]
pub enum RunError {
    /// The build has failed.
    #[error(transparent)]
    Failed(Box<Failure>),
    /// The build can't be followed any more. It goes on.
    #[error(
        "the build `{build}` can't be followed any more, but may go on; `s2i cluster wait {build}` follows it again"
    )]
    Follow {
        /// The build.
        build: String,
        /// The reason.
        source: FollowError,
    },
    /// The source can't be read here. The build was removed.
    #[error("the source of the build can't be sent")]
    Source(#[source] UploadError),
    /// The command was interrupted.
    #[error("interrupted by {0}")]
    Interrupted(Interrupt),
    /// The build was to be removed, and that failed.
    #[error("the build `{build}` could not be removed; `kubectl delete job {build}` does it")]
    Cleanup {
        /// The build.
        build: String,
        /// The reason.
        #[source]
        error: ApiError,
    },
    /// The source was received, and the build goes on without this command.
    #[error("the build `{0}` goes on in the cluster; `s2i cluster wait {0}` follows it")]
    Detached(String),
}

/// Runs a build to its end: sends its source, follows it, and returns its result. A cancellation deletes the Job and
/// waits until its pods are gone, as does a failure that the cluster would try again for ever.
///
/// The Job is [tracked](CancelToken::track) meanwhile, so a command that is interrupted waits for its removal.
///
/// # Errors
/// If the build fails, and if it can't be followed.
pub async fn run(
    build: &Build,
    options: Run,
    cancel: &CancelToken,
    sink: &mut (dyn FnMut(State) + Send),
) -> Result<Outcome, RunError> {
    // The cluster gets the source by itself.
    if options.detach && options.source.is_none() && cancel.reason().is_none() {
        return Err(RunError::Detached(build.name().to_owned()));
    }
    let deletes = options.on_interrupt == OnInterrupt::Delete;
    // A token that was cancelled already does not track, but this Job exists and has to go.
    let tracked = deletes.then(|| cancel.track(Resource::Job(build.name().to_owned())));
    let follow = Follow::new(
        build.clone(),
        FollowOptions {
            source: options.source,
            patience: options.patience,
            without_logs: options.without_logs,
        },
    );
    let end = {
        let following = pin!(to_end(follow, options.detach, sink));
        match select(pin!(cancel.cancelled()), following).await {
            Either::Left((reason, _)) => Err(RunError::Interrupted(reason)),
            Either::Right((end, _)) => end.map_err(|error| match error {
                FollowError::Upload(error @ UploadError::Source(_)) => RunError::Source(error),
                source => RunError::Follow {
                    build: build.name().to_owned(),
                    source,
                },
            }),
        }
    };
    let result = match end {
        Ok(Some(End::Succeeded(outcome))) => return Ok(outcome),
        Ok(Some(End::Failed { failure, finished })) => {
            let error = RunError::Failed(Box::new(failure));
            if finished || options.keep_failed {
                return Err(error);
            }
            error
        }
        Ok(None) => return Err(RunError::Detached(build.name().to_owned())),
        // Without its source the build can't go on.
        Err(error @ RunError::Source(_)) => error,
        Err(error @ RunError::Interrupted(_)) if deletes => error,
        Err(error) => return Err(error),
    };
    let removed = build.cancel().await;
    drop(tracked);
    removed.map_err(|error| RunError::Cleanup {
        build: build.name().to_owned(),
        error,
    })?;
    Err(result)
}

/// Follows the build to its end, or until it needs no client.
async fn to_end(
    mut follow: Follow,
    detach: bool,
    sink: &mut (dyn FnMut(State) + Send),
) -> Result<Option<End>, FollowError> {
    while let Some(state) = follow.next().await? {
        let enough = detach && matches!(state, State::Uploaded { .. });
        let end = match &state {
            State::Ended(end) => Some(end.clone()),
            _ => None,
        };
        sink(state);
        if end.is_some() || enough {
            return Ok(end);
        }
    }
    Ok(None)
}
