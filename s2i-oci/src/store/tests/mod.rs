//! Tests that need a look inside: operations that are interrupted at every change of the disk.

mod crashes;
pub(super) mod faults;
