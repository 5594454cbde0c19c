//! Blobs under their digests, and layers as archives.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::Path,
};

use super::{
    Store, StoredImage, StoredLayer, disk,
    error::{StoreError, disk_error},
    lock::{Exclusive, Lock},
};
use crate::{
    Digest,
    compression::decompressed,
    copy::{self, CopyError},
    manifest::Descriptor,
    overlay::{self, PackError},
};

impl Store {
    /// Returns whether there is a blob with this digest. Layers that were built here are not blobs.
    #[must_use]
    pub fn has_blob(&self, digest: Digest) -> bool {
        self.layout.blob(digest).is_file()
    }

    /// Opens the blob as it is stored; `None` if there is none. It was verified when it was stored.
    ///
    /// # Errors
    /// [`StoreError::Disk`], [`StoreError::Damaged`] if it has another length.
    pub fn open_blob(&self, blob: &Descriptor) -> Result<Option<File>, StoreError> {
        let path = self.layout.blob(blob.digest);
        let file = match File::open(&path) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(disk_error("read", &path))?,
        };
        let length = file.metadata().map_err(disk_error("read", &path))?.len();
        if length == blob.size {
            return Ok(Some(file));
        }
        let problem = format!("it has {length} bytes, but should have {}", blob.size);
        Err(StoreError::damaged(&path, problem))
    }

    /// Writes the layer as a plain archive: its blob, decompressed if need be, or its tree, packed again.
    /// The output is verified while it is written, so output written before an error must not be used.
    ///
    /// A [`Work`](super::Work) of the caller's must protect the image.
    ///
    /// # Errors
    /// [`StoreError::NoLayer`], [`StoreError::Write`], [`StoreError::Disk`], [`StoreError::Damaged`],
    /// [`StoreError::Pack`], [`StoreError::Torn`].
    pub fn write_layer(&self, layer: &StoredLayer, out: &mut dyn Write) -> Result<(), StoreError> {
        let out = &mut self.watch(out);
        let Some(mut blob) = self.open_blob(&layer.descriptor)? else {
            return self.pack_layer(layer.diff_id, out);
        };
        let path = self.layout.blob(layer.descriptor.digest);
        if layer.is_plain() {
            return copy_verified(&path, &mut blob, layer.diff_id, out);
        }
        let mut plain = decompressed(&mut blob).map_err(disk_error("read", &path))?;
        copy_verified(&path, &mut *plain, layer.diff_id, out)
    }

    /// Writes a blob in its stored form, and verifies it on the way.
    pub(super) fn copy_blob(
        &self,
        blob: &Descriptor,
        out: &mut dyn Write,
    ) -> Result<(), StoreError> {
        let (digest, file) = (blob.digest, self.open_blob(blob)?);
        let mut file = file.ok_or(StoreError::NoLayer(digest))?;
        copy_verified(&self.layout.blob(digest), &mut file, digest, out)
    }

    fn pack_layer(&self, diff_id: Digest, out: &mut dyn Write) -> Result<(), StoreError> {
        let record = self.record(diff_id)?.filter(|record| record.packs);
        let record = record.ok_or(StoreError::NoLayer(diff_id))?;
        let tree = self.tree(diff_id);
        match overlay::pack(&tree, self.dialect(), None, out) {
            Ok((found, _)) if found == diff_id => Ok(()),
            Ok(_) if record.is_settled(&self.boot) => {
                let problem = "its files are not those of the layer any more";
                Err(StoreError::damaged(&tree, problem))
            }
            Ok(_) => Err(StoreError::Torn(diff_id)),
            Err(PackError::Write(source)) => Err(StoreError::Write {
                layer: diff_id,
                source,
            }),
            Err(source) => Err(StoreError::Pack { tree, source }),
        }
    }

    /// Checks that everything the image needs is in the store.
    pub(super) fn check_present(
        &self,
        image: &StoredImage,
        lock: &impl Lock,
    ) -> Result<(), StoreError> {
        let has_all = self.has_blob(image.manifest_digest())
            && self.has_blob(image.id)
            && image.layers().all(|layer| self.has_layer(&layer, lock));
        has_all.then_some(()).ok_or(StoreError::Gone(image.id))
    }

    /// Returns whether the layer's archive can be read or packed from its tree.
    pub(super) fn has_layer(&self, layer: &StoredLayer, _lock: &impl Lock) -> bool {
        self.has_blob(layer.descriptor.digest)
            || layer.is_plain()
                && matches!(self.record(layer.diff_id), Ok(Some(record)) if record.packs)
    }

    /// Makes a file that is on the disk the blob with this digest, unless there is one already. The name is on the disk
    /// only after [`sync_blobs`](Self::sync_blobs).
    pub(super) fn put_blob(
        &self,
        from: &Path,
        digest: Digest,
        _lock: &Exclusive,
    ) -> Result<(), StoreError> {
        if self.has_blob(digest) {
            return Ok(());
        }
        disk::rename(from, &self.layout.blob(digest))
    }

    /// Waits until the names of all blobs are on the disk.
    pub(super) fn sync_blobs(&self) -> Result<(), StoreError> {
        disk::sync_dir(&self.layout.blobs())
    }
}

/// Copies a blob that must have this digest, as it is read.
fn copy_verified(
    path: &Path,
    content: &mut dyn Read,
    digest: Digest,
    out: &mut dyn Write,
) -> Result<(), StoreError> {
    match copy::copy(content, out) {
        Ok((found, _)) if found == digest => Ok(()),
        Ok(_) => Err(StoreError::damaged(path, "it has another digest")),
        Err(CopyError::Read(err)) => Err(disk_error("read", path)(err)),
        Err(CopyError::Write(source)) => Err(StoreError::Write {
            layer: digest,
            source,
        }),
    }
}
