//! The layout of a store, and the marker of its directory.
//!
//! ```text
//! store.json         the version of this layout, and the dialect of the trees
//! oci-layout         as in every OCI layout
//! index.json         an OCI index: an entry for each name, one for an image without
//! blobs/sha256/HEX   manifests, configs, and layers in their original form
//! layers/HEX/        a layer that is unpacked or was built here, by the digest of its plain archive
//!     tree/          its files, in overlayfs' own form
//!     layer.json     the record of the tree
//!     HEX.BOOT       a compressed form, by its digest and the boot in which it was written
//! work/RANDOM/       the files of a running build, run or import; removed when it ends
//!     lock           locked as long as its owner lives
//!     lease.json     the images and blobs that must be kept
//! partial/HEX        unfinished downloads
//! lock               locked while any of this is read or changed
//! new                a file that is about to replace another one
//! ```

use std::{
    fs::{self, DirBuilder, Permissions},
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    disk,
    error::{StoreError, disk_error},
    lock::{self, Exclusive},
};
use crate::{Digest, overlay::Dialect};

/// The version of the layout.
const VERSION: u64 = 1;

/// The paths of a store.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn index(&self) -> PathBuf {
        self.root.join("index.json")
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    pub(super) fn blobs(&self) -> PathBuf {
        self.root.join("blobs/sha256")
    }

    pub(super) fn blob(&self, digest: Digest) -> PathBuf {
        self.blobs().join(digest.hex())
    }

    pub(super) fn layers(&self) -> PathBuf {
        self.root.join("layers")
    }

    pub(super) fn layer(&self, diff_id: Digest) -> PathBuf {
        self.layers().join(diff_id.hex())
    }

    pub(super) fn work(&self) -> PathBuf {
        self.root.join("work")
    }

    pub(super) fn partials(&self) -> PathBuf {
        self.root.join("partial")
    }

    pub(super) fn partial(&self, digest: Digest) -> PathBuf {
        self.partials().join(digest.hex())
    }

    /// The temporary name of a file that is about to replace another one.
    pub(super) fn new_file(&self) -> PathBuf {
        self.root.join("new")
    }

    /// Replaces or creates a file of the store: readers see the old one or the new one, also after a crash.
    pub(super) fn replace(
        &self,
        path: &Path,
        bytes: &[u8],
        _lock: &Exclusive,
    ) -> Result<(), StoreError> {
        disk::replace(&self.new_file(), path, bytes)
    }

    fn marker(&self) -> PathBuf {
        self.root.join("store.json")
    }
}

/// The marker that makes a directory a store. Later versions may have other fields.
#[derive(Serialize, Deserialize)]
struct Marker {
    version: u64,
    #[serde(default)]
    trees: Value,
}

/// Opens the store, or creates one in a directory that is empty or does not exist.
pub(super) fn open(root: &Path, dialect: Dialect) -> Result<Layout, StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(root)
        .map_err(disk_error("make", root))?;
    let root = root.canonicalize().map_err(disk_error("open", root))?;
    check_owner(&root)?;
    let layout = Layout { root };
    if !is_marked(&layout, dialect)? {
        check_empty(&layout)?;
        mark(&layout, dialect)?;
    }
    complete(&layout)?;
    Ok(layout)
}

/// Checks that no other user can change the programs that run from here, or run set-ID programs in it.
fn check_owner(root: &Path) -> Result<(), StoreError> {
    let metadata = fs::metadata(root).map_err(disk_error("open", root))?;
    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != user {
        return Err(StoreError::Owner {
            path: root.into(),
            owner,
            user,
        });
    }
    Ok(())
}

fn is_marked(layout: &Layout, dialect: Dialect) -> Result<bool, StoreError> {
    let path = layout.marker();
    let Some(marker) = disk::read_json::<Marker>(&path, 4096)? else {
        return Ok(false);
    };
    if marker.version > VERSION {
        return Err(StoreError::Newer {
            path: layout.root.clone(),
            found: marker.version,
            known: VERSION,
        });
    }
    let mut dialects = [Dialect::Trusted, Dialect::User].into_iter();
    match dialects.find(|dialect| marker.trees == names(*dialect).0) {
        Some(found) if found == dialect => Ok(true),
        Some(found) => Err(StoreError::Dialect {
            path: layout.root.clone(),
            found: names(found).1,
            user: names(dialect).1,
        }),
        None => Err(StoreError::damaged(&path, "its field `trees` is unknown")),
    }
}

/// Returns the names of a dialect in the marker and in messages.
fn names(dialect: Dialect) -> (&'static str, &'static str) {
    match dialect {
        Dialect::Trusted => ("trusted", "the root user of the machine"),
        Dialect::User => ("user", "a user namespace"),
    }
}

/// Checks that the directory is empty, except for files that an interrupted [`mark`] leaves.
fn check_empty(layout: &Layout) -> Result<(), StoreError> {
    let own = [layout.lock(), layout.marker(), layout.new_file()];
    let entries = disk::entries(&layout.root)?;
    if entries.iter().all(|entry| own.contains(entry)) {
        Ok(())
    } else {
        Err(StoreError::NotAStore(layout.root.clone()))
    }
}

/// Writes the marker, before everything else: in a marked directory, everything with a name of the store may be
/// removed.
fn mark(layout: &Layout, dialect: Dialect) -> Result<(), StoreError> {
    let lock = lock::exclusive(&layout.lock())?;
    // Another process may have been faster.
    if is_marked(layout, dialect)? {
        return Ok(());
    }
    let marker = Marker {
        version: VERSION,
        trees: names(dialect).0.into(),
    };
    let json = serde_json::to_vec(&marker).expect("two fields");
    layout.replace(&layout.marker(), &json, &lock)
}

/// Creates the missing files, in a new store and in one whose creation was interrupted.
fn complete(layout: &Layout) -> Result<(), StoreError> {
    let private = Permissions::from_mode(0o700);
    fs::set_permissions(&layout.root, private).map_err(disk_error("make private", &layout.root))?;
    for directory in [
        layout.root.join("blobs"),
        layout.blobs(),
        layout.layers(),
        layout.work(),
        layout.partials(),
    ] {
        if disk::make_dir(&directory)? {
            disk::sync_dir(directory.parent().expect("they lie in the store"))?;
        }
    }
    disk::spread(&layout.work());
    let version = layout.root.join("oci-layout");
    if !version.exists() {
        let lock = lock::exclusive(&layout.lock())?;
        layout.replace(&version, br#"{"imageLayoutVersion":"1.0.0"}"#, &lock)?;
    }
    Ok(())
}
