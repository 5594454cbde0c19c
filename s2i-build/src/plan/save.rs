//! The saved artifacts of the previous build, for an incremental build.

use s2i_core::{ContainerPath, Layout, Script, label::ImageLabels};

use super::{
    Copy, CopySource, ImageRole, OnStageFailure, PlanError, Run, SavedArtifacts, Stage, StageName,
    Step,
    common::{Context, epoch, labels_of, own_layout, working_dir},
    scripts, user,
};

/// Returns the stage of `save-artifacts` of the previous image and the copy of its output, where a label of the image
/// names the directory of the script. Of the variables of this build the script only gets the time: the artifacts must
/// not depend on the others.
pub(super) fn plan(
    context: &Context<'_>,
    builder: &scripts::ScriptPaths<'_>,
) -> Result<Option<(Stage, Copy)>, PlanError> {
    let Some(image) = &context.facts.previous else {
        return Ok(None);
    };
    let labels = labels_of(image);
    // A script of the source is at the path to which the previous build uploaded it.
    let own = match &context.request.destination {
        Some(destination) => Layout::new(destination.clone()),
        None => own_layout(&image.name, &labels)?,
    };
    let scripts = scripts::ScriptPaths {
        image,
        labels: &labels,
        layout: &own,
        source: &context.facts.source,
        sets: &context.facts.scripts,
        requested: context.request.scripts_url.as_ref(),
    };
    let Ok(path) = scripts.find(Script::SaveArtifacts) else {
        return Ok(None);
    };
    let run = Run {
        script: Script::SaveArtifacts.into(),
        argv: vec![path.to_string()],
        env: vec![epoch(context)],
        secrets: Vec::new(),
        cwd: working_dir(image)?,
        user: None,
        optional: false,
    };
    let stage = Stage {
        name: StageName::Previous,
        from: ImageRole::Previous,
        user: user::of_script(
            Script::SaveArtifacts,
            context.request,
            image,
            labels.assemble_user.clone(),
        ),
        network: context.request.network.clone(),
        limits: context.request.limits,
        options: context.request.container.clone(),
        steps: vec![Step::Run(run)],
        on_failure: OnStageFailure::Skip,
    };
    let from = CopySource::Stdout(SavedArtifacts {
        stage: StageName::Previous,
        mount: mount(builder, &labels, builder.labels),
    });
    let into = builder.layout.artifacts();
    Ok(Some((stage, Copy::new(from, into))))
}

/// Returns the copy of the artifacts of the artifact cache, if it has some.
pub(super) fn cached(context: &Context<'_>, builder: &scripts::ScriptPaths<'_>) -> Option<Copy> {
    let has_some = context.facts.has_cached_artifacts;
    has_some.then(|| Copy::new(CopySource::Cache, builder.layout.artifacts()))
}

/// Returns the run of the builder's `save-artifacts` after `assemble` in the same container, whose output becomes the
/// artifacts of the artifact cache. Without such a script there is nothing to keep.
pub(super) fn into_cache(
    context: &Context<'_>,
    builder: &scripts::ScriptPaths<'_>,
) -> Result<Option<Run>, PlanError> {
    let Ok(path) = builder.find(Script::SaveArtifacts) else {
        return Ok(None);
    };
    if context.request.artifact_cache.is_none() {
        return Ok(None);
    }
    Ok(Some(Run {
        script: Script::SaveArtifacts.into(),
        argv: vec![path.to_string()],
        env: vec![epoch(context)],
        secrets: Vec::new(),
        cwd: working_dir(builder.image)?,
        user: None,
        optional: false,
    }))
}

/// Returns the directory of the previous image that can be mounted. The labels of both images have to allow it, and
/// they only hold for the scripts of the images, so with a script of the source nothing is mounted.
fn mount(
    scripts: &scripts::ScriptPaths<'_>,
    previous: &ImageLabels,
    builder: &ImageLabels,
) -> Option<ContainerPath> {
    let replaced = [Script::SaveArtifacts, Script::Assemble];
    if !replaced.iter().all(|script| scripts.is_own(*script)) {
        return None;
    }
    builder.artifacts.as_ref()?;
    let directory: ContainerPath = previous.artifacts.as_ref()?.parse().ok()?;
    directory.file_name()?;
    Some(directory)
}
