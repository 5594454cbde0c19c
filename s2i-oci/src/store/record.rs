//! The record of an unpacked layer, which also shows whether its tree is on the disk.
//!
//! Waiting until every file of a tree is on the disk would take longer than most builds. So a tree is recorded with the
//! boot of the machine in which it was written. When it is first needed in another boot, its files are read from the
//! disk: either they give the layer's digest, and it is trusted from then on, or the layer is unpacked again. Archives
//! of other tools can't be restored from files, so a layer that was unpacked from one is always unpacked again, but
//! then waits for the disk, so that this happens once.

use std::{
    io::{self, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::{Store, disk, error::StoreError, lock::Exclusive};
use crate::{
    Digest,
    overlay::{self, Size},
};

/// The most bytes of a record.
const MAX_RECORD: u64 = 4096;

/// The record of a tree: `layer.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// The number of bytes of the plain archive.
    pub(super) size: u64,
    /// The number of its entries.
    files: u64,
    /// True if packing the tree gives the layer's archive again.
    pub(super) packs: bool,
    /// The boot in which the tree was written; `None` once it is known to be on the disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    boot: Option<String>,
}

impl Record {
    /// The record of a tree that was just written.
    pub(super) fn new(size: Size, packs: bool, boot: &str) -> Self {
        Self {
            size: size.bytes,
            files: size.files,
            packs,
            boot: Some(boot.into()),
        }
    }

    /// Returns whether the tree can be used without a check.
    pub(super) fn is_settled(&self, boot: &str) -> bool {
        self.boot.as_deref().is_none_or(|written| written == boot)
    }

    /// The record of the same tree once it is known to be on the disk.
    pub(super) fn settled(self) -> Self {
        Self { boot: None, ..self }
    }

    /// Writes the record into a layer's directory that no other process uses yet.
    pub(super) fn write(&self, directory: &Path) -> Result<(), StoreError> {
        disk::write(&directory.join(NAME), &self.json())?;
        disk::sync_dir(directory)
    }

    fn json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("four fields")
    }
}

/// The name of a record.
const NAME: &str = "layer.json";

/// The ID of the machine's current boot. Where it is unknown, every process has one of its own, which costs time, but
/// trusts nothing wrong.
pub(super) fn boot_id() -> String {
    let read = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    match read.as_deref().map(str::trim) {
        Ok(id) if !id.is_empty() => id.into(),
        _ => disk::random_name(),
    }
}

impl Store {
    /// Reads the record of the layer's tree, if there is one.
    pub(super) fn record(&self, diff_id: Digest) -> Result<Option<Record>, StoreError> {
        disk::read_json(&self.layout.layer(diff_id).join(NAME), MAX_RECORD)
    }

    /// Checks whether a tree that was written in another boot is intact on the disk, and records it.
    pub(super) fn settle(&self, diff_id: Digest, record: &Record) -> Result<bool, StoreError> {
        if !record.packs || !self.packs(&self.tree(diff_id), diff_id)? {
            return Ok(false);
        }
        self.note_settled(diff_id, record, &self.exclusive()?)?;
        Ok(true)
    }

    /// Returns whether packing the tree gives this layer.
    pub(super) fn packs(&self, tree: &Path, diff_id: Digest) -> Result<bool, StoreError> {
        Ok(self.pack(tree, &mut io::sink())? == diff_id)
    }

    /// Packs the tree, and returns the digest of the layer.
    pub(super) fn pack(&self, tree: &Path, out: &mut dyn Write) -> Result<Digest, StoreError> {
        let packed = overlay::pack(tree, self.dialect, None, &mut self.watch(out));
        let (digest, _) = packed.map_err(|source| StoreError::Pack {
            tree: tree.into(),
            source,
        })?;
        Ok(digest)
    }

    /// Records the result, as another process may have recorded the same, or have replaced the tree.
    fn note_settled(
        &self,
        diff_id: Digest,
        record: &Record,
        lock: &Exclusive,
    ) -> Result<(), StoreError> {
        if self.record(diff_id)?.as_ref() != Some(record) {
            return Ok(());
        }
        let path = self.layout.layer(diff_id).join(NAME);
        let settled = record.clone().settled();
        self.layout.replace(&path, &settled.json(), lock)
    }
}
