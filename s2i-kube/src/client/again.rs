//! Starting a build again.

use std::collections::BTreeMap;

use k8s_openapi::{api::batch::v1::Job, apimachinery::pkg::apis::meta::v1::ObjectMeta};

use super::{cluster::Cluster, error::ApiError, submit::Submitted};
use crate::job::{BUILDER_ANNOTATION, NAME_LABEL, Step, literal};

/// The labels that a server adds to Jobs and their pods, which belong to one Job.
const SERVER_LABELS: [&str; 4] = [
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
    "controller-uid",
    "job-name",
];

/// Returns whether `prepare` waits for a source from a client, so that one has to be given to [`run()`](super::run()).
#[must_use]
pub fn needs_source(job: &Job) -> bool {
    let pod = job
        .spec
        .as_ref()
        .and_then(|spec| spec.template.spec.as_ref());
    let steps = pod
        .and_then(|pod| pod.init_containers.as_deref())
        .unwrap_or_default();
    steps
        .iter()
        .any(|step| step.name == Step::Prepare.container() && step.stdin == Some(true))
}

impl Cluster {
    /// Creates the Job of a build again, under a new name.
    ///
    /// # Errors
    /// Without that build, and what [`submit`](Self::submit) fails with.
    pub async fn retry(&self, name: &str) -> Result<Submitted, ApiError> {
        let job = self.build(name).job().await?;
        self.submit(&again(&job)).await
    }

    /// Creates the Job of a build again on other images, under a new name: where the build names an image, as the image
    /// of a step, in its arguments or for people, `image` returns the one in its place, or `None` to keep it.
    ///
    /// # Errors
    /// Those of [`retry`](Self::retry).
    pub async fn retry_on(
        &self,
        name: &str,
        image: &(dyn Fn(&str) -> Option<String> + Sync),
    ) -> Result<Submitted, ApiError> {
        let job = self.build(name).job().await?;
        self.submit(&on_images(&job, image)).await
    }
}

/// The option of a build that names its runtime image.
const RUNTIME_OPTION: &str = "--runtime-image=";

/// Returns the Job that builds the same source again on other images.
fn on_images(job: &Job, image: &dyn Fn(&str) -> Option<String>) -> Job {
    let mut job = again(job);
    let replace = |text: &mut String| {
        if let Some(new) = image(text) {
            *text = new;
        }
    };
    let annotations = job.metadata.annotations.as_mut();
    if let Some(builder) = annotations.and_then(|all| all.get_mut(BUILDER_ANNOTATION)) {
        replace(builder);
    }
    let pod = job
        .spec
        .as_mut()
        .and_then(|spec| spec.template.spec.as_mut());
    let steps = pod.and_then(|pod| pod.init_containers.as_mut());
    for container in steps.into_iter().flatten() {
        if container.name == Step::Prepare.container() {
            for arg in container.args.iter_mut().flatten() {
                let new = match arg.strip_prefix(RUNTIME_OPTION) {
                    Some(runtime) => image(runtime).map(|new| format!("{RUNTIME_OPTION}{new}")),
                    None => image(arg),
                };
                *arg = new.map_or_else(|| arg.clone(), |new| literal(&new));
            }
        } else if let Some(named) = &mut container.image {
            replace(named);
        }
    }
    job
}

/// Returns a Job with the same template, without what the server has added.
fn again(job: &Job) -> Job {
    let metadata = &job.metadata;
    let labels = without_server_labels(metadata.labels.clone());
    let application = labels
        .as_ref()
        .and_then(|labels| labels.get(NAME_LABEL))
        .cloned();
    let prefix = application.unwrap_or_else(|| "build".to_owned());
    let mut spec = job.spec.clone();
    if let Some(spec) = &mut spec {
        spec.selector = None;
        spec.manual_selector = None;
        if let Some(metadata) = &mut spec.template.metadata {
            metadata.labels = without_server_labels(metadata.labels.take());
            metadata.creation_timestamp = None;
        }
    }
    Job {
        metadata: ObjectMeta {
            generate_name: Some(format!("{prefix}-")),
            namespace: metadata.namespace.clone(),
            labels,
            annotations: metadata.annotations.clone(),
            ..ObjectMeta::default()
        },
        spec,
        status: None,
    }
}

fn without_server_labels(
    labels: Option<BTreeMap<String, String>>,
) -> Option<BTreeMap<String, String>> {
    let mut labels = labels?;
    labels.retain(|key, _| !SERVER_LABELS.contains(&key.as_str()));
    Some(labels)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

    use super::*;
    use crate::job::{BuildJob, PodUser, Source};

    #[test]
    fn job_on_other_images_names_them_in_all_places() {
        let (old, new) = (
            "registry.example.org/b:1@sha256:1",
            "registry.example.org/b:1@sha256:2",
        );
        let mut build = BuildJob::new("shop", Source::Git, old, PodUser::Id(1001));
        build.facts.builder = Some(old.to_owned());
        build.args = [
            "-e=A=$(B)",
            "--runtime-image=r:1",
            "https://git.example.org/shop",
            old,
            "shop:1",
        ]
        .map(str::to_owned)
        .to_vec();
        let job = build.object().unwrap();
        let job = on_images(&job, &|image| match image {
            image if image == old => Some(new.to_owned()),
            "r:1" => Some("r:2".to_owned()),
            _ => None,
        });
        build.builder = new.to_owned();
        build.facts.builder = Some(new.to_owned());
        build.args[1] = "--runtime-image=r:2".to_owned();
        build.args[3] = new.to_owned();
        assert_eq!(job, build.object().unwrap());
    }

    #[test]
    fn repeated_job_is_the_one_that_was_submitted() {
        let mut build = BuildJob::new(
            "shop",
            Source::Upload,
            "registry.example.org/b:1",
            PodUser::Id(1001),
        );
        build.namespace = Some("builds".to_owned());
        let first = build.object().unwrap();
        let mut stored = first.clone();
        stored.metadata.name = Some("shop-x1y2z".to_owned());
        stored.metadata.uid = Some("1".to_owned());
        let spec = stored.spec.as_mut().unwrap();
        spec.selector = Some(LabelSelector::default());
        let labels = spec
            .template
            .metadata
            .as_mut()
            .unwrap()
            .labels
            .as_mut()
            .unwrap();
        labels.insert("job-name".to_owned(), "shop-x1y2z".to_owned());
        assert_eq!(again(&stored), first);
        assert!(needs_source(&stored));
        build.source = Source::Git;
        assert!(!needs_source(&build.object().unwrap()));
    }
}
