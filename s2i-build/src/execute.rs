//! Does what a plan says, and has no choice.

use s2i_core::{
    Diagnostic, ErrorChain, Script, archive,
    wire::{Exit, FailureKind},
};
use tracing::Instrument as _;

use crate::{
    cancel::CancelToken,
    engine::{
        Artifacts, Commit, Committed, Container, Content, Engine, EngineError, Input, SourceTree,
        Start,
    },
    error::{BuildError, Failed},
    event::{Phase, Progress},
    plan::{
        BuildPlan, KeepPlan, RunPlan, RuntimePlan, SavePlan, ScriptUser, TRUST_FILE, Upload,
        Uploaded,
    },
    resource::Resource,
    source::Fetched,
    stream::{ArchiveStream, pieces_of},
    trace,
};

/// Runs the containers of the plan and makes the image.
///
/// # Errors
/// [`Failed`]; no container is left behind unless its `cleanup` or a warning says so.
pub async fn execute<E: Engine>(
    engine: &E,
    plan: &BuildPlan,
    source: &Fetched,
    progress: &Progress<'_>,
    cancel: &CancelToken,
) -> Result<Committed, Failed> {
    let steps = Steps {
        engine,
        plan,
        source,
        progress,
        cancel,
    };
    let built = steps.assemble().await?;
    match &plan.runtime {
        Some(runtime) => steps.split(built, runtime).await,
        None => steps.commit(built, &plan.commit).await,
    }
}

struct Steps<'a, E> {
    engine: &'a E,
    plan: &'a BuildPlan,
    source: &'a Fetched,
    progress: &'a Progress<'a>,
    cancel: &'a CancelToken,
}

