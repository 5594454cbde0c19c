//! The objects of a build, kept up to date.

use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{Event, Pod},
};
use kube::{Resource, ResourceExt as _};

use crate::client::{
    diagnose::{JobSeen, Observed},
    error::ApiError,
    watch::Change,
};

/// The most events that are kept; the oldest are dropped.
const EVENTS: usize = 500;

/// The most pods that are kept: more tries than that are no build.
const PODS: usize = 100;

/// The objects of a build.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    job: Option<Job>,
    job_deleted: bool,
    pods: Vec<Pod>,
    events: Vec<Event>,
}

impl Seen {
    /// Returns what a diagnosis reads.
    pub(crate) fn observed(&self) -> Observed<'_> {
        let job = match &self.job {
            _ if self.job_deleted => JobSeen::Deleted,
            Some(job) => JobSeen::Present(job),
            None => JobSeen::Unknown,
        };
        Observed {
            job,
            pods: &self.pods,
            events: &self.events,
        }
    }

    /// Returns the pods, the oldest first.
    pub(crate) fn pods(&self) -> &[Pod] {
        &self.pods
    }

    /// Takes a change of the Job. An interrupted connection is returned.
    pub(crate) fn job(&mut self, change: Change<Job>) -> Option<ApiError> {
        match change {
            // Another Job of this name is another build.
            Change::All(jobs) => match jobs.into_iter().next() {
                Some(job)
                    if self
                        .job
                        .as_ref()
                        .is_none_or(|known| known.uid() == job.uid()) =>
                {
                    self.job = Some(job);
                }
                _ => self.job_deleted = true,
            },
            Change::Applied(job) => {
                if self
                    .job
                    .as_ref()
                    .is_none_or(|known| known.uid() == job.uid())
                {
                    self.job = Some(job);
                }
            }
            Change::Deleted(_) => self.job_deleted = true,
            Change::Interrupted(error) => return Some(error),
        }
        None
    }

    /// Takes a change of pods. Those that were deleted are kept: the reason of a failure may stand in them alone.
    pub(crate) fn pod(&mut self, change: Change<Pod>) -> Option<ApiError> {
        match change {
            Change::All(pods) => {
                for known in &mut self.pods {
                    if !pods.iter().any(|pod| pod.uid() == known.uid()) {
                        mark_deleted(known);
                    }
                }
                for pod in pods {
                    self.put_pod(pod);
                }
            }
            Change::Applied(pod) => self.put_pod(pod),
            Change::Deleted(mut pod) => {
                mark_deleted(&mut pod);
                self.put_pod(pod);
            }
            Change::Interrupted(error) => return Some(error),
        }
        None
    }

    /// Takes a change of events.
    pub(crate) fn event(&mut self, change: Change<Event>) -> Option<ApiError> {
        match change {
            Change::All(events) => events
                .into_iter()
                .for_each(|event| put(&mut self.events, event)),
            Change::Applied(event) => put(&mut self.events, event),
            // Events are removed after an hour; what they describe has happened.
            Change::Deleted(_) => {}
            Change::Interrupted(error) => return Some(error),
        }
        let surplus = self.events.len().saturating_sub(EVENTS);
        self.events.drain(..surplus);
        None
    }

    fn put_pod(&mut self, pod: Pod) {
        put(&mut self.pods, pod);
        let key = |pod: &Pod| (pod.creation_timestamp(), pod.metadata.name.clone());
        self.pods.sort_by_key(key);
        let surplus = self.pods.len().saturating_sub(PODS);
        self.pods.drain(..surplus);
    }
}

fn put<K: Resource>(list: &mut Vec<K>, object: K) {
    let uid = object.meta().uid.clone();
    match list.iter_mut().find(|known| known.meta().uid == uid) {
        Some(known) => *known = object,
        None => list.push(object),
    }
}

/// Notes that the pod is gone, as the server does while it goes.
fn mark_deleted(pod: &mut Pod) {
    let created = pod.metadata.creation_timestamp.clone();
    pod.metadata.deletion_timestamp = pod.metadata.deletion_timestamp.take().or(created);
}
