//! One container, from its making to its removal.
//!
//! The types are its states: only a [`Created`] container takes an archive, because the archive calls
//! of a daemon can be raced by what runs in a container (CVE-2018-15664, CVE-2026-41568).

use std::time::{Duration, Instant};

use bollard::{
    Docker, body_full,
    models::ContainerCreateBody,
    query_parameters::{
        AttachContainerOptionsBuilder, CreateContainerOptionsBuilder,
        RemoveContainerOptionsBuilder, UploadToContainerOptionsBuilder,
    },
};
use s2i_build::{EngineError, event::Progress, trace};
use s2i_core::ImageRef;

use crate::{
    agent, convert,
    error::{cause, failed, is_unreachable, status},
    session::Session,
    stop::warn_of,
};

/// How long the engine may take to finish a removal that it has begun.
const REMOVAL: Duration = Duration::from_secs(30);

/// The name of a container and the way to its engine.
#[derive(Clone)]
pub(crate) struct Container {
    pub(crate) docker: Docker,
    pub(crate) endpoint: String,
    pub(crate) name: String,
    pub(crate) image: ImageRef,
}

/// A container that has not started.
pub(crate) struct Created(Container);

impl Created {
    /// Makes the container.
    pub(crate) async fn new(
        docker: &Docker,
        endpoint: &str,
        image: ImageRef,
        body: ContainerCreateBody,
        progress: &Progress<'_>,
    ) -> Result<Self, EngineError> {
        let container = Container {
            docker: docker.clone(),
            endpoint: endpoint.into(),
            name: convert::container_name(&image),
            image,
        };
        let options = CreateContainerOptionsBuilder::new().name(&container.name);
        let Err(err) = docker.create_container(Some(options.build()), body).await else {
            let Container { name, image, .. } = &container;
            tracing::debug!({ trace::CONTAINER } = %name, { trace::IMAGE } = %image, "made a container");
            return Ok(Self(container));
        };
        // Without a whole answer it may be there all the same; its name is known.
        if status(&err).is_none()
            && !is_unreachable(&err)
            && let Err(left) = container.remove().await
        {
            warn_of(&left, progress);
        }
        let image = container.image.to_string();
        Err(failed("create a container of", image, endpoint)(err))
    }

    pub(crate) fn container(&self) -> Container {
        self.0.clone()
    }

    /// Puts the agent in, attaches to it and starts it.
    pub(crate) async fn start(self, agent: &[u8]) -> Result<Session, EngineError> {
        let Container {
            docker,
            endpoint,
            name,
            image,
        } = self.0;
        let fail = |operation| failed(operation, image.to_string(), &endpoint);
        tracing::debug!({ trace::CONTAINER } = %name, "putting the agent in");
        let options = UploadToContainerOptionsBuilder::new().path("/").build();
        let body = body_full(agent::archive(agent).into());
        let uploaded = docker.upload_to_container(&name, Some(options), body).await;
        uploaded.map_err(fail("put the agent into a container of"))?;
        let options = AttachContainerOptionsBuilder::new()
            .stream(true)
            .stdin(true)
            .stdout(true)
            .stderr(true)
            .build();
        let attached = docker.attach_container(&name, Some(options)).await;
        let attached = attached.map_err(fail("attach to a container of"))?;
        tracing::debug!({ trace::CONTAINER } = %name, "starting");
        let started = docker
            .start_container(
                &name,
                None::<bollard::query_parameters::StartContainerOptions>,
            )
            .await;
        started.map_err(fail("start a container of"))?;
        Session::open(image, attached).await
    }
}

impl Container {
    /// Removes the container, whatever its state, and waits until it is gone. It also goes by itself
    /// when the agent ends, and an engine refuses to remove what it is removing or stopping already.
    pub(crate) async fn remove(&self) -> Result<(), EngineError> {
        let deadline = Instant::now() + REMOVAL;
        loop {
            tracing::debug!({ trace::CONTAINER } = %self.name, "removing");
            let options = RemoveContainerOptionsBuilder::new()
                .force(true)
                .v(true)
                .build();
            let removed = self
                .docker
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
                        operation: "remove the container",
                        subject: self.name.clone(),
                        source: cause(err),
                    });
                }
            }
        }
    }
}
