//! The names that entries may have.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};

use super::{EntryFault, Limits, grammar::shown};

/// The most bytes of one component, as file systems have it.
const MAX_COMPONENT: usize = 255;

/// The names that entries of an archive may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// Relative names, which mean the same on every system: without backslashes.
    Portable,
    /// All names that Linux has. A leading slash means the root of the tree, as it does to every engine; some
    /// tools write it.
    Rooted,
}

/// Splits a name into its components, none for the root itself.
pub(super) fn components<'n>(
    name: &'n [u8],
    names: Names,
    limits: &Limits,
) -> Result<Vec<&'n OsStr>, EntryFault> {
    if name.is_empty() {
        return Err(EntryFault::NoName);
    }
    if name.len() > limits.path {
        return Err(EntryFault::LongName(limits.path));
    }
    if name.contains(&0) {
        return Err(EntryFault::Nul);
    }
    if names == Names::Portable {
        if name.contains(&b'\\') {
            return Err(EntryFault::Backslash);
        }
        if name.starts_with(b"/") {
            return Err(EntryFault::Absolute);
        }
    }
    let mut parts = Vec::new();
    for part in name.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => continue,
            b".." => return Err(EntryFault::Climbs),
            _ if part.len() > MAX_COMPONENT => {
                return Err(EntryFault::LongComponent(MAX_COMPONENT));
            }
            _ => parts.push(OsStr::from_bytes(part)),
        }
        if parts.len() > limits.depth {
            return Err(EntryFault::Deep(limits.depth));
        }
    }
    Ok(parts)
}

/// Returns joined components, as messages show them.
pub(super) fn shown_path(components: &[&OsStr]) -> String {
    let parts = components.iter().map(|part| part.as_bytes());
    shown(&parts.collect::<Vec<_>>().join(&b'/'))
}
