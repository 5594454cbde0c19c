//! What the engine remembers beside images, a small file for each thing: which image came of which build, and
//! what a layer is when it is compressed.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use s2i_build::{
    EngineError,
    ports::{Committed, Operation},
};
use s2i_core::{ImageRef, bounds};
use s2i_oci::{
    Digest,
    manifest::Descriptor,
    store::{Store, StoredImage},
};

use crate::error::failed;

/// Where the files are, in the store.
const DIR: &str = "cache";

/// How the names of files start that say what a layer is when it is compressed.
const COMPRESSED: &str = "gzip-";

/// The image of this key, now with this name. One that is gone was forgotten with it.
pub(crate) fn recall(
    store: &Store,
    key: &str,
    tag: Option<&ImageRef>,
) -> Result<Option<Committed>, EngineError> {
    let Some(image) = image_of(store, &place(store, key)) else {
        return Ok(None);
    };
    if let Some(tag) = tag {
        let tagged = store.tag(&image, tag);
        tagged.map_err(failed(Operation::TagImage, tag))?;
    }
    Ok(Some(Committed {
        id: image.id().to_string(),
        size: image.size(),
    }))
}

/// Remembers it. A file that is not whole is no key of anything, so it may be written as it is.
pub(crate) fn remember(store: &Store, key: &str, id: &str) -> Result<(), EngineError> {
    let path = place(store, key);
    let written = make_dir(&path).and_then(|()| fs::write(&path, id));
    written.map_err(failed(Operation::Write, path.display()))
}

/// What the layer is when it is compressed, if that was found out before.
pub(crate) fn compressed(store: &Store, diff_id: Digest) -> Option<Descriptor> {
    let path = place(store, &format!("{COMPRESSED}{}", diff_id.hex()));
    let json = bounds::read_file(&path, bounds::FILE).ok()?;
    serde_json::from_slice(&json).ok()
}

/// Remembers that; when it can't, it will be found out again.
pub(crate) fn remember_compressed(store: &Store, diff_id: Digest, as_gzip: &Descriptor) {
    let path = place(store, &format!("{COMPRESSED}{}", diff_id.hex()));
    let json = serde_json::to_vec(as_gzip).expect("plain data");
    let _ = make_dir(&path).and_then(|()| fs::write(path, json));
}

fn make_dir(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

/// Forgets builds whose image is gone, and all compressions, which can be found out again.
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

fn place(store: &Store, key: &str) -> PathBuf {
    store.root().join(DIR).join(key)
}
