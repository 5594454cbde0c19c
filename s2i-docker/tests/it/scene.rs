//! An engine before a scripted daemon, and the moves of a build.

use std::{
    borrow::Cow,
    error::Error,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use futures_util::StreamExt as _;
use s2i_build::Agents;
use s2i_build::{
    BuildContext, CancelToken, Container as _, CredentialProvider, EngineError,
    event::{Event, EventSink, Phase, Progress},
    facts::ImageFacts,
    ports::{Commit, Committed, Content, ImageResolver as _, Input, Program, Runner as _, Start},
    request::{ContainerOptions, Limits, Network, PullPolicy},
    stream::ArchiveStream,
};
use s2i_core::{
    ContainerPath, EnvVar, Times,
    archive::Writer,
    image::{ContainerConfig, Platform},
    wire::{Exit, Removal},
};
use s2i_docker::{DockerContainer, DockerEngine, Endpoint};

use crate::daemon::{BUILDER, Daemon, Knobs};

/// The value that only the program gets.
pub(crate) const SECRET: &str = "hunter2-in-the-environment";

/// Keeps every event.
#[derive(Default)]
pub(crate) struct Recorder(Mutex<Vec<Event>>);

impl EventSink for Recorder {
    fn event(&self, event: Event) {
        self.events().push(event);
    }
}

impl Recorder {
    pub(crate) fn events(&self) -> MutexGuard<'_, Vec<Event>> {
        self.0.lock().expect("no panic under this lock")
    }

    /// The warnings, as one text.
    pub(crate) fn warnings(&self) -> String {
        let events = self.events();
        let lines = events.iter().filter_map(|event| match event {
            Event::Warning(diagnostic) => Some(diagnostic.to_string()),
            _ => None,
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

pub(crate) struct Scene {
    pub(crate) daemon: Daemon,
    pub(crate) engine: DockerEngine,
    pub(crate) recorder: Recorder,
    pub(crate) cancel: CancelToken,
    pub(crate) image: String,
}

/// A container whose program has ended.
pub(crate) struct Finished {
    exit: Exit,
    pub(crate) container: DockerContainer,
}

impl Finished {
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    pub(crate) async fn discard(self) -> Result<(), EngineError> {
        self.container.discard().await
    }
}

impl Scene {
    pub(crate) fn new(knobs: Knobs) -> Self {
        let cancel = knobs.cancel.as_ref().map(|cancel| cancel.token.clone());
        let daemon = Daemon::start(knobs);
        let endpoint = Endpoint {
            url: format!("unix://{}", daemon.socket().display()),
            from: "the test".into(),
            tls: None,
        };
        let agents = Agents {
            amd64: Some(Cow::Borrowed(b"\x7fELF, the agent")),
            arm64: None,
        };
        Self {
            daemon,
            engine: DockerEngine::connect(endpoint, agents).unwrap(),
            recorder: Recorder::default(),
            cancel: cancel.unwrap_or_default(),
            image: "s2i/go".to_owned(),
        }
    }

    /// Sets a provider of credentials.
    pub(crate) fn with_credentials(mut self, provider: Arc<dyn CredentialProvider>) -> Self {
        self.engine = self.engine.with_credentials(provider);
        self
    }

    fn context<'a>(&'a self, progress: &'a Progress<'a>) -> BuildContext<'a> {
        BuildContext::new(progress, &self.cancel)
    }

    pub(crate) async fn resolve(&self, policy: PullPolicy) -> Result<ImageFacts, EngineError> {
        let image = self.image.parse().unwrap();
        let progress = Progress::new(&self.recorder);
        in_time(self.engine.resolve(&image, policy, self.context(&progress))).await
    }

    /// Runs the usual program as the usual user.
    pub(crate) async fn run(&self) -> Result<Finished, EngineError> {
        self.run_program(&program(), archive(&[("main.go", b"package main\n")]))
            .await
    }

    pub(crate) async fn run_program(
        &self,
        program: &Program,
        content: ArchiveStream<'_>,
    ) -> Result<Finished, EngineError> {
        let facts = facts();
        let start = Start {
            image: &facts,
            user: &program.user,
            network: &Network::Default,
            limits: Limits::default(),
            options: &ContainerOptions::default(),
            artifacts: None,
            source: None,
            others: &[],
        };
        let progress = Progress::new(&self.recorder);
        let mut container = in_time(self.engine.start(&start, self.context(&progress))).await?;
        let input = Input {
            into: "/tmp/src".parse().unwrap(),
            content: Content::Archive(content),
            owner: None,
        };
        let work = async {
            progress.phase(Phase::Upload);
            container.unpack(input, self.context(&progress)).await?;
            progress.phase(Phase::Assemble);
            container.exec(program, self.context(&progress)).await
        };
        match in_time(work).await {
            Ok(exit) => Ok(Finished { exit, container }),
            Err(err) => {
                container.discard().await.unwrap();
                Err(err)
            }
        }
    }

    pub(crate) async fn commit(&self, last: &mut Finished) -> Result<Committed, EngineError> {
        let progress = Progress::new(&self.recorder);
        in_time(last.container.commit(&commit(), self.context(&progress))).await
    }

    /// Everything that a build does, and what could not be cleaned up after it.
    pub(crate) async fn build(&self) -> (Result<Committed, EngineError>, Result<(), EngineError>) {
        if let Err(err) = self.resolve(PullPolicy::Always).await {
            return (Err(err), Ok(()));
        }
        let mut finished = match self.run().await {
            Ok(finished) => finished,
            Err(err) => return (Err(err), Ok(())),
        };
        let committed = self.commit(&mut finished).await;
        (committed, finished.discard().await)
    }
}

/// Both sides waiting for each other is a failure, not a wait.
async fn in_time<T>(work: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(Duration::from_secs(60), work).await;
    done.expect("one of both sides goes on")
}

pub(crate) fn facts() -> ImageFacts {
    ImageFacts {
        name: "s2i/go".parse().unwrap(),
        id: BUILDER.into(),
        digest: None,
        platform: Platform::linux("amd64"),
        config: ContainerConfig::default(),
    }
}

pub(crate) fn program() -> Program {
    Program {
        argv: vec!["/usr/libexec/s2i/assemble".into()],
        env: vec![EnvVar::new("TOKEN", SECRET).unwrap()],
        secrets: Vec::new(),
        masked: Vec::new(),
        without: Vec::new(),
        cwd: "/opt/app-root".parse().unwrap(),
        user: "1001".into(),
    }
}

pub(crate) fn commit() -> Commit {
    let mut config = ContainerConfig {
        env: vec!["PORT=8080".into()],
        user: "1001".into(),
        working_dir: "/".into(),
        cmd: vec!["/usr/libexec/s2i/run".into()],
        ..ContainerConfig::default()
    };
    for (name, value) in [
        ("io.k8s.display-name", "two words"),
        ("of.the.image", "two\nlines"),
    ] {
        config.labels.insert(name.into(), value.into());
    }
    config.exposed_ports.insert("8080/tcp".into());
    Commit {
        remove: vec![Removal::from("/tmp/src".parse::<ContainerPath>().unwrap())],
        times: Times {
            new: 1_700_000_000,
            latest: None,
        },
        require: vec!["/usr/libexec/s2i/run".parse().unwrap()],
        config,
        tag: Some("registry.test:5000/team/web:1".parse().unwrap()),
    }
}

/// An archive of these files, in one piece.
pub(crate) fn archive(files: &[(&str, &[u8])]) -> ArchiveStream<'static> {
    let mut archive = Writer::new(Vec::new(), 0);
    for (name, content) in files {
        let length = content.len() as u64;
        archive
            .file(name, 0o644, length, &mut &content[..])
            .unwrap();
    }
    let (bytes, _) = archive.finish().unwrap();
    futures_util::stream::iter([Ok(Bytes::from(bytes))]).boxed()
}

/// An error with all its causes.
pub(crate) fn chain(err: &dyn Error) -> String {
    s2i_core::ErrorChain(err).to_string()
}

/// How something went, in a line.
pub(crate) fn outcome<T>(result: &Result<T, EngineError>) -> String {
    match result {
        Ok(_) => "ok".into(),
        Err(err) => chain(err),
    }
}
