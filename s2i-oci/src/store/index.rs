//! The images and their names: `index.json`.

use std::collections::BTreeSet;

use s2i_core::ImageRef;

use super::{
    disk,
    error::StoreError,
    layout::Layout,
    lock::{Exclusive, Lock},
};
use crate::{
    Digest,
    manifest::{self, Descriptor, IMAGE_NAME, REF_NAME},
};

/// The annotation of an index entry that holds the image's ID, so that it is known without reading the manifest.
const IMAGE_ID: &str = "io.s2i.image.id";

/// The most bytes of an index: that of a hundred thousand names.
const MAX_INDEX: u64 = 64 << 20;

/// The entry of one name, or of an image without one.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The whole name.
    pub(super) name: Option<String>,
    /// The image's ID.
    pub(super) id: Digest,
    /// Its manifest.
    pub(super) manifest: Descriptor,
}

/// All entries.
#[derive(Debug, Default)]
pub(super) struct Index {
    entries: Vec<Entry>,
}

impl Index {
    /// Reads the index; there is none in a new store.
    pub(super) fn load(layout: &Layout, _lock: &impl Lock) -> Result<Self, StoreError> {
        let path = layout.index();
        let Some(index) = disk::read_json::<manifest::Index>(&path, MAX_INDEX)? else {
            return Ok(Self::default());
        };
        let entries: Option<_> = index.manifests.into_iter().map(Entry::read).collect();
        let entries =
            entries.ok_or_else(|| StoreError::damaged(&path, "an entry has no image ID"))?;
        Ok(Self { entries })
    }

    /// Replaces the stored index with this one.
    pub(super) fn save(mut self, layout: &Layout, lock: &Exclusive) -> Result<(), StoreError> {
        self.entries
            .sort_by(|a, b| (&a.name, a.manifest.digest).cmp(&(&b.name, b.manifest.digest)));
        let entries = self.entries.into_iter().map(Entry::write).collect();
        let json = serde_json::to_vec(&manifest::Index::new(entries)).expect("text keys");
        layout.replace(&layout.index(), &json, lock)
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Lists an image under a name, which is taken from any other image, or without a name if it is not listed yet.
    pub(super) fn add(&mut self, name: Option<&ImageRef>, id: Digest, manifest: &Descriptor) {
        let is_same = |entry: &Entry| entry.manifest.digest == manifest.digest;
        let name = name.map(ImageRef::normalised);
        if name.is_none() && self.entries.iter().any(is_same) {
            return;
        }
        self.entries.retain(|entry| match &entry.name {
            None => !is_same(entry),
            some => *some != name,
        });
        self.entries.push(Entry {
            name,
            id,
            manifest: manifest.clone(),
        });
    }

    /// Removes the entries for which `is_unwanted` returns true, and returns their names.
    pub(super) fn remove(&mut self, is_unwanted: impl Fn(&Entry) -> bool) -> Vec<Option<String>> {
        let unwanted = self.entries.extract_if(.., |entry| is_unwanted(entry));
        unwanted.map(|entry| entry.name).collect()
    }

    /// The names of an image, sorted.
    pub(super) fn names(&self, id: Digest) -> Vec<ImageRef> {
        let entries = self.entries.iter().filter(|entry| entry.id == id);
        let names: BTreeSet<_> = entries.filter_map(|entry| entry.name.as_ref()).collect();
        // Names were checked before they got here, so none is lost.
        let names = names.into_iter().map(|name| name.parse());
        names.filter_map(Result::ok).collect()
    }
}

impl Entry {
    fn read(mut manifest: Descriptor) -> Option<Self> {
        let name = manifest.annotations.remove(IMAGE_NAME);
        let id = manifest.annotations.remove(IMAGE_ID)?.parse().ok()?;
        manifest.annotations.clear();
        Some(Self { name, id, manifest })
    }

    fn write(self) -> Descriptor {
        let mut descriptor = self.manifest;
        let mut annotate = |key: &str, value| descriptor.annotations.insert(key.into(), value);
        annotate(IMAGE_ID, self.id.to_string());
        if let Some(name) = self.name {
            let parsed: Option<ImageRef> = name.parse().ok();
            if let Some(tag) = parsed.as_ref().and_then(ImageRef::tag) {
                annotate(REF_NAME, tag.into());
            }
            annotate(IMAGE_NAME, name);
        }
        descriptor
    }
}
