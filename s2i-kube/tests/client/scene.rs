//! A build as a cluster describes it: the recorded one, changed.

use std::time::Duration;

use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{Event, Pod},
};
use s2i_kube::client::{Failure, JobSeen, Observed, Patience, Verdict, Waiting, diagnose};
use serde_json::{Value, json};

use super::recorded;

/// The objects of a build.
#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) job: Option<Value>,
    pub(crate) pods: Vec<Value>,
    pub(crate) events: Vec<Value>,
    pub(crate) patience: Patience,
}

impl Scene {
    /// A Job that is active, without a pod.
    pub(crate) fn new() -> Self {
        Self {
            job: Some(recorded::jobs()[1]["object"].clone()),
            pods: Vec::new(),
            events: Vec::new(),
            patience: Patience::default(),
        }
    }

    /// A Job with a pod in the state that was recorded as number `index`.
    pub(crate) fn recorded(index: usize) -> Self {
        let mut scene = Self::new();
        scene.pods.push(recorded::pods()[index]["object"].clone());
        scene
    }

    /// A Job whose pod is on a node, and where the steps before `step` have ended.
    pub(crate) fn at(step: &str, state: &Value) -> Self {
        let done = recorded::pods().pop().unwrap()["object"].clone();
        let mut scene = Self::new();
        scene.pods.push(done);
        let pod = &mut scene.pods[0];
        pod["status"]["phase"] = "Pending".into();
        set_condition(pod, "Initialized", "False", "");
        let mut after = false;
        for list in ["initContainerStatuses", "containerStatuses"] {
            for container in pod["status"][list].as_array_mut().unwrap() {
                if container["name"] == step {
                    container["state"] = state.clone();
                    after = true;
                } else if after {
                    container["state"] = json!({"waiting": {"reason": "PodInitializing"}});
                }
            }
        }
        assert!(after, "no step {step}");
        scene
    }

    /// The pod fails, and the Job with it.
    pub(crate) fn failed(mut self, reason: &str, message: &str) -> Self {
        self.pods[0]["status"]["phase"] = "Failed".into();
        self.end("Failed", reason, message)
    }

    /// The Job ends.
    pub(crate) fn end(mut self, type_: &str, reason: &str, message: &str) -> Self {
        let job = self.job.as_mut().unwrap();
        job["status"]["conditions"] =
            json!([{"type": type_, "status": "True", "reason": reason, "message": message}]);
        self
    }

    /// Adds recorded events, as those about the objects of this scene.
    pub(crate) fn with_events(mut self, name: &str) -> Self {
        for mut event in recorded::events(name) {
            let is_job = event["involvedObject"]["kind"] == "Job";
            let object = if is_job {
                self.job.as_ref()
            } else {
                self.pods.last()
            };
            event["involvedObject"]["uid"] =
                object.map_or(Value::Null, |object| object["metadata"]["uid"].clone());
            self.events.push(event);
        }
        self
    }

    /// Adds an event about the pod, which has happened so often.
    pub(crate) fn with_event(mut self, reason: &str, count: i32, message: &str) -> Self {
        let uid = &self.pods[0]["metadata"]["uid"];
        self.events.push(json!({
            "metadata": {"name": format!("event-{}", self.events.len()), "uid": format!("event-{}", self.events.len())},
            "involvedObject": {"kind": "Pod", "uid": uid},
            "reason": reason, "count": count, "message": message, "type": "Warning",
        }));
        self
    }

    /// Sets a condition of the pod.
    pub(crate) fn with_condition(mut self, type_: &str, status: &str, message: &str) -> Self {
        set_condition(&mut self.pods[0], type_, status, message);
        self
    }

    /// Returns the verdict after the build has stood still for these seconds.
    pub(crate) fn verdict(&self, still: u64) -> Verdict {
        let read = |value: &Value| serde_json::from_value::<Pod>(value.clone()).unwrap();
        let job: Option<Job> = self
            .job
            .clone()
            .map(|job| serde_json::from_value(job).unwrap());
        let pods: Vec<Pod> = self.pods.iter().map(read).collect();
        let event = |value: &Value| serde_json::from_value::<Event>(value.clone()).unwrap();
        let events: Vec<Event> = self.events.iter().map(event).collect();
        let seen = Observed {
            job: job.as_ref().map_or(JobSeen::Deleted, JobSeen::Present),
            pods: &pods,
            events: &events,
        };
        diagnose(&seen, Duration::from_secs(still), &self.patience)
    }

    pub(crate) fn fatal(&self, still: u64) -> Failure {
        match self.verdict(still) {
            Verdict::Fatal(failure) => failure,
            other => panic!("not fatal after {still} s: {other:?}"),
        }
    }

    pub(crate) fn waiting(&self, still: u64) -> Waiting {
        match self.verdict(still) {
            Verdict::Waiting(waiting) => waiting,
            other => panic!("not waiting after {still} s: {other:?}"),
        }
    }
}

fn set_condition(pod: &mut Value, type_: &str, status: &str, message: &str) {
    if pod["status"]["conditions"].is_null() {
        pod["status"]["conditions"] = json!([]);
    }
    let conditions = pod["status"]["conditions"].as_array_mut().unwrap();
    conditions.retain(|condition| condition["type"] != type_);
    conditions.push(json!({"type": type_, "status": status, "message": message}));
}

/// The state of a container that waits.
pub(crate) fn waits(reason: &str, message: &str) -> Value {
    json!({"waiting": {"reason": reason, "message": message}})
}

/// The state of a container that has ended.
pub(crate) fn ended(code: i32, reason: &str, message: &str) -> Value {
    json!({"terminated": {
        "exitCode": code, "reason": reason, "message": message,
        "startedAt": "2026-11-20T20:53:59Z", "finishedAt": "2026-11-20T20:54:02Z",
    }})
}

/// The state of a container that runs.
pub(crate) fn runs() -> Value {
    json!({"running": {"startedAt": "2026-11-20T20:53:59Z"}})
}
