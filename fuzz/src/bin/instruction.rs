//! Instructions of Dockerfiles.
#![no_main]

#[path = "../../../s2i-core/tests/fuzz/instruction.rs"]
mod instruction;

libfuzzer_sys::fuzz_target!(|input: &[u8]| instruction::check(input));
