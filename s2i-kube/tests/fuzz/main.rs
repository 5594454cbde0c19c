//! The properties of the fuzz targets of this crate, on the committed corpora.
//!
//! `cargo xtask fuzz` looks for inputs that break them.

#[cfg(test)]
#[path = "../../../s2i-core/tests/fuzz/corpus.rs"]
mod corpus;
#[cfg(test)]
mod objects;

#[test]
fn objects_as_text() {
    corpus::each("objects", objects::check);
}
