//! The second half of a split build.

use s2i_core::{
    ContainerPath, Layout, Script,
    label::ImageLabels,
    mapping::{Mapping, MappingList},
    wire::ReadItem,
};

use super::{
    Given, KeepPlan, PlanError, RunPlan, RuntimePlan, Upload, Uploaded, labels_of, output, program,
    removed, scripts, user, working_dir,
};
use crate::{
    engine::{Commit, Program},
    facts::ImageFacts,
    request::BuildRequest,
};

pub(super) fn plan(
    given: &Given<'_>,
    image: &ImageFacts,
    builder: &scripts::Places<'_>,
) -> Result<(RuntimePlan, Commit), PlanError> {
    let labels = labels_of(image);
    let into = working_dir(image)?;
    let layout = Layout::new(into.clone());
    let places = scripts::Places {
        image,
        labels: &labels,
        layout: &layout,
        source: &given.facts.source,
    };
    let run = places.find(Script::Run)?;
    let assemble_runtime = places.find(Script::AssembleRuntime)?;
    let mut uploads = vec![Upload {
        what: Uploaded::Artifacts,
        into,
    }];
    let own = places.in_source(&[Script::AssembleRuntime, Script::Run]);
    if !own.is_empty() {
        uploads.push(Upload {
            what: Uploaded::Scripts(own),
            into: layout.scripts(),
        });
    }
    let label = labels.assemble_runtime_user.clone();
    let (name, user) = user::of_assemble_runtime(given.request, image, label);
    let program = program(given, image, &assemble_runtime.path, name, &[])?;
    let runtime = RuntimePlan {
        artifacts: artifacts(given.request, image, &labels)?,
        run: RunPlan {
            image: image.clone(),
            uploads,
            script: Script::AssembleRuntime,
            // A runtime image may have nothing to do when the artifacts are there.
            program: Program {
                optional: true,
                ..program
            },
            user,
            network: given.request.network.clone(),
            limits: given.request.limits,
        },
        keep: keep(given, builder)?,
    };
    let commit = Commit {
        remove: Vec::new(),
        mtime: given.epoch,
        require: vec![run.path.clone()],
        config: output::config(given, image, &run)?,
        tag: given.request.tag.clone(),
    };
    Ok((runtime, commit))
}

/// The slim result has nothing to save, so the builder's container is kept beside it, as if it were the
/// result. It may lack `run`, which nobody has asked it for.
fn keep(given: &Given<'_>, builder: &scripts::Places<'_>) -> Result<Option<KeepPlan>, PlanError> {
    let Some(previous) = &given.request.previous else {
        return Ok(None);
    };
    let name = previous.image.clone();
    // The image of the build before is the one that has this name so far.
    output::check_name(&name, given.facts.previous.as_ref(), given.facts)?;
    if given
        .request
        .tag
        .as_ref()
        .is_some_and(|tag| output::may_be(tag, &name))
    {
        return Err(PlanError::TagIsInput { tag: name });
    }
    let run = builder.find(Script::Run);
    let run = run.or_else(|_| builder.find(Script::Assemble))?;
    Ok(Some(KeepPlan {
        commit: Commit {
            remove: removed(given, builder.layout),
            mtime: given.epoch,
            require: Vec::new(),
            config: output::config(given, builder.image, &run)?,
            tag: None,
        },
        name,
    }))
}

/// What the user names, else what the runtime image's label names.
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
        return Err(PlanError::NoArtifacts {
            image: image.name.clone(),
        });
    }
    let items: Vec<ReadItem> = mappings.iter().map(item).collect::<Result<_, _>>()?;
    for (index, item) in items.iter().enumerate() {
        if items[..index].iter().any(|other| other.name == item.name) {
            return Err(PlanError::SameArtifact {
                name: item.name.clone(),
            });
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
