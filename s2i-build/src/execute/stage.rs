//! One stage: a container, and its steps from top to bottom.

use std::sync::PoisonError;

use s2i_core::{
    Diagnostic, ErrorChain, Script, Secret, Times,
    wire::{Exit, FailureKind},
};
use tracing::Instrument as _;

use super::{Executor, admitted, containers::Containers, inputs::one_file, notice_root, program};
use crate::{
    artifact_cache::ArtifactCache,
    error::{BuildError, BuildFailure},
    event::Phase,
    injection::Injection,
    plan::{
        Command, Copy, CopySource, Inject, OnStageFailure, Run, SavedArtifacts, Stage, StageName,
        StagePaths, Step, TRUST_FILE,
    },
    ports::{
        Artifacts, Container, Content, EngineError, Files, ImageStore, Input, Program, Runner,
        SourceTree, Start,
    },
    trace,
};

/// The reason why a container ends before its last step.
enum StepFailure {
    /// The build fails.
    Fail(BuildFailure),
    /// The output of this stage could not be copied, and the plan continues without it.
    Skip(StageName, EngineError),
    /// The artifacts of the artifact cache could not be copied, and the plan continues without them.
    SkipCache(EngineError),
}

impl<T: Into<BuildFailure>> From<T> for StepFailure {
    fn from(error: T) -> Self {
        Self::Fail(error.into())
    }
}

