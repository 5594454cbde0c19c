//! Executes a plan on an engine, from top to bottom, without any choice of its own.

mod containers;
mod entrypoint;
mod inputs;
mod split;
mod stage;

use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
    sync::{Mutex, PoisonError},
};

use s2i_core::{
    Diagnostic, ErrorChain, ImageMetadataError, ImageRef, Secret, environment,
    image::{ContainerConfig, Digest},
    parse_image_metadata,
};
use tracing::Instrument as _;

use crate::{
    artifact_cache::{ArtifactCache, NewArtifacts},
    context::BuildContext,
    error::{BuildError, BuildFailure},
    event::Progress,
    facts::{ImageFacts, variables_of},
    injection::Injection,
    notice::Notice,
    plan::{
        BuildPlan, ConfigChanges, CopySource, ImageRole, Inject, OnNamingFailure, Output, Run,
        ScriptUser, ScriptsInput, Stage, StageName, Step, User,
    },
    ports::{Commit, Committed, Container, EngineError, ImageStore, ImageSummary, Program, Runner},
    resource::{Resource, Tracked},
    scripts::ScriptSet,
    source::Fetched,
};
use containers::Containers;
pub use split::{execute_builder, execute_runtime};

/// The inputs that a plan refers to and that are not in it.
#[derive(Clone, Copy, Debug)]
pub struct Materials<'a> {
    /// The source.
    pub source: &'a Fetched,
    /// The secrets, with their values.
    pub secrets: &'a [Secret],
    /// The certificates, in PEM.
    pub trust: Option<&'a str>,
    /// The files to inject.
    pub injections: &'a [Injection],
    /// The scripts of URLs.
    pub scripts: &'a [ScriptSet],
    /// The artifact cache of a plan that copies from it or saves into it.
    pub artifacts: Option<&'a ArtifactCache>,
}

impl Materials<'_> {
    /// Returns the scripts of a URL, which a plan has without credentials.
    fn scripts(&self, url: &str) -> Option<&ScriptSet> {
        self.scripts.iter().find(|set| set.url.to_string() == url)
    }

    /// Returns an error if they lack something that the plan refers to.
    fn check(&self, plan: &BuildPlan) -> Result<(), BuildError> {
        let has = |id: &str| self.secrets.iter().any(|secret| secret.name() == id);
        let mut secrets = plan.inputs.secrets.iter();
        if let Some(secret) = secrets.find(|secret| !has(&secret.id)) {
            let id = secret.id.clone();
            return Err(BuildError::MissingSecret(id));
        }
        let has = |input: &ScriptsInput| {
            let set = self.scripts(&input.url);
            set.is_some_and(|set| set.digests() == input.files)
        };
        if let Some(input) = plan.inputs.scripts.iter().find(|input| !has(input)) {
            return Err(BuildError::MissingScripts(input.url.clone()));
        }
        let digest = self
            .trust
            .map(|text| Digest::of(text.as_bytes()).to_string());
        match &plan.inputs.trust {
            Some(trust) if digest.as_ref() != Some(&trust.digest) => {
                let digest = trust.digest.clone();
                return Err(BuildError::MissingTrust(digest));
            }
            _ => {}
        }
        let steps = plan.stages.iter().flat_map(|stage| &stage.steps);
        for step in steps {
            let uses_cache = match step {
                Step::Copy(copy) => copy.from == CopySource::Cache,
                Step::Save(_) => true,
                Step::Run(_) | Step::Inject(_) => false,
            };
            if uses_cache && self.artifacts.is_none() {
                return Err(BuildError::MissingArtifactCache);
            }
            if let Step::Inject(inject) = step {
                self.injection(inject)?;
            }
        }
        Ok(())
    }

    /// Returns the files of a step.
    fn injection(&self, inject: &Inject) -> Result<&Injection, BuildError> {
        let is_it = |known: &&Injection| {
            known.digest().to_string() == inject.digest
                && known.file_name().is_some() == inject.name.is_some()
        };
        let missing = || BuildError::MissingInjection(inject.source.clone());
        self.injections.iter().find(is_it).ok_or_else(missing)
    }
}