impl<E: Engine> Steps<'_, E> {
    async fn assemble(&self) -> Result<E::Container, Failed> {
        let run = &self.plan.assemble;
        let container = match &self.plan.save {
            Some(save) => self.start_with(run, save).await?,
            None => self.start(run, None).await?,
        };
        let phases = (Phase::Upload, Phase::Assemble);
        self.run(container, run, None, phases).await
    }

    /// Carries the artifacts into the second container and makes the image of that. The first one goes
    /// once it has given what it had, whatever became of that.
    async fn split(
        &self,
        mut built: E::Container,
        runtime: &RuntimePlan,
    ) -> Result<Committed, Failed> {
        let artifacts = built.read(runtime.artifacts.clone(), self.plan.epoch);
        let last = match self.assemble_runtime(&runtime.run, artifacts).await {
            Ok(last) => last,
            Err(failed) => return Err(also(failed, built.discard().await)),
        };
        if let Some(keep) = &runtime.keep {
            return self.commit_both(built, keep, last).await;
        }
        self.tell_left(built.discard().await.err());
        self.commit(last, &self.plan.commit).await
    }

    /// Makes images of both containers. Neither name changes before both images are there, and the
    /// last thing that can fail spoils no result.
    async fn commit_both(
        &self,
        built: E::Container,
        keep: &KeepPlan,
        last: E::Container,
    ) -> Result<Committed, Failed> {
        let kept = match self.commit(built, &keep.commit).await {
            Ok(kept) => kept,
            Err(failed) => return Err(also(failed, last.discard().await)),
        };
        // Where everything stops, so does the next commit.
        let _unnamed = self.cancel.track(Resource::Image(kept.id.clone()));
        let made = match self.commit(last, &self.plan.commit).await {
            Ok(made) => made,
            Err(failed) => return Err(also(failed, self.engine.forget(&kept).await)),
        };
        if let Err(error) = self.engine.name(&kept, &keep.name).await {
            let what = format!("the artifacts are not kept: {}", ErrorChain(&error));
            let diagnostic = Diagnostic::new(keep.name.to_string(), what);
            self.progress.warn([diagnostic]);
            self.tell_left(self.engine.forget(&kept).await.err());
        }
        Ok(made)
    }

    async fn assemble_runtime(
        &self,
        run: &RunPlan,
        artifacts: ArchiveStream<'_>,
    ) -> Result<E::Container, Failed> {
        let container = self.start(run, None).await?;
        let phases = (Phase::Artifacts, Phase::AssembleRuntime);
        self.run(container, run, Some(artifacts), phases).await
    }

    /// Starts a container with what the build before has saved: lent, or else brought in.
    async fn start_with(&self, run: &RunPlan, save: &SavePlan) -> Result<E::Container, Failed> {
        let artifacts = save.directory.as_ref().map(|directory| Artifacts {
            image: &save.image,
            directory,
            at: &save.into,
        });
        let container = match self.start(run, artifacts).await {
            // Whatever was wrong with them, the build is done.
            Err(Failed {
                error: BuildError::Engine(error),
                ..
            }) if artifacts.is_some() && may_be_about_artifacts(&error) => {
                let container = self.start(run, None).await?;
                let why = format!("artifacts can't be lent: {}", ErrorChain(&error));
                let name = save.image.name.to_string();
                self.progress.warn([Diagnostic::new(name, why)]);
                container
            }
            started => started?,
        };
        if container.has_artifacts() {
            return Ok(container);
        }
        self.reuse(container, save).await
    }

    async fn start(
        &self,
        run: &RunPlan,
        artifacts: Option<Artifacts<'_>>,
    ) -> Result<E::Container, Failed> {
        let tree = self.source.tree(self.plan.epoch);
        let source = run.uploads.iter().find(|upload| is_source(upload));
        let source = source.map(|upload| SourceTree {
            tree: &tree,
            into: &upload.into,
        });
        let start = Start {
            image: &run.image,
            user: &run.program.user,
            network: &run.network,
            limits: run.limits,
            artifacts,
            source,
        };
        let container = self.engine.start(&start, self.progress, self.cancel);
        admitted(container.await?, run.script_user()).await
    }

    /// Brings in what the build before has saved. When that fails, the container may have a part of it,
    /// and the build goes on in a fresh one.
    async fn reuse(
        &self,
        mut container: E::Container,
        save: &SavePlan,
    ) -> Result<E::Container, Failed> {
        let Err(failed) = self.save(&mut container, save).await else {
            return Ok(container);
        };
        let discarded = container.discard().await;
        let error = match (failed, discarded) {
            (
                Failed {
                    error: BuildError::Engine(error),
                    cleanup: None,
                },
                Ok(()),
            ) if !matches!(error, EngineError::Interrupted(_)) => error,
            (failed, discarded) => return Err(also(failed, discarded)),
        };
        let name = &save.image.name;
        let why = format!("a clean build: {}", ErrorChain(&error));
        self.progress.warn([Diagnostic::new(name.to_string(), why)]);
        self.start(&self.plan.assemble, None).await
    }

    async fn save(&self, into: &mut E::Container, save: &SavePlan) -> Result<(), Failed> {
        let start = Start {
            image: &save.image,
            user: &save.program.user,
            network: &save.network,
            limits: save.limits,
            artifacts: None,
            source: None,
        };
        let previous = self.engine.start(&start, self.progress, self.cancel);
        let mut previous = admitted(previous.await?, save.script_user()).await?;
        self.progress.phase(Phase::SaveArtifacts);
        tell_root(&previous, save.script_user(), self.progress);
        let input = Input {
            into: save.into.clone(),
            content: Content::Archive(previous.pour(&save.program, self.progress)),
        };
        let saved = into.unpack(input, self.progress, self.cancel).await;
        self.tell_left(previous.discard().await.err());
        Ok(saved?)
    }

    /// Brings everything into a container and runs its script; a status other than 0 is an error, and
    /// then the container is gone.
    async fn run(
        &self,
        mut container: E::Container,
        run: &RunPlan,
        artifacts: Option<ArchiveStream<'_>>,
        phases: (Phase, Phase),
    ) -> Result<E::Container, Failed> {
        let span = tracing::info_span!("run", { trace::IMAGE } = %run.image.name, { trace::SCRIPT } = %run.script);
        let running = self.fill_and_exec(&mut container, run, artifacts, phases);
        let error = match running.instrument(span).await {
            Ok(exit) if exit.is_success() => return Ok(container),
            Ok(exit) => script_failed(run, exit),
            Err(err) => err.into(),
        };
        Err(both(error, container.discard().await))
    }

    async fn fill_and_exec(
        &self,
        container: &mut E::Container,
        run: &RunPlan,
        mut artifacts: Option<ArchiveStream<'_>>,
        (input_phase, program_phase): (Phase, Phase),
    ) -> Result<Exit, EngineError> {
        self.progress.phase(input_phase);
        let has_source = container.has_source();
        let is_missing = |upload: &&Upload| !(has_source && is_source(upload));
        for upload in run.uploads.iter().filter(is_missing) {
            let into = upload.into.clone();
            let content = self.content(upload, &mut artifacts);
            let input = Input { into, content };
            container.unpack(input, self.progress, self.cancel).await?;
        }
        self.progress.phase(program_phase);
        tell_root(container, run.script_user(), self.progress);
        let exec = container.exec(&run.program, self.progress, self.cancel);
        match exec.await {
            Err(EngineError::Container { failure, .. })
                if run.program.optional && failure.kind == FailureKind::NotFound =>
            {
                Ok(Exit::Code(0))
            }
            done => done,
        }
    }

    fn content<'a>(
        &self,
        upload: &Upload,
        artifacts: &mut Option<ArchiveStream<'a>>,
    ) -> Content<'a> {
        let mtime = self.plan.epoch;
        match &upload.what {
            Uploaded::Source => Content::Tree(self.source.tree(mtime)),
            Uploaded::Scripts(scripts) => Content::Archive(self.source.scripts(scripts, mtime)),
            Uploaded::Certificates(certificates) => {
                Content::Archive(one_file(TRUST_FILE, certificates, mtime))
            }
            Uploaded::Artifacts => Content::Archive(
                artifacts
                    .take()
                    .expect("the plan has artifacts in one upload of a second run"),
            ),
        }
    }

    /// A container that could not be removed is no reason to throw away what was built.
    fn tell_left(&self, left: Option<EngineError>) {
        let tell = |err| Diagnostic::new("cleanup", ErrorChain(&err).to_string());
        self.progress.warn(left.map(tell));
    }

    /// Makes an image of a container, which goes.
    async fn commit(
        &self,
        mut container: E::Container,
        commit: &Commit,
    ) -> Result<Committed, Failed> {
        let committing = container.commit(commit, self.progress, self.cancel);
        let committed = committing.instrument(tracing::info_span!("commit")).await;
        let discarded = container.discard().await;
        match (committed, discarded) {
            (Ok(committed), discarded) => {
                self.tell_left(discarded.err());
                Ok(committed)
            }
            (Err(error), discarded) => Err(both(error.into(), discarded)),
        }
    }
}

