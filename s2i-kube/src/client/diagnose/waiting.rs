//! The state of a build whose Job has not ended.

use std::time::Duration;

use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{ContainerStateWaiting, Pod},
};

use super::{
    Observed, Patience,
    events::Events,
    failure::{Failure, Kind},
    pod,
    verdict::{Reason, Verdict},
    words,
};
use crate::job::Step;

/// The number of times that a node has to try to pull an image before it is given up: registries have short failures.
const PULLS: u64 = 3;

/// The number of times that the cluster has to try to create a pod, if the reason of the refusal is not known to be final.
const CREATIONS: u64 = 3;

/// The time without a word of the cluster after which that is shown.
const SILENCE: Duration = Duration::from_secs(10);

/// Returns the state of a build whose Job has not ended.
pub(crate) fn verdict(
    job: &Job,
    seen: &Observed<'_>,
    still: Duration,
    patience: &Patience,
) -> Verdict {
    if job
        .spec
        .as_ref()
        .is_some_and(|spec| spec.suspend == Some(true))
    {
        return Verdict::waiting(Reason::Suspended, "the Job is suspended");
    }
    let Some(pod) = seen.pods.iter().rev().find(|pod| !pod::is_over(pod)) else {
        return without_pod(job, seen, still);
    };
    let context = Context {
        pod,
        seen,
        still,
        patience,
    };
    if condition_is(pod, "PodScheduled", "True") {
        context.on_node()
    } else {
        context.scheduling()
    }
}

/// Returns the state of a build without a pod that could go on.
fn without_pod(job: &Job, seen: &Observed<'_>, still: Duration) -> Verdict {
    let about = |reason| Events::about(seen.events, job.metadata.uid.as_deref(), &[reason]);
    // A refusal before the last pod is of the past.
    let refused = about("FailedCreate").since(&about("SuccessfulCreate"));
    let failed = seen.pods.last().and_then(pod::failure);
    if let Some(message) = refused.last() {
        let kind = words::refusal(message);
        if kind != Kind::Refused || refused.count() >= CREATIONS {
            return Verdict::Fatal(Failure::new(kind, message));
        }
        return Verdict::waiting(Reason::Refused, message);
    }
    if let Some(failure) = failed {
        return Verdict::of_step(
            Reason::Retry,
            failure.step,
            format!("{}: {}", failure.kind, failure.words),
        );
    }
    let words = if still < SILENCE {
        "the cluster has not created a pod yet".to_owned()
    } else {
        format!(
            "the cluster has not created a pod for {} s, and gives no reason",
            still.as_secs()
        )
    };
    Verdict::waiting(Reason::Controller, words)
}

/// A pod that may go on, and what is known of it.
struct Context<'a> {
    pod: &'a Pod,
    seen: &'a Observed<'a>,
    still: Duration,
    patience: &'a Patience,
}

