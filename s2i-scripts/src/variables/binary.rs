//! Variables for packing programs.

use super::{VARIABLE, Variable};

/// The programs to pack.
pub const BINARY: &str = "BINARY";
/// The digest that the only file must have.
pub const BINARY_SHA256: &str = "BINARY_SHA256";

pub(super) const ALL: [Variable; 2] = [
    Variable {
        name: BINARY,
        meaning: "which files of the source are the programs, separated by commas; by default all that this image can execute",
        ..VARIABLE
    },
    Variable {
        name: BINARY_SHA256,
        meaning: "the SHA-256 digest that the source's only file must have; a file `SHA256SUMS` in the source is checked anyway",
        ..VARIABLE
    },
];
