//! A model of an API server: objects with versions and their changes, logs, and attachments. It speaks HTTP and
//! WebSocket over pipes in memory, so that the clock of a test decides when something happens.

mod attach;
mod http;
mod objects;
mod world;

use std::sync::{Arc, Mutex, MutexGuard};

use k8s_openapi::api::batch::v1::Job;
use kube::client::ClientBuilder;
use s2i_kube::client::{Build, Cluster};
use serde_json::{Value, json};

pub(crate) use self::{
    attach::Receiver,
    world::{Answer, Kind},
};
use self::{http::Transport, world::World};

/// The namespace of all tests.
pub(crate) const NAMESPACE: &str = "builds";

/// The server. Clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct Server(Arc<Mutex<World>>);

impl Server {
    /// Returns a client of it.
    pub(crate) fn cluster(&self) -> Cluster {
        Cluster::new(
            ClientBuilder::new(Transport(self.clone()), NAMESPACE),
            NAMESPACE,
        )
    }

    /// Returns a client of the recorded build.
    pub(crate) fn build(&self) -> Build {
        self.cluster().build("fx-ok")
    }

    /// Creates an object, or replaces it.
    pub(crate) fn apply(&self, kind: Kind, object: &Value) {
        self.world().apply(kind, object.clone());
    }

    /// Applies recorded changes.
    pub(crate) fn replay(&self, kind: Kind, changes: &[Value]) {
        for change in changes {
            self.apply(kind, &change["object"]);
        }
    }

    /// Removes an object.
    pub(crate) fn remove(&self, kind: Kind, name: &str) {
        self.world().remove(kind, name);
    }

    /// Whether the object exists.
    pub(crate) fn has(&self, kind: Kind, name: &str) -> bool {
        self.world().get(kind, name).is_some()
    }

    /// Writes to the log of a container. Each line begins with its time.
    pub(crate) fn log(&self, pod: &str, container: &str, text: &str) {
        self.world().log(pod, container, text);
    }

    /// Ends the log of a container.
    pub(crate) fn end_log(&self, pod: &str, container: &str) {
        self.world().end_log(pod, container);
    }

    /// Ends all streams, as a server that starts again does.
    pub(crate) fn end_streams(&self) {
        self.world().end_streams();
    }

    /// Forgets the changes so far: a client that asks for them has to list.
    pub(crate) fn compact(&self) {
        self.world().compact();
    }

    /// Answers the next request that begins so, `POST /apis/batch` for example, with this.
    pub(crate) fn answer(&self, request: &str, answer: Answer) {
        self.world().answers.push((request.to_owned(), answer));
    }

    /// Refuses the next request that begins so with a recorded refusal.
    pub(crate) fn refuse(&self, request: &str, name: &str) {
        let refusal = super::recorded::refusal(name);
        let code = refusal["code"]
            .as_u64()
            .and_then(|code| u16::try_from(code).ok())
            .unwrap();
        self.answer(request, Answer::new(code, &refusal));
    }

    /// Decides what attached clients meet.
    pub(crate) fn receiver(&self, receiver: Receiver) {
        self.world().receiver = receiver;
    }

    /// Returns what was received by attachments, each with the pod.
    pub(crate) fn received(&self) -> Vec<(String, Vec<u8>)> {
        self.world().received.clone()
    }

    /// Returns the requests so far, as `GET /path?query`.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.world().requests.clone()
    }

    /// Returns the paths of the objects that were applied.
    pub(crate) fn applied(&self) -> Vec<String> {
        self.world().applied.keys().cloned().collect()
    }

    /// Returns an object that was applied.
    pub(crate) fn object(&self, path: &str) -> Value {
        self.world().applied[path].clone()
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }
}

/// Returns a Job that can be submitted.
pub(crate) fn job() -> Job {
    let object = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"generateName": "shop-"},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": []}}},
    });
    serde_json::from_value(object).unwrap()
}
