//! Makes every decision of a build, without side effects.
//!
//! The [document] is the result; the other modules each make one kind of decision.

mod builder;
mod command;
mod common;
mod counts;
pub mod document;
mod error;
mod key;
mod labels;
mod output;
mod render;
mod runtime;
mod save;
mod scripts;
mod triggers;
mod usage;
mod user;
mod variables;

use s2i_core::{
    EnvVar, Layout, Script, Secret, Times, env_var,
    image::{Digest, LINUX},
};

pub use builder::{Choice, ChoiceReason, ResultName, ResultReason, SourceEvidence, choose};
pub use command::{Command, UnknownCommand};
use common::{Context, layout, program, variable, working_dir};
pub use document::*;
pub use error::PlanError;
pub use render::{
    DOCKERFILE_DIR, DOCKERFILE_INJECTIONS_DIR, DOCKERFILE_SOURCE_DIR, DOCKERFILE_TRUST_DIR,
    DockerfileError, DockerfileForm, dockerfile_scripts_dir,
};
pub(crate) use scripts::urls as script_urls;
use triggers::Triggers;
pub(crate) use triggers::patterns as trigger_patterns;
pub use usage::{UsagePlan, usage};
pub use user::{ScriptUser, UserReason, UserRefused};
use variables::Variables;

use crate::{
    facts::{ASSUMED_WORKING_DIR, Facts, ImageFacts},
    request::{BuildRequest, HostMount, Injection, OnBuild},
};

/// The time of a build when neither the user nor the source has one: the first second of 1980 that every archive format
/// can hold.
pub const DEFAULT_EPOCH: u64 = 315_532_801;

/// The name of the file with the certificates of [`CopySource::Trust`].
pub const TRUST_FILE: &str = "ca.pem";

/// The scripts that go into the container of a builder where they are not in the image.
const SCRIPTS: [Script; 4] = [
    Script::Assemble,
    Script::Run,
    Script::SaveArtifacts,
    Script::Usage,
];

/// A plan, and the values that it refers to by name.
#[derive(Clone, Debug)]
pub struct PlannedBuild {
    /// The plan.
    pub plan: BuildPlan,
    /// The values of the secrets in its inputs.
    pub secrets: Vec<Secret>,
}

/// Plans the build of a request from the facts.
///
/// # Errors
/// [`PlanError`] for every request that can't succeed, before anything is started.
pub fn plan(request: &BuildRequest, facts: &Facts) -> Result<PlannedBuild, PlanError> {
    check(request, facts)?;
    let commit_time = facts.source.commit.as_ref().and_then(|commit| commit.time);
    let labels = common::labels_of(&facts.builder);
    counts::check_names(&labels.build_variables, &facts.builder)?;
    let layout = layout(request, &facts.builder, &labels)?;
    let variables = Variables::new(&facts.source, request, &labels.build_variables);
    let context = Context {
        request,
        facts,
        env: variables.kept,
        build_env: build_variables(variables.assemble, request, &layout),
        secrets: variables.secrets,
        epoch: request.epoch.or(commit_time).unwrap_or(DEFAULT_EPOCH),
        times: times(request, facts),
    };
    let triggers = Triggers::of(&facts.builder, &context.env)?;
    let scripts = scripts::ScriptPaths {
        image: triggers.as_ref().map_or(&facts.builder, |it| &it.image),
        labels: &labels,
        layout: &layout,
        source: &facts.source,
        sets: &facts.scripts,
        requested: request.scripts_url.as_ref(),
    };
    scripts.check_requested()?;
    let mut build = match &triggers {
        Some(triggers) => triggers.stage(&context, &scripts)?,
        None => build_stage(&context, &scripts)?,
    };
    let mut stages = Vec::new();
    if let Some((previous, artifacts)) = save::plan(&context, &scripts)? {
        stages.push(previous);
        build.steps.insert(0, Step::Copy(artifacts));
    }
    if let Some(artifacts) = save::cached(&context, &scripts) {
        build.steps.insert(0, Step::Copy(artifacts));
    }
    build
        .steps
        .extend(save::into_cache(&context, &scripts)?.map(Step::Save));
    stages.push(build);
    let mut outputs = match &facts.runtime {
        Some(image) => {
            let (runtime, outputs) = runtime::plan(&context, image, &scripts)?;
            stages.push(runtime);
            outputs
        }
        None => vec![output::of_build(&context, &scripts, triggers.as_ref())?],
    };
    if let Some(triggers) = triggers {
        let mut of_build = outputs.iter_mut();
        if let Some(output) = of_build.find(|output| output.stage == StageName::Build) {
            output.config.after_triggers = Some(triggers.image.config.into());
        }
    }
    let plan = BuildPlan {
        version: Version,
        inputs: inputs(&context),
        times: context.times,
        stages,
        outputs,
    };
    plan.check_users()?;
    Ok(PlannedBuild {
        plan,
        secrets: context.secrets,
    })
}

/// Returns the times of files: no file is later than the time of the request, and new ones are as old as the newest of the
/// source.
fn times(request: &BuildRequest, facts: &Facts) -> Times {
    let commit = facts.source.commit.as_ref().and_then(|commit| commit.time);
    let newest = commit.or(facts.source.newest).unwrap_or(DEFAULT_EPOCH);
    let latest = request.epoch;
    Times {
        new: latest.map_or(newest, |latest| newest.min(latest)),
        latest,
    }
}

