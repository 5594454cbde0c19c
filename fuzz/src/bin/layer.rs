//! The layer reader.
#![no_main]

#[path = "../../../s2i-oci/tests/fuzz/layer.rs"]
mod layer;
#[path = "../../../s2i-core/tests/fuzz/seal.rs"]
mod seal;

libfuzzer_sys::fuzz_target!(|input: &[u8]| layer::check(input));
