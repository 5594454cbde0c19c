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
//! work/RANDOM/       the files of a running build, run or import; removed when it ends
//!     lock           held as long as its owner lives
//!     lease.json     the images and blobs that must be kept
//! partial/HEX        unfinished downloads
//! lock               held while any of this is read or changed
//! new                a file that is about to replace another one
//! ```

use std::{
    fs::{self, DirBuilder, Permissions},
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    disk,
    error::{StoreError, disk as failed},
    lock,
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

    fn marker(&self) -> PathBuf {
        self.root.join("store.json")
    }
}

/// The marker that makes a directory a store.
#[derive(Serialize, Deserialize)]
struct Marker {
    version: u64,
    trees: String,
}

/// Opens the store, or creates one in a directory that is empty or does not exist.
pub(super) fn open(root: &Path, dialect: Dialect) -> Result<Layout, StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(root)
        .map_err(failed("make", root))?;
    let root = root.canonicalize().map_err(failed("open", root))?;
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
    let metadata = fs::metadata(root).map_err(failed("open", root))?;
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
    let Some(bytes) = disk::read(&path, 4096)? else {
        return Ok(false);
    };
    let damaged = |err: serde_json::Error| StoreError::damaged(&path, err.to_string());
    let fields: serde_json::Value = serde_json::from_slice(&bytes).map_err(damaged)?;
    if let Some(found) = fields["version"].as_u64().filter(|found| *found > VERSION) {
        return Err(StoreError::Newer {
            path: layout.root.clone(),
            found,
            known: VERSION,
        });
    }
    let marker: Marker = serde_json::from_value(fields).map_err(damaged)?;
    let dialects = [Dialect::Trusted, Dialect::User];
    let found = dialects.into_iter().find(|d| of(*d).0 == marker.trees);
    match found {
        Some(found) if found == dialect => Ok(true),
        Some(found) => Err(StoreError::Dialect {
            path: layout.root.clone(),
            found: of(found).1,
            user: of(dialect).1,
        }),
        None => Err(StoreError::damaged(&path, "its field `trees` is unknown")),
    }
}

/// The names of a dialect in the marker and in messages.
fn of(dialect: Dialect) -> (&'static str, &'static str) {
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
    let _held = lock::exclusive(layout)?;
    // Another process may have been faster.
    if is_marked(layout, dialect)? {
        return Ok(());
    }
    let marker = Marker {
        version: VERSION,
        trees: of(dialect).0.into(),
    };
    let json = serde_json::to_vec(&marker).expect("two fields");
    disk::replace(&layout.new_file(), &layout.marker(), &json)
}

/// Creates the missing files, in a new store and in one whose creation was interrupted.
fn complete(layout: &Layout) -> Result<(), StoreError> {
    let private = Permissions::from_mode(0o700);
    fs::set_permissions(&layout.root, private).map_err(failed("make private", &layout.root))?;
    let blobs = layout.blobs();
    let parent = blobs.parent().expect("`blobs/sha256` has one");
    let places = [
        parent,
        &blobs,
        &layout.layers(),
        &layout.work(),
        &layout.partials(),
    ];
    for place in places {
        if disk::make_dir(place)? {
            disk::sync_dir(place.parent().expect("they lie in the store"))?;
        }
    }
    disk::spread(&layout.work());
    let mark = layout.root.join("oci-layout");
    if !mark.exists() {
        let _held = lock::exclusive(layout)?;
        disk::replace(
            &layout.new_file(),
            &mark,
            br#"{"imageLayoutVersion":"1.0.0"}"#,
        )?;
    }
    Ok(())
}
