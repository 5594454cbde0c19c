//! The Job of a build, from its command line.

use std::{ffi::OsString, time::Duration};

use s2i_core::{ImageRef, pod::CACHE_DIR};
use s2i_kube::job::{
    BuildJob, Facts, JobError, PodUser, Resources, Secrets, Source, name_from_image,
};

use super::ClusterError;
use crate::args::{Build, JobArgs, build_options};

/// The options that are no part of the build in the pod: those of its source, which was read already or is in the
/// arguments, those of its Job, and those of the client.
const LEFT_OUT: [&str; 19] = [
    "context_dir",
    "copy",
    "cpus",
    "detach",
    "dockercfg_path",
    "engine",
    "git_ref",
    "iidfile",
    "memory",
    "metadata_file",
    "on",
    "pids_limit",
    "progress",
    "pull_policy",
    "quiet",
    "runtime_image",
    "store",
    "use_config",
    "wait",
];

/// The images of a build.
pub(super) struct Images {
    /// The builder, by digest.
    pub(super) builder: ImageRef,
    /// The runtime image.
    pub(super) runtime: Option<RuntimeImage>,
    /// The user of `assemble`.
    pub(super) user: String,
}

/// A runtime image.
pub(super) struct RuntimeImage {
    /// The image, by digest.
    pub(super) name: ImageRef,
    /// The user of `assemble-runtime`, if that script may run.
    pub(super) user: Option<String>,
}

/// Returns the request for the Job.
pub(super) fn job(
    args: &Build,
    words: &[OsString],
    images: &Images,
    source: Source,
    facts: Facts,
) -> Result<BuildJob, ClusterError> {
    let options = &args.cluster.job;
    let name = args.name().ok_or(ClusterError::Missing(
        "a name for the image, after the builder or with --tag",
    ))?;
    let user = if options.openshift {
        PodUser::Assigned
    } else {
        PodUser::of_image(&images.user)?
    };
    let builder = images.builder.to_string();
    let mut job = BuildJob::new(name_from_image(&name.to_string()), source, &builder, user);
    job.args = arguments(args, words, images, source);
    if let Some(RuntimeImage {
        name,
        user: Some(user),
    }) = &images.runtime
    {
        job.runtime = Some(name.to_string());
        job.runtime_user = match job.user {
            PodUser::Id(_) => Some(PodUser::of_image(user)?),
            PodUser::Assigned => None,
        };
    }
    if let Some(agent) = &options.agent_image {
        job.agent.clone_from(agent);
    }
    job.facts = Facts {
        builder: Some(builder),
        output: Some(name.to_string()),
        ..facts
    };
    job.secrets = secrets(options);
    job.cache.clone_from(&options.cache_claim);
    job.service_account.clone_from(&options.service_account);
    job.size_limit = options.size_limit.parse()?;
    job.deadline = seconds(options.deadline);
    job.retries = options.retries;
    job.kept = seconds(options.keep_for);
    job.resources = resources(args)?;
    Ok(job)
}

fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX)
}

fn secrets(options: &JobArgs) -> Secrets {
    Secrets {
        push: options.push_secret.clone(),
        pull: options.pull_secret.clone(),
        git: options.git_secret.clone(),
        build: options.build_secret.clone(),
        images: options.image_pull_secret.clone(),
    }
}

/// Returns the resources of the steps with scripts: the limits of the command line, in place of the default ones.
fn resources(args: &Build) -> Result<Resources, JobError> {
    let limits = args.limits.limits();
    let mut resources = Resources::of_scripts();
    if let Some(memory) = limits.memory {
        let memory: s2i_kube::job::Quantity = memory.to_string().parse()?;
        resources.requests.memory = resources
            .requests
            .memory
            .filter(|request| request.milli() <= memory.milli())
            .or_else(|| Some(memory.clone()));
        resources.limits.memory = Some(memory);
    }
    if let Some(cpu) = limits.cpu_millis {
        let cpu: s2i_kube::job::Quantity = format!("{cpu}m").parse()?;
        resources.requests.cpu = resources
            .requests
            .cpu
            .filter(|request| request.milli() <= cpu.milli())
            .or_else(|| Some(cpu.clone()));
        resources.limits.cpu = Some(cpu);
    }
    Ok(resources)
}

/// Returns the arguments of the build in the pod.
fn arguments(args: &Build, words: &[OsString], images: &Images, source: Source) -> Vec<String> {
    let left_out: Vec<_> = LEFT_OUT.into_iter().chain(JobArgs::IDS).collect();
    let mut arguments = build_options(words, &left_out);
    if source == Source::Git {
        let context = args.context_dir.iter().filter(|dir| !dir.is_empty());
        arguments.extend(context.map(|dir| format!("--context-dir={dir}")));
        let named = args.git_ref.as_ref().filter(|named| !named.is_empty());
        let reference = named.or(args.source.fragment.as_ref());
        arguments.extend(reference.map(|reference| format!("--ref={reference}")));
    }
    let runtime = images.runtime.iter();
    arguments.extend(runtime.map(|image| format!("--runtime-image={}", image.name)));
    if args.cluster.job.cache_claim.is_some() {
        arguments.push(format!("--cache-dir={CACHE_DIR}"));
    }
    arguments.push(match source {
        Source::Upload => ".".into(),
        Source::Git => args.source.public(),
    });
    arguments.push(images.builder.to_string());
    arguments.extend(args.name().map(|name| name.to_string()));
    arguments
}
