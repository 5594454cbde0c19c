//! The images that registries have behind names now, and what has changed.

use std::{cell::RefCell, collections::BTreeMap};

use s2i_core::ImageRef;
use s2i_oci::registry::Registry;
use serde::Serialize;

use super::origin::Base;
use crate::{
    commands::registry_image::RegistryImage, context::CommandContext, error::Error, native,
};

/// The images of registries, each looked up once.
pub(in crate::commands::cluster) struct Current {
    registry: Registry,
    known: RefCell<BTreeMap<String, Digests>>,
}

/// The digests of one image.
#[derive(Clone, Debug)]
pub(super) struct Digests {
    /// The one behind the name, of an index or a manifest.
    pub(super) named: String,
    /// The one of the manifest for this platform, which builds on some engines record.
    pub(super) manifest: String,
}

/// A base, and what is behind its name now.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Compared {
    #[serde(flatten)]
    pub(super) base: Base,
    /// The digest behind the name now.
    pub(super) current: String,
    /// True if it is another image; `None` if the old one is not known.
    pub(super) changed: Option<bool>,
}

impl Current {
    /// Returns the registries, with the logins and settings of this command.
    pub(in crate::commands::cluster) fn new(context: &CommandContext<'_>) -> Result<Self, Error> {
        Ok(Self {
            registry: Registry::new(native::registry(context)?)?,
            known: RefCell::default(),
        })
    }

    /// Reads an image.
    pub(in crate::commands::cluster) async fn image(
        &self,
        name: &ImageRef,
    ) -> Result<RegistryImage, Error> {
        let read = RegistryImage::read(&self.registry, name).await;
        read.map_err(|source| Error::Inspect {
            image: name.clone(),
            source,
        })
    }

    /// Compares bases with what their registries have now.
    pub(super) async fn compare(&self, bases: &[Base]) -> Result<Vec<Compared>, Error> {
        let mut compared = Vec::new();
        for base in bases {
            let digests = self.digests(&base.name).await?;
            compared.push(Compared::new(base, &digests));
        }
        Ok(compared)
    }

    async fn digests(&self, name: &ImageRef) -> Result<Digests, Error> {
        let key = name.normalised();
        let known = self.known.borrow().get(&key).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let image = self.image(name).await?;
        let digests = Digests {
            named: image.pulled.named.to_string(),
            manifest: image.pulled.manifest_digest.to_string(),
        };
        self.known.borrow_mut().insert(key, digests.clone());
        Ok(digests)
    }
}

impl Compared {
    fn new(base: &Base, digests: &Digests) -> Self {
        let is_same = |old: &String| *old == digests.named || *old == digests.manifest;
        Self {
            base: base.clone(),
            current: digests.named.clone(),
            changed: base.digest.as_ref().map(|old| !is_same(old)),
        }
    }
}

/// Returns whether any of the bases has changed. `None` if none is known to have changed and one is not known at all.
pub(super) fn has_changed(bases: &[Compared]) -> Option<bool> {
    let is = |wanted| bases.iter().any(|base| base.changed == wanted);
    if is(Some(true)) {
        return Some(true);
    }
    (!is(None)).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(old: Option<&str>) -> Compared {
        let base = Base {
            name: "go:1".parse().unwrap(),
            digest: old.map(str::to_owned),
        };
        let digests = Digests {
            named: "sha256:index".into(),
            manifest: "sha256:manifest".into(),
        };
        Compared::new(&base, &digests)
    }

    #[test]
    fn index_and_manifest_are_the_same_image() {
        for (old, changed) in [
            (Some("sha256:index"), Some(false)),
            (Some("sha256:manifest"), Some(false)),
            (Some("sha256:other"), Some(true)),
            (None, None),
        ] {
            assert_eq!(compared(old).changed, changed, "{old:?}");
        }
    }

    #[test]
    fn one_change_is_enough_and_an_unknown_digest_is_no_answer() {
        let [same, other, unknown] =
            [Some("sha256:index"), Some("sha256:other"), None].map(compared);
        for (bases, changed) in [
            (vec![], Some(false)),
            (vec![same.clone()], Some(false)),
            (vec![same.clone(), other.clone()], Some(true)),
            (vec![unknown.clone(), other], Some(true)),
            (vec![same, unknown], None),
        ] {
            assert_eq!(has_changed(&bases), changed, "{bases:?}");
        }
    }
}
