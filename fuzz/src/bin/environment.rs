//! Environment files.
#![no_main]

#[path = "../../../s2i-core/tests/fuzz/environment.rs"]
mod environment;

libfuzzer_sys::fuzz_target!(|input: &[u8]| environment::check(input));
