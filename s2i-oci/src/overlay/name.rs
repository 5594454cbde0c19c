//! Which names an entry of a layer may have and what they mean.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

use super::{EntryFault, MARK, MAX_PATH, OPAQUE, WHITEOUT};

/// The most bytes of one component, as file systems have it.
const MAX_COMPONENT: usize = 255;

/// Splits a name into its components, none for the root itself.
///
/// A leading slash means the root of the image, as it does to every engine; some tools write it.
pub(super) fn components(name: &[u8], depth: usize) -> Result<Vec<&OsStr>, EntryFault> {
    if name.is_empty() {
        return Err(EntryFault::NoName);
    }
    if name.len() > MAX_PATH {
        return Err(EntryFault::LongName(MAX_PATH));
    }
    if name.contains(&0) {
        return Err(EntryFault::Nul);
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
        if parts.len() > depth {
            return Err(EntryFault::Deep(depth));
        }
    }
    Ok(parts)
}

/// What an entry is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning<'n> {
    /// Something of its own name.
    Itself,
    /// The removal of the file of this name, in the entry's directory.
    Whiteout(&'n OsStr),
    /// That its directory hides what lower layers have in it.
    Opaque,
    /// What only AUFS knows.
    Nothing,
}

/// What an entry with this name in this directory is about.
pub(super) fn meaning<'n>(parents: &[&OsStr], name: &'n OsStr) -> Result<Meaning<'n>, EntryFault> {
    let starts = |part: &OsStr, with| part.as_bytes().starts_with(with);
    if parents.iter().any(|part| starts(part, MARK)) {
        return Ok(Meaning::Nothing);
    }
    if parents.iter().any(|part| starts(part, WHITEOUT)) {
        return Err(EntryFault::BelowWhiteout);
    }
    let Some(removed) = name.as_bytes().strip_prefix(WHITEOUT) else {
        return Ok(Meaning::Itself);
    };
    match removed {
        _ if name == OsStr::from_bytes(OPAQUE) => Ok(Meaning::Opaque),
        _ if starts(name, MARK) => Ok(Meaning::Nothing),
        b"" | b"." | b".." => Err(EntryFault::Whiteout),
        _ => Ok(Meaning::Whiteout(OsStr::from_bytes(removed))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_meanings() {
        let cases: [(&str, Result<Meaning<'_>, EntryFault>); 14] = [
            ("a", Ok(Meaning::Itself)),
            (".wha", Ok(Meaning::Itself)),
            ("a.wh.b", Ok(Meaning::Itself)),
            (".wh.a", Ok(Meaning::Whiteout("a".as_ref()))),
            ("d/.wh.a", Ok(Meaning::Whiteout("a".as_ref()))),
            ("d/.wh..a", Ok(Meaning::Whiteout(".a".as_ref()))),
            ("d/.wh..wh", Ok(Meaning::Whiteout(".wh".as_ref()))),
            ("d/.wh....", Ok(Meaning::Whiteout("...".as_ref()))),
            ("d/.wh..wh..opq", Ok(Meaning::Opaque)),
            (".wh..wh.plnk", Ok(Meaning::Nothing)),
            (".wh..wh.plnk/1.2", Ok(Meaning::Nothing)),
            ("d/.wh..", Err(EntryFault::Whiteout)),
            (".wh...", Err(EntryFault::Whiteout)),
            (".wh.d/a", Err(EntryFault::BelowWhiteout)),
        ];
        for (name, expected) in cases {
            let parts = components(name.as_bytes(), 9).unwrap();
            let (last, parents) = parts.split_last().unwrap();
            assert_eq!(meaning(parents, last), expected, "{name}");
        }
    }
}
