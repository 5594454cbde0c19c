//! Manifests and indexes.
#![no_main]

#[path = "../../../s2i-oci/tests/fuzz/manifest.rs"]
mod manifest;

libfuzzer_sys::fuzz_target!(|input: &[u8]| manifest::check(input));
