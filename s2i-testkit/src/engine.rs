//! The scripted engine.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use s2i_build::{
    BuildContext, CancelToken, Container, EngineError,
    event::{Event, Output, Progress},
    facts::ImageFacts,
    ports::{
        BuildCache, Commit, Committed, Content, EngineInfo, EngineProbe, ImageResolver, ImageStore,
        ImageSummary, Input, Operation, Program, Pruned, Runner, Start,
    },
    request::PullPolicy,
    stream::ArchiveStream,
};
use s2i_core::{
    Account, ContainerPath, ImageRef,
    image::{ContainerConfig, Platform},
    wire::{Exit, Failure, FailureKind, ReadItem},
};

/// An engine that is a model in memory.
#[derive(Clone, Default)]
pub struct ScriptedEngine(Arc<Mutex<Model>>);

#[derive(Default)]
struct Model {
    images: BTreeMap<String, ImageFacts>,
    users: BTreeMap<String, u32>,
    exits: BTreeMap<String, Exit>,
    refusals: BTreeMap<String, FailureKind>,
    live: usize,
    tags: Vec<String>,
    lends: bool,
    copies: bool,
    /// How many images have no name.
    unnamed: usize,
    /// The results of builds by their keys, where it remembers them.
    memory: Option<BTreeMap<String, Committed>>,
    /// The archives of trees that containers got.
    trees: Vec<Vec<u8>>,
    journal: String,
    programs: Vec<Program>,
    operations: usize,
    fail_at: Vec<usize>,
    cancel_at: Option<(usize, CancelToken)>,
}

impl ScriptedEngine {
    /// An engine without images.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an image with the label for scripts in `/usr/libexec/s2i` and what `change` makes of it.
    ///
    /// # Panics
    /// When `name` is no image name.
    pub fn add_image(&self, name: &str, change: impl FnOnce(&mut ContainerConfig)) {
        let mut config = ContainerConfig::default();
        config.labels.insert(
            s2i_core::label::SCRIPTS_URL.into(),
            "image:///usr/libexec/s2i".into(),
        );
        change(&mut config);
        let facts = ImageFacts {
            name: name.parse().expect("a valid image name"),
            id: format!("sha256:{name}"),
            platform: Platform::linux("amd64"),
            config,
        };
        self.model().images.insert(name.into(), facts);
    }

    /// The config of an image.
    ///
    /// # Panics
    /// When there is no such image.
    #[must_use]
    pub fn config(&self, image: &str) -> ContainerConfig {
        let model = self.model();
        let known = model.images.get(image).expect("an image of the test");
        known.config.clone()
    }

    /// Gives an image one more name.
    ///
    /// # Panics
    /// When there is no such image, or `other` is no image name.
    pub fn add_name(&self, image: &str, other: &str) {
        let mut model = self.model();
        let known = model.images.get(image).expect("an image of the test");
        let facts = ImageFacts {
            name: other.parse().expect("a valid image name"),
            ..known.clone()
        };
        model.images.insert(other.into(), facts);
    }

    /// Gives a user of this name a number in the tables of every image.
    pub fn add_user(&self, name: &str, uid: u32) {
        self.model().users.insert(name.into(), uid);
    }

    /// Makes it an engine that lends artifacts.
    pub fn lends(&self) {
        self.model().lends = true;
    }

    /// Makes it an engine that copies sources by itself.
    pub fn copies(&self) {
        self.model().copies = true;
    }

    /// Makes it an engine that remembers what it has built.
    pub fn remembers(&self) {
        self.model().memory.get_or_insert_default();
    }

    /// The keys of the builds that it remembers.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        let model = self.model();
        model
            .memory
            .iter()
            .flatten()
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// The archives of the trees that containers got, in order.
    #[must_use]
    pub fn trees(&self) -> Vec<Vec<u8>> {
        self.model().trees.clone()
    }

    /// Makes programs in containers of this image end in this way.
    pub fn script_ends(&self, image: &str, exit: Exit) {
        self.model().exits.insert(image.into(), exit);
    }

