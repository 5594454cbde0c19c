//! The labels and annotations of the objects of builds.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{BuildJob, Facts, JobError, Name, names};

/// The label with the name of the application.
pub const NAME_LABEL: &str = "app.kubernetes.io/name";
/// The label with the program that made the object.
pub const MANAGED_BY_LABEL: &str = "app.kubernetes.io/managed-by";
/// The value of [`MANAGED_BY_LABEL`].
pub const MANAGED_BY_VALUE: &str = "s2i";
/// The label with the part that the object has.
pub const COMPONENT_LABEL: &str = "app.kubernetes.io/component";
/// The value of [`COMPONENT_LABEL`].
pub const COMPONENT_VALUE: &str = "build";
/// The annotation with the location of the source.
pub const SOURCE_ANNOTATION: &str = "s2i.io/source";
/// The annotation with the commit of the source.
pub const REVISION_ANNOTATION: &str = "s2i.io/revision";
/// The annotation with the builder image.
pub const BUILDER_ANNOTATION: &str = "s2i.io/builder";
/// The annotation with the name of the result.
pub const OUTPUT_ANNOTATION: &str = "s2i.io/output";
/// The annotation of a pod with the account of its user, a line as in `/etc/passwd`.
pub(crate) const ACCOUNT_ANNOTATION: &str = "s2i.io/account";

/// Returns the selector of all builds, or of those of one application.
#[must_use]
pub fn selector(application: Option<&str>) -> String {
    let all = format!("{MANAGED_BY_LABEL}={MANAGED_BY_VALUE},{COMPONENT_LABEL}={COMPONENT_VALUE}");
    match application {
        Some(name) => format!("{all},{NAME_LABEL}={name}"),
        None => all,
    }
}

/// Returns the metadata of an object of the application `name`, whose own name is `object`.
pub(crate) fn of_object(object: &str, namespace: Option<&str>, name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(object.to_owned()),
        namespace: namespace.map(str::to_owned),
        labels: Some(own_labels(name)),
        ..ObjectMeta::default()
    }
}

/// Returns the metadata of a build's Job.
pub(crate) fn of_build(build: &BuildJob) -> Result<ObjectMeta, JobError> {
    let mut metadata = ObjectMeta {
        namespace: build.namespace.clone(),
        labels: Some(labels(build)?),
        annotations: annotations(&build.facts),
        owner_references: build.placement.owner.clone().map(|owner| vec![owner]),
        ..ObjectMeta::default()
    };
    match &build.object_name {
        Name::Generated => metadata.generate_name = Some(names::generated(&build.name)?),
        Name::Exact(name) => {
            names::check_label("a build", name, names::LABEL)?;
            metadata.name = Some(name.clone());
        }
    }
    Ok(metadata)
}

/// Returns the labels of a build's Job and pods. Those of this module win.
pub(crate) fn labels(build: &BuildJob) -> Result<BTreeMap<String, String>, JobError> {
    names::check_label("a build", &build.name, names::LABEL)?;
    for (key, value) in &build.labels {
        names::check_key(key)?;
        names::check_value(value)?;
    }
    let mut labels = build.labels.clone();
    labels.extend(own_labels(&build.name));
    Ok(labels)
}

fn own_labels(name: &str) -> BTreeMap<String, String> {
    let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    BTreeMap::from([
        label(NAME_LABEL, name),
        label(MANAGED_BY_LABEL, MANAGED_BY_VALUE),
        label(COMPONENT_LABEL, COMPONENT_VALUE),
    ])
}

fn annotations(facts: &Facts) -> Option<BTreeMap<String, String>> {
    let all = [
        (SOURCE_ANNOTATION, &facts.source),
        (REVISION_ANNOTATION, &facts.revision),
        (BUILDER_ANNOTATION, &facts.builder),
        (OUTPUT_ANNOTATION, &facts.output),
    ];
    let known = all
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value.clone()?)));
    let known: BTreeMap<_, _> = known.collect();
    (!known.is_empty()).then_some(known)
}
