//! A container of another image: a directory that receives files, in which nothing runs.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_util::future::join;
use rustix::process::{getegid, geteuid};
use s2i_build::{
    BuildContext, EngineError,
    ports::{Commit, Committed, Content, Input, Operation},
    stream::{ArchiveReader, ArchiveStream},
};
use s2i_core::{Account, ContainerPath, ImageRef, archive};
use s2i_oci::{
    changes::{Changes, DirectoryAttributes, OwnerReplacement, Packing, Snapshot},
    layer::Owner,
    overlay::{Clamp, Limits},
    registry::Registry,
};
use tempfile::TempDir;

use crate::{
    error::{blocking, check, failed},
    image::ComposedImage,
    job::pack,
    layers::{self, Layer},
    store::Store,
};

/// The reason why no program runs in such a container.
const NOTHING_RUNS: &str = "in place, programs can run in containers of the builder alone";

/// An image that a directory of files is added to.
pub(crate) struct Composed {
    pub(crate) name: ImageRef,
    pub(crate) config: s2i_core::image::ImageConfig,
    pub(crate) layers: Vec<Layer>,
    pub(crate) store: Store,
    pub(crate) registry: Arc<Registry>,
    pub(crate) limits: Limits,
    /// The root of the files.
    root: TempDir,
    owner: Owner,
    /// The directories that exist in the image, or were made for a copy.
    parents: BTreeSet<PathBuf>,
}

impl Composed {
    pub(crate) fn new(
        image: (ImageRef, s2i_core::image::ImageConfig, Vec<Layer>),
        user: &str,
        store: Store,
        registry: Arc<Registry>,
        limits: Limits,
    ) -> Result<Self, EngineError> {
        let (name, config, layers) = image;
        let owner = owner(user, &name)?;
        let root = tempfile::Builder::new()
            .prefix("files-")
            .tempdir_in(store.dir());
        Ok(Self {
            root: root.map_err(failed(Operation::StartContainer, &name))?,
            name,
            config,
            layers,
            store,
            registry,
            limits,
            owner,
            parents: BTreeSet::new(),
        })
    }

    pub(crate) fn uid(&self) -> u32 {
        self.owner.uid
    }

    /// Returns the error for a program.
    pub(crate) fn cannot_run(&self) -> EngineError {
        failed(Operation::StartContainer, &self.name)(NOTHING_RUNS)
    }

    /// Returns the uid of a user, which must be a number: the user tables of the image are not read.
    pub(crate) fn identify(&self, user: &str) -> Result<u32, EngineError> {
        Ok(owner(user, &self.name)?.uid)
    }

    pub(crate) async fn unpack(
        &mut self,
        input: Input<'_>,
        context: BuildContext<'_>,
    ) -> Result<(), EngineError> {
        let Input {
            into,
            content,
            owner: own,
        } = input;
        if let Some(own) = own
            && owner(&own, &self.name)? != self.owner
        {
            let reason = "in place, all files of an image get one owner";
            return Err(failed(Operation::StartContainer, &self.name)(reason));
        }
        let relative = relative(&into);
        let mut parent = Some(relative.as_path());
        while let Some(dir) = parent.filter(|dir| *dir != Path::new("")) {
            self.parents.insert(dir.to_owned());
            parent = dir.parent();
        }
        let path = self.root.path().join(&relative);
        let archive: ArchiveStream<'_> = match content {
            Content::Tree(tree) => tree.into_archive(),
            Content::Archive(archive) => archive,
        };
        let (forward, archive) = ArchiveReader::new(archive);
        let unpack = move || {
            let unpacked = archive::unpack_to(&path, archive, &Limits::default());
            unpacked.map_err(failed(Operation::Unpack, &into))
        };
        // An interrupt ends the archive, and the thread is waited for: it writes to the directory that is removed then.
        let forward = context.or_interrupted(async {
            forward.await;
            Ok::<_, EngineError>(())
        });
        let (unpacked, forwarded) = join(blocking(unpack), forward).await;
        forwarded.and(unpacked.map(drop))
    }

    pub(crate) async fn commit(
        &mut self,
        commit: &Commit,
        context: BuildContext<'_>,
    ) -> Result<Committed, EngineError> {
        let blobs: Vec<_> = self
            .layers
            .iter()
            .map(|layer| layer.blob(&self.registry))
            .collect();
        let committing = Committing {
            root: self.root.path().to_owned(),
            parents: self.parents.clone(),
            blobs,
            limits: self.limits,
            store: self.store.clone(),
            owner: self.owner,
        };
        let (name, config) = (self.name.clone(), self.config.clone());
        let layers = self.layers.clone();
        let (commit, cancel) = (commit.clone(), context.cancel.clone());
        blocking(move || {
            let is_stopped = || check(&cancel);
            let layer =
                committing
                    .run(&commit, &is_stopped)
                    .map_err(|err| match cancel.reason() {
                        Some(reason) => EngineError::Interrupted(reason),
                        None => err,
                    })?;
            let image = ComposedImage::new((&name, &config), Some(layers), layer, &commit);
            Ok(committing.store.add(image, commit.tag.as_ref()))
        })
        .await
    }
}

