//! Images on this machine, without a daemon: one directory that many processes share.
//!
//! A [`Store`] holds images as a registry does, by digest, and their layers unpacked, so that a build can start on them
//! at once and its changes become a layer by being renamed.
//!
//! - **The store is consistent at every moment.** A name is listed after everything that it refers to is on the disk;
//!   unlisted files are in a directory that is removed together with the process that created it. A process may be killed,
//!   and a disk may be full, at any point.
//! - **Many processes may use it at once.** Changes are made under one lock that is taken for moments only; long work is done
//!   before, elsewhere. [`Work`] keeps images from being [collected](Store::collect).
//! - **Input is not trusted.** Content from an archive or a registry is identified by the digest of its bytes; no name
//!   in it becomes a path.
//!
//! ```no_run
//! use s2i_oci::store::{LayerSource, NewImage, Store};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = Store::open("/var/lib/example".as_ref())?;
//! let base = store.find(&"example/base".parse()?)?.ok_or("no such image")?;
//! // From here on, `base` stays.
//! let work = store.work(&[&base])?;
//! let lower = store.trees(&base, &|step| eprintln!("{} bytes of {}", step.read, step.layer))?;
//! # let _ = lower;
//! // … something runs on `lower` and leaves its changes in `upper` …
//! let upper = work.path().join("upper");
//! let adopted = store.adopt(&upper, None)?;
//! let mut config = base.config().clone();
//! config.rootfs.diff_ids.push(adopted.diff_id());
//! let mut layers: Vec<_> = base.layers().map(LayerSource::Stored).collect();
//! layers.push(LayerSource::Adopted(adopted));
//! store.publish(NewImage { config, layers }, Some(&"example/app".parse()?))?;
//! # Ok(())
//! # }
//! ```

mod blobs;
mod compressed;
mod disk;
mod error;
mod export;
mod find;
mod gc;
mod image;
mod import;
mod index;
mod layers;
mod layout;
mod lock;
mod partial;
mod publish;
mod record;
mod remove;
mod stop;
#[cfg(test)]
mod tests;
mod work;

use std::path::Path;

pub use error::StoreError;
pub use gc::Freed;
pub use image::{StoredImage, StoredLayer};
pub use import::{ImportFault, Loaded};
pub use layers::{Adopted, Unpacking};
pub use partial::Partial;
pub use publish::{LayerSource, NewImage};
pub use work::Work;

use crate::overlay::{Dialect, Limits};
use layout::Layout;
use lock::{Exclusive, Shared};
use stop::Check;

/// A directory with images.
#[derive(Clone, Debug)]
pub struct Store {
    layout: Layout,
    dialect: Dialect,
    /// The current boot of the machine.
    boot: String,
    limits: Limits,
    check: Check,
}

impl Store {
    /// Opens the store in this directory, which is created if it does not exist, and removes leftovers of killed
    /// processes. Files that can't be removed are left to [`collect`](Self::collect), which returns the error.
    ///
    /// # Errors
    /// [`StoreError::NotAStore`], [`StoreError::Owner`], [`StoreError::Newer`], [`StoreError::Dialect`],
    /// [`StoreError::Disk`].
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let dialect = Dialect::of_this_process();
        let store = Self {
            layout: layout::open(root, dialect)?,
            dialect,
            boot: record::boot_id(),
            limits: Limits::default(),
            check: Check::default(),
        };
        let _ = store.sweep();
        Ok(store)
    }

    /// Returns the same store with other limits for layers that it unpacks or adopts, for archives that it imports, and
    /// for the layers of an image that are [downloaded](Self::check_download).
    #[must_use]
    pub fn with_limits(&self, limits: Limits) -> Self {
        Self {
            limits,
            ..self.clone()
        }
    }

    /// Returns the same store in another boot of the machine, for tests of how trees are then treated.
    #[doc(hidden)]
    #[must_use]
    pub fn in_boot(&self, boot: &str) -> Self {
        Self {
            boot: boot.into(),
            ..self.clone()
        }
    }

    /// The directory: absolute, and without links.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.layout.root()
    }

    /// The form of the marks of removed files and opaque directories in its trees.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    fn shared(&self) -> Result<Shared, StoreError> {
        lock::shared(&self.layout.lock())
    }

    fn exclusive(&self) -> Result<Exclusive, StoreError> {
        lock::exclusive(&self.layout.lock())
    }
}
