//! The runtime image of a runtime-image build.

use s2i_core::{
    ContainerPath, Layout, Script,
    label::{self, ImageLabels},
    mapping::{Mapping, MappingList},
    wire::ReadItem,
};

use super::{
    Copy, CopySource, Entrypoint, ImageRole, OnNamingFailure, OnStageFailure, Output, PlanError,
    Run, Stage, StageName, StagePaths, Step,
    common::{Context, labels_of, program, working_dir},
    output, scripts, user,
};
use crate::{
    facts::ImageFacts,
    request::{AssembleRuntime, BuildRequest, ContainerOptions},
};

/// Returns the stage of the runtime image, and the outputs.
pub(super) fn plan(
    context: &Context<'_>,
    image: &ImageFacts,
    builder: &scripts::ScriptPaths<'_>,
) -> Result<(Stage, Vec<Output>), PlanError> {
    let labels = labels_of(image);
    let layout = Layout::new(working_dir(image)?);
    let scripts = scripts::ScriptPaths {
        image,
        labels: &labels,
        layout: &layout,
        source: &context.facts.source,
        sets: &context.facts.scripts,
        requested: context.request.scripts_url.as_ref(),
    };
    let run = scripts.find(Script::Run)?;
    let label = labels.assemble_runtime_user.clone();
    let stage = Stage {
        name: StageName::Runtime,
        from: ImageRole::Runtime,
        user: user::of_script(Script::AssembleRuntime, context.request, image, label),
        network: context.request.network.clone(),
        limits: context.request.limits,
        options: ContainerOptions {
            mounts: Vec::new(),
            ..context.request.container.clone()
        },
        steps: steps(context, &scripts)?,
        on_failure: OnStageFailure::Fail,
    };
    let mut config = output::config(context, image, &run)?;
    if stage.runs().next().is_none() {
        // No container of the image is there to try its entry point in.
        config.entrypoint = Entrypoint::Drop;
    }
    let result = Output {
        stage: StageName::Runtime,
        remove: Vec::new(),
        labels_file: Some(output::labels_file()),
        config,
        require: vec![run],
        name: context.request.tag.clone(),
        other_names: context.request.other_tags.clone(),
        on_naming_failure: OnNamingFailure::Fail,
        replaces: output::replaced(context.request, context.facts.tagged.as_ref()),
    };
    let builder = builder_output(context, builder)?;
    Ok((stage, std::iter::once(result).chain(builder).collect()))
}

fn steps(
    context: &Context<'_>,
    scripts: &scripts::ScriptPaths<'_>,
) -> Result<Vec<Step>, PlanError> {
    let assemble_runtime = scripts.find(Script::AssembleRuntime);
    let is_optional = scripts.is_own(Script::AssembleRuntime)
        && scripts.labels.assemble_runtime.as_deref() == Some(label::OPTIONAL);
    let artifacts = CopySource::Stage(StagePaths {
        name: StageName::Build,
        paths: artifacts(context.request, scripts.image, scripts.labels)?,
        keep_modes: is_optional,
    });
    let into = working_dir(scripts.image)?;
    let mut steps = vec![Step::Copy(Copy::new(artifacts, into))];
    let own = scripts.copied(&[Script::AssembleRuntime, Script::Run]);
    steps.extend(own.into_iter().map(|from| {
        let into = scripts.layout.scripts();
        Step::Copy(Copy::new(from, into))
    }));
    let script = Script::AssembleRuntime;
    match (context.request.assemble_runtime, &assemble_runtime) {
        (AssembleRuntime::Omit | AssembleRuntime::RunIfNeeded, Err(_)) => return Ok(steps),
        (AssembleRuntime::Omit | AssembleRuntime::RunIfNeeded, Ok(_)) if is_optional => {
            return Ok(steps);
        }
        (AssembleRuntime::Omit, Ok(path)) => {
            return Err(PlanError::AssembleRuntime {
                image: scripts.image.name.clone(),
                path: path.clone(),
            });
        }
        (AssembleRuntime::Run | AssembleRuntime::RunIfNeeded, _) => {}
    }
    let run = program(context, script, scripts.image, &assemble_runtime?, &[])?;
    steps.push(Step::Run(Run {
        // A runtime image may need no script beside the artifacts.
        optional: true,
        ..run
    }));
    Ok(steps)
}

/// Returns the output that commits the builder's container as a second image: the slim result has no artifacts for the
/// next build. It may lack `run`, which the result does not take from it.
fn builder_output(
    context: &Context<'_>,
    builder: &scripts::ScriptPaths<'_>,
) -> Result<Option<Output>, PlanError> {
    let Some(previous) = &context.request.previous else {
        return Ok(None);
    };
    let name = previous.image.clone();
    // The previous image is the one that currently has this name, unless the artifacts are from elsewhere.
    let named = context.facts.previous.as_ref();
    let named = named.filter(|_| previous.from.is_none());
    output::check_name(&name, named, context.facts)?;
    if context
        .request
        .tag
        .as_ref()
        .is_some_and(|tag| output::may_be(tag, &name))
    {
        return Err(PlanError::TagIsInput(name));
    }
    let run = builder.find(Script::Run);
    let run = run.or_else(|_| builder.find(Script::Assemble))?;
    Ok(Some(Output {
        stage: StageName::Build,
        remove: output::removed(context, builder),
        require: Vec::new(),
        labels_file: Some(output::labels_file()),
        config: output::config(context, builder.image, &run)?,
        name: Some(name),
        other_names: Vec::new(),
        on_naming_failure: OnNamingFailure::Warn,
        replaces: output::replaced(context.request, named),
    }))
}

/// Returns the artifacts of the request, else those that the label of the runtime image names.
fn artifacts(
    request: &BuildRequest,
    image: &ImageFacts,
    labels: &ImageLabels,
) -> Result<Vec<ReadItem>, PlanError> {
    let asked = request
        .runtime
        .as_ref()
        .map(|runtime| runtime.artifacts.clone())
        .unwrap_or_default();
    let mappings = match (&asked[..], &labels.assemble_input_files) {
        ([], Some(label)) => label.parse::<MappingList>().map_err(PlanError::Artifact)?.0,
        _ => asked,
    };
    if mappings.is_empty() {
        return Err(PlanError::NoArtifacts(image.name.clone()));
    }
    let items: Vec<ReadItem> = mappings.iter().map(item).collect::<Result<_, _>>()?;
    for (index, item) in items.iter().enumerate() {
        if items[..index].iter().any(|other| other.name == item.name) {
            return Err(PlanError::SameArtifact(item.name.clone()));
        }
    }
    Ok(items)
}

fn item(mapping: &Mapping) -> Result<ReadItem, PlanError> {
    mapping.check_artifact().map_err(PlanError::Artifact)?;
    let bad = || {
        PlanError::Artifact(s2i_core::mapping::MappingError::RelativeSource(
            mapping.source.clone(),
        ))
    };
    let path: ContainerPath = mapping.source.parse().map_err(|_| bad())?;
    let base = path.file_name().ok_or_else(bad)?;
    let name = match mapping.destination.as_str() {
        "." => base.to_owned(),
        directory => format!("{directory}/{base}"),
    };
    Ok(ReadItem { path, name })
}
