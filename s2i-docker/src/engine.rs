//! The engine port over the API.

use std::{path::PathBuf, time::Duration};

use bollard::{API_DEFAULT_VERSION, Docker, query_parameters::CreateImageOptionsBuilder};
use futures_util::StreamExt as _;
use s2i_build::{
    CancelToken, Engine, EngineError,
    engine::{Content, EngineInfo, RunSpec},
    event::{Event, Phase, Progress},
    facts::ImageFacts,
    request::PullPolicy,
    stream::ArchiveStream,
    trace,
};
use s2i_core::{
    ImageRef,
    wire::{Answer, Exec, Exit, FailureKind, Request},
};

use crate::{
    agent::Agents,
    auth,
    container::Created,
    convert,
    endpoint::{Endpoint, Flavour, HostEnv},
    error::{Said, cause, failed, is_only_the_end, is_unreachable, status},
    finished::DockerFinished,
    session::Session,
    stop::{or_interrupted, warn_of},
};

/// How long a commit or a load may take before its answer: in practice for ever, because only a stall
/// is a reason to give up, and the engine shows none.
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the engine may take to say what it is.
const PROBE: Duration = Duration::from_secs(20);

/// Docker or Podman.
pub struct DockerEngine {
    docker: Docker,
    endpoint: Endpoint,
    agents: Agents,
    config_dir: Option<PathBuf>,
}

impl DockerEngine {
    /// Prepares to speak to the endpoint; the first call connects.
    ///
    /// # Errors
    /// [`EngineError::NoEndpoint`] when its address is unusable.
    pub fn connect(endpoint: Endpoint, agents: Agents, env: &HostEnv) -> Result<Self, EngineError> {
        let docker = match endpoint.url.split_once("://") {
            Some(("unix", path)) => {
                Docker::connect_with_unix(path, PATIENCE.as_secs(), API_DEFAULT_VERSION)
            }
            _ => Docker::connect_with_http(&endpoint.url, PATIENCE.as_secs(), API_DEFAULT_VERSION),
        };
        let docker = docker.map_err(|err| EngineError::Unreachable {
            endpoint: endpoint.url.clone(),
            source: cause(err),
        })?;
        Ok(Self {
            docker,
            endpoint,
            agents,
            config_dir: env.docker_config.clone(),
        })
    }

    async fn flavour(&self) -> Result<(Flavour, EngineInfo), EngineError> {
        let endpoint = format!("{} (from {})", self.endpoint.url, self.endpoint.from);
        let asked = tokio::time::timeout(PROBE, self.docker.version()).await;
        let answered = asked.unwrap_or(Err(bollard::errors::Error::RequestTimeoutError));
        let version = answered.map_err(|err| EngineError::Unreachable {
            endpoint: endpoint.clone(),
            source: cause(err),
        })?;
        let components = version.components.unwrap_or_default();
        let is_podman = components
            .iter()
            .any(|component| component.name.starts_with("Podman"));
        let (flavour, name) = if is_podman {
            (Flavour::Podman, "Podman")
        } else {
            (Flavour::Docker, "Docker")
        };
        let version = version.version.unwrap_or_default();
        tracing::debug!(
            { trace::ENDPOINT } = endpoint,
            name,
            version,
            "the engine answers"
        );
        Ok((
            flavour,
            EngineInfo {
                name: name.into(),
                version,
                endpoint,
            },
        ))
    }

    async fn inspect(&self, image: &ImageRef) -> Result<Option<ImageFacts>, EngineError> {
        match self.docker.inspect_image(&image.to_string()).await {
            Ok(inspect) => Ok(Some(convert::image_facts(image, inspect))),
            Err(err) if status(&err) == Some(404) => Ok(None),
            Err(err) => Err(failed(
                "inspect the image",
                image.to_string(),
                &self.endpoint.url,
            )(err)),
        }
    }

    async fn pull(&self, image: &ImageRef, progress: &Progress<'_>) -> Result<(), EngineError> {
        progress.notice(format!("pulling {image}"));
        let reference = image.digest().or(image.tag()).unwrap_or("latest");
        let options = CreateImageOptionsBuilder::new()
            .from_image(&image.name())
            .tag(reference)
            .build();
        let credentials = auth::credentials(self.config_dir.as_deref(), image);
        let mut pull = self.docker.create_image(Some(options), None, credentials);
        while let Some(step) = pull.next().await {
            let step = match step {
                Err(err) if is_only_the_end(&err) => break,
                Err(err) if is_unreachable(&err) => {
                    return Err(failed("pull", image.to_string(), &self.endpoint.url)(err));
                }
                Err(err) => {
                    return Err(EngineError::Pull {
                        image: image.clone(),
                        source: cause(err),
                    });
                }
                Ok(step) => step,
            };
            let parts = [step.id, step.status]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>();
            progress.tell(Event::Progress(parts.join(": ")));
        }
        Ok(())
    }