/// An image that was committed and gets its name later, in the list of resources until then.
type Unnamed<'a> = (&'a Output, Committed, Option<Tracked>);

/// Runs the stages of a plan and commits its images; returns the first of them, the result.
///
/// # Errors
/// [`BuildFailure`]; no container is left behind unless its `cleanup` or a warning names it.
pub async fn execute<E: Runner + ImageStore>(
    engine: &E,
    plan: &BuildPlan,
    materials: &Materials<'_>,
    context: BuildContext<'_>,
) -> Result<Committed, BuildFailure> {
    check(engine, plan, materials)?;
    let executor = Executor::new(engine, plan, materials, context);
    let mut containers = Containers::default();
    match executor.run(&mut containers).await {
        Ok(result) => {
            name_result(engine, plan, &result).await?;
            remove_replaced(engine, plan, context).await;
            executor.keep_artifacts();
            Ok(result)
        }
        Err(failure) => Err(containers.discard_all(failure).await),
    }
}

/// Checks all that can be checked before anything is started.
fn check<E: Runner>(
    engine: &E,
    plan: &BuildPlan,
    materials: &Materials<'_>,
) -> Result<(), BuildFailure> {
    plan.check_references()?;
    materials.check(plan)?;
    let mut options = plan.stages.iter().map(|stage| &stage.options);
    options.try_for_each(|options| engine.check_options(options))?;
    Ok(())
}

/// Gives the result of a plan, which has its first name, the others.
pub(crate) async fn name_result<E: ImageStore>(
    engine: &E,
    plan: &BuildPlan,
    result: &Committed,
) -> Result<(), BuildFailure> {
    let outputs = plan.outputs.first().into_iter();
    for name in outputs.flat_map(|output| &output.other_names) {
        engine.tag_committed(result, name).await?;
    }
    Ok(())
}

/// Removes the images that have lost their names to those of the plan. The build has succeeded, so a failure is a
/// warning.
pub(crate) async fn remove_replaced<E: ImageStore>(
    engine: &E,
    plan: &BuildPlan,
    context: BuildContext<'_>,
) {
    for id in plan
        .outputs
        .iter()
        .filter_map(|output| output.replaces.as_ref())
    {
        if let Err(err) = remove_unnamed(engine, id).await {
            let message = format!("the previous image is not removed: {}", ErrorChain(&err));
            context
                .progress
                .warn([Diagnostic::new(id.as_str(), message)]);
        }
    }
}

/// Removes an image if it has no name.
async fn remove_unnamed<E: ImageStore>(engine: &E, id: &str) -> Result<(), EngineError> {
    let images = engine.list().await?;
    let unnamed = images
        .into_iter()
        .find(|image| image.id == id && image.names.is_empty());
    match unnamed {
        Some(ImageSummary { id, size, .. }) => {
            let labels = BTreeMap::new();
            let image = Committed { id, size, labels };
            engine.remove_committed(&image).await
        }
        None => Ok(()),
    }
}

struct Executor<'a, E> {
    engine: &'a E,
    plan: &'a BuildPlan,
    materials: &'a Materials<'a>,
    context: BuildContext<'a>,
    /// The artifacts for the artifact cache, until the build has succeeded.
    saved: Mutex<Option<NewArtifacts>>,
    /// The artifacts of the builder's container, if another process has run it.
    handed_over: Option<&'a ArtifactCache>,
}

impl<'a, E: Runner + ImageStore> Executor<'a, E> {
    fn new(
        engine: &'a E,
        plan: &'a BuildPlan,
        materials: &'a Materials<'a>,
        context: BuildContext<'a>,
    ) -> Self {
        Self {
            engine,
            plan,
            materials,
            context,
            saved: Mutex::default(),
            handed_over: None,
        }
    }