/// Refuses a request that can't succeed whatever the scripts do.
fn check(request: &BuildRequest, facts: &Facts) -> Result<(), PlanError> {
    output::check_tags(request, facts)?;
    check_on_build(request, facts)?;
    HostMount::check_all(&request.container.mounts)?;
    let mut images = facts.inputs().chain(&facts.previous);
    images.try_for_each(check_system)?;
    counts::check(request, facts)
}

/// Refuses an image for an operating system other than Linux.
fn check_system(image: &ImageFacts) -> Result<(), PlanError> {
    if image.platform.os == LINUX {
        return Ok(());
    }
    Err(PlanError::NotLinux {
        image: image.name.clone(),
        os: image.platform.os.clone(),
    })
}

/// Refuses a builder with triggers that the request forbids, and a runtime image with triggers: they are for the source.
fn check_on_build(request: &BuildRequest, facts: &Facts) -> Result<(), PlanError> {
    let has_triggers = |image: &&ImageFacts| !image.config.on_build.is_empty();
    if request.on_build == OnBuild::Refuse && has_triggers(&&facts.builder) {
        return Err(PlanError::OnBuildBlocked(facts.builder.name.clone()));
    }
    match facts.runtime.as_ref().filter(has_triggers) {
        Some(image) => Err(PlanError::OnBuild(image.name.clone())),
        None => Ok(()),
    }
}

fn inputs(context: &Context<'_>) -> Inputs {
    let Facts {
        builder,
        runtime,
        previous,
        ..
    } = context.facts;
    let secrets = context.secrets.iter().map(|secret| SecretInput {
        id: secret.name().into(),
    });
    Inputs {
        images: ImageInputs {
            builder: builder.into(),
            runtime: runtime.as_ref().map(Into::into),
            previous: previous.as_ref().map(Into::into),
        },
        source: (&context.facts.source).into(),
        scripts: context.facts.scripts.iter().map(Into::into).collect(),
        secrets: secrets.collect(),
        trust: context.request.trust.as_ref().map(|text| TrustInput {
            digest: Digest::of(text.as_bytes()).to_string(),
        }),
    }
}

/// Returns the stage of `assemble` in a container of the builder.
fn build_stage(
    context: &Context<'_>,
    scripts: &scripts::ScriptPaths<'_>,
) -> Result<Stage, PlanError> {
    let layout = scripts.layout;
    let path = scripts.find(Script::Assemble)?;
    let copy = |from, into| Step::Copy(Copy::new(from, into));
    let mut steps = vec![copy(CopySource::Source, layout.source())];
    let own = scripts.copied(&SCRIPTS);
    steps.extend(own.into_iter().map(|own| copy(own, layout.scripts())));
    steps.extend(temporary(context, scripts)?);
    let run = program(
        context,
        Script::Assemble,
        scripts.image,
        &path,
        &context.build_env,
    )?;
    steps.push(Step::Run(Run {
        secrets: secret_names(context),
        ..run
    }));
    let label = scripts.labels.assemble_user.clone();
    Ok(Stage {
        name: StageName::Build,
        from: ImageRole::Builder,
        user: user::of_script(Script::Assemble, context.request, scripts.image, label),
        network: context.request.network.clone(),
        limits: context.request.limits,
        options: context.request.container.clone(),
        steps,
        on_failure: OnStageFailure::Fail,
    })
}

/// Returns the steps for what exists during a build and is in no image: certificates and injected files.
fn temporary(
    context: &Context<'_>,
    scripts: &scripts::ScriptPaths<'_>,
) -> Result<Vec<Step>, PlanError> {
    let trust = context.request.trust.iter();
    let trust = trust.map(|_| Copy::new(CopySource::Trust, scripts.layout.trust()));
    let mut steps: Vec<_> = trust.map(Step::Copy).collect();
    for injection in &context.request.injections {
        steps.push(Step::Inject(inject(injection, scripts.image)?));
    }
    Ok(steps)
}

fn secret_names(context: &Context<'_>) -> Vec<String> {
    let secrets = context.secrets.iter();
    secrets.map(|secret| secret.name().into()).collect()
}

/// Returns the step that injects files into a container of the image. A directory goes to its destination; a file gets
/// the name of its destination, or keeps its own in the working directory.
fn inject(injection: &Injection, image: &ImageFacts) -> Result<Inject, PlanError> {
    let working_dir = if image.is_resolved() {
        working_dir(image)?
    } else {
        ASSUMED_WORKING_DIR.parse().expect("a normalised path")
    };
    let bad = |source| PlanError::Injection {
        source_path: injection.source.clone(),
        source,
    };
    let at = working_dir.join(&injection.destination).map_err(bad)?;
    let (into, name) = match injection.file_name() {
        None => (at, None),
        Some(name) if injection.destination == "." => (at, Some(name.to_owned())),
        Some(name) => match at.split() {
            Some((parent, last)) => (parent, Some(last.to_owned())),
            None => (at, Some(name.to_owned())),
        },
    };
    Ok(Inject {
        source: injection.source.clone(),
        digest: injection.digest().to_string(),
        into,
        files: injection.files(name.as_deref()),
        name,
    })
}

/// Returns the variables that s2i sets for `assemble` alone.
fn build_variables(assemble: Vec<EnvVar>, request: &BuildRequest, layout: &Layout) -> Vec<EnvVar> {
    let trust = request.trust.iter().flat_map(|_| trust_variables(layout));
    let is_incremental = request.previous.is_some() || request.artifact_cache.is_some();
    let incremental = is_incremental.then(|| variable(env_var::S2I_INCREMENTAL, "true"));
    let own = trust.chain(incremental);
    assemble.into_iter().chain(own).collect()
}

/// Returns the variables that make Go, OpenSSL and Node.js trust the certificates beside those of the image.
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
