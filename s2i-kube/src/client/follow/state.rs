//! The events of a build that is followed.

use std::time::Duration;

use serde::Serialize;

use crate::{
    client::{
        diagnose::{Failure, Waiting},
        error::ApiError,
        outcome::Outcome,
    },
    job::Step,
};

/// An event of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The build waits for something new.
    Waiting(Waiting),
    /// A pod was created: the first one, or one for another try.
    Pod {
        /// The pod.
        pod: String,
        /// The number of the try, from 1.
        attempt: usize,
    },
    /// A step has started.
    StepStarted {
        /// The pod.
        pod: String,
        /// The step.
        step: Step,
    },
    /// The source is on its way.
    Upload {
        /// The bytes so far.
        sent: u64,
    },
    /// The source has arrived and was verified; from now on the build needs no client.
    Uploaded {
        /// The bytes.
        bytes: u64,
    },
    /// The source may not have arrived: the end of `prepare` will show it.
    UploadCut {
        /// The reason.
        words: String,
    },
    /// A line of the log of a step.
    Log {
        /// The pod.
        pod: String,
        /// The step.
        step: Step,
        /// The line without its end. It may have control sequences.
        line: String,
    },
    /// The rest of the log of a step can't be read.
    LogLost {
        /// The step.
        step: Step,
        /// The reason.
        error: ApiError,
    },
    /// A step has ended, and its log is complete.
    StepEnded(StepEnd),
    /// The connection to the cluster was lost, and is made again.
    Interrupted(ApiError),
    /// The build has ended. This is the last event.
    Ended(End),
}

/// The end of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepEnd {
    /// The pod.
    pub pod: String,
    /// The step.
    pub step: Step,
    /// Its exit code.
    pub code: i32,
    /// The node's reason, as `Completed`, `Error` or `OOMKilled`.
    pub reason: Option<String>,
    /// The message that the step has left, if it failed.
    pub message: Option<String>,
    /// The seconds that it took, as the node counts them.
    pub seconds: Option<u64>,
}

/// The end of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It has succeeded.
    Succeeded(Outcome),
    /// It has failed, or can't succeed any more.
    Failed {
        /// The reason.
        failure: Failure,
        /// True if the Job has ended too. If not, the cluster would go on trying.
        finished: bool,
    },
}

/// The time for which the log of a container that has ended may stand still.
pub(crate) const LOG_TIME: Duration = Duration::from_secs(10);
