//! Garbage collection: finds and removes unreferenced content.
//!
//! The content is found and moved aside under the lock, which is quick; it is removed after the lock is released.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use s2i_core::image::ImageConfig;

use super::{
    Store, Work, disk, error::StoreError, index::Index, lock::Exclusive, remove::remove,
    work::Lease,
};
use crate::{
    Digest,
    manifest::{DOCKER_MANIFEST, Descriptor, MANIFEST, Manifest},
};

/// The removed amount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freed {
    /// Approximate number of bytes: of trees, the length of their archives.
    pub bytes: u64,
    /// Number of images.
    pub images: u64,
    /// Number of layers, unpacked or as blobs; one that was both counts once.
    pub layers: u64,
}

/// The content that must be kept.
#[derive(Default)]
struct Roots {
    blobs: BTreeSet<Digest>,
    layers: BTreeSet<Digest>,
}

/// The content to remove.
struct Waste {
    blobs: Vec<PathBuf>,
    layers: Vec<PathBuf>,
}

impl Store {
    /// Removes content that no image needs, whether listed or protected by a [`Work`], and leftovers of killed
    /// processes.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if an image can't be read, because its content is then unknown; nothing was removed.
    /// [`StoreError::Disk`].
    pub fn collect(&self) -> Result<Freed, StoreError> {
        self.clean(self.exclusive()?)
    }

    /// Removes the same as [`collect`](Self::collect), and also images without a name, unfinished downloads that no
    /// process continues, and compressed forms of layers.
    ///
    /// # Errors
    /// As [`collect`](Self::collect).
    pub fn prune(&self) -> Result<Freed, StoreError> {
        // On a full disk, this makes the space that the rest needs. Files that can't be removed are reported later.
        let _ = self.sweep();
        let rest = self.remove_partials()? + self.remove_compressed()?;
        let lock = self.exclusive()?;
        self.unlist(|entry| entry.name.is_none(), &lock)?;
        let mut freed = self.clean(lock)?;
        freed.bytes += rest;
        Ok(freed)
    }

    fn clean(&self, lock: Exclusive) -> Result<Freed, StoreError> {
        let works = self.work_dirs(&lock)?;
        let roots = self.roots(&Index::load(&self.layout, &lock)?, &works.leases)?;
        let waste = self.waste(&roots)?;
        let freed = self.freed(&waste, &roots);
        let trash = self.discard(&waste, &lock)?;
        drop(lock);
        let swept = works.remove_stale();
        trash.map_or(Ok(()), Work::remove)?;
        swept.map(|()| freed)
    }

    /// Moves the waste aside, or removes it at once if the disk has no space even for that.
    fn discard(&self, waste: &Waste, lock: &Exclusive) -> Result<Option<Work>, StoreError> {
        let paths = || waste.blobs.iter().chain(&waste.layers);
        let aside = || {
            let trash = Work::start(self, Lease::default(), lock)?;
            for (number, path) in paths().enumerate() {
                disk::rename(path, &trash.path().join(number.to_string()))?;
            }
            Ok(trash)
        };
        match aside() {
            Err(err) if StoreError::is_full(&err) => {}
            trash => return trash.map(Some),
        }
        for path in paths() {
            remove(path)?;
        }
        Ok(None)
    }

    fn roots(&self, index: &Index, leases: &[Lease]) -> Result<Roots, StoreError> {
        let mut roots = Roots::default();
        let listed = index.entries().iter().map(|entry| &entry.manifest);
        for manifest in listed.chain(leases.iter().flat_map(|lease| &lease.images)) {
            if roots.blobs.insert(manifest.digest) {
                let (manifest, config) = self.parts(manifest)?;
                let blobs = manifest.layers.iter().chain([&manifest.config]);
                roots.blobs.extend(blobs.map(|blob| blob.digest));
                roots.layers.extend(config.rootfs.diff_ids);
            }
        }
        let single = leases.iter().flat_map(|lease| &lease.blobs);
        roots.blobs.extend(single);
        Ok(roots)
    }

    fn waste(&self, roots: &Roots) -> Result<Waste, StoreError> {
        let without = |directory: &Path, kept: &BTreeSet<Digest>| {
            let mut entries = disk::entries(directory)?;
            entries.retain(|path| digest(path).is_none_or(|digest| !kept.contains(&digest)));
            Ok::<_, StoreError>(entries)
        };
        Ok(Waste {
            blobs: without(&self.layout.blobs(), &roots.blobs)?,
            layers: without(&self.layout.layers(), &roots.layers)?,
        })
    }

    /// Returns the freed amount as far as it is known: the removed content may be damaged.
    fn freed(&self, waste: &Waste, roots: &Roots) -> Freed {
        let mut freed = Freed::default();
        let mut layers = BTreeSet::new();
        for path in &waste.blobs {
            freed.bytes += fs::metadata(path).map_or(0, |metadata| metadata.len());
            if let Some((_, config)) = digest(path).and_then(|digest| self.image(digest)) {
                freed.images += 1;
                layers.extend(config.rootfs.diff_ids);
            }
        }
        for diff_id in waste.layers.iter().filter_map(|path| digest(path)) {
            let record = self.record(diff_id).ok().flatten();
            freed.bytes += record.map_or(0, |record| record.size);
            layers.insert(diff_id);
        }
        freed.layers = layers.difference(&roots.layers).count() as u64;
        freed
    }

    /// Reads the image whose manifest the blob is, if it is one.
    fn image(&self, blob: Digest) -> Option<(Manifest, ImageConfig)> {
        let mut media_types = [MANIFEST, DOCKER_MANIFEST].into_iter();
        media_types.find_map(|media_type| self.parts(&Descriptor::new(media_type, blob, 0)).ok())
    }
}

/// Returns the digest in the name of a file or directory.
fn digest(path: &Path) -> Option<Digest> {
    let name = path.file_name()?.to_str()?;
    format!("sha256:{name}").parse().ok()
}
