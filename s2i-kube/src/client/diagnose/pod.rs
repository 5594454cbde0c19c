//! The state of a pod: its steps, and why it has failed.

use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod, PodCondition};

use super::failure::{Failure, Kind};
use crate::{
    client::outcome::words,
    job::{SCRIPT_FAILED, Step},
};

/// The exit code of a step that could not read its input: `s2i exit-codes` lists it.
pub(crate) const INPUT_REJECTED: i32 = 24;

/// The exit codes of containers that a node has ended: those of SIGKILL and SIGTERM.
const KILLED: [i32; 2] = [137, 143];

/// Returns the steps that the node has described, in order.
pub(crate) fn steps(pod: &Pod) -> impl Iterator<Item = (Step, &ContainerStatus)> {
    let status = pod.status.as_ref();
    let init = status
        .and_then(|status| status.init_container_statuses.as_deref())
        .unwrap_or_default();
    let main = status
        .and_then(|status| status.container_statuses.as_deref())
        .unwrap_or_default();
    let known = init.iter().chain(main);
    known.filter_map(|status| Some((Step::of_container(&status.name)?, status)))
}

/// Returns how a container has ended.
pub(crate) fn terminated(status: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    status.state.as_ref()?.terminated.as_ref()
}

/// Returns whether a container runs.
pub(crate) fn is_running(status: &ContainerStatus) -> bool {
    status
        .state
        .as_ref()
        .is_some_and(|state| state.running.is_some())
}

/// Returns the step that runs, or is about to start, or has failed.
pub(crate) fn current_step(pod: &Pod) -> Option<Step> {
    let ended =
        |status: &ContainerStatus| terminated(status).is_some_and(|ended| ended.exit_code == 0);
    steps(pod)
        .find(|(_, status)| !ended(status))
        .map(|(step, _)| step)
}

/// Returns whether the step is one that waits for the client's source, and has not ended.
pub(crate) fn waits_for_source(pod: &Pod, step: Step) -> bool {
    let containers = pod
        .spec
        .as_ref()
        .and_then(|spec| spec.init_containers.as_deref())
        .unwrap_or_default();
    let reads = |name: &str| {
        containers
            .iter()
            .any(|container| container.name == name && container.stdin == Some(true))
    };
    reads(step.container()) && current_step(pod) == Some(step)
}

/// Returns the condition of this type.
pub(crate) fn condition<'a>(pod: &'a Pod, type_: &str) -> Option<&'a PodCondition> {
    let conditions = pod.status.as_ref()?.conditions.as_deref()?;
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// Returns whether the pod has ended or is being deleted, so that only another one can go on.
pub(crate) fn is_over(pod: &Pod) -> bool {
    let phase = pod
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref());
    pod.metadata.deletion_timestamp.is_some() || matches!(phase, Some("Failed" | "Succeeded"))
}

/// Returns why the pod has failed, if it has.
///
/// The fate of the pod as a whole comes first: a pod that is ended ends its steps, with codes that mean nothing.
pub(crate) fn failure(pod: &Pod) -> Option<Failure> {
    let whole = failure_of_pod(pod);
    let step = steps(pod).find_map(|(step, status)| failure_of_step(step, terminated(status)?));
    let failure = match (whole, step) {
        // A limit of storage is enforced by an eviction, a limit of memory by the kernel.
        (Some(whole), Some(step)) if step.kind != Kind::OutOfMemory => whole.in_step(step.step),
        (Some(whole), None) => whole.in_step(current_step(pod)),
        (_, step) => step?,
    };
    Some(failure.in_pod(pod))
}

fn failure_of_pod(pod: &Pod) -> Option<Failure> {
    let status = pod.status.as_ref()?;
    let words = || status.message.clone().unwrap_or_default();
    match status.reason.as_deref() {
        Some("Evicted") => return Some(Failure::new(Kind::Evicted, words())),
        Some("DeadlineExceeded") => return Some(Failure::new(Kind::Deadline, words())),
        Some("NodeLost" | "NodeShutdown" | "Terminated" | "Shutdown" | "Preempting") => {
            return Some(Failure::new(Kind::Disrupted, words()));
        }
        // The node refuses a pod that the scheduler has given it, as `UnexpectedAdmissionError` or `OutOfcpu`.
        Some(reason)
            if status.container_statuses.is_none() && status.phase.as_deref() == Some("Failed") =>
        {
            return Some(Failure::new(Kind::Start, format!("{reason}: {}", words())));
        }
        _ => {}
    }
    let disrupted =
        condition(pod, "DisruptionTarget").filter(|condition| condition.status == "True");
    if let Some(condition) = disrupted {
        let words = condition
            .message
            .clone()
            .or_else(|| condition.reason.clone());
        return Some(Failure::new(Kind::Disrupted, words.unwrap_or_default()));
    }
    // A pod may be deleted after its end; it has failed by that only if a step was cut.
    let cut = steps(pod).any(|(_, status)| {
        is_running(status) || terminated(status).is_some_and(|end| KILLED.contains(&end.exit_code))
    });
    let deleted = pod.metadata.deletion_timestamp.is_some() && cut;
    deleted.then(|| Failure::new(Kind::Disrupted, "the pod was deleted"))
}

/// Returns why a step has failed.
pub(crate) fn failure_of_step(step: Step, ended: &ContainerStateTerminated) -> Option<Failure> {
    let reason = ended.reason.as_deref().unwrap_or_default();
    // The reason comes before the code: the program around a script that was killed ends with a code of its own.
    let kind = match (reason, ended.exit_code) {
        ("OOMKilled", _) => Kind::OutOfMemory,
        (_, 0) => return None,
        ("StartError" | "ContainerCannotRun", _) => Kind::Start,
        (_, SCRIPT_FAILED) if !step.is_agent() => Kind::Script,
        (_, INPUT_REJECTED) if step == Step::Prepare => Kind::Upload,
        _ => Kind::Step,
    };
    let mut failure = Failure::new(kind, words(ended).unwrap_or_default()).in_step(Some(step));
    failure.code = Some(ended.exit_code);
    Some(failure)
}