impl Context<'_> {
    fn scheduling(&self) -> Verdict {
        let condition = pod::condition(self.pod, "PodScheduled")
            .and_then(|condition| condition.message.as_deref());
        let message = condition.or_else(|| self.events(&["FailedScheduling"]).last());
        let Some(message) = message else {
            return Verdict::waiting(Reason::Node, "the scheduler has not looked at the pod yet");
        };
        let (reason, kind, patience) = if words::is_claim_in_use(message) {
            (Reason::Cache, Kind::CacheInUse, self.patience.cache)
        } else {
            (Reason::Node, Kind::Unschedulable, Some(self.patience.node))
        };
        if patience.is_some_and(|patience| self.still >= patience) {
            return self.fatal(kind, None, message);
        }
        Verdict::waiting(reason, message)
    }

    fn on_node(&self) -> Verdict {
        let lost =
            pod::condition(self.pod, "Ready").filter(|condition| condition.status == "Unknown");
        if let Some(condition) = lost {
            let words = condition
                .message
                .clone()
                .unwrap_or_else(|| "the node has not reported for a while".to_owned());
            return Verdict::of_step(Reason::NodeLost, pod::current_step(self.pod), words);
        }
        let open = pod::steps(self.pod)
            .find(|(_, status)| pod::terminated(status).is_none_or(|end| end.exit_code != 0));
        let Some((step, status)) = open else {
            return self.starting(pod::current_step(self.pod));
        };
        if pod::is_running(status) {
            return Verdict::Running(step);
        }
        if let Some(failure) =
            pod::terminated(status).and_then(|end| pod::failure_of_step(step, end))
        {
            return Verdict::of_step(
                Reason::Retry,
                Some(step),
                format!("{}: {}", failure.kind, failure.words),
            );
        }
        match status
            .state
            .as_ref()
            .and_then(|state| state.waiting.as_ref())
        {
            Some(waiting) => self.waiting(step, waiting),
            None => self.starting(Some(step)),
        }
    }

    /// Returns the state of a container that waits, from the reasons of the node.
    fn waiting(&self, step: Step, waiting: &ContainerStateWaiting) -> Verdict {
        let message = waiting.message.as_deref().unwrap_or_default();
        match waiting.reason.as_deref().unwrap_or_default() {
            "ErrImagePull"
            | "ImagePullBackOff"
            | "RegistryUnavailable"
            | "SignatureValidationFailed" => self.image_pull(step, message),
            "InvalidImageName" | "ErrImageNeverPull" | "ImageInspectError" => {
                self.fatal(Kind::Image, Some(step), message)
            }
            reason @ ("CreateContainerConfigError"
            | "CreateContainerError"
            | "RunContainerError"
            | "PreStartHookError"
            | "PostStartHookError"
            | "CrashLoopBackOff") => {
                let words = if message.is_empty() { reason } else { message };
                self.patient(Reason::Start, Kind::Start, Some(step), words)
            }
            _ => self.starting(Some(step)),
        }
    }

    fn image_pull(&self, step: Step, message: &str) -> Verdict {
        let tries = self.events(&["Pulling"]).of_step(step).count();
        // The state alternates between the registry's words and those of the node about the pause.
        let failed = self
            .events(&["Failed"])
            .of_step(step)
            .longest()
            .unwrap_or_default();
        let words = if failed.len() > message.len() {
            failed
        } else {
            message
        };
        if tries >= PULLS || self.still >= self.patience.start {
            return self.fatal(Kind::Image, Some(step), words);
        }
        Verdict::of_step(Reason::ImageRetry, Some(step), words)
    }

    /// Returns the state of a pod whose step has not started, for a reason that only events have.
    fn starting(&self, step: Option<Step>) -> Verdict {
        // Once a step has run, these are of the past.
        let first = pod::steps(self.pod).all(|(_, status)| pod::terminated(status).is_none());
        let volumes = self.events(&["FailedMount", "FailedAttachVolume", "FailedMapVolume"]);
        if let Some(message) = volumes.last().filter(|_| first) {
            return self.patient(Reason::Volume, Kind::Volume, step, message);
        }
        let sandbox = self.events(&["FailedCreatePodSandBox", "FailedCreatePodContainer"]);
        if let Some(message) = sandbox.last().filter(|_| first) {
            return self.patient(Reason::Start, Kind::Start, step, message);
        }
        let pulling = step.and_then(|step| {
            let started = self.events(&["Pulling"]).of_step(step);
            let pulled = self.events(&["Pulled"]).of_step(step).count();
            started.last().filter(|_| pulled == 0)
        });
        match pulling {
            Some(message) => Verdict::of_step(Reason::Image, step, message),
            None => Verdict::of_step(Reason::Start, step, self.silence()),
        }
    }

    fn silence(&self) -> String {
        if self.still < SILENCE {
            return String::new();
        }
        format!(
            "the node has not started it for {} s, and gives no reason",
            self.still.as_secs()
        )
    }

    fn patient(&self, reason: Reason, kind: Kind, step: Option<Step>, words: &str) -> Verdict {
        if self.still >= self.patience.start {
            return self.fatal(kind, step, words);
        }
        Verdict::of_step(reason, step, words)
    }

    fn fatal(&self, kind: Kind, step: Option<Step>, words: &str) -> Verdict {
        Verdict::Fatal(Failure::new(kind, words).in_step(step).in_pod(self.pod))
    }

    fn events(&self, reasons: &[&str]) -> Events<'_> {
        Events::about(self.seen.events, self.pod.metadata.uid.as_deref(), reasons)
    }
}

fn condition_is(pod: &Pod, type_: &str, status: &str) -> bool {
    pod::condition(pod, type_).is_some_and(|condition| condition.status == status)
}
