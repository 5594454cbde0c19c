//! The names that entries may have.

use std::ffi::OsStr;

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
            _ => parts.push(os(part)?),
        }
        if parts.len() > limits.depth {
            return Err(EntryFault::Deep(limits.depth));
        }
    }
    Ok(parts)
}

/// The bytes as the platform has them.
#[cfg(unix)]
#[expect(
    clippy::unnecessary_wraps,
    reason = "other platforms can't express every name"
)]
pub(super) fn os(bytes: &[u8]) -> Result<&OsStr, EntryFault> {
    Ok(std::os::unix::ffi::OsStrExt::from_bytes(bytes))
}

/// The bytes as the platform has them.
#[cfg(not(unix))]
pub(super) fn os(bytes: &[u8]) -> Result<&OsStr, EntryFault> {
    str::from_utf8(bytes)
        .map(OsStr::new)
        .map_err(|_| EntryFault::NotUnicode)
}

/// Joined components, as messages show them.
pub(super) fn shown_path(components: &[&OsStr]) -> String {
    let parts: Vec<_> = components
        .iter()
        .map(|part| part.as_encoded_bytes())
        .collect();
    shown(&parts.join(&b'/'))
}
