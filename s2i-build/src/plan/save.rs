//! Which artifacts of the previous build this one starts with.

use s2i_core::{ContainerPath, EnvVar, Layout, Script, env_var, environment, label::ImageLabels};

use super::{
    Given, PlanError, SavePlan, labels_of, own_layout, scripts, user, variables_of, working_dir,
};
use crate::engine::Program;

/// `save-artifacts` of the previous image, if it says where that is. It runs as that image would, with
/// none of this build's variables but its time: what it saves must not depend on them.
pub(super) fn plan(
    given: &Given<'_>,
    builder: &scripts::Places<'_>,
) -> Result<Option<SavePlan>, PlanError> {
    let Some(image) = &given.facts.previous else {
        return Ok(None);
    };
    let labels = labels_of(image);
    // A script of the source is where the build before has left it.
    let own = match &given.request.destination {
        Some(destination) => Layout::new(destination.clone()),
        None => own_layout(&image.name, &labels)?,
    };
    let places = scripts::Places {
        image,
        labels: &labels,
        layout: &own,
        source: &given.facts.source,
    };
    let Ok(script) = places.find(Script::SaveArtifacts) else {
        return Ok(None);
    };
    let (name, user) = user::of_save_artifacts(given.request, image);
    // What is saved is as new as what is built, on every engine.
    let epoch = EnvVar::new(env_var::SOURCE_DATE_EPOCH, &given.epoch.to_string());
    let epoch = epoch.expect("a plain name");
    let program = Program {
        argv: vec![script.path.to_string()],
        env: environment::merge([&variables_of(image)[..], &[epoch]]),
        secrets: Vec::new(),
        cwd: working_dir(image)?,
        user: name,
        optional: false,
    };
    Ok(Some(SavePlan {
        image: image.clone(),
        program,
        user,
        network: given.request.network.clone(),
        limits: given.request.limits,
        into: builder.layout.artifacts(),
        directory: lent(given, &labels, builder.labels),
    }))
}

/// The one image has it to lend, and the other one can do with what is lent. Both promise that of their
/// own scripts, so with one of the source nothing is lent.
fn lent(given: &Given<'_>, previous: &ImageLabels, builder: &ImageLabels) -> Option<ContainerPath> {
    let replaced = &given.facts.source.scripts;
    if replaced.contains(&Script::SaveArtifacts) || replaced.contains(&Script::Assemble) {
        return None;
    }
    builder.artifacts.as_ref()?;
    let directory: ContainerPath = previous.artifacts.as_ref()?.parse().ok()?;
    directory.file_name()?;
    Some(directory)
}
