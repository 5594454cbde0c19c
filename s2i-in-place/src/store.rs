//! The images of this process, until it ends.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use s2i_build::{
    EngineError,
    ports::{Committed, Operation},
};
use s2i_core::ImageRef;
use s2i_oci::layer::Compression;
use tempfile::TempDir;

use crate::{error::failed, image::ComposedImage};

/// The images that were composed, with their new layers in a temporary directory.
#[derive(Clone, Debug)]
pub(crate) struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    /// Removes the directory, if it is a temporary one.
    _temporary: Option<TempDir>,
    /// The time at which the directory was made, by the clock of its file system.
    started: SystemTime,
    compression: Compression,
    files: AtomicU64,
    images: Mutex<Vec<ComposedImage>>,
}

impl Store {
    /// Creates the store in a directory of the caller, or in a temporary one.
    pub(crate) fn new(compression: Compression, dir: Option<&Path>) -> std::io::Result<Self> {
        // Paths are without links, as those of a snapshot are.
        let (dir, temporary) = if let Some(dir) = dir {
            (dir.canonicalize()?, None)
        } else {
            let parent = std::env::temp_dir().canonicalize()?;
            let dir = tempfile::Builder::new()
                .prefix("s2i-in-place-")
                .tempdir_in(parent)?;
            (dir.path().to_owned(), Some(dir))
        };
        // A file has the time of the clock of this file system.
        let started = tempfile::tempfile_in(&dir)?.metadata()?.modified()?;
        Ok(Self(Arc::new(Inner {
            started,
            dir,
            _temporary: temporary,
            compression,
            files: AtomicU64::default(),
            images: Mutex::default(),
        })))
    }

    /// Returns the directory for layers and other files of a build.
    pub(crate) fn dir(&self) -> &Path {
        &self.0.dir
    }

    /// Returns the compression of new layers.
    pub(crate) fn compression(&self) -> Compression {
        self.0.compression
    }

    /// Returns the time at which the store was made.
    pub(crate) fn started(&self) -> SystemTime {
        self.0.started
    }

    /// Returns the path of a file that does not exist.
    pub(crate) fn new_file(&self) -> PathBuf {
        let number = self.0.files.fetch_add(1, Ordering::Relaxed);
        self.dir().join(format!("{number}.blob"))
    }

    fn images(&self) -> MutexGuard<'_, Vec<ComposedImage>> {
        self.0.images.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an image, which gets this name.
    pub(crate) fn add(&self, mut image: ComposedImage, name: Option<&ImageRef>) -> Committed {
        let mut images = self.images();
        image.names.extend(name.cloned());
        let committed = Committed {
            id: image.id().to_string(),
            size: image.size(),
            labels: image.config.config.labels.clone(),
        };
        images.push(image);
        committed
    }

    /// Returns the image with this name or ID.
    pub(crate) fn find(&self, image: &ImageRef) -> Option<ComposedImage> {
        let name = image.normalised();
        let text = image.to_string();
        let images = self.images();
        let is_it = |known: &&ComposedImage| {
            known.id().to_string() == text
                || known.id().hex() == text
                || known.names.iter().any(|known| known.normalised() == name)
        };
        images.iter().rev().find(is_it).cloned()
    }

    pub(crate) fn all(&self) -> Vec<ComposedImage> {
        self.images().clone()
    }

    /// Gives a name to the image with this ID.
    pub(crate) fn tag(&self, id: &str, name: &ImageRef) -> Result<(), EngineError> {
        let mut images = self.images();
        let found = images.iter_mut().find(|image| image.id().to_string() == id);
        let missing = || failed(Operation::TagImage, name)("it was removed meanwhile");
        found.ok_or_else(missing)?.names.push(name.clone());
        Ok(())
    }

    /// Removes the image with this ID.
    pub(crate) fn remove(&self, id: &str) {
        self.images().retain(|image| image.id().to_string() != id);
    }
}
