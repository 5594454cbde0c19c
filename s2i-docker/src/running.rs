//! A container whose agent waits for the next request.

use std::collections::HashMap;

use bollard::query_parameters::{CommitContainerOptions, InspectContainerOptions};
use s2i_build::{
    BuildContext, Container, EngineError, Resource,
    event::{Phase, Progress},
    ports::{Commit, Committed, Input, Operation, Program},
    session::Session,
    stream::ArchiveStream,
};
use s2i_core::{
    ImageRef,
    wire::{Exit, Finish, ReadItem},
};

use crate::{
    cleanup::warn_of,
    container::Handle,
    convert,
    endpoint::Flavour,
    error::{Said, failed},
    made,
};

/// A container whose agent waits for the next request.
pub struct DockerContainer {
    pub(crate) handle: Handle,
    pub(crate) session: Session,
    /// The user of every request to the agent.
    pub(crate) user: String,
    pub(crate) flavour: Flavour,
}

impl Container for DockerContainer {
    fn uid(&self) -> u32 {
        self.session.uid()
    }

    async fn unpack(
        &mut self,
        input: Input<'_>,
        context: BuildContext<'_>,
    ) -> Result<(), EngineError> {
        let unpacking = self.session.unpack(input, &self.user, context.progress);
        context.or_interrupted(unpacking).await
    }

    async fn exec(
        &mut self,
        program: &Program,
        context: BuildContext<'_>,
    ) -> Result<Exit, EngineError> {
        context
            .or_interrupted(self.session.exec(program, context.progress))
            .await
    }

    fn pour<'a>(&'a mut self, program: &Program, progress: &'a Progress<'_>) -> ArchiveStream<'a> {
        self.session.pour(program, progress)
    }

    fn read(&mut self, items: Vec<ReadItem>, mtime: u64) -> ArchiveStream<'_> {
        self.session.read(items, mtime, &self.user)
    }

    async fn commit(
        &mut self,
        commit: &Commit,
        context: BuildContext<'_>,
    ) -> Result<Committed, EngineError> {
        context.progress.phase(Phase::Clean);
        let finish = Finish {
            remove: commit.remove.clone(),
            made: Vec::new(),
            aside: None,
            mtime: Some(commit.mtime),
            require: commit.require.clone(),
        };
        context
            .or_interrupted(self.session.finish(finish, context.progress))
            .await?;
        context.progress.phase(Phase::Commit);
        let container = &self.handle;
        let _commit = context
            .cancel
            .track(Resource::Commit(container.name.clone()))?;
        let id = container.commit(commit, self.flavour).await?;
        // A commit can't be cancelled, but its image can be removed.
        if let Some(reason) = context.cancel.reason() {
            if let Err(left) = container.remove_image(&id).await {
                warn_of(&left, context.progress);
            }
            return Err(EngineError::Interrupted(reason));
        }
        match container.name_and_measure(&id, commit.tag.as_ref()).await {
            Ok(size) => Ok(Committed { id, size }),
            Err(err) => {
                if let Err(left) = container.remove_image(&id).await {
                    warn_of(&left, context.progress);
                }
                Err(err)
            }
        }
    }

    async fn discard(self) -> Result<(), EngineError> {
        drop(self.session);
        self.handle.remove().await
    }
}

/// The commit of a container.
impl Handle {
    async fn commit(&self, commit: &Commit, flavour: Flavour) -> Result<String, EngineError> {
        let Handle {
            docker,
            endpoint,
            name,
            ..
        } = self;
        let changes = match flavour {
            Flavour::Docker => None,
            Flavour::Podman => {
                let labels = self.labels().await?;
                let changes = convert::changes(&commit.config, &labels);
                let changes = changes.map_err(|err| EngineError::Failed {
                    operation: Operation::CommitContainer,
                    subject: name.clone(),
                    source: err.into(),
                })?;
                Some(changes.join("\n"))
            }
        };
        // Only the agent runs in it, and writes nothing: the container need not be paused.
        let options = CommitContainerOptions {
            container: Some(name.clone()),
            pause: false,
            changes,
            ..Default::default()
        };
        let committed = docker
            .commit_container(options, convert::container_config(&commit.config))
            .await;
        let committed =
            committed.map_err(failed(Operation::CommitContainer, name.clone(), endpoint))?;
        if committed.id.is_empty() {
            let source = Said("it gave no image id".into()).into();
            return Err(EngineError::Failed {
                operation: Operation::CommitContainer,
                subject: name.clone(),
                source,
            });
        }
        Ok(committed.id)
    }

    async fn labels(&self) -> Result<HashMap<String, String>, EngineError> {
        let Handle {
            docker,
            endpoint,
            name,
            ..
        } = self;
        let inspected = docker
            .inspect_container(name, None::<InspectContainerOptions>)
            .await;
        let inspected =
            inspected.map_err(failed(Operation::InspectContainer, name.clone(), endpoint))?;
        let config = inspected.config.unwrap_or_default();
        Ok(config.labels.unwrap_or_default())
    }

    async fn name_and_measure(&self, id: &str, tag: Option<&ImageRef>) -> Result<u64, EngineError> {
        let Handle {
            docker, endpoint, ..
        } = self;
        if let Some(tag) = tag {
            made::name(docker, endpoint, id, tag).await?;
        }
        let inspected = docker.inspect_image(id).await.map_err(failed(
            Operation::InspectImage,
            id,
            endpoint,
        ))?;
        Ok(inspected
            .size
            .and_then(|size| u64::try_from(size).ok())
            .unwrap_or_default())
    }

    async fn remove_image(&self, id: &str) -> Result<(), EngineError> {
        made::remove(&self.docker, &self.endpoint, id).await
    }
}
