//! Layers as trees: unpacked on first use, or adopted from builds.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::{
    Store, StoredImage, StoredLayer, Work, disk,
    error::{StoreError, disk_error},
    lock::Exclusive,
    record::Record,
};
use crate::{
    Digest,
    manifest::{self, Descriptor},
    overlay::{self, Clamp, Size},
};

/// A layer that is about to be unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unpacking {
    /// The digest of the plain archive.
    pub layer: Digest,
    /// The length of the stored archive, in bytes.
    pub bytes: u64,
    /// The number of its bytes that were read: 0 before it is unpacked.
    pub read: u64,
    /// True if it was unpacked in an earlier boot, and it is not known whether its tree is on the disk.
    pub again: bool,
}

/// The number of bytes between two reports of a layer that is unpacked.
const REPORT_INTERVAL: u64 = 1 << 20;

/// The archive of a layer, with reports of the number of bytes that were read.
struct Reported<'a> {
    blob: File,
    read: u64,
    report: &'a dyn Fn(u64),
}

impl Read for Reported<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.blob.read(buffer)?;
        let before = self.read;
        self.read += count as u64;
        if before / REPORT_INTERVAL != self.read / REPORT_INTERVAL {
            (self.report)(self.read);
        }
        Ok(count)
    }
}

/// A tree that became a layer, for [`Store::publish`]. It is removed if it is dropped before that.
#[derive(Debug)]
pub struct Adopted {
    work: Work,
    layer: StoredLayer,
    size: Size,
}

impl Adopted {
    /// The digest of the layer, which is never compressed.
    #[must_use]
    pub fn diff_id(&self) -> Digest {
        self.layer.diff_id
    }

    /// The length of the layer's archive in bytes, and its entries.
    #[must_use]
    pub fn size(&self) -> Size {
        self.size
    }

    pub(super) fn layer(&self) -> &StoredLayer {
        &self.layer
    }

    /// The directory that is to become the layer's, and its working directory.
    pub(super) fn directory(&self) -> (PathBuf, &Work) {
        (self.work.path().join("layer"), &self.work)
    }
}

impl Store {
    /// Returns the trees of the image's layers, lowest first. Missing ones are unpacked, with calls of
    /// `progress` before each and for each mebibyte of its archive. A layer that the image has twice is returned once, in its higher position: overlayfs takes no
    /// directory twice, and a higher layer hides itself below.
    ///
    /// The trees stay as long as a [`Work`] of the caller protects the image.
    ///
    /// # Errors
    /// [`StoreError::Gone`], [`StoreError::NoLayer`], [`StoreError::Unpack`], [`StoreError::Mismatch`],
    /// [`StoreError::Torn`], [`StoreError::Disk`].
    pub fn trees(
        &self,
        image: &StoredImage,
        progress: &dyn Fn(Unpacking),
    ) -> Result<Vec<PathBuf>, StoreError> {
        let work = self.work(&[image])?;
        let mut trees = Vec::new();
        for layer in image.layers() {
            self.unpack(&layer, &work, progress)?;
            let tree = self.tree(layer.diff_id);
            trees.retain(|other| *other != tree);
            trees.push(tree);
        }
        Ok(trees)
    }

    /// Makes a layer of a tree in a [`Work`] of this store: reads it once for its digest, sets the time of files that
    /// are new according to `clamp`, and moves the tree to where only [`publish`](Self::publish) finds it. The check of
    /// [`checked`](Self::checked) is called often while the tree is read, and an error of it ends the operation.
    ///
    /// # Errors
    /// [`StoreError::Outside`], [`StoreError::Pack`], [`StoreError::Disk`].
    pub fn adopt(&self, tree: &Path, clamp: Option<&Clamp>) -> Result<Adopted, StoreError> {
        self.check_inside(tree)?;
        let packed = overlay::pack_within(
            tree,
            self.dialect(),
            clamp,
            &self.limits,
            &|| self.check(),
            &mut io::sink(),
        );
        let (diff_id, size) = packed.map_err(|source| StoreError::Pack {
            tree: tree.into(),
            source,
        })?;
        let adopted = Adopted {
            work: self.work(&[])?,
            layer: StoredLayer {
                descriptor: Descriptor::new(manifest::LAYER, diff_id, size.bytes),
                diff_id,
            },
            size,
        };
        let (directory, _) = adopted.directory();
        disk::make_dir(&directory)?;
        disk::rename(tree, &directory.join("tree"))?;
        Record::new(size, true, &self.boot).write(&directory)?;
        Ok(adopted)
    }

