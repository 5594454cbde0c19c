//! What is known of an unpacked layer, and whether the disk has it.
//!
//! Waiting until the disk has every file of a tree would take longer than most builds. So a tree is
//! recorded with the boot of the machine in which it was written. When it is first needed in another
//! boot, its files come from the disk: either they give the layer's digest, and it is trusted for good,
//! or the layer is unpacked again. Archives of other tools can't be made again from files, so a layer
//! that was unpacked from one always is, but then waits for the disk: once is enough.

use std::{fs::File, io, path::Path};

use serde::{Deserialize, Serialize};

use super::{
    Store, disk,
    error::{StoreError, disk as failed},
    lock::Exclusive,
};
use crate::{
    Digest,
    overlay::{self, Size},
};

/// The most bytes of a record.
const MAX_RECORD: u64 = 4096;

/// What is known of a tree: `layer.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// Bytes of the plain archive.
    pub(super) size: u64,
    /// Its entries.
    files: u64,
    /// Whether packing the tree gives the layer's archive again.
    pub(super) packs: bool,
    /// The boot in which it was written; none once it is known that the disk has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    boot: Option<String>,
}

impl Record {
    /// Of a tree that was just written.
    pub(super) fn new(size: Size, packs: bool, boot: &str) -> Self {
        Self {
            size: size.bytes,
            files: size.files,
            packs,
            boot: Some(boot.into()),
        }
    }

    /// Whether the tree can be used as it is.
    pub(super) fn is_settled(&self, boot: &str) -> bool {
        self.boot.as_deref().is_none_or(|written| written == boot)
    }

    /// The same of a tree that the disk has.
    pub(super) fn settled(self) -> Self {
        Self { boot: None, ..self }
    }

    /// Writes the record into a layer's directory that nobody else knows yet.
    pub(super) fn write(&self, place: &Path) -> Result<(), StoreError> {
        disk::write(&place.join(NAME), &self.json())?;
        disk::sync_dir(place)
    }

    fn json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("four fields")
    }
}

/// The name of a record.
const NAME: &str = "layer.json";

/// The boot that the machine is in. Where that can't be told every process is in one of its own, which
/// costs time, but trusts nothing wrong.
pub(super) fn boot_id() -> String {
    let read = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    match read.as_deref().map(str::trim) {
        Ok(id) if !id.is_empty() => id.into(),
        _ => super::work::random_name(),
    }
}

impl Store {
    /// What is known of the layer's tree, if there is one.
    pub(super) fn record(&self, diff_id: Digest) -> Result<Option<Record>, StoreError> {
        let path = self.layout().layer(diff_id).join(NAME);
        match disk::read(&path, MAX_RECORD)? {
            Some(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|err| StoreError::damaged(&path, err.to_string())),
            None => Ok(None),
        }
    }

    /// Finds out whether the disk has a tree that was written in another boot, and notes it.
    pub(super) fn settle(&self, diff_id: Digest, record: &Record) -> Result<bool, StoreError> {
        if !record.packs {
            return Ok(false);
        }
        if !self.packs(&self.tree(diff_id), diff_id)? {
            return Ok(false);
        }
        self.note_settled(diff_id, record, &self.exclusive()?)?;
        Ok(true)
    }

    /// Whether the tree gives this layer when it is packed.
    pub(super) fn packs(&self, tree: &Path, diff_id: Digest) -> Result<bool, StoreError> {
        let packed = overlay::pack(tree, self.dialect(), None, &mut self.watch(io::sink()));
        let (found, _) = packed.map_err(|source| StoreError::Pack {
            tree: tree.into(),
            source,
        })?;
        Ok(found == diff_id)
    }

    /// Another process may have found the same, or have replaced the tree.
    fn note_settled(
        &self,
        diff_id: Digest,
        record: &Record,
        _held: &Exclusive,
    ) -> Result<(), StoreError> {
        if self.record(diff_id)?.as_ref() != Some(record) {
            return Ok(());
        }
        let path = self.layout().layer(diff_id).join(NAME);
        disk::replace(
            &self.layout().new_file(),
            &path,
            &record.clone().settled().json(),
        )
    }
}

/// Waits until the disk has everything that was written to its file system.
pub(super) fn wait_for_disk(place: &Path) -> Result<(), StoreError> {
    disk::step(disk::Change::Adds)
        .and_then(|()| Ok(rustix::fs::syncfs(File::open(place)?)?))
        .map_err(failed("write", place))
}
