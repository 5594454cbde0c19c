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

/// The state of a scripted engine. A test sets it up before a build, and inspects it afterwards.
#[derive(Default)]
pub struct Model {
    /// The images by their names.
    pub images: BTreeMap<String, ImageFacts>,
    /// The numbers of users by their names, in every image.
    pub users: BTreeMap<String, u32>,
    /// The exits of programs in containers of an image, if not status 0.
    pub exits: BTreeMap<String, Exit>,
    /// The failures of programs in containers of an image that do not start.
    pub refusals: BTreeMap<String, FailureKind>,
    /// True if the engine mounts artifacts.
    pub mounts_artifacts: bool,
    /// True if the engine copies sources by itself.
    pub copies_sources: bool,
    /// The results of builds by their keys, if the engine has a build cache.
    pub cache: Option<BTreeMap<String, Committed>>,
    /// The numbers of the operations that fail, counted from 0.
    pub failing: Vec<usize>,
    /// The token that is cancelled when the operation of this number begins.
    pub cancel_at: Option<(usize, CancelToken)>,
    /// The operations so far, one line each.
    pub journal: String,
    /// The number of existing containers.
    pub containers: usize,
    /// The labels of the images that were committed, in order.
    pub labels: Vec<BTreeMap<String, String>>,
    /// The names that images were given.
    pub tags: Vec<String>,
    /// The number of images without a name.
    pub unnamed: usize,
    /// The archives of trees that went into containers, in order.
    pub trees: Vec<Vec<u8>>,
    /// The files of every container that can be read, by their paths.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The programs that ran in containers, in order.
    pub programs: Vec<Program>,
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

    /// Makes the operation of this number, counted from 0, fail. Further calls add further numbers.
    pub fn fail_at(&self, operation: usize) {
        self.model().failing.push(operation);
    }

    /// Cancels the token when the operation of this number begins.
    pub fn cancel_at(&self, operation: usize, token: &CancelToken) {
        self.model().cancel_at = Some((operation, token.clone()));
    }

    /// Returns the number of existing containers.
    #[must_use]
    pub fn live_containers(&self) -> usize {
        self.model().containers
    }

    /// Returns the names that images were given.
    #[must_use]
    pub fn tags(&self) -> Vec<String> {
        self.model().tags.clone()
    }

    /// Returns the journal of operations, one line each.
    #[must_use]
    pub fn journal(&self) -> String {
        self.model().journal.clone()
    }

    /// Locks and returns the state. Every call on the engine waits until the result is dropped.
    ///
    /// # Panics
    /// When a panic has happened under this lock.
    pub fn model(&self) -> MutexGuard<'_, Model> {
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
        let number = model.journal.lines().count();
        let _ = writeln!(model.journal, "{name} {subject}");
        if let Some((at, token)) = &model.cancel_at
            && *at == number
        {
            token.cancel(s2i_build::Interrupt::Interrupted);
        }
        if model.failing.contains(&number) {
            let source = "the test made it fail".into();
            return Err(EngineError::Failed {
                operation,
                subject: subject.into(),
                source,
            });
        }
        Ok(())
    }

    pub(crate) fn uid_of(&self, user: &str) -> Option<u32> {
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
        let copies = self.model().copies_sources;
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
        self.model().containers += 1;
        Ok(ScriptedContainer {
            engine: self.clone(),
            uid,
            image,
            has_artifacts: start.artifacts.is_some() && self.model().mounts_artifacts,
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
        // It may have a name already.
        model.unnamed = model.unnamed.saturating_sub(1);
        model.tags.push(name.to_string());
        Ok(())
    }

    async fn remove_committed(&self, committed: &Committed) -> Result<(), EngineError> {
        self.operation("remove-committed", Operation::RemoveImage, &committed.id)?;
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
        let cached = model.cache.as_ref().and_then(|cache| cache.get(key));
        Ok(cached.cloned())
    }

    async fn put(&self, key: &str, result: &Committed) {
        if let Some(cache) = &mut self.model().cache {
            cache.insert(key.to_owned(), result.clone());
        }
    }
}
