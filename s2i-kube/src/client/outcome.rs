//! The result of a build, which `push` leaves in the status of its pod.

use k8s_openapi::api::core::v1::{ContainerStateTerminated, Pod};
use serde::{Deserialize, Serialize};

use super::diagnose::pod::{steps, terminated};
use crate::job::Step;

/// The most bytes of the message of a step: a node keeps no more.
const MESSAGE: usize = 4096;

/// The result of a build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The name of the image, as it was pushed.
    pub image: Option<String>,
    /// The digest of its manifest, as `sha256:…`.
    pub digest: Option<String>,
    /// The bytes of its layers and its config, compressed.
    pub size: Option<u64>,
    /// The commit of the source.
    pub commit: Option<String>,
    /// The Job.
    pub job: String,
    /// The pod that succeeded.
    pub pod: String,
    /// The durations of the steps, in order.
    pub steps: Vec<StepTime>,
}

/// The duration of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct StepTime {
    /// The step.
    pub step: Step,
    /// The seconds from its start to its end, as the node counts them.
    pub seconds: u64,
}

/// The message of `push`.
#[derive(Debug, Default, Deserialize)]
struct Pushed {
    image: Option<String>,
    digest: Option<String>,
    size: Option<u64>,
    commit: Option<String>,
}

/// The message of a step that failed.
#[derive(Debug, Deserialize)]
struct Failed {
    error: String,
}

/// Returns the result of the pod that has pushed it, and `None` if `push` has not succeeded in it.
pub(crate) fn outcome(job: &str, pod: &Pod) -> Option<Outcome> {
    let ended = steps(pod)
        .find(|(step, _)| *step == Step::Push)
        .and_then(|(_, status)| terminated(status))?;
    if ended.exit_code != 0 {
        return None;
    }
    let pushed: Pushed = message(ended)
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let times = steps(pod).filter_map(|(step, status)| {
        Some(StepTime {
            step,
            seconds: seconds(terminated(status)?)?,
        })
    });
    Some(Outcome {
        image: pushed.image,
        digest: pushed.digest,
        size: pushed.size,
        commit: pushed.commit,
        job: job.to_owned(),
        pod: pod.metadata.name.clone().unwrap_or_default(),
        steps: times.collect(),
    })
}

/// Returns the words of a step that failed: the error in its message, or the end of its log, which takes the place of a
/// message that was not written.
pub(crate) fn words(ended: &ContainerStateTerminated) -> Option<String> {
    let text = message(ended)?;
    let failed: Option<Failed> = serde_json::from_str(text).ok();
    let words = failed.map_or_else(|| last_line(text), |failed| failed.error);
    (!words.is_empty()).then_some(words)
}

/// Returns the seconds from the start to the end. A container that could not be started has the year 1970 as its start.
pub(crate) fn seconds(ended: &ContainerStateTerminated) -> Option<u64> {
    let (start, end) = (ended.started_at.as_ref()?, ended.finished_at.as_ref()?);
    if start.0.as_second() == 0 {
        return None;
    }
    u64::try_from(end.0.as_second() - start.0.as_second()).ok()
}

fn message(ended: &ContainerStateTerminated) -> Option<&str> {
    let text = ended.message.as_deref()?;
    let mut end = text.len().min(MESSAGE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end)
}

fn last_line(text: &str) -> String {
    let mut lines = text.lines().rev().map(str::trim);
    let last = lines.find(|line| !line.is_empty());
    last.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(message: &str) -> ContainerStateTerminated {
        ContainerStateTerminated {
            message: Some(message.to_owned()),
            ..ContainerStateTerminated::default()
        }
    }

    #[test]
    fn words_are_the_error_or_the_last_line() {
        let cases = [
            (
                r#"{"error": "no space left", "code": 24}"#,
                Some("no space left"),
            ),
            ("first\n  last \n\n", Some("last")),
            ("", None),
            (r#"{"error": ""}"#, None),
        ];
        for (message, expected) in cases {
            assert_eq!(words(&ended(message)).as_deref(), expected, "{message}");
        }
    }

    #[test]
    fn long_message_is_cut_between_characters() {
        let long = "é".repeat(MESSAGE);
        assert_eq!(message(&ended(&long)).map(str::len), Some(MESSAGE));
    }
}
