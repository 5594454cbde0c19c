//! Archives of images.
#![no_main]

#[path = "../../../s2i-oci/tests/fuzz/images.rs"]
mod images;
#[path = "../../../s2i-core/tests/fuzz/seal.rs"]
mod seal;

libfuzzer_sys::fuzz_target!(|input: &[u8]| images::check(input));