    /// Makes programs in containers of this image not start, for this reason.
    pub fn script_is_refused(&self, image: &str, kind: FailureKind) {
        self.model().refusals.insert(image.into(), kind);
    }

    /// Makes the operation of this number, counted from 0, fail; more than once, each of these.
    pub fn fail_at(&self, operation: usize) {
        self.model().fail_at.push(operation);
    }

    /// Pulls the token when the operation of this number begins.
    pub fn cancel_at(&self, operation: usize, token: &CancelToken) {
        self.model().cancel_at = Some((operation, token.clone()));
    }

    /// How many operations there were.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.model().operations
    }

    /// How many containers are there now.
    #[must_use]
    pub fn live_containers(&self) -> usize {
        self.model().live
    }

    /// The names that images were given.
    #[must_use]
    pub fn tags(&self) -> Vec<String> {
        self.model().tags.clone()
    }

    /// How many images without a name there are now.
    #[must_use]
    pub fn unnamed_images(&self) -> usize {
        self.model().unnamed
    }

    /// The programs that ran in containers, in order.
    #[must_use]
    pub fn programs(&self) -> Vec<Program> {
        self.model().programs.clone()
    }

    /// What was done, one line each.
    #[must_use]
    pub fn journal(&self) -> String {
        self.model().journal.clone()
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        self.0
            .lock()
            .expect("no test goes on after a panic under this lock")
    }

    /// Notes one operation under this name; fails when it is its turn to.
    fn operation(
        &self,
        name: &'static str,
        operation: Operation,
        subject: &str,
    ) -> Result<(), EngineError> {
        let mut model = self.model();
        let number = model.operations;
        model.operations += 1;
        let _ = writeln!(model.journal, "{name} {subject}");
        if let Some((at, token)) = &model.cancel_at
            && *at == number
        {
            token.cancel(s2i_build::Interrupt::Interrupted);
        }
        if model.fail_at.contains(&number) {
            let source = "the test wants it so".into();
            return Err(EngineError::Failed {
                operation,
                subject: subject.into(),
                source,
            });
        }
        Ok(())
    }

    fn uid_of(&self, user: &str) -> Option<u32> {
        let name = user.split(':').next().unwrap_or_default();
        Account::uid_of(user).or_else(|| self.model().users.get(name).copied())
    }

    fn interrupted(cancel: &CancelToken) -> Result<(), EngineError> {
        cancel
            .reason()
            .map_or(Ok(()), |reason| Err(EngineError::Interrupted(reason)))
    }
}

impl EngineProbe for ScriptedEngine {
    async fn probe(&self) -> Result<EngineInfo, EngineError> {
        self.operation("probe", Operation::Describe, "the engine")?;
        Ok(EngineInfo {
            name: "Scripted".into(),
            version: "1".into(),
            endpoint: "memory".into(),
        })
    }
}

impl ImageResolver for ScriptedEngine {
    async fn resolve(
        &self,
        image: &ImageRef,
        policy: PullPolicy,
        context: BuildContext<'_>,
    ) -> Result<ImageFacts, EngineError> {
        self.operation("resolve", Operation::InspectImage, &image.to_string())?;
        Self::interrupted(context.cancel)?;
        let known = self.model().images.get(&image.to_string()).cloned();
        known.ok_or_else(|| match policy {
            PullPolicy::Never => EngineError::NoSuchImage {
                image: image.clone(),
            },
            _ => EngineError::Pull {
                image: image.clone(),
                source: "there is no registry".into(),
            },
        })
    }
}

impl Runner for ScriptedEngine {
    type Container = ScriptedContainer;

