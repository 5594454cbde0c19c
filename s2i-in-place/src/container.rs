//! The containers of this engine: the own one, and those of images that only receive files.

use futures_util::{StreamExt as _, stream};
use s2i_build::{
    BuildContext, EngineError,
    event::Progress,
    ports::{Commit, Committed, Container, Files, Input, Program},
    stream::ArchiveStream,
};
use s2i_core::{ContainerPath, wire::Exit};

use crate::{composed::Composed, job::JobContainer};

/// A container of this engine.
pub struct InPlaceContainer(pub(crate) Kind);

pub(crate) enum Kind {
    /// The own container.
    Job(Box<JobContainer>),
    /// A container of another image, in which nothing runs.
    Composed(Box<Composed>),
}

impl Container for InPlaceContainer {
    fn uid(&self) -> u32 {
        match &self.0 {
            Kind::Job(job) => job.uid(),
            Kind::Composed(composed) => composed.uid(),
        }
    }

    fn has_artifacts(&self) -> bool {
        match &self.0 {
            Kind::Job(job) => job.has_artifacts(),
            Kind::Composed(_) => false,
        }
    }

    async fn identify(
        &mut self,
        user: &str,
        context: BuildContext<'_>,
    ) -> Result<u32, EngineError> {
        match &mut self.0 {
            Kind::Job(job) => job.identify(user, context).await,
            Kind::Composed(composed) => composed.identify(user),
        }
    }

    async fn unpack(
        &mut self,
        input: Input<'_>,
        context: BuildContext<'_>,
    ) -> Result<(), EngineError> {
        match &mut self.0 {
            Kind::Job(job) => job.unpack(input, context).await,
            Kind::Composed(composed) => composed.unpack(input, context).await,
        }
    }

    async fn inject(
        &mut self,
        into: &ContainerPath,
        archive: ArchiveStream<'_>,
        context: BuildContext<'_>,
    ) -> Result<(), EngineError> {
        match &mut self.0 {
            Kind::Job(job) => job.inject(into, archive, context).await,
            Kind::Composed(composed) => Err(composed.cannot_run()),
        }
    }

    async fn exec(
        &mut self,
        program: &Program,
        context: BuildContext<'_>,
    ) -> Result<Exit, EngineError> {
        match &mut self.0 {
            Kind::Job(job) => job.exec(program, context).await,
            Kind::Composed(composed) => Err(composed.cannot_run()),
        }
    }

    fn exec_archive<'a>(
        &'a mut self,
        program: &Program,
        progress: &'a Progress<'_>,
    ) -> ArchiveStream<'a> {
        match &mut self.0 {
            Kind::Job(job) => job.exec_archive(program, progress),
            Kind::Composed(composed) => failing(composed.cannot_run()),
        }
    }

    fn read(&mut self, files: Files) -> ArchiveStream<'_> {
        match &mut self.0 {
            Kind::Job(job) => job.read(files),
            Kind::Composed(composed) => failing(composed.cannot_run()),
        }
    }

    async fn read_file(
        &mut self,
        path: &ContainerPath,
        context: BuildContext<'_>,
    ) -> Result<Option<Vec<u8>>, EngineError> {
        match &mut self.0 {
            Kind::Job(job) => job.read_file(path, context).await,
            // Scripts leave it, and none has run.
            Kind::Composed(_) => Ok(None),
        }
    }

    async fn commit(
        &mut self,
        commit: &Commit,
        context: BuildContext<'_>,
    ) -> Result<Committed, EngineError> {
        match &mut self.0 {
            Kind::Job(job) => job.commit(commit, context).await,
            Kind::Composed(composed) => {
                context.progress.phase(s2i_build::event::Phase::Commit);
                composed.commit(commit, context).await
            }
        }
    }

    async fn discard(self) -> Result<(), EngineError> {
        match self.0 {
            Kind::Job(job) => job.discard().await,
            // Its directory is removed with it.
            Kind::Composed(_) => Ok(()),
        }
    }
}

fn failing(error: EngineError) -> ArchiveStream<'static> {
    stream::iter([Err(std::io::Error::other(error))]).boxed()
}