    async fn run(
        &self,
        containers: &mut Containers<E::Container>,
    ) -> Result<Committed, BuildFailure> {
        self.run_stages(|_| true, containers).await?;
        self.make_images(containers).await
    }

    /// Runs the stages with these names.
    async fn run_stages(
        &self,
        is_wanted: impl Fn(StageName) -> bool,
        containers: &mut Containers<E::Container>,
    ) -> Result<(), BuildFailure> {
        for (index, stage) in self.plan.stages.iter().enumerate() {
            if self.plan.is_streamed(stage.name) || !is_wanted(stage.name) {
                continue;
            }
            let container = self.run_stage(stage, containers).await?;
            containers.insert(stage.name, container);
            let is_needed = |name| self.plan.is_needed(name, index + 1);
            for unneeded in containers.take_unneeded(is_needed) {
                self.context.warn_of_leftover(unneeded.discard().await);
            }
        }
        Ok(())
    }

    /// Commits and names the images of the stages that have run, and returns the result.
    async fn make_images(
        &self,
        containers: &mut Containers<E::Container>,
    ) -> Result<Committed, BuildFailure> {
        let mut unnamed = VecDeque::new();
        let result = match self.commit_all(&mut unnamed, containers).await {
            Ok(result) => result,
            Err(failure) => return Err(self.remove_all(unnamed, failure).await),
        };
        while let Some((output, image, _tracked)) = unnamed.pop_front() {
            if let Err(failure) = self.name(output, &image).await {
                return Err(self.remove_all(unnamed, failure).await);
            }
        }
        Ok(result)
    }