    async fn start(
        &self,
        start: &Start<'_>,
        context: BuildContext<'_>,
    ) -> Result<ScriptedContainer, EngineError> {
        context.progress.phase(s2i_build::event::Phase::Start);
        let image = start.image.name.to_string();
        self.operation("start", Operation::StartContainer, &image)?;
        Self::interrupted(context.cancel)?;
        let copies = self.model().copies;
        let source = start.source.filter(|_| copies);
        if let Some(source) = source {
            let done = self.operation(
                "copy the source to",
                Operation::CopySource,
                source.into.as_str(),
            );
            done.map_err(|err| EngineError::Input {
                into: source.into.clone(),
                source: std::io::Error::other(err),
            })?;
            let archive = take(source.into, source.tree.clone().into_archive()).await?;
            self.model().trees.push(archive);
            Self::interrupted(context.cancel)?;
        }
        let uid = self.uid_of(start.user);
        let uid = uid.ok_or_else(|| EngineError::Container {
            image: start.image.name.clone(),
            failure: Failure {
                kind: FailureKind::NoSuchUser,
                message: format!("the image has no user `{}`", start.user),
            },
        })?;
        self.model().live += 1;
        Ok(ScriptedContainer {
            engine: self.clone(),
            uid,
            image,
            has_artifacts: start.artifacts.is_some() && self.model().lends,
            has_source: source.is_some(),
        })
    }
}

impl ImageStore for ScriptedEngine {
    async fn list(&self) -> Result<Vec<ImageSummary>, EngineError> {
        self.operation("list", Operation::List, "the images")?;
        let model = self.model();
        let summary = |image: &ImageFacts| ImageSummary {
            id: image.id.clone(),
            names: [image.name.to_string()].into(),
            size: 1,
            created: None,
        };
        Ok(model.images.values().map(summary).collect())
    }

    async fn remove(&self, image: &ImageRef) -> Result<Vec<String>, EngineError> {
        self.operation("remove", Operation::RemoveImage, &image.to_string())?;
        let removed = self.model().images.remove(&image.to_string());
        removed.ok_or_else(|| EngineError::NoSuchImage {
            image: image.clone(),
        })?;
        Ok(vec![format!("untagged {image}")])
    }

    async fn tag(&self, image: &ImageRef, name: &ImageRef) -> Result<(), EngineError> {
        self.operation("tag", Operation::TagImage, &name.to_string())?;
        let mut model = self.model();
        let known = model.images.get(&image.to_string()).cloned();
        let known = known.ok_or_else(|| EngineError::NoSuchImage {
            image: image.clone(),
        })?;
        let facts = ImageFacts {
            name: name.clone(),
            ..known
        };
        model.images.insert(name.to_string(), facts);
        Ok(())
    }

    async fn prune(&self) -> Result<Pruned, EngineError> {
        self.operation("prune", Operation::Prune, "the images")?;
        self.model().unnamed = 0;
        Ok(Pruned::default())
    }

    async fn tag_committed(
        &self,
        _committed: &Committed,
        name: &ImageRef,
    ) -> Result<(), EngineError> {
        self.operation("name", Operation::TagImage, &name.to_string())?;
        let mut model = self.model();
        model.unnamed -= 1;
        model.tags.push(name.to_string());
        Ok(())
    }

    async fn remove_committed(&self, committed: &Committed) -> Result<(), EngineError> {
        self.operation("forget", Operation::RemoveImage, &committed.id)?;
        self.model().unnamed -= 1;
        Ok(())
    }
}

impl BuildCache for ScriptedEngine {
    async fn get(
        &self,
        key: &str,
        _name: Option<&ImageRef>,
    ) -> Result<Option<Committed>, EngineError> {
        let model = self.model();
        Ok(model
            .memory
            .as_ref()
            .and_then(|memory| memory.get(key).cloned()))
    }

    async fn put(&self, key: &str, made: &Committed) {
        if let Some(memory) = &mut self.model().memory {
            memory.insert(key.to_owned(), made.clone());
        }
    }
}

/// Reads an input to its end.
async fn take(
    into: &ContainerPath,
    mut archive: ArchiveStream<'_>,
) -> Result<Vec<u8>, EngineError> {
    let mut bytes = Vec::new();
    while let Some(piece) = archive.next().await {
        let piece = piece.map_err(|source| EngineError::Input {
            into: into.clone(),
            source,
        });
        bytes.extend(piece?);
    }
    Ok(bytes)
}

/// A container of the scripted engine.
pub struct ScriptedContainer {
    engine: ScriptedEngine,
    uid: u32,
    image: String,
    has_artifacts: bool,
    has_source: bool,
}

