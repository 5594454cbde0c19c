//! A container whose first process is the [agent](s2i_core::wire).
//!
//! The agent does everything that happens inside of the container, whatever the engine is. What it can't do, to commit
//! and to remove its own container, is the [`Backend`] of an engine.

use s2i_core::{
    ContainerPath,
    wire::{Exit, Finish},
};

use crate::{
    context::BuildContext,
    event::{Phase, Progress},
    ports::{Commit, Committed, Container, EngineError, Files, Input, Program, Start},
    session::{Session, Transport},
    stream::ArchiveStream,
};

/// The part of a container that is different for each engine.
pub trait Backend: Send {
    /// Returns whether the container has the [artifacts](Start::artifacts) that it was started with.
    fn has_artifacts(&self) -> bool {
        false
    }

    /// Returns whether the container has the [source](Start::source) that it was started with.
    fn has_source(&self) -> bool {
        false
    }

    /// Returns the last request to the agent, before a commit. By default the agent removes all paths and sets the
    /// times of all changes. An engine that can do a part of that faster leaves it out.
    fn cleanup(&self, commit: &Commit) -> Finish {
        Finish {
            remove: commit.remove.clone(),
            made: Vec::new(),
            aside: None,
            times: Some(commit.times),
            require: commit.require.clone(),
        }
    }

    /// Commits the container after the cleanup. The agent, and with it the container, ends when the session is dropped:
    /// an engine that commits a running container keeps it until then.
    ///
    /// # Errors
    /// [`EngineError`]; no image is left behind.
    fn commit(
        &mut self,
        commit: &Commit,
        session: Session,
        context: BuildContext<'_>,
    ) -> impl Future<Output = Result<Committed, EngineError>> + Send;

    /// Removes the container in any state, and everything in it.
    ///
    /// # Errors
    /// [`EngineError`] when something may be left behind.
    fn remove(self) -> impl Future<Output = Result<(), EngineError>> + Send;
}

/// A container whose agent waits for the next request.
pub struct AgentContainer<B> {
    backend: B,
    /// `None` after a commit.
    session: Option<Session>,
    uid: u32,
}

impl<B: Backend> AgentContainer<B> {
    /// Opens the session with the agent of a new container. `starting` returns the streams of the agent. After an error
    /// or a cancellation, the container is removed.
    ///
    /// # Errors
    /// Those of `starting` and of [`Session::open`], and [`EngineError::Interrupted`].
    pub async fn open(
        backend: B,
        start: &Start<'_>,
        starting: impl Future<Output = Result<Transport, EngineError>>,
        context: BuildContext<'_>,
    ) -> Result<Self, EngineError> {
        let image = start.image.name.clone();
        // On the heap, because a moved future is held twice.
        let opening = Box::pin(async { Session::open(image, start.user, starting.await?).await });
        match context.or_interrupted(opening).await {
            Ok(session) => Ok(Self {
                backend,
                uid: session.uid(),
                session: Some(session),
            }),
            Err(err) => {
                context.warn_of_leftover(backend.remove().await);
                Err(err)
            }
        }
    }

    /// Returns the engine's part.
    pub fn backend_mut(&mut self) -> &mut B {
        &mut self.backend
    }

    fn session(&mut self) -> &mut Session {
        let session = self.session.as_mut();
        session.expect("a commit is the last operation")
    }
}

impl<B: Backend> Container for AgentContainer<B> {
    fn uid(&self) -> u32 {
        self.uid
    }

    fn has_artifacts(&self) -> bool {
        self.backend.has_artifacts()
    }

    fn has_source(&self) -> bool {
        self.backend.has_source()
    }

    async fn identify(
        &mut self,
        user: &str,
        context: BuildContext<'_>,
    ) -> Result<u32, EngineError> {
        let identifying = self.session().identify(user);
        context.or_interrupted(identifying).await
    }

    async fn unpack(
        &mut self,
        input: Input<'_>,
        context: BuildContext<'_>,
    ) -> Result<(), EngineError> {
        let unpacking = self.session().unpack(input, context.progress);
        context.or_interrupted(unpacking).await
    }

    async fn inject(
        &mut self,
        into: &ContainerPath,
        archive: ArchiveStream<'_>,
        context: BuildContext<'_>,
    ) -> Result<(), EngineError> {
        let injecting = self.session().inject(into, archive, context.progress);
        context.or_interrupted(injecting).await
    }

    async fn exec(
        &mut self,
        program: &Program,
        context: BuildContext<'_>,
    ) -> Result<Exit, EngineError> {
        let running = self.session().exec(program, context.progress);
        context.or_interrupted(running).await
    }

    fn exec_archive<'a>(
        &'a mut self,
        program: &Program,
        progress: &'a Progress<'_>,
    ) -> ArchiveStream<'a> {
        self.session().exec_archive(program, progress)
    }

    fn read(&mut self, files: Files) -> ArchiveStream<'_> {
        self.session().read(files)
    }

    async fn read_file(
        &mut self,
        path: &ContainerPath,
        context: BuildContext<'_>,
    ) -> Result<Option<Vec<u8>>, EngineError> {
        let reading = self.session().read_file(path);
        context.or_interrupted(reading).await
    }

    async fn commit(
        &mut self,
        commit: &Commit,
        context: BuildContext<'_>,
    ) -> Result<Committed, EngineError> {
        context.progress.phase(Phase::Clean);
        let cleanup = self.backend.cleanup(commit);
        let mut session = self.session.take().expect("there is one commit");
        let cleaning = session.finish(cleanup, context.progress);
        context.or_interrupted(cleaning).await?;
        context.progress.phase(Phase::Commit);
        self.backend.commit(commit, session, context).await
    }

    async fn discard(self) -> Result<(), EngineError> {
        drop(self.session);
        self.backend.remove().await
    }
}
