//! The second half of a split build.

use s2i_core::{
    ContainerPath, EnvVar, Layout, Script,
    label::ImageLabels,
    mapping::{Mapping, MappingList},
    wire::ReadItem,
};

use super::{
    BuildPlan, PlanError, RunPlan, RuntimePlan, Upload, Uploaded, labels_of, output, program,
    scripts, working_dir,
};
use crate::{
    engine::Commit,
    facts::{Facts, ImageFacts},
    request::BuildRequest,
};

pub(super) fn plan(
    request: &BuildRequest,
    facts: &Facts,
    image: &ImageFacts,
    env: &[EnvVar],
    assemble: RunPlan,
    epoch: u64,
) -> Result<BuildPlan, PlanError> {
    let labels = labels_of(image);
    let into = working_dir(image)?;
    let layout = Layout::new(into.clone());
    let places = scripts::Places {
        image,
        labels: &labels,
        layout: &layout,
        source: &facts.source,
    };
    let run = places.find(Script::Run)?;
    let assemble_runtime = places.find(Script::AssembleRuntime)?;
    let own = [Script::AssembleRuntime, Script::Run].into_iter();
    let own: Vec<_> = own
        .filter(|script| facts.source.scripts.contains(script))
        .collect();
    let mut uploads = vec![Upload {
        what: Uploaded::Artifacts,
        into: into.clone(),
    }];
    if !own.is_empty() {
        uploads.push(Upload {
            what: Uploaded::Scripts(own),
            into: layout.scripts(),
        });
    }
    let user = request
        .assemble_runtime_user
        .clone()
        .or_else(|| labels.assemble_runtime_user.clone());
    let runtime = RuntimePlan {
        artifacts: artifacts(request, image, &labels)?,
        run: RunPlan {
            image: image.clone(),
            uploads,
            script: Script::AssembleRuntime,
            program: program(image, &assemble_runtime.path, user, env, epoch, true)?,
            network: request.network.clone(),
        },
    };
    let commit = Commit {
        remove: Vec::new(),
        mtime: epoch,
        require: vec![run.path.clone()],
        config: output::config(request, facts, image, &run, env)?,
        tag: request.tag.clone(),
    };
    Ok(BuildPlan {
        epoch,
        assemble,
        runtime: Some(runtime),
        commit,
    })
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
