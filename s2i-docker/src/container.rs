//! One container, from its creation to its removal.
//!
//! The types are its states: archives are uploaded only to a [`Created`] container, because a process in a running
//! container can race the archive calls of the daemon (CVE-2018-15664, CVE-2026-41568).

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bollard::{
    body_full,
    container::{AttachContainerResults, LogOutput},
    errors::Error,
    models::ContainerCreateBody,
    query_parameters::{
        AttachContainerOptionsBuilder, CreateContainerOptionsBuilder,
        RemoveContainerOptionsBuilder, StartContainerOptions, UploadToContainerOptionsBuilder,
    },
};
use bytes::Bytes;
use futures_util::{StreamExt as _, sink};
use s2i_build::{
    BuildContext, EngineError, Resource,
    ports::Operation,
    resource::Tracked,
    session::{Piece, Transport},
    trace,
};
use s2i_core::{Diagnostic, ImageRef};
use tokio::io::AsyncWriteExt as _;

use crate::{
    agent,
    client::{Client, cause, is_unreachable, status},
    convert,
};

/// The time that the engine gets to finish a removal that it has begun.
const REMOVAL: Duration = Duration::from_secs(30);

/// The name of a container and the client of its engine.
#[derive(Clone)]
pub(crate) struct Handle {
    pub(crate) client: Client,
    pub(crate) name: String,
    pub(crate) image: ImageRef,
    /// Dropped with the last handle, which is after the removal.
    _tracked: Arc<Tracked>,
}

/// A container that has not started.
pub(crate) struct Created(Handle);

impl Created {
    /// Creates the container and tracks it as the resource that `resource` returns for its name. The call waits for
    /// the engine even after a cancellation, because the engine could create the container later.
    pub(crate) async fn new(
        client: &Client,
        image: ImageRef,
        body: ContainerCreateBody,
        resource: fn(String) -> Resource,
        context: BuildContext<'_>,
    ) -> Result<Self, EngineError> {
        let name = convert::container_name(&image);
        let container = Handle {
            client: client.clone(),
            _tracked: Arc::new(context.cancel.track(resource(name.clone()))?),
            name,
            image,
        };
        let options = CreateContainerOptionsBuilder::new().name(&container.name);
        let created = client.create_container(Some(options.build()), body);
        let err = match created.await {
            Ok(created) => {
                let Handle { name, image, .. } = &container;
                tracing::debug!({ trace::CONTAINER } = %name, { trace::IMAGE } = %image, "made a container");
                // For example, a limit that the machine can't enforce.
                let warning = |text| Diagnostic::new(image.to_string(), text);
                context
                    .progress
                    .warn(created.warnings.into_iter().map(warning));
                return Ok(Self(container));
            }
            Err(err) => err,
        };
        // Without a complete response, the container may exist all the same; its name is known.
        if status(&err).is_none() && !is_unreachable(&err) {
            context.warn_of_leftover(container.remove().await);
        }
        Err(container.fail(Operation::CreateContainer)(err))
    }

    pub(crate) fn handle(&self) -> Handle {
        self.0.clone()
    }

    /// Uploads the agent, attaches to the container and starts it.
    pub(crate) async fn start(self, agent: &[u8]) -> Result<Transport, EngineError> {
        let handle = self.0;
        tracing::debug!({ trace::CONTAINER } = %handle.name, "putting the agent in");
        let options = UploadToContainerOptionsBuilder::new().path("/").build();
        let body = body_full(agent::archive(agent).into());
        let uploading = handle
            .client
            .upload_to_container(&handle.name, Some(options), body);
        let uploaded = uploading.await;
        uploaded.map_err(handle.fail(Operation::PutAgent))?;
        let attached = handle.attach(true).await?;
        handle.start().await?;
        Ok(transport(attached))
    }
}

/// The attached connection as the agent's streams.
fn transport(attached: AttachContainerResults) -> Transport {
    let input = sink::unfold(attached.input, |mut input, bytes: Bytes| async move {
        input.write_all(&bytes).await?;
        input.flush().await?;
        Ok(input)
    });
    let output = attached.output.map(|piece| match piece {
        Ok(LogOutput::StdErr { message }) => Ok(Piece::Stderr(message)),
        Ok(output) => Ok(Piece::Stdout(output.into_bytes())),
        Err(err) => Err(std::io::Error::other(err)),
    });
    Transport {
        input: Box::pin(input),
        output: output.boxed(),
    }
}

impl Handle {
    /// Connects to the streams of the container.
    pub(crate) async fn attach(&self, stdin: bool) -> Result<AttachContainerResults, EngineError> {
        let options = AttachContainerOptionsBuilder::new()
            .stream(true)
            .stdin(stdin)
            .stdout(true)
            .stderr(true)
            .build();
        let attached = self
            .client
            .attach_container(&self.name, Some(options))
            .await;
        attached.map_err(self.fail(Operation::AttachToContainer))
    }

    /// Starts the container.
    pub(crate) async fn start(&self) -> Result<(), EngineError> {
        tracing::debug!({ trace::CONTAINER } = %self.name, "starting");
        let options = None::<StartContainerOptions>;
        let started = self.client.start_container(&self.name, options).await;
        started.map_err(self.fail(Operation::StartContainer))
    }

    /// Returns a function that adds the operation and the container to an error.
    pub(crate) fn fail(&self, operation: Operation) -> impl FnOnce(Error) -> EngineError {
        self.client.failed(operation, self.image.to_string())
    }

    /// Removes the container in any state and waits until it is gone. The engine also removes it by itself when the
    /// agent ends, and refuses to remove a container that it is already removing or stopping.
    pub(crate) async fn remove(&self) -> Result<(), EngineError> {
        let deadline = Instant::now() + REMOVAL;
        loop {
            tracing::debug!({ trace::CONTAINER } = %self.name, "removing");
            let options = RemoveContainerOptionsBuilder::new()
                .force(true)
                .v(true)
                .build();
            let removed = self
                .client
                .remove_container(&self.name, Some(options))
                .await;
            match removed {
                Ok(()) => return Ok(()),
                Err(err) if status(&err) == Some(404) => return Ok(()),
                Err(err)
                    if matches!(status(&err), Some(409 | 500)) && Instant::now() < deadline =>
                {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(err) => {
                    return Err(EngineError::Failed {
                        operation: Operation::RemoveContainer,
                        subject: self.name.clone(),
                        source: cause(err),
                    });
                }
            }
        }
    }
}
