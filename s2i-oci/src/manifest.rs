//! Manifests, indexes and the descriptors that they consist of.

use std::collections::BTreeMap;

use s2i_core::{
    bounds,
    image::{ContainerConfig, Platform, null_as_default},
    label,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::Digest;

/// Media type of a [`Manifest`].
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of an [`Index`].
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Media type of an image's [config](s2i_core::image::ImageConfig).
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// Media type of a layer that is not compressed.
pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// Media type of a layer that is compressed with gzip.
pub const LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Media type of a layer that is compressed with zstd.
pub const LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

/// Docker's media type of a [`Manifest`], which differs in nothing else.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker's media type of an [`Index`].
pub const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// Docker's media type of a config.
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// Docker's media type of a layer that is not compressed.
pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";
/// Docker's media type of a layer that is compressed with gzip.
pub const DOCKER_LAYER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
/// A media type of a layer that is compressed with zstd, as some tools write it beside Docker's own.
pub const DOCKER_LAYER_ZSTD: &str = "application/vnd.docker.image.rootfs.diff.tar.zstd";

/// The most bytes that a manifest, an index or a config may have: registries take no more either.
pub const MAX_JSON: u64 = bounds::DOCUMENT;

/// The annotation of an index entry that holds its tag.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The annotation of an index entry that holds its whole name; containerd's, read by Docker too.
pub const IMAGE_NAME: &str = "io.containerd.image.name";

/// A reference to a blob: its media type, digest and length.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// The media type of the blob.
    pub media_type: String,
    /// The blob's digest.
    pub digest: Digest,
    /// The blob's length in bytes.
    pub size: u64,
    /// The platform of the image; only in an [`Index`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Annotations.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    /// The descriptor of a blob with this digest and length, without a platform and annotations.
    #[must_use]
    pub fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.into(),
            digest,
            size,
            platform: None,
            annotations: BTreeMap::new(),
        }
    }

    /// A descriptor of these bytes.
    #[must_use]
    pub fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self::new(media_type, Digest::of(bytes), bytes.len() as u64)
    }
}

/// A manifest: the config and the layers of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// Always [`MANIFEST`] in what this crate writes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub media_type: String,
    /// The config.
    pub config: Descriptor,
    /// The layers, lowest first.
    #[serde(deserialize_with = "null_as_default")]
    pub layers: Vec<Descriptor>,
    /// Annotations.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// A manifest of this config and these layers.
    #[must_use]
    pub fn new(config: Descriptor, layers: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: MANIFEST.into(),
            config,
            layers,
            annotations: BTreeMap::new(),
        }
    }

    /// Reads a manifest with this expected media type.
    ///
    /// Two readers must not see different images in the same bytes, so a document that one of them could read as a
    /// manifest and the other as an index is refused.
    ///
    /// # Errors
    /// [`ManifestFault`].
    pub fn parse(bytes: &[u8], media_type: &str) -> Result<Self, ManifestFault> {
        if !is_manifest(media_type) {
            return Err(ManifestFault::Type(media_type.into()));
        }
        let manifest: Self = parse(bytes, &["manifests", "fsLayers"])?;
        check_version(manifest.schema_version, &manifest.media_type, media_type)?;
        if !is_config(&manifest.config.media_type) {
            return Err(ManifestFault::Config(manifest.config.media_type));
        }
        let mut types = manifest.layers.iter().map(|layer| &layer.media_type);
        match types.find(|media_type| !is_layer(media_type)) {
            Some(media_type) => Err(ManifestFault::Layer(media_type.clone())),
            None => Ok(manifest),
        }
    }
}

/// Returns the annotations of the manifest of an image: those of its labels that OCI has specified for annotations too
/// and that a build decides. Empty ones stand in place of labels of the base.
#[must_use]
pub fn annotations_of(config: &ContainerConfig) -> BTreeMap<String, String> {
    let annotation = |name: &str| {
        let value = config.labels.get(name).filter(|value| !value.is_empty())?;
        Some((name.to_owned(), value.clone()))
    };
    label::OCI.into_iter().filter_map(annotation).collect()
}

/// An error for a manifest or an index that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ManifestFault {
    /// More bytes than [`MAX_JSON`].
    #[error("has more than {MAX_JSON} bytes")]
    TooLong,
    /// The JSON does not have the expected form.
    #[error("can't be read: {0}")]
    Json(String),
    /// The document is neither a manifest nor an index.
    #[error("has the media type `{0}`, which is not that of an image")]
    Type(String),
    /// Its own media type is not the one in its descriptor.
    #[error("has the media type `{found}` in itself, but `{expected}` in its descriptor")]
    Types {
        /// The media type in the document.
        found: String,
        /// The media type in the descriptor.
        expected: String,
    },
    /// A version of the format that is not known.
    #[error("has the schema version {0}, but 2 is the only one known")]
    Version(u32),
    /// A field that belongs to another type of document.
    #[error("has the field `{0}`, which makes its type ambiguous")]
    Ambiguous(&'static str),
    /// The config is not that of a container image.
    #[error("has a config of the media type `{0}`, which is not that of a container image")]
    Config(String),
    /// A layer that is not an archive, or one that may not be distributed.
    #[error("has a layer of the media type `{0}`, which can't be used")]
    Layer(String),
}