    async fn try_run(
        &self,
        mut session: Session,
        spec: RunSpec<'_>,
        progress: &Progress<'_>,
    ) -> Result<(Session, Exit), EngineError> {
        progress.phase(spec.input_phase);
        for input in spec.inputs {
            let archive = match input.content {
                Content::Tree(tree) => tree.into_archive(),
                Content::Archive(archive) => archive,
            };
            session
                .unpack(&input.into, &spec.program.user, archive, progress)
                .await?;
        }
        progress.phase(spec.program_phase);
        let program = spec.program;
        let exec = Request::Exec(Exec {
            argv: program.argv.clone(),
            env: program.env.clone(),
            cwd: program.cwd.clone(),
            user: program.user.clone(),
        });
        match session.ask(&exec, progress).await {
            Ok(Answer::Exited(exit)) => Ok((session, exit)),
            Ok(other) => Err(session.unexpected(&other)),
            Err(EngineError::Container { failure, .. })
                if program.optional && failure.kind == FailureKind::NotFound =>
            {
                Ok((session, Exit::Code(0)))
            }
            Err(err) => Err(err),
        }
    }
}

impl Engine for DockerEngine {
    type Finished = DockerFinished;

    async fn probe(&self) -> Result<EngineInfo, EngineError> {
        self.flavour().await.map(|(_, info)| info)
    }

    async fn resolve(
        &self,
        image: &ImageRef,
        policy: PullPolicy,
        progress: &Progress<'_>,
        cancel: &CancelToken,
    ) -> Result<ImageFacts, EngineError> {
        let find = async {
            if policy != PullPolicy::Always {
                if let Some(facts) = self.inspect(image).await? {
                    return Ok(facts);
                }
                if policy == PullPolicy::Never {
                    return Err(EngineError::NoSuchImage {
                        image: image.clone(),
                    });
                }
            }
            self.pull(image, progress).await?;
            let pulled = self.inspect(image).await?;
            pulled.ok_or_else(|| EngineError::Pull {
                image: image.clone(),
                source: Said("it is not there after the pull".into()).into(),
            })
        };
        or_interrupted(find, cancel).await
    }

    async fn run(
        &self,
        spec: RunSpec<'_>,
        progress: &Progress<'_>,
        cancel: &CancelToken,
    ) -> Result<DockerFinished, EngineError> {
        let (flavour, _) = or_interrupted(self.flavour(), cancel).await?;
        let image = spec.image;
        let agent = self
            .agents
            .of(&image.architecture)
            .ok_or_else(|| EngineError::NoAgent {
                image: image.name.clone(),
                architecture: image.architecture.clone(),
            })?;
        progress.phase(Phase::Start);
        let body = convert::create_body(&spec);
        let name = image.name.clone();
        let created = Created::new(&self.docker, &self.endpoint.url, name, body, progress).await?;
        let container = created.container();
        let user = spec.program.user.clone();
        let work = async {
            let session = created.start(agent).await?;
            self.try_run(session, spec, progress).await
        };
        match or_interrupted(work, cancel).await {
            Ok((session, exit)) => Ok(DockerFinished {
                container,
                session,
                exit,
                user,
                flavour,
            }),
            Err(err) => {
                if let Err(left) = container.remove().await {
                    warn_of(&left, progress);
                }
                Err(err)
            }
        }
    }

    async fn load(&self, archive: ArchiveStream<'static>) -> Result<Vec<String>, EngineError> {
        let mut load = self.docker.import_image_stream(
            bollard::query_parameters::ImportImageOptions::default(),
            archive,
            None,
        );
        let mut loaded = Vec::new();
        while let Some(step) = load.next().await {
            if step.as_ref().is_err_and(is_only_the_end) {
                break;
            }
            let step = step.map_err(failed("load", "the archive", &self.endpoint.url))?;
            let line = step.stream.unwrap_or_default();
            loaded.extend(
                line.trim()
                    .split_once(": ")
                    .map(|(_, name)| name.to_owned()),
            );
        }
        Ok(loaded)
    }
}
