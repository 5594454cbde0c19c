//! Objects as text.
#![no_main]

#[path = "../../../s2i-kube/tests/fuzz/objects.rs"]
mod objects;

libfuzzer_sys::fuzz_target!(|input: &[u8]| objects::check(input));