impl<E: Runner + ImageStore> Executor<'_, E> {
    /// Runs a stage. Where the output of an optional stage ends with an error, the container has a part of it, and
    /// the stage starts again without that output.
    pub(super) async fn run_stage(
        &self,
        stage: &Stage,
        containers: &mut Containers<E::Container>,
    ) -> Result<E::Container, BuildFailure> {
        let (mut skipped, mut skips_cache) = (Vec::new(), false);
        loop {
            let saved = stage
                .saved()
                .filter(|saved| !skipped.contains(&saved.stage));
            let mut container = self.start(stage, saved).await?;
            let is_skipped = |step: &&Step| match step {
                Step::Copy(Copy {
                    from: CopySource::Stdout(saved),
                    ..
                }) => skipped.contains(&saved.stage),
                Step::Copy(copy) => skips_cache && copy.from == CopySource::Cache,
                _ => false,
            };
            let steps = stage.steps.iter().filter(|step| !is_skipped(step));
            match self.steps(stage, steps, &mut container, containers).await {
                Ok(()) => return Ok(container),
                Err(StepFailure::Fail(failure)) => {
                    return Err(failure.and_cleanup(container.discard().await));
                }
                Err(StepFailure::Skip(name, error)) => {
                    let discarded = container.discard().await;
                    if discarded.is_err() {
                        return Err(BuildFailure::new(error, discarded));
                    }
                    let why = format!("a clean build: {}", ErrorChain(&error));
                    self.warn(name, why)?;
                    skipped.push(name);
                }
                Err(StepFailure::SkipCache(error)) => {
                    let discarded = container.discard().await;
                    if discarded.is_err() {
                        return Err(BuildFailure::new(error, discarded));
                    }
                    let why = format!("a clean build: {}", ErrorChain(&error));
                    self.warn(stage.name, why)?;
                    skips_cache = true;
                }
            }
        }
    }

    async fn steps<'s>(
        &self,
        stage: &Stage,
        steps: impl Iterator<Item = &'s Step> + Send,
        container: &mut E::Container,
        containers: &mut Containers<E::Container>,
    ) -> Result<(), StepFailure> {
        for step in steps {
            match step {
                Step::Copy(copy) => self.copy(stage, copy, container, containers).await?,
                Step::Inject(inject) => self.inject(inject, container).await?,
                Step::Run(run) => self.exec(stage, run, container).await?,
                Step::Save(run) => self.save(stage, run, container).await?,
            }
        }
        Ok(())
    }

    /// Starts the container of a stage, with the saved artifacts mounted where that is possible.
    async fn start(
        &self,
        stage: &Stage,
        saved: Option<&SavedArtifacts>,
    ) -> Result<E::Container, BuildFailure> {
        let Some((saved, mount)) = saved.and_then(|saved| Some((saved, saved.mount.as_ref()?)))
        else {
            return self.start_with(stage, None).await;
        };
        let image = self.image(self.stage(saved.stage).from)?;
        let into = stage.copies().find_map(|copy| match copy.from {
            CopySource::Stdout(_) => Some(&copy.into),
            _ => None,
        });
        let artifacts = Artifacts {
            image: &image,
            directory: mount,
            at: into.expect("they were found in a copy"),
        };
        match self.start_with(stage, Some(artifacts)).await {
            Err(BuildFailure {
                error: BuildError::Engine(error),
                ..
            }) if may_be_about_artifacts(&error) => {
                let container = self.start_with(stage, None).await?;
                let why = format!("artifacts can't be mounted: {}", ErrorChain(&error));
                self.warn(saved.stage, why)?;
                Ok(container)
            }
            started => started,
        }
    }

    async fn start_with(
        &self,
        stage: &Stage,
        artifacts: Option<Artifacts<'_>>,
    ) -> Result<E::Container, BuildFailure> {
        let tree = self.materials.source.tree(self.plan.times);
        let source = stage.first_source().map(|copy| SourceTree {
            tree: &tree,
            into: &copy.into,
        });
        let others = stage.runs().filter_map(|run| run.user.as_ref());
        let others: Vec<_> = others.map(|user| user.name.as_str()).collect();
        let start = Start {
            image: &self.image(stage.from)?,
            user: &stage.user.name,
            network: &stage.network,
            limits: stage.limits,
            options: &stage.options,
            artifacts,
            source,
            others: &others,
        };
        let container = self.engine.start(&start, self.context).await?;
        match stage.runs().find(|run| run.user.is_none()) {
            Some(run) => admitted(container, self.plan.script_user(stage, run)).await,
            None => Ok(container),
        }
    }

    async fn copy(
        &self,
        stage: &Stage,
        copy: &Copy,
        container: &mut E::Container,
        containers: &mut Containers<E::Container>,
    ) -> Result<(), StepFailure> {
        let (source, times) = (self.materials.source, self.plan.times);
        let content = match &copy.from {
            CopySource::Stdout(_) if container.has_artifacts() => return Ok(()),
            CopySource::Stdout(saved) => return self.copy_output(saved, copy, container).await,
            CopySource::Source => Content::Tree(source.tree(times)),
            CopySource::Paths(paths) => Content::Archive(source.paths(paths, times)),
            CopySource::Scripts(scripts) => Content::Archive(source.scripts(scripts, times)),
            CopySource::Fetched(fetched) => {
                let set = self.materials.scripts(&fetched.url);
                let set = set.expect("checked materials have the scripts of the plan");
                Content::Archive(set.archive(&fetched.scripts, times.new))
            }
            CopySource::Trust => {
                let text = self.materials.trust.unwrap_or_default();
                Content::Archive(one_file(TRUST_FILE, text, times.new))
            }
            CopySource::Cache => {
                let cache = self.materials.artifacts;
                let cache = cache.expect("checked materials have the cache of the plan");
                return self.copy_cached(cache, copy, container).await;
            }
            CopySource::Stage(paths) => Content::Archive(match self.handed_over {
                Some(artifacts) => artifacts.read(),
                None => containers.get_mut(paths.name).read(files(paths, times)),
            }),
        };
        self.context.progress.phase(copy_phase(stage));
        if stage.first_source() == Some(copy) && container.has_source() {
            return Ok(());
        }
        let input = Input {
            into: copy.into.clone(),
            content,
            owner: copy.owner.clone(),
        };
        Ok(container.unpack(input, self.context).await?)
    }

    /// Copies the artifacts of the artifact cache. If they can't be used, the stage starts again without them.
    async fn copy_cached(
        &self,
        cache: &ArtifactCache,
        copy: &Copy,
        container: &mut E::Container,
    ) -> Result<(), StepFailure> {
        self.context.progress.phase(Phase::Upload);
        let input = Input {
            into: copy.into.clone(),
            content: Content::Archive(cache.read()),
            owner: copy.owner.clone(),
        };
        match container.unpack(input, self.context).await {
            Err(error @ EngineError::Interrupted(_)) => Err(error.into()),
            Err(error) => Err(StepFailure::SkipCache(error)),
            Ok(()) => Ok(()),
        }
    }

    /// Writes the output of a program to the artifact cache. A failure only costs the time of the next build, so it is a
    /// warning.
    async fn save(
        &self,
        stage: &Stage,
        run: &Run,
        container: &mut E::Container,
    ) -> Result<(), StepFailure> {
        self.context.progress.phase(run_phase(&run.script));
        let program = self.program(stage, run)?;
        let cache = self.materials.artifacts;
        let cache = cache.expect("checked materials have the cache of the plan");
        let archive = container.exec_archive(&program, self.context.progress);
        let written = async { Ok::<_, EngineError>(cache.write(archive).await) };
        match self.context.or_interrupted(written).await? {
            Ok(new) => *self.saved.lock().unwrap_or_else(PoisonError::into_inner) = Some(new),
            Err(err) => self.warn_not_kept(&err),
        }
        Ok(())
    }

    async fn inject(
        &self,
        inject: &Inject,
        container: &mut E::Container,
    ) -> Result<(), StepFailure> {
        let injection = self.materials.injection(inject)?;
        let archive = injection.archive(inject.name.as_deref(), self.plan.times.new);
        Ok(container
            .inject(&inject.into, archive, self.context)
            .await?)
    }

    /// Runs a stage whose program writes an archive to its standard output, which goes into the container.
    async fn copy_output(
        &self,
        saved: &SavedArtifacts,
        copy: &Copy,
        container: &mut E::Container,
    ) -> Result<(), StepFailure> {
        let from = self.stage(saved.stage);
        match self.stream(from, copy, container).await {
            Err(BuildFailure {
                error: BuildError::Engine(error),
                cleanup: None,
            }) if from.on_failure == OnStageFailure::Skip
                && !matches!(error, EngineError::Interrupted(_)) =>
            {
                Err(StepFailure::Skip(from.name, error))
            }
            done => Ok(done?),
        }
    }

    async fn stream(
        &self,
        from: &Stage,
        copy: &Copy,
        into: &mut E::Container,
    ) -> Result<(), BuildFailure> {
        let mut container = self.start_with(from, None).await?;
        let run = from.runs().next().expect("a checked stage has a program");
        self.context.progress.phase(run_phase(&run.script));
        notice_root(
            container.uid(),
            self.plan.script_user(from, run),
            self.context.progress,
        );
        let program = self.program(from, run)?;
        let input = Input {
            into: copy.into.clone(),
            content: Content::Archive(container.exec_archive(&program, self.context.progress)),
            owner: copy.owner.clone(),
        };
        let copied = into.unpack(input, self.context).await;
        self.context.warn_of_leftover(container.discard().await);
        Ok(copied?)
    }

    /// Runs a program; a status other than 0 is an error.
    async fn exec(
        &self,
        stage: &Stage,
        run: &Run,
        container: &mut E::Container,
    ) -> Result<(), StepFailure> {
        self.context.progress.phase(run_phase(&run.script));
        let program = self.program(stage, run)?;
        let image = self.image(stage.from)?.name;
        let user = self.plan.script_user(stage, run);
        let uid = match &run.user {
            Some(user) => container.identify(&user.name, self.context).await?,
            None => container.uid(),
        };
        user.check(uid).map_err(BuildError::User)?;
        notice_root(uid, user, self.context.progress);
        let span =
            tracing::info_span!("run", { trace::IMAGE } = %image, { trace::SCRIPT } = %run.script);
        let exec = container.exec(&program, self.context);
        let exit = match exec.instrument(span).await {
            Err(EngineError::Container { failure, .. })
                if run.optional && failure.kind == FailureKind::NotFound =>
            {
                Exit::Code(0)
            }
            exit => exit?,
        };
        if exit.is_success() {
            return Ok(());
        }
        let script = run.script.clone();
        Err(BuildError::Script {
            script,
            image,
            exit,
        }
        .into())
    }

    fn program(&self, stage: &Stage, run: &Run) -> Result<Program, BuildError> {
        let image = self.image(stage.from)?;
        let is_used = |secret: &&Secret| run.secrets.iter().any(|name| name == secret.name());
        let secrets = self.materials.secrets.iter().filter(is_used);
        let injections = self.materials.injections.iter();
        Ok(Program {
            secrets: secrets.cloned().collect(),
            masked: injections.flat_map(Injection::texts).collect(),
            without: stage.options.without_capabilities.clone(),
            ..program(run, stage.user_of(run), &image.config)
        })
    }

    fn warn(&self, stage: StageName, message: String) -> Result<(), BuildError> {
        let image = self.image(self.stage(stage).from)?.name;
        self.context
            .progress
            .warn([Diagnostic::new(image.to_string(), message)]);
        Ok(())
    }
}

/// Returns whether a container may have failed to start because of the artifacts to mount.
fn may_be_about_artifacts(error: &EngineError) -> bool {
    !matches!(
        error,
        EngineError::Interrupted(_) | EngineError::Input { .. }
    )
}

/// Returns the files of a stage's container for another stage.
pub(super) fn files(paths: &StagePaths, times: Times) -> Files {
    Files {
        items: paths.paths.clone(),
        times,
        keep_modes: paths.keep_modes,
    }
}

fn copy_phase(stage: &Stage) -> Phase {
    match stage.name {
        StageName::Runtime => Phase::Artifacts,
        StageName::Previous | StageName::Build => Phase::Upload,
    }
}

fn run_phase(command: &Command) -> Phase {
    match command {
        Command::Trigger(_) => Phase::Triggers,
        Command::Script(Script::SaveArtifacts) => Phase::SaveArtifacts,
        Command::Script(Script::AssembleRuntime) => Phase::AssembleRuntime,
        Command::Script(Script::Usage) => Phase::Usage,
        Command::Script(Script::Assemble | Script::Run) => Phase::Assemble,
    }
}
