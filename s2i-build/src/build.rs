//! A whole build: gather, choose, plan, execute.

use std::{collections::BTreeMap, time::Duration};

use s2i_core::{ImageRef, Script, Secret};

use crate::{
    artifact_cache::ArtifactCache,
    cancel::CancelToken,
    context::BuildContext,
    error::{BuildError, BuildFailure},
    event::{EventSink, Phase, Progress},
    execute::{Materials, execute, execute_builder, execute_runtime, name_result, remove_replaced},
    gather,
    injection::Injection,
    notice::Notice,
    plan::{BuildPlan, ChoiceReason, PlannedBuild, StageName, choose, plan},
    ports::{BuildCache, Committed, Engine, ImageResolver, ImageStore, Runner, SourceReader},
    request::BuildRequest,
    scripts::ScriptSet,
    source::{Fetched, SourceError},
    stream::Tree,
};

/// The result of a successful build.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The ID of the image in the engine.
    pub image_id: String,
    /// The name of the image, if it got one.
    pub tag: Option<ImageRef>,
    /// The other names of the image.
    pub other_tags: Vec<ImageRef>,
    /// The builder image.
    pub builder: ImageRef,
    /// All labels of the image.
    pub labels: BTreeMap<String, String>,
    /// The size of the image as the engine counts it, in bytes.
    pub size: u64,
    /// The phases in order, with their durations.
    pub times: Vec<(Phase, Duration)>,
}

/// A build that is ready to be executed.
#[derive(Debug)]
pub struct PreparedBuild {
    /// The request, with the name of the result that was chosen.
    request: BuildRequest,
    builder: ImageRef,
    planned: PlannedBuild,
    source: Fetched,
    scripts: Vec<ScriptSet>,
}

impl PreparedBuild {
    /// Returns the plan.
    #[must_use]
    pub fn plan(&self) -> &BuildPlan {
        &self.planned.plan
    }

    /// Returns the source.
    #[must_use]
    pub fn fetched(&self) -> &Fetched {
        &self.source
    }

    /// Returns the files of the source that go into the build.
    #[must_use]
    pub fn source(&self) -> Tree {
        self.source.tree(self.plan().times)
    }

    /// Returns the text of a script that the plan copies from the source.
    ///
    /// # Errors
    /// [`SourceError::Io`] when it can't be read.
    pub fn source_script(&self, script: Script) -> Result<Vec<u8>, SourceError> {
        self.source.script(script)
    }

    /// Returns the scripts of URLs.
    #[must_use]
    pub fn scripts(&self) -> &[ScriptSet] {
        &self.scripts
    }

    /// Returns the files that the plan injects, in its order.
    #[must_use]
    pub fn injections(&self) -> &[Injection] {
        &self.request.injections
    }

    /// Returns whether the plan runs a program in a container of the runtime image.
    #[must_use]
    pub fn runs_in_runtime_image(&self) -> bool {
        let runtime = self.plan().stage(StageName::Runtime);
        runtime.is_some_and(|stage| stage.runs().next().is_some())
    }

    fn materials(&self) -> Materials<'_> {
        Materials {
            source: &self.source,
            secrets: &self.planned.secrets,
            trust: self.trust(),
            injections: self.injections(),
            scripts: &self.scripts,
            artifacts: self.request.artifact_cache.as_ref(),
        }
    }

    /// Returns the certificates that the plan copies, in PEM.
    #[must_use]
    pub fn trust(&self) -> Option<&str> {
        self.request.trust.as_deref()
    }
}

/// Runs the part of a build before the container of the runtime image, and leaves the artifacts in a directory for
/// [`build_runtime`].
///
/// # Errors
/// [`BuildFailure`], for the same reasons as [`build`].
pub async fn build_artifacts<E: Runner + ImageStore>(
    engine: &E,
    prepared: &PreparedBuild,
    artifacts: &ArtifactCache,
    events: &dyn EventSink,
    cancel: &CancelToken,
) -> Result<(), BuildFailure> {
    let progress = Progress::new(events);
    let context = BuildContext::new(&progress, cancel);
    let materials = prepared.materials();
    let done = execute_builder(engine, prepared.plan(), &materials, artifacts, context).await;
    progress.end_phase();
    done
}

/// Runs the container of the runtime image with the artifacts that [`build_artifacts`] has left, and makes the image.
///
/// # Errors
/// [`BuildFailure`], for the same reasons as [`build`].
pub async fn build_runtime<E: Runner + ImageStore>(
    engine: &E,
    prepared: PreparedBuild,
    artifacts: &ArtifactCache,
    events: &dyn EventSink,
    cancel: &CancelToken,
) -> Result<Outcome, BuildFailure> {
    let progress = Progress::new(events);
    let context = BuildContext::new(&progress, cancel);
    let materials = prepared.materials();
    let done = execute_runtime(engine, prepared.plan(), &materials, artifacts, context).await;
    progress.end_phase();
    Ok(outcome(prepared, done?, &progress))
}

/// Runs a build that was prepared.
///
/// # Errors
/// [`BuildFailure`], for the same reasons as [`build`].
pub async fn build_prepared<E: Runner + ImageStore + BuildCache>(
    engine: &E,
    prepared: PreparedBuild,
    events: &dyn EventSink,
    cancel: &CancelToken,
) -> Result<Outcome, BuildFailure> {
    let progress = Progress::new(events);
    let context = BuildContext::new(&progress, cancel);
    let done = run_plan(engine, &prepared, context).await;
    progress.end_phase();
    Ok(outcome(prepared, done?, &progress))
}

