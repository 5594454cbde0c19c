//! Makes every choice of a build, and touches nothing.

mod error;
mod output;
mod render;
mod runtime;
mod scripts;

use s2i_core::{
    ContainerPath, EnvVar, Layout, Script, env_var, environment, label::ImageLabels, wire::ReadItem,
};
use serde::Serialize;

pub use error::PlanError;

use crate::{
    engine::{Commit, Program},
    facts::{Facts, ImageFacts},
    request::{BuildRequest, Network},
};

/// The time that new files get when neither the user nor the source has one: the first second of
/// 1980 that every archive format can hold.
pub const DEFAULT_EPOCH: u64 = 315_532_801;

/// What will be done, with no choice left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BuildPlan {
    /// The time that everything which is uploaded or new gets, in seconds since 1970.
    pub epoch: u64,
    /// `assemble` in a container of the builder.
    pub assemble: RunPlan,
    /// In a split build: the second container, which becomes the image.
    pub runtime: Option<RuntimePlan>,
    /// How the last container becomes the image.
    pub commit: Commit,
}

/// One container and the script that runs in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunPlan {
    /// What it starts from.
    pub image: ImageFacts,
    /// What goes in first, in this order.
    pub uploads: Vec<Upload>,
    /// The script that runs, for messages.
    pub script: Script,
    /// The program that it is.
    pub program: Program,
    /// What it can reach.
    pub network: Network,
}

/// Something that goes into a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Upload {
    /// What it is.
    pub what: Uploaded,
    /// The directory that it goes into.
    pub into: ContainerPath,
}

/// The kinds of upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Uploaded {
    /// The source tree.
    Source,
    /// These scripts of the source tree.
    Scripts(Vec<Script>),
    /// The artifacts of the container before.
    Artifacts,
}

/// The second container of a split build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuntimePlan {
    /// What is taken from the first container.
    pub artifacts: Vec<ReadItem>,
    /// The container that they go into.
    pub run: RunPlan,
}

/// Plans the build that was asked for from what was found.
///
/// # Errors
/// [`PlanError`] for every request that can't end well, before anything has been started.
pub fn plan(request: &BuildRequest, facts: &Facts) -> Result<BuildPlan, PlanError> {
    output::check_tag(request, facts)?;
    let images = std::iter::once(&facts.builder).chain(&facts.runtime);
    if let Some(image) = images
        .into_iter()
        .find(|image| !image.config.on_build.is_empty())
    {
        return Err(PlanError::OnBuild {
            image: image.name.clone(),
        });
    }
    let epoch = request
        .epoch
        .or_else(|| Some(facts.source.commit.as_ref()?.time))
        .unwrap_or(DEFAULT_EPOCH);
    let env = environment::merge([&facts.source.environment[..], &request.env[..]]);
    let labels = labels_of(&facts.builder);
    let layout = layout(request, &labels)?;
    let places = scripts::Places {
        image: &facts.builder,
        labels: &labels,
        layout: &layout,
        source: &facts.source,
    };
    let assemble = assemble(request, facts, &places, &env, epoch)?;
    match &facts.runtime {
        Some(image) => runtime::plan(request, facts, image, &env, assemble, epoch),
        None => {
            let run = places.find(Script::Run)?;
            let mut remove = vec![layout.artifacts()];
            if !request.keep_source {
                remove.insert(0, layout.source());
            }
            let commit = Commit {
                remove,
                mtime: epoch,
                require: vec![run.path.clone()],
                config: output::config(request, facts, &facts.builder, &run, &env)?,
                tag: request.tag.clone(),
            };
            Ok(BuildPlan {
                epoch,
                assemble,
                runtime: None,
                commit,
            })
        }
    }
}

fn assemble(
    request: &BuildRequest,
    facts: &Facts,
    places: &scripts::Places<'_>,
    env: &[EnvVar],
    epoch: u64,
) -> Result<RunPlan, PlanError> {
    let script = places.find(Script::Assemble)?;
    let mut uploads = vec![Upload {
        what: Uploaded::Source,
        into: places.layout.source(),
    }];
    let own: Vec<_> = facts
        .source
        .scripts
        .iter()
        .copied()
        .filter(|s| *s != Script::AssembleRuntime)
        .collect();
    if !own.is_empty() {
        uploads.push(Upload {
            what: Uploaded::Scripts(own),
            into: places.layout.scripts(),
        });
    }
    let user = request
        .assemble_user
        .clone()
        .or_else(|| places.labels.assemble_user.clone());
    Ok(RunPlan {
        image: facts.builder.clone(),
        uploads,
        script: Script::Assemble,
        program: program(&facts.builder, &script.path, user, env, epoch, false)?,
        network: request.network.clone(),
    })
}

/// A script as a program: in the image's own environment and directory, as the image's own user
/// unless another one was chosen.
fn program(
    image: &ImageFacts,
    path: &ContainerPath,
    user: Option<String>,
    env: &[EnvVar],
    epoch: u64,
    optional: bool,
) -> Result<Program, PlanError> {
    let own: Vec<EnvVar> = image
        .config
        .env
        .iter()
        .filter_map(|entry| {
            let (name, value) = entry.split_once('=')?;
            EnvVar::new(name, value).ok()
        })
        .collect();
    Ok(Program {
        argv: vec![path.to_string()],
        env: environment::merge([&own[..], &epoch_variable(epoch)[..], env]),
        cwd: working_dir(image)?,
        user: user.unwrap_or_else(|| image.config.user.clone()),
        optional,
    })
}

/// Tells the tools of a build which time to write down. It is not for the application.
fn epoch_variable(epoch: u64) -> [EnvVar; 1] {
    [EnvVar::new(env_var::SOURCE_DATE_EPOCH, &epoch.to_string()).expect("a name and a number")]
}

fn working_dir(image: &ImageFacts) -> Result<ContainerPath, PlanError> {
    let dir = match image.config.working_dir.as_str() {
        "" => "/",
        dir => dir,
    };
    let bad = |source| PlanError::ImagePath {
        image: image.name.clone(),
        what: "working directory",
        source,
    };
    let dir: ContainerPath = dir.parse().map_err(bad)?;
    // A working directory there is a known way to an open file of the host (CVE-2024-21626).
    let proc = "/proc".parse::<ContainerPath>().expect("a normalised path");
    if proc.contains(&dir) {
        return Err(PlanError::WorkingDirInProc {
            image: image.name.clone(),
            dir,
        });
    }
    Ok(dir)
}

fn labels_of(image: &ImageFacts) -> ImageLabels {
    ImageLabels::read(&image.config.labels, &image.config.env).0
}

fn layout(request: &BuildRequest, labels: &ImageLabels) -> Result<Layout, PlanError> {
    if let Some(destination) = &request.destination {
        return Ok(Layout::new(destination.clone()));
    }
    let Some(destination) = &labels.destination else {
        return Ok(Layout::default());
    };
    let bad = |source| PlanError::ImagePath {
        image: request.builder.clone(),
        what: "destination label",
        source,
    };
    destination.parse().map(Layout::new).map_err(bad)
}
