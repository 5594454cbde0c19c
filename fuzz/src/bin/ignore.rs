//! Ignore files.
#![no_main]

#[path = "../../../s2i-core/tests/fuzz/ignore.rs"]
mod ignore;

libfuzzer_sys::fuzz_target!(|input: &[u8]| ignore::check(input));
