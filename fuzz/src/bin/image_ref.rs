//! Names of images.
#![no_main]

#[path = "../../../s2i-core/tests/fuzz/image_ref.rs"]
mod image_ref;

libfuzzer_sys::fuzz_target!(|input: &[u8]| image_ref::check(input));
