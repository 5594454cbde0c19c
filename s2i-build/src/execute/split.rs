//! A plan with a runtime image in two processes: one in a container of the builder, one in a container of the runtime
//! image.
//!
//! The processes share a directory, in which the first one leaves the artifacts for the second one.

use super::{Containers, Executor, Materials, check, name_result, stage::files};
use crate::{
    artifact_cache::ArtifactCache,
    context::BuildContext,
    error::BuildFailure,
    event::Phase,
    plan::{BuildPlan, CopySource, Stage, StageName},
    ports::{Committed, Container as _, EngineError, ImageStore, Operation, Runner},
};

/// Runs the stages of a plan before that of the runtime image, and leaves the artifacts in a directory.
///
/// # Errors
/// [`BuildFailure`], as for [`execute`](super::execute).
pub async fn execute_builder<E: Runner + ImageStore>(
    engine: &E,
    plan: &BuildPlan,
    materials: &Materials<'_>,
    artifacts: &ArtifactCache,
    context: BuildContext<'_>,
) -> Result<(), BuildFailure> {
    check(engine, plan, materials)?;
    let executor = Executor::new(engine, plan, materials, context);
    let mut containers = Containers::default();
    let run = async {
        let is_wanted = |name| name != StageName::Runtime;
        executor.run_stages(is_wanted, &mut containers).await?;
        executor.hand_over(&mut containers, artifacts).await
    };
    match run.await {
        Ok(()) => {
            for container in containers.take_unneeded(|_| false) {
                context.warn_of_leftover(container.discard().await);
            }
            executor.keep_artifacts();
            Ok(())
        }
        Err(failure) => Err(containers.discard_all(failure).await),
    }
}

/// Runs the stage of a plan's runtime image with the artifacts that [`execute_builder`] has left, commits the image and
/// returns it.
///
/// # Errors
/// [`BuildFailure`], as for [`execute`](super::execute).
pub async fn execute_runtime<E: Runner + ImageStore>(
    engine: &E,
    plan: &BuildPlan,
    materials: &Materials<'_>,
    artifacts: &ArtifactCache,
    context: BuildContext<'_>,
) -> Result<Committed, BuildFailure> {
    check(engine, plan, materials)?;
    let executor = Executor {
        handed_over: Some(artifacts),
        ..Executor::new(engine, plan, materials, context)
    };
    let mut containers = Containers::default();
    let run = async {
        let is_wanted = |name| name == StageName::Runtime;
        executor.run_stages(is_wanted, &mut containers).await?;
        executor.make_images(&mut containers).await
    };
    match run.await {
        Ok(result) => {
            name_result(engine, plan, &result).await?;
            Ok(result)
        }
        Err(failure) => Err(containers.discard_all(failure).await),
    }
}

impl<E: Runner + ImageStore> Executor<'_, E> {
    /// Reads the artifacts from the builder's container into a directory.
    async fn hand_over(
        &self,
        containers: &mut Containers<E::Container>,
        artifacts: &ArtifactCache,
    ) -> Result<(), BuildFailure> {
        let runtime = self.plan.stage(StageName::Runtime);
        let mut copies = runtime.into_iter().flat_map(Stage::copies);
        let paths = copies.find_map(|copy| match &copy.from {
            CopySource::Stage(paths) => Some(paths),
            _ => None,
        });
        let Some(paths) = paths else { return Ok(()) };
        self.context.progress.phase(Phase::Artifacts);
        let from = containers.get_mut(paths.name);
        let archive = from.read(files(paths, self.plan.times));
        let written = async { Ok::<_, EngineError>(artifacts.write(archive).await) };
        let written = self.context.or_interrupted(written).await?;
        let kept = written.and_then(super::NewArtifacts::keep);
        kept.map_err(|source| EngineError::Failed {
            operation: Operation::Write,
            subject: artifacts.dir().display().to_string(),
            source: source.into(),
        })?;
        Ok(())
    }
}
