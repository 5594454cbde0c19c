//! Documents that a name can refer to: a manifest, or an index of several.

use s2i_core::image::Platform;
use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};

use crate::{
    manifest::{self, Descriptor, Index, Manifest},
    registry::error::ProtocolError,
};

/// The accepted media types, as a header `Accept`.
pub(super) const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, \
    application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json";

/// A manifest or an index.
#[derive(Debug)]
pub(super) enum Document {
    Manifest(Manifest),
    Index(Index),
}

/// The fields that distinguish the two kinds.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    schema_version: u32,
    media_type: Option<String>,
    config: Option<IgnoredAny>,
    layers: Option<IgnoredAny>,
    manifests: Option<IgnoredAny>,
}

impl Document {
    /// Parses a document that was sent with this content type. A document that can be read as a manifest and as an
    /// index is refused: a tool that checks one reading would let another image pass (CVE-2021-41190).
    pub(super) fn parse(bytes: &[u8], content_type: Option<&str>) -> Result<Self, ProtocolError> {
        let shape: Shape = parsed(bytes)?;
        if shape.schema_version != 2 {
            return Err(ProtocolError::NoManifest);
        }
        let is_manifest = shape.config.is_some() && shape.layers.is_some();
        let is_index = shape.manifests.is_some();
        if is_index && (shape.config.is_some() || shape.layers.is_some()) {
            return Err(ProtocolError::Ambiguous);
        }
        let types = [shape.media_type.as_deref(), content_type];
        let mut types = types.into_iter().flatten();
        if is_index && !types.any(manifest::is_manifest) {
            parsed(bytes).map(Self::Index)
        } else if is_manifest && !types.any(manifest::is_index) {
            parsed(bytes).map(Self::Manifest)
        } else if is_index || is_manifest {
            Err(ProtocolError::Ambiguous)
        } else {
            Err(ProtocolError::NoManifest)
        }
    }
}

fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ProtocolError> {
    serde_json::from_slice(bytes).map_err(|_| ProtocolError::NoManifest)
}

/// Returns the manifest in the index that runs best on this platform.
pub(super) fn choose<'a>(index: &'a Index, platform: &Platform) -> Option<&'a Descriptor> {
    let wanted = level(platform)?;
    let manifests = index.manifests.iter().filter_map(|manifest| {
        let other = manifest.platform.as_ref()?;
        let level = level(other)?;
        let is_same = other.os == platform.os && other.architecture == platform.architecture;
        (is_same && level <= wanted).then_some((level, manifest))
    });
    // The first of equal manifests wins.
    let best = manifests.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.map(|(_, manifest)| manifest)
}

/// Returns the feature level of a processor: the number of its variant, or that of images without one.
fn level(platform: &Platform) -> Option<u32> {
    let variant = platform.variant.as_deref().unwrap_or_default();
    match (platform.architecture.as_str(), variant) {
        ("arm", "") => Some(7),
        ("arm64", "") => Some(8),
        (_, "") => Some(1),
        (_, variant) => variant.strip_prefix('v')?.parse().ok(),
    }
}

