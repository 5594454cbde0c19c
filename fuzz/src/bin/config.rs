//! Configs of images.
#![no_main]

#[path = "../../../s2i-oci/tests/fuzz/config.rs"]
mod config;

libfuzzer_sys::fuzz_target!(|input: &[u8]| config::check(input));