impl ScriptedContainer {
    fn exit(&self) -> Exit {
        let exit = self.engine.model().exits.get(&self.image).copied();
        exit.unwrap_or(Exit::Code(0))
    }
}

impl Container for ScriptedContainer {
    fn uid(&self) -> u32 {
        self.uid
    }

    fn has_artifacts(&self) -> bool {
        self.has_artifacts
    }

    fn has_source(&self) -> bool {
        self.has_source
    }

    async fn unpack(
        &mut self,
        input: Input<'_>,
        context: BuildContext<'_>,
    ) -> Result<(), EngineError> {
        self.engine.operation(
            "unpack into",
            Operation::LookAtContainer,
            input.into.as_str(),
        )?;
        match input.content {
            Content::Tree(tree) => {
                let archive = take(&input.into, tree.into_archive()).await?;
                self.engine.model().trees.push(archive);
            }
            Content::Archive(archive) => drop(take(&input.into, archive).await?),
        }
        ScriptedEngine::interrupted(context.cancel)
    }

    async fn exec(
        &mut self,
        program: &Program,
        context: BuildContext<'_>,
    ) -> Result<Exit, EngineError> {
        self.engine
            .operation("exec", Operation::LookAtContainer, &program.argv.join(" "))?;
        self.engine.model().programs.push(program.clone());
        ScriptedEngine::interrupted(context.cancel)?;
        if let Some(kind) = self.engine.model().refusals.get(&self.image) {
            let failure = Failure {
                kind: *kind,
                message: "the test wants it so".into(),
            };
            let image = self.image.parse().expect("it was the name of an image");
            return Err(EngineError::Container { image, failure });
        }
        let output = b"hello from the script\n".to_vec();
        context.progress.send(Event::Output(Output::Stdout, output));
        Ok(self.exit())
    }

    fn pour<'a>(&'a mut self, program: &Program, _progress: &'a Progress<'_>) -> ArchiveStream<'a> {
        let poured =
            self.engine
                .operation("pour", Operation::LookAtContainer, &program.argv.join(" "));
        self.engine.model().programs.push(program.clone());
        let end = match (poured, self.exit()) {
            (Err(err), _) => Err(std::io::Error::other(err)),
            (Ok(()), Exit::Code(0)) => Ok(Bytes::from_static(&[0; 1024])),
            (Ok(()), exit) => Err(std::io::Error::other(EngineError::Poured {
                program: program.argv.join(" "),
                image: self.image.parse().expect("it was the name of an image"),
                exit,
            })),
        };
        let pieces = [Ok(Bytes::from_static(&[0; 512])), end];
        stream::iter(pieces).boxed()
    }

    fn read(&mut self, items: Vec<ReadItem>, _mtime: u64) -> ArchiveStream<'_> {
        let names: Vec<_> = items
            .iter()
            .map(|item| format!("{} as {}", item.path, item.name))
            .collect();
        let read = self
            .engine
            .operation("read", Operation::Read, &names.join(", "));
        stream::once(async {
            read.map(|()| Bytes::from_static(&[0; 1024]))
                .map_err(std::io::Error::other)
        })
        .boxed()
    }

    async fn commit(
        &mut self,
        commit: &Commit,
        context: BuildContext<'_>,
    ) -> Result<Committed, EngineError> {
        context.progress.phase(s2i_build::event::Phase::Commit);
        self.engine
            .operation("commit", Operation::CommitContainer, &self.image)?;
        ScriptedEngine::interrupted(context.cancel)?;
        let mut model = self.engine.model();
        match &commit.tag {
            Some(tag) => model.tags.push(tag.to_string()),
            None => model.unnamed += 1,
        }
        drop(model);
        Ok(Committed {
            id: "sha256:made".into(),
            size: 1,
        })
    }

    async fn discard(self) -> Result<(), EngineError> {
        self.engine
            .operation("discard", Operation::RemoveContainer, &self.image)?;
        self.engine.model().live -= 1;
        Ok(())
    }
}
