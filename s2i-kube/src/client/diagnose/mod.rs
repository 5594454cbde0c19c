//! The reasons for which a build waits or can't go on.
//!
//! Kubernetes has no field for this: a Job whose pods a quota refuses is active, and so is one whose image does not
//! exist. What is known stands in conditions, states of containers and events, in part only as text. All reading of
//! that text is in [`words`]; it changes what is advised, and how soon a build is given up, and nothing else.

mod events;
mod failure;
mod job;
pub(crate) mod pod;
mod verdict;
mod waiting;
mod words;

use std::time::Duration;

use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{Event, Pod},
};

pub(crate) use self::job::is_over;
pub use self::{
    failure::{Failure, Kind},
    verdict::{Reason, Verdict, Waiting},
};

/// The Job of a build, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub enum JobSeen<'a> {
    /// The cluster was not asked yet.
    Unknown,
    /// The Job.
    Present(&'a Job),
    /// The Job was deleted.
    Deleted,
}

/// All that a cluster has written about a build.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// The Job.
    pub job: JobSeen<'a>,
    /// Its pods, the oldest first, those included that were deleted meanwhile.
    pub pods: &'a [Pod],
    /// The events about the Job and its pods.
    pub events: &'a [Event],
}

/// The times that a build may stand still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// The time for a node with enough resources. Clusters that start nodes on demand need minutes.
    pub node: Duration,
    /// The time for a cache that another build uses. `None` is as long as the Job may take: builds of one application
    /// are a queue.
    pub cache: Option<Duration>,
    /// The time for volumes, for the container's environment, and for a reason that is not known to be final.
    pub start: Duration,
}

impl Default for Patience {
    /// Ten minutes for a node, no limit for a cache, two minutes for the rest.
    fn default() -> Self {
        Self {
            node: Duration::from_secs(600),
            cache: None,
            start: Duration::from_secs(120),
        }
    }
}

/// Returns the state of a build that has stood still for this time.
#[must_use]
pub fn diagnose(seen: &Observed<'_>, still: Duration, patience: &Patience) -> Verdict {
    match seen.job {
        JobSeen::Unknown => Verdict::waiting(
            Reason::Controller,
            "the cluster has not described the Job yet",
        ),
        JobSeen::Deleted => Verdict::Fatal(failure::of_deleted_job(seen.pods)),
        JobSeen::Present(job) => job::end(job, seen.pods, still)
            .unwrap_or_else(|| waiting::verdict(job, seen, still, patience)),
    }
}
