//! The cache of builds: the image of each build by its key, and the descriptor of each layer when it is compressed.
//!
//! Every entry is a small file in the store.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use s2i_build::{
    EngineError,
    ports::{Committed, Operation},
};
use s2i_core::{ImageRef, bounds};
#[cfg(feature = "registry")]
use s2i_oci::manifest::Descriptor;
use s2i_oci::{
    Digest,
    store::{Store, StoredImage},
};

use crate::error::failed;

/// The directory of the files, in the store.
const DIR: &str = "cache";

/// The prefix of the files with the descriptors of compressed layers.
#[cfg(feature = "registry")]
const FORM: &str = "form-";

/// Returns the image of this key, if the store still has it, and tags it.
pub(crate) fn get(
    store: &Store,
    key: &str,
    tag: Option<&ImageRef>,
) -> Result<Option<Committed>, EngineError> {
    let Some(image) = image_of(store, &path_of(store, key)) else {
        return Ok(None);
    };
    if let Some(tag) = tag {
        let tagged = store.tag(&image, tag);
        tagged.map_err(failed(Operation::TagImage, tag))?;
    }
    Ok(Some(Committed {
        id: image.id().to_string(),
        size: image.size(),
        labels: image.config().config.labels.clone(),
    }))
}

/// Stores the image of this key. The file is not written atomically: half of an id names no image.
pub(crate) fn put(store: &Store, key: &str, id: &str) -> Result<(), EngineError> {
    let path = path_of(store, key);
    let written = make_dir(&path).and_then(|()| fs::write(&path, id));
    written.map_err(failed(Operation::Write, path.display()))
}

/// Returns the descriptor of the compressed layer, if it is known. A later version of s2i may compress the layer
/// differently, so `fingerprint` is that of the compression.
#[cfg(feature = "registry")]
pub(crate) fn get_form(store: &Store, diff_id: Digest, fingerprint: Digest) -> Option<Descriptor> {
    let path = path_of(store, &form_key(diff_id, fingerprint));
    let json = bounds::read_file(&path, bounds::FILE).ok()?;
    serde_json::from_slice(&json).ok()
}

/// Stores the descriptor of the compressed layer. After a failure, the layer is compressed again when it is needed.
#[cfg(feature = "registry")]
pub(crate) fn put_form(store: &Store, diff_id: Digest, fingerprint: Digest, form: &Descriptor) {
    let path = path_of(store, &form_key(diff_id, fingerprint));
    let json = serde_json::to_vec(form).expect("plain data");
    let _ = make_dir(&path).and_then(|()| fs::write(path, json));
}

#[cfg(feature = "registry")]
fn form_key(diff_id: Digest, fingerprint: Digest) -> String {
    format!("{FORM}{}-{}", &fingerprint.hex()[..8], diff_id.hex())
}

fn make_dir(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

/// Removes the builds whose image is gone, and all descriptors of compressed layers, which can be made again.
pub(crate) fn prune(store: &Store) -> Result<(), EngineError> {
    let dir = store.root().join(DIR);
    let entries = match fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(err) => return Err(failed(Operation::Read, dir.display())(err)),
    };
    for entry in entries.flatten() {
        if image_of(store, &entry.path()).is_none() {
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

fn image_of(store: &Store, path: &Path) -> Option<StoredImage> {
    let id = bounds::read_text_file(path, bounds::FILE).ok()?;
    let id: Digest = id.parse().ok()?;
    store.find_id(id).ok()?
}

fn path_of(store: &Store, key: &str) -> PathBuf {
    store.root().join(DIR).join(key)
}
