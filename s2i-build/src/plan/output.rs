//! What the image that is made looks like: its name, its config, its labels.

use std::collections::BTreeMap;

use s2i_core::{EnvVar, ImageRef, environment, image::ContainerConfig, label};

use super::{Given, PlanError, scripts::Found, variables_of};
use crate::{
    facts::{Facts, ImageFacts},
    request::BuildRequest,
};

/// Refuses names that could not work, or would replace what others build from.
pub(super) fn check_tag(request: &BuildRequest, facts: &Facts) -> Result<(), PlanError> {
    let Some(tag) = &request.tag else {
        return Ok(());
    };
    check_name(tag, facts.tagged.as_ref(), facts)
}

/// The same for one name and the image that has it so far. An input may have been given by its id, its digest or another
/// of its names.
pub(super) fn check_name(
    tag: &ImageRef,
    tagged: Option<&ImageFacts>,
    facts: &Facts,
) -> Result<(), PlanError> {
    if tag.digest().is_some() {
        return Err(PlanError::DigestTag { tag: tag.clone() });
    }
    let is_tagged = |image: &ImageFacts| tagged.is_some_and(|tagged| tagged.id == image.id);
    let is_taken = |image: &ImageFacts| may_be(&image.name, tag) || is_tagged(image);
    if facts.inputs().any(is_taken) {
        return Err(PlanError::TagIsInput { tag: tag.clone() });
    }
    Ok(())
}

/// Whether the tag names the input, which may have been typed with a digest alone.
pub(super) fn may_be(input: &ImageRef, tag: &ImageRef) -> bool {
    let any_tag = input.digest().is_some() && input.tag().is_none();
    input.full_name() == tag.full_name()
        && (any_tag || input.tag_or_latest() == tag.tag_or_latest())
}

/// The config of the base image, with the build's variables, labels, and `run` as its command.
pub(super) fn config(
    given: &Given<'_>,
    base: &ImageFacts,
    run: &Found,
) -> Result<ContainerConfig, PlanError> {
    let mut labels = base.config.labels.clone();
    labels.extend(generated_labels(given.request, given.facts));
    let bytes = labels
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if bytes > label::SIZE_LIMIT {
        return Err(PlanError::Labels { bytes });
    }
    let env = environment::merge([&variables_of(base)[..], &given.env[..]]);
    let mut config = base.config.clone();
    if config.working_dir.is_empty() {
        // An engine would take that of the build's container.
        config.working_dir = "/".into();
    }
    Ok(ContainerConfig {
        env: env.iter().map(EnvVar::to_entry).collect(),
        entrypoint: Vec::new(),
        cmd: vec![run.path.to_string()],
        labels,
        on_build: Vec::new(),
        ..config
    })
}

fn generated_labels(request: &BuildRequest, facts: &Facts) -> BTreeMap<String, String> {
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
    if let Some(commit) = &source.commit {
        labels.extend([
            (label::BUILD_COMMIT_AUTHOR, Some(commit.author.clone())),
            (label::BUILD_COMMIT_DATE, Some(commit.date.clone())),
            (label::BUILD_COMMIT_ID, Some(commit.id.clone())),
            (label::BUILD_COMMIT_REF, Some(commit.reference.clone())),
            (label::BUILD_COMMIT_MESSAGE, Some(commit.subject.clone())),
        ]);
    }
    let known = |(name, value): (&str, Option<String>)| {
        Some((name.to_owned(), value.filter(|v| !v.is_empty())?))
    };
    labels.into_iter().filter_map(known).collect()
}
