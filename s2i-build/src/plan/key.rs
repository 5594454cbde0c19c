//! What two builds have in common whose result is the same.

use s2i_core::{Secret, image::Hasher, secret};

use super::BuildPlan;

/// A change of how plans are done makes another build of the same plan.
const VERSION: &str = concat!("s2i ", env!("CARGO_PKG_VERSION"), " plan 1");

impl BuildPlan {
    /// The key that an engine remembers the result by: a digest of everything in the plan, of the
    /// addresses in secrets, and of the source. An incremental build has none, because what it starts with
    /// changes every time, and it makes a second image for the next.
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
        let mut hash = Hasher::default();
        hash.update(VERSION);
        hash.update(serde_json::to_vec(self).expect("a plan is plain data"));
        for secret in self.secrets() {
            let addresses = addresses(secret);
            hash.update(addresses.len().to_le_bytes());
            hash.update(addresses);
        }
        hash.update(source);
        Some(hash.finish().hex())
    }

    /// The secrets of all programs that a build with a key runs. The plan as text has their names.
    fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let runtime = self.runtime.as_ref().map(|runtime| &runtime.run);
        let runs = std::iter::once(&self.assemble).chain(runtime);
        runs.flat_map(|run| &run.program.secrets)
    }
}

/// The part of a secret that decides about the result: the addresses of servers, without the logins in them. A login alone is
/// no reason to build again, because many are made for one build.
fn addresses(secret: &Secret) -> String {
    let value = secret.reveal().value();
    if !value.contains("://") {
        return String::new();
    }
    secret::credentials(value).fold(value.to_owned(), |addresses, login| {
        addresses.replace(&format!("{login}@"), "@")
    })
}
