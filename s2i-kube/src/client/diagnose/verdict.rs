//! The states of a build.

use std::fmt;

use serde::Serialize;

use super::failure::Failure;
use crate::{client::outcome::Outcome, job::Step};

/// The state of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The build waits, and may go on by itself.
    Waiting(Waiting),
    /// The step runs.
    Running(Step),
    /// The build has failed, or can't succeed any more.
    Fatal(Failure),
    /// The build has succeeded.
    Done(Outcome),
}

/// A wait of a build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// The reason.
    pub reason: Reason,
    /// The step that is about to start, once there is a pod.
    pub step: Option<Step>,
    /// The cluster's words.
    pub words: String,
}

/// The kind of thing that a build waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The cluster has to create a pod, or to note the end of one.
    Controller,
    /// The Job is suspended, as systems that queue Jobs do.
    Suspended,
    /// The namespace refuses the pod; the cluster tries again.
    Refused,
    /// No node is found yet.
    Node,
    /// Another build uses the cache.
    Cache,
    /// The node pulls an image.
    Image,
    /// An image could not be pulled; the node tries again.
    ImageRetry,
    /// The node prepares volumes.
    Volume,
    /// The node starts the pod or a container.
    Start,
    /// The node does not answer.
    NodeLost,
    /// A pod has failed; the cluster tries again.
    Retry,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Controller => "the cluster to work on the build",
            Self::Suspended => "the Job to be resumed",
            Self::Refused => "the namespace to accept the pod",
            Self::Node => "a node with room for the pod",
            Self::Cache => "the cache, which another build uses",
            Self::Image => "an image",
            Self::ImageRetry => "another try to pull an image",
            Self::Volume => "the volumes of the pod",
            Self::Start => "the start on the node",
            Self::NodeLost => "the node, which does not answer",
            Self::Retry => "another try",
        })
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "waiting for {}", self.reason)?;
        if let Some(step) = self.step {
            write!(f, ", for the step {step}")?;
        }
        if self.words.is_empty() {
            Ok(())
        } else {
            write!(f, ": {}", self.words)
        }
    }
}

impl Verdict {
    pub(crate) fn waiting(reason: Reason, words: impl Into<String>) -> Self {
        Self::of_step(reason, None, words)
    }

    pub(crate) fn of_step(reason: Reason, step: Option<Step>, words: impl Into<String>) -> Self {
        Self::Waiting(Waiting {
            reason,
            step,
            words: super::words::bounded(words.into()),
        })
    }
}
