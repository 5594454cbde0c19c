//! Makes every choice of a build, and touches nothing.

mod builder;
mod counts;
mod error;
mod key;
mod output;
mod render;
mod runtime;
mod save;
mod scripts;
mod usage;
mod user;
mod variables;

use s2i_core::{
    ContainerPath, EnvVar, ImageRef, Layout, Script, Secret, env_var, environment, image::LINUX,
    label::ImageLabels, wire::ReadItem,
};
use serde::Serialize;

pub use builder::{Choice, choose};
pub use error::PlanError;
pub use usage::{UsagePlan, usage};
pub use user::{ScriptUser, UserOrigin, UserPolicy, UserRefused};
use variables::Variables;

use crate::{
    engine::{Commit, Program},
    facts::{Facts, ImageFacts},
    request::{BuildRequest, Limits, Network},
};

/// The time that new files get when neither the user nor the source has one: the first second of
/// 1980 that every archive format can hold.
pub const DEFAULT_EPOCH: u64 = 315_532_801;

/// The file that the certificates of [`Uploaded::Certificates`] are in.
pub const TRUST_FILE: &str = "ca.pem";

/// What will be done, with no choice left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BuildPlan {
    /// The time that everything which is uploaded or new gets, in seconds since 1970.
    pub epoch: u64,
    /// In an incremental build: what goes into that container before anything else. When that fails, the
    /// build goes on without.
    pub save: Option<SavePlan>,
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
    /// The origin of its user, and the users that are allowed.
    pub user: UserPolicy,
    /// What it can reach.
    pub network: Network,
    /// What it may use.
    pub limits: Limits,
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
    /// These certificates, in PEM.
    Certificates(String),
}

/// The container of the previous image, whose output goes into that of `assemble`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SavePlan {
    /// What it starts from.
    pub image: ImageFacts,
    /// `save-artifacts`.
    pub program: Program,
    /// The origin of its user, and the users that are allowed.
    pub user: UserPolicy,
    /// What it can reach.
    pub network: Network,
    /// What it may use.
    pub limits: Limits,
    /// Where its output is unpacked in the container of `assemble`.
    pub into: ContainerPath,
    /// The directory of the image that has just what would be unpacked, where both images say that it
    /// may be lent instead.
    pub directory: Option<ContainerPath>,
}

/// The second container of a split build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuntimePlan {
    /// What is taken from the first container.
    pub artifacts: Vec<ReadItem>,
    /// The container that they go into.
    pub run: RunPlan,
    /// In an incremental build: what becomes of the first container.
    pub keep: Option<KeepPlan>,
}

/// How the builder's container becomes an image of its own, which the next build begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeepPlan {
    /// How it becomes an image, at first without a name.
    pub commit: Commit,
    /// The name that this gets once the result has its own.
    pub name: ImageRef,
}

/// What every part of planning starts from.
struct Given<'a> {
    request: &'a BuildRequest,
    facts: &'a Facts,
    /// The variables of the source and of the user, for every script and for the result.
    env: Vec<EnvVar>,
    /// Variables of ours that only `assemble` gets.
    build_env: Vec<EnvVar>,
    /// Those of the source and of the user that only `assemble` gets.
    secrets: Vec<Secret>,
    epoch: u64,
}

/// Plans the build that was asked for from what was found.
///
/// # Errors
/// [`PlanError`] for every request that can't end well, before anything has been started.
pub fn plan(request: &BuildRequest, facts: &Facts) -> Result<BuildPlan, PlanError> {
    output::check_tag(request, facts)?;
    facts.inputs().try_for_each(check_on_build)?;
    let mut images = facts.inputs().chain(&facts.previous);
    images.try_for_each(check_system)?;
    counts::check(request, facts)?;
    let commit_time = facts.source.commit.as_ref().map(|commit| commit.time);
    let labels = labels_of(&facts.builder);
    counts::check_names(&labels.build_variables, &facts.builder)?;
    let layout = layout(request, &facts.builder, &labels)?;
    let variables = Variables::new(&facts.source, request, &labels.build_variables);
    let given = Given {
        request,
        facts,
        env: variables.kept,
        build_env: build_variables(request, &layout),
        secrets: variables.secrets,
        epoch: request.epoch.or(commit_time).unwrap_or(DEFAULT_EPOCH),
    };
    let places = scripts::Places {
        image: &facts.builder,
        labels: &labels,
        layout: &layout,
        source: &facts.source,
    };
    let assemble = assemble(&given, &places)?;
    let save = save::plan(&given, &places)?;
    let (runtime, commit) = match &facts.runtime {
        Some(image) => {
            let (runtime, commit) = runtime::plan(&given, image, &places)?;
            (Some(runtime), commit)
        }
        None => (None, commit(&given, &places)?),
    };
    let plan = BuildPlan {
        epoch: given.epoch,
        save,
        assemble,
        runtime,
        commit,
    };
    plan.check_users()?;
    Ok(plan)
}

