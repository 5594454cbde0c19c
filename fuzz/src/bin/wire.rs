//! The frames between s2i and its agent.
#![no_main]

#[path = "../../../s2i-core/tests/fuzz/wire.rs"]
mod wire;

libfuzzer_sys::fuzz_target!(|input: &[u8]| wire::check(input));
