//! The rules in which kinds of archives differ.

use std::ffi::OsStr;

use super::{
    EntryFault, Limits,
    name::{self, Names},
};

/// The end that an archive must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Two blocks of zeros.
    Zeros,
    /// Two blocks of zeros or the end of the stream: for archives whose digest is known, since some tools that
    /// join archives leave the zeros out.
    Stream,
}

/// The rules of a kind of archive. All else is the same for every archive.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The type flags that may be in headers. The flags of headers that only describe other entries are always
    /// taken.
    pub types: &'static [u8],
    /// The names that entries may have.
    pub names: Names,
    /// Returns whether the extended attribute of this name is read; others are dropped.
    pub keeps_xattr: fn(&[u8]) -> bool,
    /// The end that it must have.
    pub end: End,
    /// Headers may leave out the permissions, which are then 0.
    pub takes_no_mode: bool,
    /// [`Limits::bytes`] bounds the bytes of the archive too, and not only those of the files in it.
    pub bounds_archive: bool,
    /// The form in which it may come, for the error about a compressed one.
    pub form: &'static str,
}

impl Rules {
    /// The rules for sources, artifacts and other trees: portable names, and nothing that is particular to one
    /// machine.
    pub const TREE: Self = Self {
        types: b"0125\0",
        names: Names::Portable,
        keeps_xattr: |_| false,
        end: End::Zeros,
        takes_no_mode: false,
        bounds_archive: false,
        form: "plain tar",
    };

    /// Splits a name, or the target of a hard link, into its components, none for the root itself.
    ///
    /// # Errors
    /// [`EntryFault`] for a name that is empty, too long or too deep for the limits, or that leads out of the tree.
    pub fn components<'n>(
        &self,
        name: &'n [u8],
        limits: &Limits,
    ) -> Result<Vec<&'n OsStr>, EntryFault> {
        name::components(name, self.names, limits)
    }
}