fn outcome(prepared: PreparedBuild, committed: Committed, progress: &Progress<'_>) -> Outcome {
    Outcome {
        image_id: committed.id,
        labels: committed.labels,
        tag: prepared.request.tag,
        other_tags: prepared.request.other_tags,
        builder: prepared.builder,
        size: committed.size,
        times: progress.times(),
    }
}

/// Runs the build of a request.
///
/// # Errors
/// [`BuildFailure`]; nothing is left behind unless its `cleanup` or a warning names it.
pub async fn build<E: Engine, S: SourceReader>(
    engine: &E,
    source: &S,
    request: &BuildRequest,
    events: &dyn EventSink,
    cancel: &CancelToken,
) -> Result<Outcome, BuildFailure> {
    let progress = Progress::new(events);
    let context = BuildContext::new(&progress, cancel);
    let built = async {
        let prepared = plan_build(engine, source, request, context).await?;
        let committed = run_plan(engine, &prepared, context).await?;
        Ok((prepared, committed))
    };
    let built: Result<_, BuildFailure> = built.await;
    // The last output of a script is shown before anything that follows.
    progress.end_phase();
    let (prepared, committed) = built?;
    Ok(outcome(prepared, committed, &progress))
}

/// Fetches the source, looks up the images and plans the build, and starts nothing.
///
/// # Errors
/// [`BuildFailure`], for the same reasons as [`build`].
pub async fn prepare<R: ImageResolver, S: SourceReader>(
    images: &R,
    source: &S,
    request: &BuildRequest,
    events: &dyn EventSink,
    cancel: &CancelToken,
) -> Result<PreparedBuild, BuildFailure> {
    let progress = Progress::new(events);
    let context = BuildContext::new(&progress, cancel);
    let prepared = plan_build(images, source, request, context).await;
    progress.end_phase();
    prepared
}

async fn plan_build<R: ImageResolver, S: SourceReader>(
    images: &R,
    reader: &S,
    request: &BuildRequest,
    context: BuildContext<'_>,
) -> Result<PreparedBuild, BuildFailure> {
    let source = gather::source(reader, request, context).await?;
    let facts = gather::for_choice(images, &source, request, context).await?;
    let choice = choose(request, &facts)?;
    if choice.reason != ChoiceReason::Named {
        context.progress.notice(Notice::BuilderChosen {
            builder: choice.builder.clone(),
            reason: choice.reason.clone(),
        });
    }
    let request = BuildRequest {
        tag: choice.tag.clone(),
        ..request.clone()
    };
    let mut facts = gather::images(images, &source, &request, &choice, context).await?;
    facts.scripts = gather::scripts(reader, &request, &facts, context).await?;
    facts.trigger_files = gather::trigger_files(&source, &request, &facts, context).await?;
    let planned = plan(&request, &facts)?;
    if let (Some(previous), None) = (&facts.previous, planned.plan.stage(StageName::Previous)) {
        let image = previous.name.clone();
        context.progress.notice(Notice::NoSaveArtifacts { image });
    }
    let names = withheld(&request, &planned);
    if !names.is_empty() {
        context.progress.notice(Notice::VariablesWithheld { names });
    }
    Ok(PreparedBuild {
        request,
        builder: choice.builder,
        planned,
        source,
        scripts: facts.scripts,
    })
}

/// Returns the variables that are secrets and were not declared as such.
fn withheld(request: &BuildRequest, planned: &PlannedBuild) -> Vec<String> {
    let is_declared = |name: &str| request.secrets.iter().any(|known| known.name() == name);
    let secrets = planned.secrets.iter().map(Secret::name);
    let withheld = secrets.filter(|name| !is_declared(name));
    withheld.map(str::to_owned).collect()
}

/// Executes a plan, unless the build cache has its result.
async fn run_plan<E: Runner + ImageStore + BuildCache>(
    engine: &E,
    prepared: &PreparedBuild,
    context: BuildContext<'_>,
) -> Result<Committed, BuildFailure> {
    let PreparedBuild {
        request,
        planned: PlannedBuild { plan, secrets },
        source,
        ..
    } = prepared;
    let key = plan.key(secrets);
    if let Some(key) = &key
        && let Some(committed) = context
            .or_interrupted(engine.get(key, request.tag.as_ref()))
            .await?
    {
        context.progress.notice(Notice::Unchanged);
        name_result(engine, plan, &committed).await?;
        remove_replaced(engine, plan, context).await;
        return Ok(committed);
    }
    let committed = execute(engine, plan, &prepared.materials(), context).await?;
    // The key does not hold for a source that changed meanwhile. It is too late for a cancellation.
    if let Some(key) = key {
        let fingerprint = async { Ok::<_, BuildError>(source.survey().await.fingerprint) };
        let fingerprint = context.or_interrupted(fingerprint).await;
        if fingerprint.is_ok_and(|found| found == plan.inputs.source.fingerprint) {
            engine.put(&key, &committed).await;
        }
    }
    Ok(committed)
}
