//! The parts of planning that several stages share.

use s2i_core::{
    ContainerPath, EnvVar, ImageRef, Layout, Script, Secret, Times, env_var, environment,
    label::ImageLabels,
};

use super::{PlanError, Run};
use crate::{
    facts::{Facts, ImageFacts},
    request::BuildRequest,
};

/// The input of all parts of planning.
pub(super) struct Context<'a> {
    pub(super) request: &'a BuildRequest,
    pub(super) facts: &'a Facts,
    /// The variables of the source and of the user, for every script and for the result.
    pub(super) env: Vec<EnvVar>,
    /// Variables of s2i for `assemble` alone.
    pub(super) build_env: Vec<EnvVar>,
    /// Variables of the source and of the user for `assemble` alone.
    pub(super) secrets: Vec<Secret>,
    /// The time that scripts use in place of the clock, in seconds since 1970.
    pub(super) epoch: u64,
    /// The times of files.
    pub(super) times: Times,
}

/// Returns a script as a program in the working directory of its image. `extra` is for this script alone.
pub(super) fn program(
    context: &Context<'_>,
    script: Script,
    image: &ImageFacts,
    path: &ContainerPath,
    extra: &[EnvVar],
) -> Result<Run, PlanError> {
    Ok(Run {
        script: script.into(),
        argv: vec![path.to_string()],
        env: environment::merge([&[epoch(context)], extra, &context.env[..]]),
        secrets: Vec::new(),
        cwd: working_dir(image)?,
        user: None,
        optional: false,
    })
}

/// Returns the variable that gives the tools of a build their timestamp.
pub(super) fn epoch(context: &Context<'_>) -> EnvVar {
    variable(env_var::SOURCE_DATE_EPOCH, &context.epoch.to_string())
}

pub(super) fn variable(name: &str, value: &str) -> EnvVar {
    EnvVar::new(name, value).expect("a plain name and no NUL")
}

pub(super) fn working_dir(image: &ImageFacts) -> Result<ContainerPath, PlanError> {
    let dir = match image.config.working_dir.as_str() {
        "" => "/",
        dir => dir,
    };
    let bad = |source| PlanError::ImagePath {
        image: image.name.clone(),
        what: "working directory",
        source,
    };
    checked_dir(image, dir.parse().map_err(bad)?)
}

/// Returns a working directory, if it can be one.
pub(super) fn checked_dir(
    image: &ImageFacts,
    dir: ContainerPath,
) -> Result<ContainerPath, PlanError> {
    // A working directory there can lead to a file that the host has open (CVE-2024-21626).
    let proc = "/proc".parse::<ContainerPath>().expect("a normalised path");
    if proc.contains(&dir) {
        return Err(PlanError::WorkingDirInProc {
            image: image.name.clone(),
            dir,
        });
    }
    Ok(dir)
}

pub(super) fn labels_of(image: &ImageFacts) -> ImageLabels {
    ImageLabels::read(&image.config.labels, &image.config.env).0
}

/// Returns the requested layout, else that of the builder.
pub(super) fn layout(
    request: &BuildRequest,
    builder: &ImageFacts,
    labels: &ImageLabels,
) -> Result<Layout, PlanError> {
    if let Some(destination) = &request.destination {
        return Ok(Layout::new(destination.clone()));
    }
    own_layout(&builder.name, labels)
}

/// Returns the layout that the label of an image names.
pub(super) fn own_layout(image: &ImageRef, labels: &ImageLabels) -> Result<Layout, PlanError> {
    let Some(destination) = &labels.destination else {
        return Ok(Layout::default());
    };
    let bad = |source| PlanError::ImagePath {
        image: image.clone(),
        what: "destination label",
        source,
    };
    destination.parse().map(Layout::new).map_err(bad)
}