/// Reads JSON that must not have these fields, because another reader could take it for another type of document.
fn parse<T: DeserializeOwned>(bytes: &[u8], excluded: &[&'static str]) -> Result<T, ManifestFault> {
    if bytes.len() as u64 > MAX_JSON {
        return Err(ManifestFault::TooLong);
    }
    let invalid = |err: serde_json::Error| ManifestFault::Json(err.to_string());
    let fields: Map<String, Value> = serde_json::from_slice(bytes).map_err(invalid)?;
    match excluded.iter().find(|field| fields.contains_key(**field)) {
        Some(field) => Err(ManifestFault::Ambiguous(field)),
        None => serde_json::from_slice(bytes).map_err(invalid),
    }
}

/// Checks the schema version of a document, and the media type `found` in it, which it may lack.
fn check_version(version: u32, found: &str, expected: &str) -> Result<(), ManifestFault> {
    if version != 2 {
        return Err(ManifestFault::Version(version));
    }
    if found.is_empty() || found == expected {
        return Ok(());
    }
    Err(ManifestFault::Types {
        found: found.into(),
        expected: expected.into(),
    })
}

/// Returns whether this is a media type of a [`Manifest`].
#[must_use]
pub fn is_manifest(media_type: &str) -> bool {
    matches!(media_type, MANIFEST | DOCKER_MANIFEST)
}

/// Returns whether this is a media type of an [`Index`].
#[must_use]
pub fn is_index(media_type: &str) -> bool {
    matches!(media_type, INDEX | DOCKER_INDEX)
}

fn is_config(media_type: &str) -> bool {
    matches!(media_type, CONFIG | DOCKER_CONFIG)
}

fn is_layer(media_type: &str) -> bool {
    matches!(oci_layer(media_type), LAYER | LAYER_GZIP | LAYER_ZSTD)
}

/// OCI's media type of a layer that may have Docker's; others are left as they are.
#[must_use]
pub fn oci_layer(media_type: &str) -> &str {
    match media_type {
        DOCKER_LAYER => LAYER,
        DOCKER_LAYER_GZIP => LAYER_GZIP,
        DOCKER_LAYER_ZSTD => LAYER_ZSTD,
        other => other,
    }
}

/// Several manifests: of several platforms, or in an archive of several images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Always 2.
    pub schema_version: u32,
    /// Always [`INDEX`] in what this crate writes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub media_type: String,
    /// The manifests.
    #[serde(deserialize_with = "null_as_default")]
    pub manifests: Vec<Descriptor>,
}

impl Index {
    /// An index of these manifests.
    #[must_use]
    pub fn new(manifests: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: INDEX.into(),
            manifests,
        }
    }

    /// Reads an index with this expected media type, under the rules of [`Manifest::parse`].
    ///
    /// # Errors
    /// [`ManifestFault`].
    pub fn parse(bytes: &[u8], media_type: &str) -> Result<Self, ManifestFault> {
        if !is_index(media_type) {
            return Err(ManifestFault::Type(media_type.into()));
        }
        let index: Self = parse(bytes, &["config", "layers", "fsLayers"])?;
        check_version(index.schema_version, &index.media_type, media_type)?;
        Ok(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_one_form() {
        let manifest = Manifest::new(Descriptor::of(CONFIG, b"{}"), Vec::new());
        let json = serde_json::to_string(&manifest).unwrap();
        assert_eq!(
            json,
            r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]}"#
        );
        assert_eq!(serde_json::from_str::<Manifest>(&json).unwrap(), manifest);
    }

    #[track_caller]
    fn check(json: &str, expected: &str) {
        let err = Manifest::parse(json.as_bytes(), MANIFEST).unwrap_err();
        assert_eq!(err.to_string(), expected);
    }

    #[test]
    fn invalid_manifests_are_refused() {
        let digest = Digest::of(b"");
        let with = |config: &str, layer: &str, more: &str| {
            format!(
                r#"{{"schemaVersion":2,{more}"config":{{"mediaType":"{config}","digest":"{digest}","size":0}},"layers":[{{"mediaType":"{layer}","digest":"{digest}","size":0}}]}}"#
            )
        };
        let docker = with(DOCKER_CONFIG, DOCKER_LAYER_GZIP, "");
        assert_eq!(
            Manifest::parse(docker.as_bytes(), DOCKER_MANIFEST)
                .unwrap()
                .layers[0]
                .size,
            0
        );
        check(
            &" ".repeat(4 << 20),
            "can't be read: EOF while parsing a value at line 1 column 4194304",
        );
        check(&" ".repeat((4 << 20) + 1), "has more than 4194304 bytes");
        check(
            &with(CONFIG, LAYER, r#""manifests":[],"#),
            "has the field `manifests`, which makes its type ambiguous",
        );
        check(
            &with(CONFIG, LAYER, r#""mediaType":"application/json","#),
            "has the media type `application/json` in itself, but `application/vnd.oci.image.manifest.v1+json` in its descriptor",
        );
        check(
            &with("application/vnd.cncf.helm.config.v1+json", LAYER, ""),
            "has a config of the media type `application/vnd.cncf.helm.config.v1+json`, which is not that of a container image",
        );
        check(
            &with(
                CONFIG,
                "application/vnd.oci.image.layer.nondistributable.v1.tar",
                "",
            ),
            "has a layer of the media type `application/vnd.oci.image.layer.nondistributable.v1.tar`, which can't be used",
        );
        let index = br#"{"schemaVersion":2,"manifests":[],"layers":[]}"#;
        assert_eq!(
            Index::parse(index, INDEX),
            Err(ManifestFault::Ambiguous("layers"))
        );
        assert_eq!(
            Index::parse(index, MANIFEST),
            Err(ManifestFault::Type(MANIFEST.into()))
        );
        let empty = br#"{"schemaVersion":2,"manifests":null}"#;
        assert_eq!(Index::parse(empty, DOCKER_INDEX).unwrap().manifests, []);
        assert_eq!(
            Index::parse(br#"{"schemaVersion":1,"manifests":null}"#, INDEX),
            Err(ManifestFault::Version(1))
        );
    }
}