fn relative(path: &ContainerPath) -> PathBuf {
    path.as_str().trim_start_matches('/').into()
}

/// Returns the owner of files: numbers, because the user tables of the image are not read.
fn owner(user: &str, image: &ImageRef) -> Result<Owner, EngineError> {
    let account = Account::find(user, "", "").map_err(|_| {
        let reason = format!(
            "in place, the owner of the artifacts is a number, and `{user}` is a name; use --assemble-runtime-user"
        );
        failed(Operation::StartContainer, image)(reason)
    })?;
    Ok(Owner {
        uid: account.uid,
        gid: account.gid,
    })
}

/// Returns all directories below a directory, relative to it.
fn directories(root: &Path) -> std::io::Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut open = vec![PathBuf::new()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(root.join(&dir))? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                let path = dir.join(entry.file_name());
                found.insert(path.clone());
                open.push(path);
            }
        }
    }
    Ok(found)
}

/// A commit, on a thread of its own.
struct Committing {
    root: PathBuf,
    parents: BTreeSet<PathBuf>,
    blobs: Vec<s2i_oci::registry::PushBlob>,
    limits: Limits,
    store: Store,
    owner: Owner,
}

impl Committing {
    fn run(
        &self,
        commit: &Commit,
        check: &dyn Fn() -> std::io::Result<()>,
    ) -> Result<crate::job::PackedLayer, EngineError> {
        for path in &commit.require {
            self.require(path)?;
        }
        for removal in &commit.remove {
            let path = self.root.join(relative(&removal.path));
            let _ = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
        }
        let commit_error = failed::<Box<dyn std::error::Error + Send + Sync>>;
        let all = Snapshot::take(&self.root, &BTreeSet::new(), &self.limits, check);
        let all =
            all.map_err(|err| commit_error(Operation::CommitLayer, "the artifacts")(err.into()))?;
        let mut changes = Changes::all(all);
        let wanted = directories(&self.root);
        let wanted =
            wanted.map_err(|err| commit_error(Operation::Read, "the artifacts")(err.into()))?;
        let found = layers::directories(&self.blobs, wanted, &self.limits);
        let found = found.map_err(|err| {
            commit_error(Operation::Read, "the layers of the runtime image")(err.into())
        })?;
        let own = self.store.started();
        let clamp = Clamp {
            after: own,
            times: commit.times,
        };
        for (path, attributes) in &found {
            // An archive sets the time of its directories, and new files change that of the others.
            let mtime = if !self.parents.contains(path) {
                self.mtime(path)
            } else if self.has_new_files(path, &found) {
                i64::try_from(commit.times.new).unwrap_or(i64::MAX)
            } else {
                attributes.mtime
            };
            let attributes = DirectoryAttributes {
                mtime,
                ..*attributes
            };
            changes.keep(path, attributes);
        }
        let packing = Packing {
            owner: Some(OwnerReplacement {
                uid: geteuid().as_raw(),
                gid: getegid().as_raw(),
                by: self.owner,
            }),
            clamp: Some(&clamp),
            kept_clamp: Some(&clamp),
            limits: &self.limits,
            check,
        };
        let layer = pack(&self.store, &self.root, changes, &packing);
        layer.map_err(|err| commit_error(Operation::CommitLayer, "the artifacts")(err.into()))
    }

    /// Returns the modification time of a directory of the artifacts, in seconds since 1970.
    fn mtime(&self, path: &Path) -> i64 {
        use std::os::unix::fs::MetadataExt as _;
        let metadata = self.root.join(path).symlink_metadata();
        metadata.map_or(0, |metadata| metadata.mtime())
    }

    /// Returns whether a directory of the image gets something that the image does not have as a directory.
    fn has_new_files(&self, path: &Path, found: &BTreeMap<PathBuf, DirectoryAttributes>) -> bool {
        let entries = fs::read_dir(self.root.join(path));
        let mut names = entries
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.file_name());
        names.any(|name| !found.contains_key(&path.join(name)))
    }

    /// Checks a program that is among the artifacts. Those of the image itself are not read.
    fn require(&self, path: &ContainerPath) -> Result<(), EngineError> {
        use std::os::unix::fs::PermissionsExt as _;
        let file = self.root.join(relative(path));
        let Ok(metadata) = file.metadata() else {
            return Ok(());
        };
        if metadata.is_file() && metadata.permissions().mode() & 0o111 != 0 {
            return Ok(());
        }
        let reason = "it would be the command of the image and is not executable";
        Err(failed(Operation::Require, path)(reason))
    }
}
