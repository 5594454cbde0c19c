//! Unpacks layers beside a tree that must stay as it is.

use std::path::PathBuf;

use s2i_oci::{
    Digest,
    overlay::{Dialect, Limits, Size, UnpackError, pack, unpack},
};

use super::{
    canary::Canary,
    trees::{Tree, read, show},
};
pub(crate) use crate::common::{chain, is_skipped};
use crate::scratch;

pub(crate) struct Sandbox {
    canary: Canary,
    pub(crate) dialect: Dialect,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        scratch::use_memory();
        Self {
            canary: Canary::new("jail/tree"),
            dialect: Dialect::of_this_process(),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.canary.inside()
    }

    /// The absolute path of the tree that must not change.
    pub(crate) fn outside(&self) -> String {
        self.canary.outside()
    }

    pub(crate) fn unpack(
        &self,
        layer: &[u8],
        limits: &Limits,
    ) -> Result<(Digest, Size), UnpackError> {
        unpack(&mut &*layer, &self.path(), self.dialect, limits)
    }

    /// Unpacks something legal and returns the tree.
    #[track_caller]
    pub(crate) fn tree(&self, layer: &[u8]) -> Tree {
        let unpacked = self.unpack(layer, &Limits::default());
        let (digest, size) = unpacked.unwrap_or_else(|err| panic!("{}", chain(&err)));
        assert_eq!(digest, Digest::of(layer));
        assert_eq!(size.bytes, layer.len() as u64);
        self.assert_untouched();
        read(&self.path())
    }

    /// The layer that comes of the tree.
    #[track_caller]
    pub(crate) fn pack(&self) -> Vec<u8> {
        let mut layer = Vec::new();
        let packed = pack(&self.path(), self.dialect, None, &mut layer);
        let (digest, size) = packed.unwrap_or_else(|err| panic!("{}", chain(&err)));
        assert_eq!(digest, Digest::of(&layer));
        assert_eq!(size.bytes, layer.len() as u64);
        layer
    }

    /// Returns the error of packing the tree.
    #[track_caller]
    pub(crate) fn pack_error(&self) -> String {
        let packed = pack(&self.path(), self.dialect, None, &mut Vec::new());
        chain(&packed.unwrap_err())
    }

    /// The outcome on one line: the error with its causes, or what is in the tree.
    pub(crate) fn outcome(&self, layer: &[u8], limits: &Limits) -> String {
        match self.unpack(layer, limits) {
            Ok(_) => show(&read(&self.path())),
            Err(err) if err.is_refusal() => chain(&err),
            Err(err) => format!("error: {}", chain(&err)),
        }
    }

    #[track_caller]
    pub(crate) fn assert_untouched(&self) {
        self.canary.assert_untouched();
    }
}
