//! Building again when the base of an image has changed, on clusters without image streams.

use k8s_openapi::api::{
    batch::v1::{CronJob, CronJobSpec, JobSpec, JobTemplateSpec},
    core::v1::{
        Container, EmptyDirVolumeSource, PodSpec, PodTemplateSpec, SecurityContext, Volume,
    },
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{
    AGENT_KUBE_IMAGE, JobError, PodUser, Resources, containers, metadata, names, pod, volumes,
};

/// The seconds by which a start may be late. Without this, a cluster that was off for long gives up for ever.
const LATE: i64 = 10 * 60;

/// The seconds after which the check is ended.
const DEADLINE: i64 = 10 * 60;

/// The path of the program with the client in our image.
const PROGRAM: &str = "/usr/bin/s2i-kube";

/// The container, and the volume for its temporary files.
const REBUILD: &str = "rebuild";

/// A CronJob that looks whether the base of images has changed, and creates the Jobs of their builds if so. It runs `s2i
/// cluster rebuild --if-base-changed --detach`.
#[derive(Clone, Debug)]
pub struct RebuildJob {
    /// The name of the CronJob; generated names of its Jobs add eleven characters.
    pub name: String,
    /// The name of the application.
    pub application: String,
    /// The namespace; without one the client's.
    pub namespace: Option<String>,
    /// The times, as `0 4 * * *` or `@daily`.
    pub schedule: String,
    /// The time zone of the schedule, as `Europe/Vienna`; without one that of the cluster's controllers.
    pub time_zone: Option<String>,
    /// The image with the client.
    pub agent: String,
    /// The images; without one all that have a build in the namespace.
    pub images: Vec<String>,
    /// The options of `s2i build --on cluster` with which images are built, for example `--push-secret=login`. Without
    /// one the last Job of an image is repeated, while the cluster keeps it.
    pub options: Vec<String>,
    /// True if registries without TLS or with unverified certificates are accepted.
    pub insecure: bool,
    /// The service account, which has [`REBUILD_RULES`](super::REBUILD_RULES).
    pub service_account: String,
    /// The Secret with the logins to look images up.
    pub pull: Option<String>,
    /// The user of the check.
    pub user: PodUser,
}

impl RebuildJob {
    /// Returns a request with defaults: each night, with the image of this project, as user 1001.
    #[must_use]
    pub fn new(name: impl Into<String>, service_account: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            application: name.clone(),
            name,
            namespace: None,
            schedule: "0 4 * * *".to_owned(),
            time_zone: None,
            agent: AGENT_KUBE_IMAGE.to_owned(),
            images: Vec::new(),
            options: Vec::new(),
            insecure: false,
            service_account: service_account.into(),
            pull: None,
            user: PodUser::Id(1001),
        }
    }

    /// Returns the CronJob.
    ///
    /// # Errors
    /// A request that the API server would refuse.
    pub fn object(&self) -> Result<CronJob, JobError> {
        names::check_label("a CronJob", &self.name, names::LABEL - 11)?;
        names::check_label("an application", &self.application, names::LABEL)?;
        check_schedule(&self.schedule)?;
        let metadata =
            metadata::of_object(&self.name, self.namespace.as_deref(), &self.application);
        let template = JobSpec {
            active_deadline_seconds: Some(DEADLINE),
            backoff_limit: Some(1),
            template: self.template()?,
            ..JobSpec::default()
        };
        let spec = CronJobSpec {
            concurrency_policy: Some("Forbid".to_owned()),
            schedule: self.schedule.clone(),
            time_zone: self.time_zone.clone(),
            starting_deadline_seconds: Some(LATE),
            successful_jobs_history_limit: Some(1),
            failed_jobs_history_limit: Some(3),
            job_template: JobTemplateSpec {
                metadata: None,
                spec: Some(template),
            },
            ..CronJobSpec::default()
        };
        Ok(CronJob {
            metadata,
            spec: Some(spec),
            status: None,
        })
    }

    fn args(&self) -> Vec<String> {
        let command = ["cluster", "rebuild", "--if-base-changed", "--detach"];
        let insecure = self.insecure.then_some("--tls-verify=false");
        let all = self.images.is_empty().then_some("--all");
        let mut args: Vec<String> = command
            .into_iter()
            .chain(insecure)
            .chain(all)
            .map(str::to_owned)
            .collect();
        args.extend(self.images.iter().map(|image| containers::literal(image)));
        if !self.options.is_empty() {
            args.push("--".to_owned());
        }
        let options = self.options.iter();
        args.extend(options.map(|option| containers::literal(option)));
        args
    }

    fn template(&self) -> Result<PodTemplateSpec, JobError> {
        names::check_object("a service account", &self.service_account)?;
        let logins = self.pull.as_deref().map(volumes::pull_logins);
        let temporary = Volume {
            name: REBUILD.to_owned(),
            empty_dir: Some(EmptyDirVolumeSource::default()),
            ..Volume::default()
        };
        let env = logins.as_ref().map(|_| volumes::docker_config());
        let mounts = logins.as_ref().map(|_| volumes::logins_mount());
        let container = Container {
            name: REBUILD.to_owned(),
            image: Some(self.agent.clone()),
            command: Some(vec![PROGRAM.to_owned()]),
            args: Some(self.args()),
            // The image is read-only, so temporary files go into a volume.
            env: Some(env.into_iter().chain([volumes::temporary()]).collect()),
            resources: Some(Resources::of_agent().object()?),
            security_context: Some(SecurityContext {
                read_only_root_filesystem: Some(true),
                ..containers::restricted()
            }),
            termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
            volume_mounts: Some(
                mounts
                    .into_iter()
                    .chain([volumes::temporary_mount(REBUILD)])
                    .collect(),
            ),
            ..Container::default()
        };
        let spec = PodSpec {
            restart_policy: Some("Never".to_owned()),
            // The check calls the API to create the Job, and no code of a user runs here.
            automount_service_account_token: Some(true),
            enable_service_links: Some(false),
            service_account_name: Some(self.service_account.clone()),
            security_context: Some(pod::security_context(self.user.checked()?)),
            containers: vec![container],
            volumes: Some(logins.into_iter().chain([temporary]).collect()),
            ..PodSpec::default()
        };
        // No labels of a build: the check is none, and lists of builds must not have it.
        Ok(PodTemplateSpec {
            metadata: Some(ObjectMeta::default()),
            spec: Some(spec),
        })
    }
}

fn check_schedule(schedule: &str) -> Result<(), JobError> {
    let part = |part: &str| {
        part.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"*/,-?".contains(&b))
    };
    let named = schedule.strip_prefix('@').is_some_and(|name| {
        [
            "yearly", "annually", "monthly", "weekly", "daily", "midnight", "hourly",
        ]
        .contains(&name)
    });
    let fields: Vec<&str> = schedule.split_ascii_whitespace().collect();
    let fits = named || fields.len() == 5 && fields.into_iter().all(part);
    fits.then_some(())
        .ok_or_else(|| JobError::Schedule(schedule.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_checked() {
        for schedule in ["0 4 * * *", "*/5 1-3 1,2 * MON", "@daily"] {
            assert!(check_schedule(schedule).is_ok(), "{schedule}");
        }
        for schedule in ["", "* * * *", "* * * * * *", "@often", "a;b * * * *"] {
            assert!(check_schedule(schedule).is_err(), "{schedule}");
        }
    }
}
