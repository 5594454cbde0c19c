//! The outputs of a build: names, configs, labels.

use s2i_core::{
    ContainerPath, IMAGE_METADATA_FILE, ImageRef, Script, image::ContainerConfig, label,
    wire::Removal,
};

use super::{
    ConfigChanges, Entrypoint, OnNamingFailure, Output, PlanError, StageName, common::Context,
    labels, scripts::ScriptPaths, triggers::Triggers,
};
use crate::{
    facts::{Facts, ImageFacts},
    request::BuildRequest,
};

/// Returns the output that commits the builder's container.
pub(super) fn of_build(
    context: &Context<'_>,
    scripts: &ScriptPaths<'_>,
    triggers: Option<&Triggers>,
) -> Result<Output, PlanError> {
    let mut remove = removed(context, scripts);
    let (config, require) = if let Some(triggers) = triggers {
        let source = scripts.layout.source();
        remove.retain(|removal| removal.path != source || !triggers.use_directory(&source));
        triggers.command(context, scripts)?
    } else {
        let run = scripts.find(Script::Run)?;
        (config(context, scripts.image, &run)?, vec![run])
    };
    Ok(Output {
        stage: StageName::Build,
        remove,
        labels_file: Some(labels_file()),
        config,
        require,
        name: context.request.tag.clone(),
        other_names: context.request.other_tags.clone(),
        on_naming_failure: OnNamingFailure::Fail,
        replaces: replaced(context.request, context.facts.tagged.as_ref()),
    })
}

/// Returns the ID of the image that is removed when it has lost its name.
pub(super) fn replaced(request: &BuildRequest, named: Option<&ImageFacts>) -> Option<String> {
    let is_removed = request.previous.as_ref()?.remove;
    named.filter(|_| is_removed).map(|image| image.id.clone())
}

/// Returns the paths that are removed before the commit of the builder's container. What a `save-artifacts` may read in
/// the next build stays.
pub(super) fn removed(context: &Context<'_>, scripts: &ScriptPaths<'_>) -> Vec<Removal> {
    let layout = scripts.layout;
    let unless = reader_of_layout(scripts);
    let read = |path| Removal {
        path,
        unless: unless.clone(),
    };
    let mut removed = vec![read(layout.artifacts()), layout.trust().into()];
    if !context.request.keep_source {
        removed.push(read(layout.source()));
    }
    if context.request.artifact_cache.is_some() {
        // They are in the cache.
        let artifacts = scripts.labels.artifacts.as_ref();
        removed.extend(
            artifacts
                .and_then(|path| path.parse::<ContainerPath>().ok())
                .map(Removal::from),
        );
    }
    removed
}

/// Returns the `save-artifacts` that may read the source and the artifacts of the build before. An image whose label names
/// another directory promises that its own script reads that one alone; a script from elsewhere has promised nothing.
fn reader_of_layout(scripts: &ScriptPaths<'_>) -> Option<ContainerPath> {
    let script = Script::SaveArtifacts;
    if scripts.labels.artifacts.is_some() && scripts.is_own(script) {
        return None;
    }
    scripts.find(script).ok()
}

/// Returns the file in which scripts leave labels for the image.
pub(super) fn labels_file() -> ContainerPath {
    IMAGE_METADATA_FILE.parse().expect("a normalised path")
}

/// Refuses names that are invalid, or would replace an input of the build.
pub(super) fn check_tags(request: &BuildRequest, facts: &Facts) -> Result<(), PlanError> {
    if let Some(tag) = &request.tag {
        check_name(tag, facts.tagged.as_ref(), facts)?;
    }
    request.other_tags.iter().try_for_each(|tag| {
        let mut tagged = facts.other_tagged.iter();
        let tagged = tagged.find(|image| image.name.normalised() == tag.normalised());
        check_name(tag, tagged, facts)
    })
}

/// Checks one name and the image that currently has it. An input may have been given by its ID, its digest or another
/// of its names.
pub(super) fn check_name(
    tag: &ImageRef,
    tagged: Option<&ImageFacts>,
    facts: &Facts,
) -> Result<(), PlanError> {
    if tag.digest().is_some() {
        return Err(PlanError::DigestTag(tag.clone()));
    }
    let is_tagged = |image: &ImageFacts| tagged.is_some_and(|tagged| tagged.id == image.id);
    let is_taken = |image: &ImageFacts| may_be(&image.name, tag) || is_tagged(image);
    if facts.inputs().any(is_taken) {
        return Err(PlanError::TagIsInput(tag.clone()));
    }
    Ok(())
}

/// Returns whether the tag may name the input, which may have been given with a digest alone.
pub(super) fn may_be(input: &ImageRef, tag: &ImageRef) -> bool {
    let any_tag = input.digest().is_some() && input.tag().is_none();
    input.full_name() == tag.full_name()
        && (any_tag || input.tag_or_latest() == tag.tag_or_latest())
}

/// Returns the config changes: the variables and labels of the build, and `run` as the command.
pub(super) fn config(
    context: &Context<'_>,
    base: &ImageFacts,
    run: &ContainerPath,
) -> Result<ConfigChanges, PlanError> {
    let changes = ConfigChanges {
        env: context.env.clone(),
        labels: labels::generated(context, base),
        entrypoint: entrypoint(base),
        cmd: vec![run.to_string()],
        after_triggers: None,
    };
    changes.check_size(&base.config)?;
    Ok(changes)
}

/// Returns the consequence for the entry point of this base. Only its container shows whether it runs its arguments, and
/// and an image that was not looked up has none.
fn entrypoint(base: &ImageFacts) -> Entrypoint {
    if base.is_resolved() && base.config.entrypoint.is_empty() {
        Entrypoint::Drop
    } else {
        Entrypoint::KeepIfItRunsArguments
    }
}

impl ConfigChanges {
    /// Refuses more labels than an image can have.
    pub(crate) fn check_size(&self, base: &ContainerConfig) -> Result<(), PlanError> {
        let labels = self.applied_to(base).labels;
        let bytes = labels
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        if bytes > label::SIZE_LIMIT {
            return Err(PlanError::Labels(bytes));
        }
        Ok(())
    }
}