    /// Commits all outputs and returns the result, which gets its name last. The others are added to `unnamed`.
    async fn commit_all<'p>(
        &'p self,
        unnamed: &mut VecDeque<Unnamed<'p>>,
        containers: &mut Containers<E::Container>,
    ) -> Result<Committed, BuildFailure> {
        let outputs = self.plan.outputs.split_first();
        let (result, others) = outputs.expect("a checked plan has an output");
        for output in others {
            let image = self.commit(output, None, containers).await?;
            // After a cancellation it can't be tracked, and the next commit fails.
            let tracked = self.context.cancel.track(Resource::Image(image.id.clone()));
            unnamed.push_back((output, image, tracked.ok()));
        }
        self.commit(result, result.name.clone(), containers).await
    }

    /// Removes images without a name after a failure.
    async fn remove_all(
        &self,
        unnamed: VecDeque<Unnamed<'_>>,
        mut failure: BuildFailure,
    ) -> BuildFailure {
        for (_, image, _tracked) in unnamed {
            failure = failure.and_cleanup(self.engine.remove_committed(&image).await);
        }
        failure
    }

    /// Names an image that is not the result.
    async fn name(&self, output: &Output, image: &Committed) -> Result<(), BuildFailure> {
        let Some(name) = &output.name else {
            return Ok(());
        };
        let Err(error) = self.engine.tag_committed(image, name).await else {
            return Ok(());
        };
        let removed = self.engine.remove_committed(image).await;
        match output.on_naming_failure {
            OnNamingFailure::Fail => Err(BuildFailure::new(error, removed)),
            OnNamingFailure::Warn => {
                let message = format!("the artifacts are not kept: {}", ErrorChain(&error));
                self.context
                    .progress
                    .warn([Diagnostic::new(name.to_string(), message)]);
                self.context.warn_of_leftover(removed);
                Ok(())
            }
        }
    }

    /// Commits the container of a stage, which is removed.
    async fn commit(
        &self,
        output: &Output,
        name: Option<ImageRef>,
        containers: &mut Containers<E::Container>,
    ) -> Result<Committed, BuildFailure> {
        let base = self.image(self.stage(output.stage).from)?;
        let container = containers.get_mut(output.stage);
        let changes = self.changes(output, &base, container).await?;
        let config = self.config(output.stage, &changes, &base).await?;
        let mut container = containers.take(output.stage);
        let commit = Commit {
            remove: output.remove.clone(),
            times: self.plan.times,
            require: output.require.clone(),
            config,
            tag: name,
        };
        let committing = container.commit(&commit, self.context);
        let committed = committing.instrument(tracing::info_span!("commit")).await;
        let discarded = container.discard().await;
        match committed {
            Ok(committed) => {
                self.context.warn_of_leftover(discarded);
                Ok(committed)
            }
            Err(error) => Err(BuildFailure::new(error, discarded)),
        }
    }

    /// Returns the changes of the config, with the labels that scripts have left in the container.
    async fn changes(
        &self,
        output: &Output,
        base: &ImageFacts,
        container: &mut E::Container,
    ) -> Result<ConfigChanges, BuildError> {
        let mut changes = output.config.clone();
        let Some(path) = &output.labels_file else {
            return Ok(changes);
        };
        let Some(text) = container.read_file(path, self.context).await? else {
            return Ok(changes);
        };
        let labels = parse_image_metadata(&text).map_err(|source| BuildError::LabelsFile {
            path: path.clone(),
            source,
        })?;
        changes.labels.extend(labels);
        if changes.check_size(&base.config).is_err() {
            let source = ImageMetadataError::TooLong;
            return Err(BuildError::LabelsFile {
                path: path.clone(),
                source,
            });
        }
        Ok(changes)
    }

    /// Stores the artifacts for the next build. The build has succeeded, so a failure is a warning.
    fn keep_artifacts(&self) {
        let saved = self
            .saved
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(Err(err)) = saved.map(NewArtifacts::keep) {
            self.warn_not_kept(&err);
        }
    }

    fn warn_not_kept(&self, err: &(dyn std::error::Error + 'static)) {
        let dir = self.materials.artifacts.map(ArtifactCache::dir);
        let dir = dir.unwrap_or(Path::new("")).display().to_string();
        let message = format!("the artifacts are not kept: {}", ErrorChain(err));
        self.context.progress.warn([Diagnostic::new(dir, message)]);
    }

    /// Returns a stage that an output or another stage refers to.
    fn stage(&self, name: StageName) -> &Stage {
        let stage = self.plan.stage(name);
        stage.expect("a checked plan has the stages that it refers to")
    }

    /// Returns an image as the engine has it.
    fn image(&self, role: ImageRole) -> Result<ImageFacts, BuildError> {
        let image = self.plan.inputs.images.get(role);
        let image = image.expect("a checked plan has the images of its stages");
        image
            .resolved()
            .ok_or_else(|| BuildError::UnresolvedImage(image.reference.clone()))
    }
}

/// Returns a container in which nothing has run yet, or discards it when the plan does not allow its user.
pub(crate) async fn admitted<C: Container>(
    container: C,
    user: ScriptUser<'_>,
) -> Result<C, BuildFailure> {
    match user.check(container.uid()) {
        Ok(()) => Ok(container),
        Err(refused) => Err(BuildFailure::new(refused, container.discard().await)),
    }
}

/// Returns the program of a plan for a container of an image with this config, without secrets.
pub(crate) fn program(run: &Run, user: &User, config: &ContainerConfig) -> Program {
    Program {
        argv: run.argv.clone(),
        env: environment::merge([&variables_of(config)[..], &run.env[..]]),
        secrets: Vec::new(),
        masked: Vec::new(),
        without: Vec::new(),
        cwd: run.cwd.clone(),
        user: user.name.clone(),
    }
}

/// Sends a notice if a script runs as root.
pub(crate) fn notice_root(uid: u32, user: ScriptUser<'_>, progress: &Progress<'_>) {
    if uid == 0 {
        progress.notice(Notice::RunsAsRoot {
            script: user.command(),
            is_optional: user.is_optional(),
            user: user.reason(),
        });
    }
}
