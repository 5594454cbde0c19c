//! The properties of the fuzz targets of this crate, on the committed corpora.
//!
//! `cargo xtask fuzz` looks for inputs that break them.

#[cfg(all(test, feature = "registry"))]
mod challenge;
#[cfg(test)]
mod config;
#[cfg(test)]
#[path = "../../../s2i-core/tests/fuzz/corpus.rs"]
mod corpus;
#[cfg(test)]
mod images;
#[cfg(test)]
mod layer;
#[cfg(test)]
mod manifest;
#[cfg(test)]
#[path = "../../../s2i-core/tests/fuzz/seal.rs"]
mod seal;

#[test]
fn layers() {
    corpus::each("archive", layer::check);
    corpus::each("layer", layer::check);
}

#[test]
fn manifests() {
    corpus::each("manifest", manifest::check);
}

#[test]
fn configs() {
    corpus::each("config", config::check);
}

#[test]
fn image_archives() {
    corpus::each("images", images::check);
}

#[cfg(feature = "registry")]
#[test]
fn challenges() {
    corpus::each("challenge", challenge::check);
}
