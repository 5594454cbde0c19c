//! Challenges of registries.
#![no_main]

#[path = "../../../s2i-oci/tests/fuzz/challenge.rs"]
mod challenge;

libfuzzer_sys::fuzz_target!(|input: &[u8]| challenge::check(input));