/// Ends a container in which nothing has run yet when its user is one that the plan does not allow.
pub(crate) async fn admitted<C: Container>(
    container: C,
    user: ScriptUser<'_>,
) -> Result<C, Failed> {
    match user.check(container.uid()) {
        Ok(()) => Ok(container),
        Err(refused) => Err(both(refused.into(), container.discard().await)),
    }
}

/// Says that a script runs as root, where it does.
pub(crate) fn tell_root(container: &impl Container, user: ScriptUser<'_>, progress: &Progress<'_>) {
    if let Some(notice) = user.root_notice(container.uid()) {
        progress.notice(notice);
    }
}

/// Returns whether a container may have failed to start because of artifacts that it was to be lent.
fn may_be_about_artifacts(error: &EngineError) -> bool {
    !matches!(
        error,
        EngineError::Interrupted(_) | EngineError::Input { .. }
    )
}

fn is_source(upload: &Upload) -> bool {
    upload.what == Uploaded::Source
}

/// An archive of one text file.
fn one_file(name: &'static str, text: &str, mtime: u64) -> ArchiveStream<'static> {
    let text = text.to_owned();
    pieces_of(move |out| {
        let mut archive = archive::Writer::new(out, mtime);
        archive.file(name, 0o644, text.len() as u64, &mut text.as_bytes())?;
        archive.finish().map(drop)
    })
}

/// A failure, and what became of cleaning up after it.
fn also(failed: Failed, cleanup: Result<(), EngineError>) -> Failed {
    Failed {
        cleanup: failed.cleanup.or(cleanup.err()),
        ..failed
    }
}

fn both(error: BuildError, cleanup: Result<(), EngineError>) -> Failed {
    Failed {
        error,
        cleanup: cleanup.err(),
    }
}

fn script_failed(run: &RunPlan, exit: Exit) -> BuildError {
    let script: Script = run.script;
    BuildError::Script {
        script,
        image: run.image.name.clone(),
        exit,
    }
}
