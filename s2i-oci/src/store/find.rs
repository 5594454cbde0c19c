//! Finds images by name and ID, and changes their names.

use std::collections::BTreeMap;

use s2i_core::ImageRef;

use super::{
    Store, StoredImage,
    error::StoreError,
    index::{Entry, Index},
    lock::Exclusive,
    publish::check_name,
};
use crate::Digest;

/// The fewest hex digits that are taken for the start of an id.
const MIN_ID: usize = 12;

impl Store {
    /// Returns the image of a reference: an ID (with or without `sha256:`, at least the first twelve of its digits), a
    /// name (whose tag may be missing if it is `latest`), or a name with the digest of a manifest or a config. An ID
    /// takes precedence over a name that looks like one, so that no name can pass for an ID.
    ///
    /// # Errors
    /// [`StoreError::Ambiguous`], [`StoreError::Damaged`], [`StoreError::Disk`].
    pub fn find(&self, name: &ImageRef) -> Result<Option<StoredImage>, StoreError> {
        let lock = self.shared()?;
        let index = Index::load(&self.layout, &lock)?;
        let entry = choose(&index, name)?;
        let image = entry.map(|entry| self.load(entry, &index, &lock));
        image.transpose()
    }

    /// The image whose config has this digest.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Disk`].
    pub fn find_id(&self, id: Digest) -> Result<Option<StoredImage>, StoreError> {
        let lock = self.shared()?;
        let index = Index::load(&self.layout, &lock)?;
        let entry = index.entries().iter().find(|entry| entry.id == id);
        let image = entry.map(|entry| self.load(entry, &index, &lock));
        image.transpose()
    }

    /// All images, each once with all its names: first those with a name, by name.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Disk`].
    pub fn list(&self) -> Result<Vec<StoredImage>, StoreError> {
        let lock = self.shared()?;
        let index = Index::load(&self.layout, &lock)?;
        let mut images: Vec<StoredImage> = Vec::new();
        for entry in index.entries() {
            if images.iter().all(|image| image.id != entry.id) {
                images.push(self.load(entry, &index, &lock)?);
            }
        }
        images.sort_by_key(|image| {
            let first = image.names.first().map(ToString::to_string);
            (first.is_none(), first, image.id)
        });
        Ok(images)
    }

    /// Adds a name to the image. Another image with this name loses it.
    ///
    /// # Errors
    /// [`StoreError::NamedByDigest`], [`StoreError::Gone`], [`StoreError::Disk`].
    pub fn tag(&self, image: &StoredImage, name: &ImageRef) -> Result<(), StoreError> {
        check_name(Some(name))?;
        let lock = self.exclusive()?;
        self.check_present(image, &lock)?;
        let mut index = Index::load(&self.layout, &lock)?;
        index.add(Some(name), image.id, &image.descriptor);
        index.save(&self.layout, &lock)
    }

    /// Removes a name from its image; false if there is no such name. An image without any name is no longer listed,
    /// and [`collect`](Self::collect) removes it.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn untag(&self, name: &ImageRef) -> Result<bool, StoreError> {
        let name = name.normalised();
        let is_it = |entry: &Entry| entry.name.as_ref() == Some(&name);
        Ok(!self.unlist(is_it, &self.exclusive()?)?.is_empty())
    }

    /// Takes the image out of the list, and returns the names that it had.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn remove_id(&self, id: Digest) -> Result<Vec<String>, StoreError> {
        let removed = self.unlist(|entry| entry.id == id, &self.exclusive()?)?;
        Ok(removed.into_iter().flatten().collect())
    }

    /// Takes the image out of the list unless it has a name.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn remove_unnamed(&self, id: Digest) -> Result<(), StoreError> {
        let is_it = |entry: &Entry| entry.id == id && entry.name.is_none();
        self.unlist(is_it, &self.exclusive()?).map(drop)
    }

    /// Removes entries from the list, and returns their names.
    pub(super) fn unlist(
        &self,
        is_unwanted: impl Fn(&Entry) -> bool,
        lock: &Exclusive,
    ) -> Result<Vec<Option<String>>, StoreError> {
        let mut index = Index::load(&self.layout, lock)?;
        let removed = index.remove(is_unwanted);
        if !removed.is_empty() {
            index.save(&self.layout, lock)?;
        }
        Ok(removed)
    }
}

fn choose<'i>(index: &'i Index, name: &ImageRef) -> Result<Option<&'i Entry>, StoreError> {
    let entries = index.entries();
    let text = name.to_string();
    if let Some(start) = id_start(&text) {
        let all = entries.iter().map(|entry| (entry.id, entry));
        let found: BTreeMap<_, _> = all.filter(|(id, _)| id.hex().starts_with(start)).collect();
        match found.len() {
            0 if start.len() == 64 => return Ok(None),
            0 => {}
            1 => return Ok(found.into_values().next()),
            count => return Err(StoreError::Ambiguous { text, count }),
        }
    }
    let named = |name: &str| {
        let mut entries = entries.iter();
        entries.find(|entry| entry.name.as_deref() == Some(name))
    };
    let found = named(&name.normalised());
    let Some(digest) = name.digest() else {
        return Ok(found);
    };
    let is_it = |entry: &&Entry| {
        let digests = [entry.manifest.digest, entry.id];
        digests.iter().any(|found| found.to_string() == digest)
    };
    Ok(found
        .or_else(|| named(&format!("{}@{digest}", name.full_name())))
        .or_else(|| entries.iter().find(is_it)))
}

/// The digits of a text that is an id or the start of one.
fn id_start(text: &str) -> Option<&str> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    let is_hex = digits
        .bytes()
        .all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    (is_hex && (MIN_ID..=64).contains(&digits.len())).then_some(digits)
}