/// Containers here run programs for Linux.
fn check_system(image: &ImageFacts) -> Result<(), PlanError> {
    if image.platform.os == LINUX {
        return Ok(());
    }
    Err(PlanError::NotLinux {
        image: image.name.clone(),
        os: image.platform.os.clone(),
    })
}

/// Triggers would need a second way of building, one that the engine runs and nothing fences in.
fn check_on_build(image: &ImageFacts) -> Result<(), PlanError> {
    if image.config.on_build.is_empty() {
        return Ok(());
    }
    Err(PlanError::OnBuild {
        image: image.name.clone(),
    })
}

fn assemble(given: &Given<'_>, places: &scripts::Places<'_>) -> Result<RunPlan, PlanError> {
    let layout = places.layout;
    let script = places.find(Script::Assemble)?;
    let mut uploads = vec![Upload {
        what: Uploaded::Source,
        into: layout.source(),
    }];
    let own = places.in_source(&[
        Script::Assemble,
        Script::Run,
        Script::SaveArtifacts,
        Script::Usage,
    ]);
    if !own.is_empty() {
        uploads.push(Upload {
            what: Uploaded::Scripts(own),
            into: layout.scripts(),
        });
    }
    if let Some(certificates) = &given.request.trust {
        uploads.push(Upload {
            what: Uploaded::Certificates(certificates.clone()),
            into: layout.trust(),
        });
    }
    let label = places.labels.assemble_user.clone();
    let (name, user) = user::of_assemble(given.request, places.image, label);
    let program = program(given, places.image, &script.path, name, &given.build_env)?;
    Ok(RunPlan {
        image: places.image.clone(),
        uploads,
        script: Script::Assemble,
        program: Program {
            secrets: given.secrets.clone(),
            ..program
        },
        user,
        network: given.request.network.clone(),
        limits: given.request.limits,
    })
}

/// How the builder's own container becomes the image.
fn commit(given: &Given<'_>, places: &scripts::Places<'_>) -> Result<Commit, PlanError> {
    let run = places.find(Script::Run)?;
    Ok(Commit {
        remove: removed(given, places.layout),
        mtime: given.epoch,
        require: vec![run.path.clone()],
        config: output::config(given, places.image, &run)?,
        tag: given.request.tag.clone(),
    })
}

/// What of a build does not stay in an image of the builder's container.
fn removed(given: &Given<'_>, layout: &Layout) -> Vec<ContainerPath> {
    let mut removed = vec![layout.artifacts(), layout.trust()];
    if !given.request.keep_source {
        removed.push(layout.source());
    }
    removed
}

/// A script as a program: in the image's own environment and directory. `extra` is for the script alone.
fn program(
    given: &Given<'_>,
    image: &ImageFacts,
    path: &ContainerPath,
    user: String,
    extra: &[EnvVar],
) -> Result<Program, PlanError> {
    let own = variables_of(image);
    // Tells the tools of a build which time to write down.
    let epoch = variable(env_var::SOURCE_DATE_EPOCH, &given.epoch.to_string());
    Ok(Program {
        argv: vec![path.to_string()],
        env: environment::merge([&own[..], &[epoch], extra, &given.env[..]]),
        secrets: Vec::new(),
        cwd: working_dir(image)?,
        user,
        optional: false,
    })
}

/// The variables of an image. Entries that are none are of no use to anybody.
fn variables_of(image: &ImageFacts) -> Vec<EnvVar> {
    let entries = image
        .config
        .env
        .iter()
        .filter_map(|entry| entry.split_once('='));
    entries
        .filter_map(|(name, value)| EnvVar::new(name, value).ok())
        .collect()
}

/// What s2i itself tells `assemble` and nobody else.
fn build_variables(request: &BuildRequest, layout: &Layout) -> Vec<EnvVar> {
    let trust = request.trust.iter().flat_map(|_| trust_variables(layout));
    let before = request.previous.iter();
    let incremental = before.map(|_| variable(env_var::S2I_INCREMENTAL, "true"));
    trust.chain(incremental).collect()
}

/// Makes Go, OpenSSL and Node.js trust the certificates beside what they trust anyway.
fn trust_variables(layout: &Layout) -> Vec<EnvVar> {
    let trust = layout.trust();
    vec![
        variable(env_var::SSL_CERT_DIR, &format!("{trust}:/etc/ssl/certs")),
        variable(
            env_var::NODE_EXTRA_CA_CERTS,
            &format!("{trust}/{TRUST_FILE}"),
        ),
    ]
}

fn variable(name: &str, value: &str) -> EnvVar {
    EnvVar::new(name, value).expect("a plain name and no NUL")
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

fn layout(
    request: &BuildRequest,
    builder: &ImageFacts,
    labels: &ImageLabels,
) -> Result<Layout, PlanError> {
    if let Some(destination) = &request.destination {
        return Ok(Layout::new(destination.clone()));
    }
    own_layout(&builder.name, labels)
}

/// The layout that an image's label names.
fn own_layout(image: &ImageRef, labels: &ImageLabels) -> Result<Layout, PlanError> {
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
