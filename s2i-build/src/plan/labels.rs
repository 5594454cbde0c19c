//! The labels of an image that a build makes.

use std::collections::BTreeMap;

use s2i_core::{image::format_timestamp, label};

use super::common::Context;
use crate::facts::{Facts, ImageFacts};

/// Returns the labels of an image on this base: those of the request, which override all others; those that s2i decides;
/// and empty ones in place of labels of the base that describe its own build. A commit of Docker can't leave them out.
pub(super) fn generated(context: &Context<'_>, base: &ImageFacts) -> BTreeMap<String, String> {
    let decided = of_s2i(context).into_iter().chain(of_oci(context, base));
    let decided: BTreeMap<_, _> = decided
        .filter_map(|(name, value)| Some((name.to_owned(), value.filter(|v| !v.is_empty())?)))
        .collect();
    let is_of_base = |name: &&str| {
        let value = base.config.labels.get(*name);
        value.is_some_and(|value| !value.is_empty())
    };
    let mut labels: BTreeMap<_, _> = label::OF_ONE_BUILD
        .into_iter()
        .filter(is_of_base)
        .map(|name| (name.to_owned(), String::new()))
        .collect();
    labels.extend(decided);
    labels.extend(context.request.labels.clone());
    labels
}

/// Returns the labels that the Go tool has as well.
fn of_s2i(context: &Context<'_>) -> Vec<(&'static str, Option<String>)> {
    let Context { request, facts, .. } = context;
    let source = &facts.source;
    let display_name = request
        .application_name
        .clone()
        .or_else(|| request.tag.as_ref().map(ToString::to_string));
    let builder = facts.builder.name.normalised();
    let mut labels = vec![
        (label::DESCRIPTION, request.description.clone()),
        (label::DISPLAY_NAME, display_name),
        (label::BUILD_IMAGE, Some(builder)),
        (label::BUILD_SOURCE_LOCATION, Some(source.location.clone())),
        (label::BUILD_SOURCE_CONTEXT_DIR, source.context_dir.clone()),
    ];
    if request.names_places {
        let scripts = request.scripts_url.as_ref().map(ToString::to_string);
        let destination = request.destination.as_ref().map(ToString::to_string);
        labels.extend([
            (label::SCRIPTS_URL, scripts),
            (label::DESTINATION, destination),
        ]);
    }
    if let Some(commit) = &source.commit {
        labels.extend([
            (label::BUILD_COMMIT_AUTHOR, Some(commit.author.clone())),
            (label::BUILD_COMMIT_DATE, Some(commit.date.clone())),
            (label::BUILD_COMMIT_ID, Some(commit.id.clone())),
            (label::BUILD_COMMIT_REF, Some(commit.reference.clone())),
            (label::BUILD_COMMIT_MESSAGE, Some(commit.subject.clone())),
        ]);
    }
    labels
}

/// Returns the labels by the specification of OCI.
fn of_oci(context: &Context<'_>, base: &ImageFacts) -> [(&'static str, Option<String>); 6] {
    let Facts { source, .. } = context.facts;
    let commit = source.commit.as_ref();
    // Without any of these, the time of the image is made up.
    let of_commit = commit.and_then(|commit| commit.time);
    let has_time = of_commit
        .or(source.newest)
        .or(context.request.epoch)
        .is_some();
    let created = has_time.then(|| format_timestamp(context.times.new));
    let digest = base.digest.clone();
    let digest = digest.or_else(|| base.name.digest().map(str::to_owned));
    [
        (label::OCI_SOURCE, source.repository.clone()),
        (label::OCI_REVISION, commit.map(|commit| commit.id.clone())),
        (
            label::OCI_VERSION,
            commit.and_then(|commit| commit.tag.clone()),
        ),
        (label::OCI_CREATED, created),
        (label::OCI_BASE_NAME, Some(base.name.normalised())),
        (label::OCI_BASE_DIGEST, digest),
    ]
}