    /// Checks that the tree is in the store: it is adopted by renaming.
    fn check_inside(&self, tree: &Path) -> Result<(), StoreError> {
        let metadata = tree.symlink_metadata().map_err(disk_error("read", tree))?;
        let path = tree.canonicalize().map_err(disk_error("read", tree))?;
        match path.strip_prefix(self.layout.work()) {
            Ok(inside) if metadata.is_dir() && inside.components().count() > 1 => Ok(()),
            _ => Err(StoreError::Outside(tree.into())),
        }
    }

    /// The path of a layer's tree.
    pub(super) fn tree(&self, diff_id: Digest) -> PathBuf {
        self.layout.layer(diff_id).join("tree")
    }

    /// The length of a layer, uncompressed if that is known.
    pub(super) fn layer_size(&self, layer: &StoredLayer) -> u64 {
        match self.record(layer.diff_id) {
            Ok(Some(record)) => record.size,
            _ => layer.descriptor.size,
        }
    }

    /// Unpacks the layer unless its tree is present and valid.
    fn unpack(
        &self,
        layer: &StoredLayer,
        work: &Work,
        progress: &dyn Fn(Unpacking),
    ) -> Result<(), StoreError> {
        let old = self.record(layer.diff_id)?;
        if let Some(old) = &old
            && (old.is_settled(&self.boot) || self.settle(layer.diff_id, old)?)
        {
            return Ok(());
        }
        let Some(blob) = self.open_blob(&layer.descriptor)? else {
            return Err(match old {
                Some(_) => StoreError::Torn(layer.diff_id),
                None => StoreError::NoLayer(layer.diff_id),
            });
        };
        let report = |read| {
            progress(Unpacking {
                layer: layer.diff_id,
                bytes: layer.descriptor.size,
                read,
                again: old.is_some(),
            });
        };
        report(0);
        let directory = work.path().join(layer.diff_id.hex());
        let blob = Reported {
            blob,
            read: 0,
            report: &report,
        };
        let size = self.unpack_blob(layer, blob, &directory)?;
        let record = match &old {
            None => Record::new(size, false, &self.boot),
            // This store may be the only source of the layer, as the archive packed from its tree.
            Some(old) => {
                let packs = old.packs && self.packs(&directory.join("tree"), layer.diff_id)?;
                disk::sync_file_system(&directory)?;
                Record::new(size, packs, &self.boot).settled()
            }
        };
        record.write(&directory)?;
        let lock = self.exclusive()?;
        self.install(&directory, layer.diff_id, old.as_ref(), work, &lock)
    }

    fn unpack_blob(
        &self,
        layer: &StoredLayer,
        mut blob: Reported<'_>,
        directory: &Path,
    ) -> Result<Size, StoreError> {
        let tree = directory.join("tree");
        disk::make_dir(directory)?;
        disk::make_dir(&tree)?;
        let (dialect, limits) = (self.dialect(), &self.limits);
        let unpacked = overlay::unpack_while(&mut blob, &tree, dialect, limits, &|| self.check());
        let (found, size) = unpacked.map_err(|source| StoreError::Unpack {
            layer: layer.diff_id,
            source,
        })?;
        if found == layer.diff_id {
            return Ok(size);
        }
        Err(StoreError::Mismatch {
            what: format!("the unpacked layer {}", layer.descriptor.digest),
            expected: layer.diff_id,
            found,
            size: size.bytes,
        })
    }

    /// Makes the directory that of the layer, unless the record there is no longer `old`.
    pub(super) fn install(
        &self,
        directory: &Path,
        diff_id: Digest,
        old: Option<&Record>,
        work: &Work,
        _lock: &Exclusive,
    ) -> Result<(), StoreError> {
        let to = self.layout.layer(diff_id);
        if self.record(diff_id)?.as_ref() != old {
            return Ok(());
        }
        // A directory without a record was left by a crash.
        if to.exists() {
            let away = work.path().join(format!("old-{}", diff_id.hex()));
            disk::rename(&to, &away)?;
        }
        disk::rename(directory, &to)?;
        disk::sync_dir(&self.layout.layers())
    }
}
