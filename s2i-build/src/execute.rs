//! Does what a plan says, and has no choice.

use s2i_core::{Diagnostic, ErrorChain, Script, archive, wire::Exit};
use tracing::Instrument as _;

use crate::{
    cancel::CancelToken,
    engine::{Committed, Content, Engine, EngineError, Finished, Input, RunSpec},
    error::{BuildError, Failed},
    event::{Phase, Progress},
    plan::{BuildPlan, RunPlan, TRUST_FILE, Uploaded},
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
    let built = steps
        .run(&plan.assemble, None, (Phase::Upload, Phase::Assemble))
        .await?;
    match &plan.runtime {
        None => steps.commit(built).await,
        Some(runtime) => {
            let mut built = built;
            let artifacts = built.read(runtime.artifacts.clone(), plan.epoch);
            let phases = (Phase::Artifacts, Phase::AssembleRuntime);
            let assembled = steps.run(&runtime.run, Some(artifacts), phases).await;
            // The first container has given what it had; whatever became of that, it goes.
            let discarded = built.discard().await;
            match (assembled, discarded) {
                (Ok(last), discarded) => {
                    steps.tell_left(discarded.err());
                    steps.commit(last).await
                }
                (Err(failed), discarded) => Err(Failed {
                    cleanup: failed.cleanup.or(discarded.err()),
                    ..failed
                }),
            }
        }
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
    /// Runs one script; a status other than 0 is an error, and then the container is gone.
    async fn run(
        &self,
        run: &RunPlan,
        mut artifacts: Option<ArchiveStream<'_>>,
        (input_phase, program_phase): (Phase, Phase),
    ) -> Result<E::Finished, Failed> {
        let mtime = self.plan.epoch;
        let inputs = run.uploads.iter().map(|upload| Input {
            into: upload.into.clone(),
            content: match &upload.what {
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
            },
        });
        let spec = RunSpec {
            image: &run.image,
            inputs: inputs.collect(),
            program: &run.program,
            network: &run.network,
            input_phase,
            program_phase,
        };
        let span = tracing::info_span!("run", { trace::IMAGE } = %run.image.name, { trace::SCRIPT } = %run.script);
        let running = self.engine.run(spec, self.progress, self.cancel);
        let finished = running.instrument(span).await?;
        match finished.exit() {
            exit if exit.is_success() => Ok(finished),
            exit => Err(both(script_failed(run, exit), finished.discard().await)),
        }
    }

    /// A container that could not be removed is no reason to throw away what was built.
    fn tell_left(&self, left: Option<EngineError>) {
        let tell = |err| Diagnostic::new("cleanup", ErrorChain(&err).to_string());
        self.progress.warn(left.map(tell));
    }

    async fn commit(&self, mut last: E::Finished) -> Result<Committed, Failed> {
        let committing = last.commit(&self.plan.commit, self.progress, self.cancel);
        let committed = committing.instrument(tracing::info_span!("commit")).await;
        let discarded = last.discard().await;
        match (committed, discarded) {
            (Ok(committed), discarded) => {
                self.tell_left(discarded.err());
                Ok(committed)
            }
            (Err(error), discarded) => Err(both(error.into(), discarded)),
        }
    }
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
