//! Unpacks archives beside a tree that must stay as it is.

use std::path::PathBuf;

use cap_std::{ambient_authority, fs::Dir};
use s2i_core::{
    ErrorChain,
    archive::{Limits, UnpackError, Unpacked, unpack},
};

use crate::canary::Canary;
pub(crate) use crate::canary::{Kind, Node, tree};

pub(crate) struct Sandbox(Canary);

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self(Canary::new("jail"))
    }

    pub(crate) fn jail(&self) -> PathBuf {
        self.0.inside()
    }

    /// The absolute path of the tree that must not change.
    pub(crate) fn outside(&self) -> String {
        self.0.outside()
    }

    pub(crate) fn unpack(&self, archive: &[u8], limits: &Limits) -> Result<Unpacked, UnpackError> {
        let jail = Dir::open_ambient_dir(self.jail(), ambient_authority()).unwrap();
        unpack(&mut &*archive, &jail, limits)
    }

    #[track_caller]
    pub(crate) fn assert_untouched(&self) {
        self.0.assert_untouched();
    }
}

/// The outcome on one line: the error with its causes, or what is in the jail.
pub(crate) fn outcome(sandbox: &Sandbox, result: &Result<Unpacked, UnpackError>) -> String {
    match result {
        Ok(_) => tree(&sandbox.jail())
            .iter()
            .map(show)
            .collect::<Vec<_>>()
            .join(", "),
        Err(err) if err.is_refusal() => ErrorChain(err).to_string(),
        Err(err) => format!("trouble: {}", ErrorChain(err)),
    }
}

fn show(node: &Node) -> String {
    let path = String::from_utf8_lossy(&node.path);
    match &node.kind {
        Kind::File(content) => format!("{path}={}", String::from_utf8_lossy(content)),
        Kind::Directory => format!("{path}/"),
        Kind::Link(target) => format!("{path}->{}", String::from_utf8_lossy(target)),
        Kind::Other => format!("{path}?"),
    }
}
