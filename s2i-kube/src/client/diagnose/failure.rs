//! Why a build has failed.

use std::fmt;

use k8s_openapi::api::core::v1::Pod;
use serde::Serialize;

use crate::job::Step;

/// The failure of a build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The kind.
    pub kind: Kind,
    /// The step that failed or could not start, if there was a pod.
    pub step: Option<Step>,
    /// The pod.
    pub pod: Option<String>,
    /// The exit code of the step.
    pub code: Option<i32>,
    /// The words of the cluster or of the step.
    pub words: String,
}

/// The kind of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A script of the user or of an image has failed.
    Script,
    /// Another step has failed.
    Step,
    /// The source did not arrive completely.
    Upload,
    /// A step was killed because it used more memory than its limit.
    OutOfMemory,
    /// The node has ended the pod for lack of storage or memory.
    Evicted,
    /// The pod was ended from outside, or its node was lost, more often than the build may be tried.
    Disrupted,
    /// The build took longer than its deadline.
    Deadline,
    /// Pod Security of the namespace refuses the pod.
    PodSecurity,
    /// A quota of the namespace refuses the pod.
    Quota,
    /// Something else in the cluster refuses the pod.
    Refused,
    /// No node can run the pod.
    Unschedulable,
    /// Another build uses the cache for longer than the client wants to wait.
    CacheInUse,
    /// An image can't be pulled.
    Image,
    /// A volume can't be mounted.
    Volume,
    /// A container can't be started.
    Start,
    /// The Job was deleted.
    Deleted,
    /// The Job has succeeded, but its pod is gone and with it the result.
    NoResult,
    /// The cluster gives no other reason than that there were too many failures.
    Unknown,
}

impl Kind {
    /// Returns the name that OpenShift has for a build that failed so, for those who know these names.
    #[must_use]
    pub fn openshift_name(self) -> &'static str {
        match self {
            Self::Script | Self::Step => "GenericBuildFailed",
            Self::Upload => "FetchSourceFailed",
            Self::OutOfMemory => "OutOfMemoryKilled",
            Self::Evicted | Self::Disrupted => "BuildPodEvicted",
            Self::Deadline => "BuildPodDeadlineExceeded",
            Self::PodSecurity | Self::Quota | Self::Refused => "CannotCreateBuildPod",
            Self::Image => "PullBuilderImageFailed",
            Self::Deleted => "BuildPodDeleted",
            Self::Unschedulable
            | Self::CacheInUse
            | Self::Volume
            | Self::Start
            | Self::NoResult
            | Self::Unknown => "BuildPodFailed",
        }
    }

    /// Returns what to do about it, as a sentence without its end.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Script => "the log of the step has the error of the script",
            Self::Step => "the log of the step has more",
            Self::Upload => {
                "start the build again, and keep this command running until the source was received"
            }
            Self::OutOfMemory => "raise the memory limit of the build",
            Self::Evicted => {
                "request more storage and memory for the build, so that a node with enough of both gets it"
            }
            Self::Disrupted => "start the build again; allow more retries if this is usual here",
            Self::Deadline => {
                "raise the deadline of the build, or look in the log for what took the time"
            }
            Self::PodSecurity => {
                "use a namespace of the level that the words name; pods of s2i keep to `restricted`, so a webhook may \
                 have changed them"
            }
            Self::Quota => {
                "request less for the build, delete finished builds, or raise the quota of the namespace"
            }
            Self::Refused => "change what the words name; `s2i cluster check` looks for more",
            Self::Unschedulable => {
                "request less for the build or add a node; if the cluster adds nodes on demand, wait longer with `--wait`"
            }
            Self::CacheInUse => "wait for the other build, or use another claim for the cache",
            Self::Image => {
                "correct the name of the image, or name a Secret with which the node may pull it (`--image-pull-secret`)"
            }
            Self::Volume => {
                "create the Secret or the claim that the words name, in the namespace of the build"
            }
            Self::Start => {
                "change what the words name; the image may lack its program or have a file below `/.s2i`"
            }
            Self::Deleted => "start the build again if that was a mistake",
            Self::NoResult => "look in the registry for the image, or start the build again",
            Self::Unknown => "`kubectl describe` shows the events of the Job",
        }
    }
}

impl Failure {
    pub(crate) fn new(kind: Kind, words: impl Into<String>) -> Self {
        Self {
            kind,
            step: None,
            pod: None,
            code: None,
            words: super::words::bounded(words.into()),
        }
    }

    #[must_use]
    pub(crate) fn in_step(mut self, step: Option<Step>) -> Self {
        self.step = step;
        self
    }

    #[must_use]
    pub(crate) fn in_pod(mut self, pod: &Pod) -> Self {
        self.pod.clone_from(&pod.metadata.name);
        self
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Script => "a script failed",
            Self::Step => "the step failed",
            Self::Upload => "the source did not arrive completely",
            Self::OutOfMemory => "the step used more memory than its limit and was killed",
            Self::Evicted => "the node had too little storage or memory and ended the pod",
            Self::Disrupted => "the pod was ended from outside or its node was lost",
            Self::Deadline => "the build took longer than its deadline",
            Self::PodSecurity => "the level of Pod Security of the namespace refuses the pod",
            Self::Quota => "the quota of the namespace refuses the pod",
            Self::Refused => "the cluster refuses the pod",
            Self::Unschedulable => "no node can run the pod",
            Self::CacheInUse => "another build uses the cache",
            Self::Image => "an image can't be pulled",
            Self::Volume => "a volume can't be mounted",
            Self::Start => "a container can't be started",
            Self::Deleted => "the Job was deleted",
            Self::NoResult => {
                "the build has succeeded, but its pod was removed before the result was read"
            }
            Self::Unknown => "the build failed",
        })
    }
}

/// Shows the failure, and what to do about it.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(step) = self.step {
            write!(f, "{step}: ")?;
        }
        write!(f, "{}", self.kind)?;
        if let Some(code) = self.code {
            write!(f, " (exit code {code})")?;
        }
        if !self.words.is_empty() {
            write!(f, ": {}", self.words)?;
        }
        write!(f, "; {}", self.kind.remedy())
    }
}

impl std::error::Error for Failure {}

/// Returns the failure of a build whose Job was deleted.
pub(crate) fn of_deleted_job(pods: &[Pod]) -> Failure {
    let step = pods.last().and_then(super::pod::current_step);
    let words = if pods.is_empty() {
        "no Job of this name exists any more"
    } else {
        ""
    };
    Failure::new(Kind::Deleted, words).in_step(step)
}
