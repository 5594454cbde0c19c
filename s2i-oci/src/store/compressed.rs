//! Compressed forms of layers, which are kept for the next push.
//!
//! A form is a file in the directory of its layer, so it is removed with the layer. Its name has the digest and the boot
//! in which it was written: it does not wait for the disk, so in another boot it is verified first.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use super::{
    Store, disk,
    error::{StoreError, disk_error},
};
use crate::{Digest, manifest::Descriptor};

impl Store {
    /// Opens a compressed form of a layer; `None` if it is not kept.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn open_compressed(
        &self,
        diff_id: Digest,
        form: &Descriptor,
    ) -> Result<Option<File>, StoreError> {
        let path = self.compressed(diff_id, form.digest);
        if !path.exists() {
            self.verify_compressed(diff_id, form.digest)?;
        }
        let file = match File::open(&path) {
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(disk_error("read", &path))?,
        };
        let length = file.metadata().map_err(disk_error("read", &path))?.len();
        Ok((length == form.size).then_some(file))
    }

    /// Keeps a file of a [`Work`](super::Work) that protects the layer as a compressed form of it. The file is moved.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn keep_compressed(
        &self,
        diff_id: Digest,
        form: &Descriptor,
        file: &Path,
    ) -> Result<(), StoreError> {
        let _lock = self.exclusive()?;
        // A layer that was never unpacked has no directory yet.
        disk::make_dir(&self.layout.layer(diff_id))?;
        disk::rename(file, &self.compressed(diff_id, form.digest))
    }

    /// Removes all compressed forms, which can be made again, and returns the number of their bytes.
    pub(super) fn remove_compressed(&self) -> Result<u64, StoreError> {
        let mut bytes = 0;
        for layer in disk::entries(&self.layout.layers())? {
            // Something else than a directory is left to the collection of garbage.
            for path in disk::entries(&layer).unwrap_or_default() {
                if digest_of(&path).is_some() {
                    bytes += fs::symlink_metadata(&path).map_or(0, |metadata| metadata.len());
                    disk::remove_file(&path)?;
                }
            }
        }
        Ok(bytes)
    }

    fn compressed(&self, diff_id: Digest, form: Digest) -> PathBuf {
        let name = format!("{}.{}", form.hex(), self.boot);
        self.layout.layer(diff_id).join(name)
    }

    /// Gives a form from another boot the name for this one, or removes it if a crash has damaged it.
    fn verify_compressed(&self, diff_id: Digest, form: Digest) -> Result<(), StoreError> {
        let dir = self.layout.layer(diff_id);
        if !dir.exists() {
            return Ok(());
        }
        for path in disk::entries(&dir)? {
            if digest_of(&path) != Some(form) {
                continue;
            }
            let mut file = File::open(&path).map_err(disk_error("read", &path))?;
            let content = Digest::of_reader(&mut self.watch(&mut file));
            match content.map_err(disk_error("read", &path))? {
                (found, _) if found == form => {
                    disk::rename(&path, &self.compressed(diff_id, form))?;
                }
                _ => disk::remove_file(&path)?,
            }
        }
        Ok(())
    }
}

/// Returns the digest in the name of a compressed form.
fn digest_of(path: &Path) -> Option<Digest> {
    let (digest, _) = path.file_name()?.to_str()?.split_once('.')?;
    format!("sha256:{digest}").parse().ok()
}
