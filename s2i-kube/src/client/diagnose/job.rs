//! The end of a Job, from its conditions.

use std::time::Duration;

use k8s_openapi::api::{
    batch::v1::{Job, JobCondition},
    core::v1::Pod,
};

use super::{
    failure::{Failure, Kind},
    pod,
    verdict::{Reason, Verdict},
};
use crate::client::outcome::outcome;

/// The time by which the description of a pod may come later than that of its Job: a connection that was lost is made
/// again after a pause.
const LAG: Duration = Duration::from_secs(30);

/// The conditions of a Job that has ended, or whose last pod still ends: the second of each pair comes first in time.
const SUCCEEDED: [&str; 2] = ["Complete", "SuccessCriteriaMet"];
const FAILED: [&str; 2] = ["Failed", "FailureTarget"];

/// Returns whether the Job creates no pod any more.
pub(crate) fn is_over(job: &Job) -> bool {
    find(job, SUCCEEDED).or_else(|| find(job, FAILED)).is_some()
}

/// Returns the end of the Job, if it has one.
pub(crate) fn end(job: &Job, pods: &[Pod], still: Duration) -> Option<Verdict> {
    let name = job.metadata.name.as_deref().unwrap_or_default();
    // Changes of Jobs and of pods come in over two streams, so the pod may still be described as it was.
    let may_follow = || {
        let words = "the cluster has not described the end of the pod yet";
        (still < LAG).then(|| Verdict::waiting(Reason::Controller, words))
    };
    if find(job, SUCCEEDED).is_some() {
        let result = pods
            .iter()
            .rev()
            .find_map(|pod| outcome(name, pod))
            .map(Verdict::Done);
        let missing = || Verdict::Fatal(Failure::new(Kind::NoResult, ""));
        return Some(result.or_else(may_follow).unwrap_or_else(missing));
    }
    let failed = find(job, FAILED)?;
    let words = failed.message.clone().unwrap_or_default();
    if failed.reason.as_deref() == Some("DeadlineExceeded") {
        return Some(Verdict::Fatal(deadline(pods, words)));
    }
    let reason = pods.iter().rev().find_map(pod::failure).map(Verdict::Fatal);
    let missing = || Verdict::Fatal(Failure::new(Kind::Unknown, words.clone()));
    Some(reason.or_else(may_follow).unwrap_or_else(missing))
}

/// Returns the failure of a build that took too long. A step that has waited for its source in vain is the reason.
fn deadline(pods: &[Pod], words: String) -> Failure {
    let Some(pod) = pods.last() else {
        return Failure::new(Kind::Deadline, words);
    };
    let step = pod::current_step(pod);
    let words = if step.is_some_and(|step| pod::waits_for_source(pod, step)) {
        "the source was not sent".to_owned()
    } else {
        words
    };
    Failure::new(Kind::Deadline, words)
        .in_step(step)
        .in_pod(pod)
}

fn find<'a>(job: &'a Job, types: [&str; 2]) -> Option<&'a JobCondition> {
    let conditions = job.status.as_ref()?.conditions.as_deref()?;
    let is = |type_: &str| {
        conditions
            .iter()
            .find(|condition| condition.type_ == type_ && condition.status == "True")
    };
    types.into_iter().find_map(is)
}
