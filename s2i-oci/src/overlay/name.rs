//! The meanings of names in a layer: whiteouts and marks.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

use super::{EntryFault, MARK, OPAQUE, WHITEOUT};

/// The meaning of an entry.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning<'n> {
    /// A file of this name.
    Itself,
    /// The removal of the file of this name, in the entry's directory.
    Whiteout(&'n OsStr),
    /// The entry's directory hides the contents of lower layers.
    Opaque,
    /// A file that only AUFS uses.
    Nothing,
}

/// The meaning of an entry with this name in this directory.
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
    use s2i_core::archive::Limits;

    use super::{super::RULES, *};

    #[test]
    fn whiteouts_and_marks_are_recognised() {
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
            let parts = RULES
                .components(name.as_bytes(), &Limits::default())
                .unwrap();
            let (last, parents) = parts.split_last().unwrap();
            assert_eq!(meaning(parents, last), expected, "{name}");
        }
    }
}
