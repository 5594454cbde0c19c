//! One container: a bundle in the store, a sandbox over it, and the agent in the sandbox.

use std::thread;

use s2i_build::{
    BuildContext, Container, EngineError,
    event::{Phase, Progress},
    ports::{Commit, Committed, Input, Program},
    session::Session,
    stream::ArchiveStream,
};
use s2i_core::{
    ContainerPath,
    wire::{Exit, Finish, ReadItem},
};

use crate::{bundle::Bundle, commit, error::blocking, tracked::or_reason};

/// A container whose agent waits for the next request.
pub struct NativeContainer {
    /// `None` while it is committed.
    bundle: Option<Bundle>,
    /// `None` once the agent was ended.
    session: Option<Session>,
    /// The user of every request to the agent.
    user: String,
    uid: u32,
}

impl NativeContainer {
    pub(crate) fn new(bundle: Bundle, session: Session, user: &str) -> Self {
        Self {
            bundle: Some(bundle),
            uid: session.uid(),
            session: Some(session),
            user: user.into(),
        }
    }

    fn session(&mut self) -> &mut Session {
        self.session.as_mut().expect("a commit is the last request")
    }
}

impl Container for NativeContainer {
    fn uid(&self) -> u32 {
        self.uid
    }

    fn has_artifacts(&self) -> bool {
        self.bundle
            .as_ref()
            .is_some_and(|bundle| bundle.artifacts.is_some())
    }

    fn has_source(&self) -> bool {
        self.bundle
            .as_ref()
            .is_some_and(|bundle| bundle.source.is_some())
    }

    async fn unpack(
        &mut self,
        input: Input<'_>,
        context: BuildContext<'_>,
    ) -> Result<(), EngineError> {
        let user = self.user.clone();
        let unpacking = self.session().unpack(input, &user, context.progress);
        context.or_interrupted(unpacking).await
    }

    async fn exec(
        &mut self,
        program: &Program,
        context: BuildContext<'_>,
    ) -> Result<Exit, EngineError> {
        context
            .or_interrupted(self.session().exec(program, context.progress))
            .await
    }

    fn pour<'a>(&'a mut self, program: &Program, progress: &'a Progress<'_>) -> ArchiveStream<'a> {
        self.session().pour(program, progress)
    }

    fn read(&mut self, items: Vec<ReadItem>, mtime: u64) -> ArchiveStream<'_> {
        let user = self.user.clone();
        self.session().read(items, mtime, &user)
    }

    async fn commit(
        &mut self,
        commit: &Commit,
        context: BuildContext<'_>,
    ) -> Result<Committed, EngineError> {
        context.progress.phase(Phase::Clean);
        let bundle = self.bundle.as_ref().expect("it is given back");
        let (artifacts, aside) = (bundle.artifacts.clone(), bundle.aside());
        let is_kept = |path: &&ContainerPath| Some(*path) != artifacts.as_ref();
        let finish = Finish {
            // What is mounted can't be removed, and is in no layer.
            remove: commit.remove.iter().filter(is_kept).cloned().collect(),
            made: bundle.source.iter().cloned().collect(),
            aside: Some(aside),
            // What changed is known here, without a walk through the whole image.
            mtime: None,
            require: commit.require.clone(),
        };
        context
            .or_interrupted(self.session().finish(finish, context.progress))
            .await?;
        self.session = None;
        context.progress.phase(Phase::Commit);
        let mut bundle = self.bundle.take().expect("nothing follows a commit");
        let (commit, cancel) = (commit.clone(), context.cancel.clone());
        let (bundle, committed) = blocking(move || {
            let committed = bundle
                .end(&cancel)
                .and_then(|()| bundle.take_aside())
                .and_then(|aside| {
                    thread::scope(|scope| {
                        // The source goes while the digest of what is left is made.
                        scope.spawn(bundle.removal(&aside));
                        commit::commit(&bundle, &commit, &cancel)
                    })
                });
            Ok((bundle, or_reason(committed, &cancel)))
        })
        .await?;
        self.bundle = Some(bundle);
        committed
    }

    async fn discard(self) -> Result<(), EngineError> {
        let Self {
            bundle, session, ..
        } = self;
        drop(session);
        let Some(bundle) = bundle else { return Ok(()) };
        blocking(move || bundle.remove()).await
    }
}
