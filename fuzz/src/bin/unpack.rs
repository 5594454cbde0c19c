//! Unpacking of archives.
#![no_main]

#[path = "../../../s2i-core/tests/fuzz/seal.rs"]
mod seal;
#[path = "../../../s2i-core/tests/fuzz/unpack.rs"]
mod unpack;

libfuzzer_sys::fuzz_target!(|input: &[u8]| unpack::check(input));
