//! The request for a build in a cluster.

use std::collections::BTreeMap;

use k8s_openapi::api::batch::v1::{Job, JobSpec};

use super::{
    AGENT_GIT_IMAGE, AGENT_IMAGE, JobError, Placement, PodUser, Quantity, Resources, Secrets, Step,
    metadata, names, pod, policy,
};

/// The default for [`BuildJob::deadline`]: an hour.
const DEADLINE: u32 = 60 * 60;

/// The default for [`BuildJob::kept`]: a day, so that the log can still be read.
const KEPT: u32 = 24 * 60 * 60;

/// The origin of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The client, through the input of `prepare`, which waits for it.
    Upload,
    /// A repository, which `prepare` clones.
    Git,
}

/// The name of a Job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Name {
    /// The name of the application, a dash and five characters that the cluster chooses.
    #[default]
    Generated,
    /// This one.
    Exact(String),
}

/// Facts for people who look at the object; nothing depends on them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The location of the source, without a login.
    pub source: Option<String>,
    /// The commit of the source.
    pub revision: Option<String>,
    /// The builder image.
    pub builder: Option<String>,
    /// The name of the result.
    pub output: Option<String>,
}

/// A build in a cluster.
#[derive(Clone, Debug)]
pub struct BuildJob {
    /// The name of the application, with which its builds are found: a label of RFC 1123.
    pub name: String,
    /// The name of the Job.
    pub object_name: Name,
    /// The namespace; without one the client's.
    pub namespace: Option<String>,
    /// The origin of the source.
    pub source: Source,
    /// The arguments of `s2i build` in their canonical form. They can be read in the object, so they must not have
    /// secrets.
    pub args: Vec<String>,
    /// The image of the steps without code of a user.
    pub agent: String,
    /// The builder image, best with a digest.
    pub builder: String,
    /// The runtime image, if its script `assemble-runtime` has to run.
    pub runtime: Option<String>,
    /// The user of the step in the runtime image, if it is not that of the pod.
    pub runtime_user: Option<PodUser>,
    /// The user of all steps.
    pub user: PodUser,
    /// The facts that lists of builds show.
    pub facts: Facts,
    /// The secrets that steps get.
    pub secrets: Secrets,
    /// A claim for a cache between builds, which `prepare` and `assemble` see.
    pub cache: Option<String>,
    /// The resources of the steps with scripts.
    pub resources: Resources,
    /// The most that source, layers and other files of the build may take.
    pub size_limit: Quantity,
    /// The seconds after which the build is ended, those of waiting included.
    pub deadline: u32,
    /// The number of times that the build is tried again after a failure that is not the script's.
    pub retries: u32,
    /// The seconds after its end for which the Job and its log are kept.
    pub kept: u32,
    /// More labels of the Job and its pods.
    pub labels: BTreeMap<String, String>,
    /// A service account of the pods; they get no token of it.
    pub service_account: Option<String>,
    /// The nodes of the pods, and the object that the Job belongs to.
    pub placement: Placement,
}

impl BuildJob {
    /// Returns a request with defaults: the image of our steps for this source, no secrets, 8 GiB for files, an hour of
    /// time, one more try, and kept for a day.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        source: Source,
        builder: impl Into<String>,
        user: PodUser,
    ) -> Self {
        let agent = match source {
            Source::Upload => AGENT_IMAGE,
            Source::Git => AGENT_GIT_IMAGE,
        };
        Self {
            name: name.into(),
            object_name: Name::default(),
            namespace: None,
            source,
            args: Vec::new(),
            agent: agent.to_owned(),
            builder: builder.into(),
            runtime: None,
            runtime_user: None,
            user,
            facts: Facts::default(),
            secrets: Secrets::default(),
            cache: None,
            resources: Resources::of_scripts(),
            size_limit: Quantity::gibibytes(8),
            deadline: DEADLINE,
            retries: 1,
            kept: KEPT,
            labels: BTreeMap::new(),
            service_account: None,
            placement: Placement::default(),
        }
    }

    /// Returns the steps of the build.
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        let has = |step: &Step| *step != Step::AssembleRuntime || self.runtime.is_some();
        Step::ALL.into_iter().filter(has).collect()
    }

    /// Returns the Job.
    ///
    /// # Errors
    /// A request that the API server would refuse, or accept and never run.
    pub fn object(&self) -> Result<Job, JobError> {
        if let Some(namespace) = &self.namespace {
            names::check_label("a namespace", namespace, names::LABEL)?;
        }
        if self.deadline == 0 {
            return Err(JobError::Zero("deadline of a build in seconds"));
        }
        let spec = JobSpec {
            active_deadline_seconds: Some(self.deadline.into()),
            backoff_limit: Some(i32::try_from(self.retries).unwrap_or(i32::MAX)),
            ttl_seconds_after_finished: Some(i32::try_from(self.kept).unwrap_or(i32::MAX)),
            pod_failure_policy: Some(policy::policy(&self.steps())),
            // Never two pods of one build at once: both would write the cache.
            pod_replacement_policy: Some("Failed".to_owned()),
            template: pod::template(self)?,
            ..JobSpec::default()
        };
        Ok(Job {
            metadata: metadata::of_build(self)?,
            spec: Some(spec),
            status: None,
        })
    }
}
