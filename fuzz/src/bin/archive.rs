//! The archive reader.
#![no_main]

#[path = "../../../s2i-core/tests/fuzz/archive.rs"]
mod archive;
#[path = "../../../s2i-core/tests/fuzz/seal.rs"]
mod seal;

libfuzzer_sys::fuzz_target!(|input: &[u8]| archive::check(input));
