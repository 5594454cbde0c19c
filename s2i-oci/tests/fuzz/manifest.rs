//! Manifests and indexes.

use std::fmt::Debug;

use s2i_oci::manifest::{
    DOCKER_INDEX, DOCKER_MANIFEST, INDEX, Index, MANIFEST, MAX_JSON, Manifest, ManifestFault,
    is_index, is_manifest,
};
use serde::Serialize;

/// The same bytes are never a manifest to one reader and an index to another, and what was read is the
/// same after it was written and read again.
pub(crate) fn check(input: &[u8]) {
    let manifests = [MANIFEST, DOCKER_MANIFEST].map(|media_type| {
        assert!(is_manifest(media_type) && !is_index(media_type));
        survives(input, media_type, Manifest::parse)
    });
    let indexes = [INDEX, DOCKER_INDEX].map(|media_type| survives(input, media_type, Index::parse));
    assert!(!(manifests.contains(&true) && indexes.contains(&true)));
    assert!(Manifest::parse(input, INDEX).is_err());
    assert!(Index::parse(input, MANIFEST).is_err());
}

/// Returns whether it can be read.
fn survives<T: Serialize + PartialEq + Debug>(
    input: &[u8],
    media_type: &str,
    parse: impl Fn(&[u8], &str) -> Result<T, ManifestFault>,
) -> bool {
    let Ok(parsed) = parse(input, media_type) else {
        return false;
    };
    assert!(input.len() as u64 <= MAX_JSON);
    let written = serde_json::to_vec(&parsed).expect("maps with text keys");
    assert_eq!(parse(&written, media_type).expect("JSON of ours"), parsed);
    true
}
