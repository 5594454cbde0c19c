//! The commit and the removal of a container behind its agent.

use std::collections::HashMap;

use bollard::query_parameters::{CommitContainerOptions, InspectContainerOptions};
use s2i_build::{
    BuildContext, EngineError, Resource,
    agent_container::{AgentContainer, Backend},
    ports::{Commit, Committed, Operation},
    session::Session,
};

use crate::{client::Message, container::Handle, convert, endpoint::Flavour};

/// A container of Docker or Podman.
pub type DockerContainer = AgentContainer<DockerBackend>;

/// The container as the engine has it.
pub struct DockerBackend {
    pub(crate) handle: Handle,
    pub(crate) flavour: Flavour,
}

impl Backend for DockerBackend {
    async fn commit(
        &mut self,
        commit: &Commit,
        // The engine removes the container when the agent ends.
        _session: Session,
        context: BuildContext<'_>,
    ) -> Result<Committed, EngineError> {
        let container = &self.handle;
        let _commit = context
            .cancel
            .track(Resource::Commit(container.name.clone()))?;
        let id = container.commit(commit, self.flavour).await?;
        // A commit can't be cancelled, but its image can be removed.
        let naming = async {
            context.cancel.check()?;
            if let Some(tag) = &commit.tag {
                container.client.tag(&id, tag).await?;
            }
            container.committed(&id).await
        };
        match naming.await {
            Ok(committed) => Ok(committed),
            Err(err) => {
                context.warn_of_leftover(container.client.remove(&id).await);
                Err(err)
            }
        }
    }

    async fn remove(self) -> Result<(), EngineError> {
        self.handle.remove().await
    }
}

impl Handle {
    /// Commits the container as an image without a name, and returns its ID.
    async fn commit(&self, commit: &Commit, flavour: Flavour) -> Result<String, EngineError> {
        let refused = |source| EngineError::Failed {
            operation: Operation::CommitContainer,
            subject: self.name.clone(),
            source,
        };
        let changes = match flavour {
            Flavour::Docker => None,
            Flavour::Podman => {
                let changes = convert::changes(&commit.config, &self.labels().await?);
                Some(changes.map_err(|err| refused(err.into()))?.join("\n"))
            }
        };
        // Only the agent runs in it, and writes nothing: the container need not be paused.
        let options = CommitContainerOptions {
            container: Some(self.name.clone()),
            pause: false,
            changes,
            ..Default::default()
        };
        let config = convert::container_config(&commit.config);
        let committed = self.client.commit_container(options, config).await;
        let failed = self
            .client
            .failed(Operation::CommitContainer, self.name.clone());
        let id = committed.map_err(failed)?.id;
        if id.is_empty() {
            return Err(refused(Message("it gave no image id".into()).into()));
        }
        Ok(id)
    }

    async fn labels(&self) -> Result<HashMap<String, String>, EngineError> {
        let options = None::<InspectContainerOptions>;
        let inspected = self.client.inspect_container(&self.name, options).await;
        let failed = self
            .client
            .failed(Operation::InspectContainer, self.name.clone());
        let config = inspected.map_err(failed)?.config.unwrap_or_default();
        Ok(config.labels.unwrap_or_default())
    }

    /// Returns the committed image as the engine has it.
    async fn committed(&self, id: &str) -> Result<Committed, EngineError> {
        let inspected = self.client.inspect_image(id).await;
        let inspected = inspected.map_err(self.client.failed(Operation::InspectImage, id))?;
        let size = inspected.size.and_then(|size| u64::try_from(size).ok());
        let labels = inspected.config.and_then(|config| config.labels);
        Ok(Committed {
            id: id.to_owned(),
            size: size.unwrap_or_default(),
            labels: labels.into_iter().flatten().collect(),
        })
    }
}