/// Returns the platforms of the index as text. Entries without a platform are not images, but about images.
pub(super) fn available(index: &Index) -> String {
    let platforms = index.manifests.iter().filter_map(|m| m.platform.as_ref());
    let texts: Vec<_> = platforms
        .filter(|platform| platform.os != "unknown")
        .map(ToString::to_string)
        .collect();
    match texts.as_slice() {
        [] => "no platform".into(),
        texts => texts.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{CONFIG, DOCKER_INDEX, DOCKER_MANIFEST, INDEX, MANIFEST};

    fn platform(text: &str) -> Platform {
        let mut parts = text.split('/').map(str::to_owned);
        Platform {
            os: parts.next().unwrap(),
            architecture: parts.next().unwrap(),
            variant: parts.next(),
        }
    }

    #[test]
    fn best_runnable_manifest_is_chosen() {
        let index = |platforms: &[&str]| {
            let manifests = platforms.iter().map(|text| Descriptor {
                platform: Some(platform(text)),
                ..Descriptor::of(MANIFEST, text.as_bytes())
            });
            Index::new(manifests.collect())
        };
        let everything = index(&[
            "unknown/unknown",
            "windows/amd64",
            "linux/amd64",
            "linux/amd64/v3",
            "linux/arm/v5",
            "linux/arm/v6",
            "linux/arm/v7",
            "linux/arm64/v8",
            "linux/s390x",
        ]);
        for (wanted, expected) in [
            ("linux/amd64", Some("linux/amd64")),
            ("linux/amd64/v2", Some("linux/amd64")),
            ("linux/amd64/v4", Some("linux/amd64/v3")),
            ("windows/amd64", Some("windows/amd64")),
            ("linux/arm", Some("linux/arm/v7")),
            ("linux/arm/v6", Some("linux/arm/v6")),
            ("linux/arm64", Some("linux/arm64/v8")),
            ("linux/arm64/v8", Some("linux/arm64/v8")),
            ("linux/s390x", Some("linux/s390x")),
            ("linux/riscv64", None),
            ("linux/amd64/odd", None),
        ] {
            let found = choose(&everything, &platform(wanted));
            let found = found
                .and_then(|found| found.platform.as_ref())
                .map(ToString::to_string);
            assert_eq!(found.as_deref(), expected, "{wanted}");
        }
        let other = index(&["linux/amd64/v2", "unknown/unknown"]);
        assert!(choose(&other, &platform("linux/amd64")).is_none());
        assert_eq!(available(&other), "linux/amd64/v2");
    }

    #[test]
    fn ambiguous_documents_are_refused() {
        let manifest =
            serde_json::to_value(Manifest::new(Descriptor::of(CONFIG, b"{}"), Vec::new())).unwrap();
        let index = serde_json::to_value(Index::new(Vec::new())).unwrap();
        let with = |value: &serde_json::Value, key: &str, new: serde_json::Value| {
            let mut value = value.clone();
            value[key] = new;
            value
        };
        let kind = |value: &serde_json::Value, content_type: &str| {
            let bytes = serde_json::to_vec(value).unwrap();
            match Document::parse(&bytes, Some(content_type).filter(|text| !text.is_empty())) {
                Ok(Document::Manifest(_)) => "manifest".to_owned(),
                Ok(Document::Index(_)) => "index".to_owned(),
                Err(err) => format!("{err:?}"),
            }
        };
        let docker = with(&manifest, "mediaType", DOCKER_MANIFEST.into());
        let list = with(&index, "mediaType", DOCKER_INDEX.into());
        let mut bare = manifest.clone();
        bare.as_object_mut().unwrap().remove("mediaType");
        for (value, content_type, expected) in [
            (&manifest, MANIFEST, "manifest"),
            (&manifest, "", "manifest"),
            (&manifest, "application/json", "manifest"),
            (&docker, DOCKER_MANIFEST, "manifest"),
            (&bare, "text/plain", "manifest"),
            (&index, INDEX, "index"),
            (&list, DOCKER_INDEX, "index"),
            (&manifest, INDEX, "Ambiguous"),
            (&index, DOCKER_MANIFEST, "Ambiguous"),
            (&with(&manifest, "mediaType", INDEX.into()), "", "Ambiguous"),
            (
                &with(&manifest, "manifests", serde_json::json!([])),
                "",
                "Ambiguous",
            ),
            (&with(&index, "config", 1.into()), "", "Ambiguous"),
            (
                &with(&manifest, "schemaVersion", 1.into()),
                "",
                "NoManifest",
            ),
            (&with(&manifest, "layers", 1.into()), "", "NoManifest"),
            (&serde_json::json!({"schemaVersion": 2}), "", "NoManifest"),
            (&serde_json::json!([]), "", "NoManifest"),
        ] {
            assert_eq!(
                kind(value, content_type),
                expected,
                "{value} {content_type}"
            );
        }
    }
}
