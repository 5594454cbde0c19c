//! The scripted engine.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard},
};

use s2i_build::{
    BuildContext, CancelToken, EngineError,
    event::Phase,
    facts::ImageFacts,
    ports::{
        BuildCache, Committed, EngineInfo, EngineProbe, ImageResolver, ImageStore, ImageSummary,
        Operation, Program, Pruned, Runner, Start,
    },
    request::PullPolicy,
};
use s2i_core::{
    Account, ImageRef,
    image::{ContainerConfig, Platform},
    wire::{Exit, Failure, FailureKind},
};

use crate::container::{ScriptedContainer, take};

/// An engine that is an in-memory model.
#[derive(Clone, Default)]
pub struct ScriptedEngine(Arc<Mutex<Model>>);

#[derive(Default)]
pub(crate) struct Model {
    images: BTreeMap<String, ImageFacts>,
    users: BTreeMap<String, u32>,
    pub(crate) exits: BTreeMap<String, Exit>,
    pub(crate) refusals: BTreeMap<String, FailureKind>,
    pub(crate) live: usize,
    pub(crate) tags: Vec<String>,
    lends: bool,
    copies: bool,
    /// The number of images without a name.
    pub(crate) unnamed: usize,
    /// The results of builds by their keys, if the engine has a build cache.
    memory: Option<BTreeMap<String, Committed>>,
    /// The archives of trees that were uploaded to containers.
    pub(crate) trees: Vec<Vec<u8>>,
    journal: String,
    pub(crate) programs: Vec<Program>,
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

    /// Adds an image with the label for scripts in `/usr/libexec/s2i`, after `change` was applied to its config.
    ///
    /// # Panics
    /// When `name` is not an image name.
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
            digest: None,
            platform: Platform::linux("amd64"),
            config,
        };
        self.model().images.insert(name.into(), facts);
    }

    /// Returns the config of an image.
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
    /// When there is no such image, or `other` is not an image name.
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

    /// Makes the engine mount artifacts.
    pub fn lends(&self) {
        self.model().lends = true;
    }

    /// Makes the engine copy sources by itself.
    pub fn copies(&self) {
        self.model().copies = true;
    }

    /// Gives the engine a build cache.
    pub fn remembers(&self) {
        self.model().memory.get_or_insert_default();
    }

    /// Returns the keys in the build cache.
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

    /// Returns the archives of the trees that were uploaded to containers, in order.
    #[must_use]
    pub fn trees(&self) -> Vec<Vec<u8>> {
        self.model().trees.clone()
    }

    /// Makes programs in containers of this image end with this status.
    pub fn script_ends(&self, image: &str, exit: Exit) {
        self.model().exits.insert(image.into(), exit);
    }

    /// Makes programs in containers of this image fail to start, with this kind of failure.
    pub fn script_is_refused(&self, image: &str, kind: FailureKind) {
        self.model().refusals.insert(image.into(), kind);
    }

    /// Makes the operation of this number, counted from 0, fail. Further calls add further numbers.
    pub fn fail_at(&self, operation: usize) {
        self.model().fail_at.push(operation);
    }

    /// Cancels the token when the operation of this number begins.
    pub fn cancel_at(&self, operation: usize, token: &CancelToken) {
        self.model().cancel_at = Some((operation, token.clone()));
    }

    /// Returns the number of operations so far.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.model().operations
    }

    /// Returns the number of existing containers.
    #[must_use]
    pub fn live_containers(&self) -> usize {
        self.model().live
    }

    /// Returns the names that images were given.
    #[must_use]
    pub fn tags(&self) -> Vec<String> {
        self.model().tags.clone()
    }

    /// Returns the number of images without a name.
    #[must_use]
    pub fn unnamed_images(&self) -> usize {
        self.model().unnamed
    }

    /// Returns the programs that ran in containers, in order.
    #[must_use]
    pub fn programs(&self) -> Vec<Program> {
        self.model().programs.clone()
    }

    /// Returns the journal of operations, one line each.
    #[must_use]
    pub fn journal(&self) -> String {
        self.model().journal.clone()
    }

    pub(crate) fn model(&self) -> MutexGuard<'_, Model> {
        self.0
            .lock()
            .expect("no test goes on after a panic under this lock")
    }

    /// Adds one operation to the journal. It fails if the test has chosen its number.
    pub(crate) fn operation(
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

    pub(crate) fn interrupted(cancel: &CancelToken) -> Result<(), EngineError> {
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
        context.progress.phase(Phase::Start);
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
