//! The container of a build behind its agent: a bundle in the store, and a sandbox over it.

use std::thread;

use s2i_build::{
    BuildContext, EngineError,
    agent_container::{AgentContainer, Backend},
    ports::{Commit, Committed},
    session::Session,
};
use s2i_core::wire::{Finish, Removal};

use crate::{bundle::Bundle, commit, error::blocking, tracked::or_reason};

/// A container of the embedded engine.
pub type NativeContainer = AgentContainer<NativeBackend>;

/// The bundle of a container; `None` while it is committed.
pub struct NativeBackend(pub(crate) Option<Bundle>);

impl Backend for NativeBackend {
    fn has_artifacts(&self) -> bool {
        let bundle = self.0.as_ref();
        bundle.is_some_and(|bundle| bundle.artifacts.is_some())
    }

    fn has_source(&self) -> bool {
        let bundle = self.0.as_ref();
        bundle.is_some_and(|bundle| bundle.source.is_some())
    }

    fn cleanup(&self, commit: &Commit) -> Finish {
        let bundle = self.0.as_ref().expect("there is one commit");
        // Mounts can't be removed, and are in no layer.
        let is_kept = |removal: &&Removal| Some(&removal.path) != bundle.artifacts.as_ref();
        Finish {
            remove: commit.remove.iter().filter(is_kept).cloned().collect(),
            made: bundle.source.iter().cloned().collect(),
            aside: Some(bundle.aside()),
            // Changes are known here, without a walk through the whole image.
            times: None,
            require: commit.require.clone(),
        }
    }

    async fn commit(
        &mut self,
        commit: &Commit,
        session: Session,
        context: BuildContext<'_>,
    ) -> Result<Committed, EngineError> {
        drop(session);
        let mut bundle = self.0.take().expect("there is one commit");
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
        self.0 = Some(bundle);
        committed
    }

    async fn remove(self) -> Result<(), EngineError> {
        let Some(bundle) = self.0 else { return Ok(()) };
        blocking(move || bundle.remove()).await
    }
}
