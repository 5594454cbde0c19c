//! What two builds have in common whose result is the same.

use sha2::{Digest as _, Sha256};

use super::BuildPlan;
use crate::hex::hex;

/// A change of how plans are done makes another build of the same plan.
const VERSION: &str = concat!("s2i ", env!("CARGO_PKG_VERSION"), " plan 1");

impl BuildPlan {
    /// The key that an engine remembers the result by: a digest of everything in the plan and of the
    /// source. An incremental build has none, because what it starts with changes every time, and it makes
    /// a second image for the next.
    ///
    /// # Panics
    /// Never: a plan is plain data.
    #[must_use]
    pub fn key(&self, source: &str) -> Option<String> {
        let keeps = self
            .runtime
            .as_ref()
            .is_some_and(|runtime| runtime.keep.is_some());
        if self.save.is_some() || keeps {
            return None;
        }
        let mut hash = Sha256::new();
        hash.update(VERSION);
        hash.update(serde_json::to_vec(self).expect("a plan is plain data"));
        hash.update(source);
        Some(hex(&hash.finalize()))
    }
}
