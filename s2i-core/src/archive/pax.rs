//! Reads PAX headers: `length key=value` lines that change the entry after them.

use super::{
    ArchiveFault,
    grammar::{decimal, once, records, text_of_record as text},
};

/// The records that matter here.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pax {
    /// The name in place of the header's.
    pub(super) path: Option<Vec<u8>>,
    /// The link's target in place of the header's.
    pub(super) link_path: Option<Vec<u8>>,
    /// The size in place of the header's.
    pub(super) size: Option<u64>,
    /// Whether the entry is one of GNU's or star's sparse files.
    pub(super) is_sparse: bool,
}

impl Pax {
    /// Reads the records of one header.
    pub(super) fn parse(text: &[u8]) -> Result<Self, ArchiveFault> {
        let mut pax = Self::default();
        for record in records(text) {
            let (key, value) = record?;
            pax.take(key, value)?;
        }
        Ok(pax)
    }

    fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), ArchiveFault> {
        match key {
            b"path" => once("path", &mut self.path, text(value)?),
            b"linkpath" => once("linkpath", &mut self.link_path, text(value)?),
            b"size" => once(
                "size",
                &mut self.size,
                decimal(value).ok_or(ArchiveFault::Pax)?,
            ),
            _ => {
                self.is_sparse |= key.starts_with(b"GNU.sparse.") || key == b"SCHILY.realsize";
                Ok(())
            }
        }
    }

    /// The first of these records that a header for all entries must not have.
    pub(super) fn first_key(&self) -> Option<&'static str> {
        let keys = [
            (self.path.is_some(), "path"),
            (self.link_path.is_some(), "linkpath"),
            (self.size.is_some(), "size"),
            (self.is_sparse, "GNU.sparse"),
        ];
        keys.iter().find_map(|(is_set, key)| is_set.then_some(*key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &Result<Pax, ArchiveFault>) {
        assert_eq!(&Pax::parse(text.as_bytes()), expected);
    }

    #[test]
    fn records_follow_the_grammar() {
        let path = |text: &[u8]| Some(text.to_vec());
        check("", &Ok(Pax::default()));
        check(
            "10 path=a\n9 size=7\n",
            &Ok(Pax {
                path: path(b"a"),
                size: Some(7),
                ..Pax::default()
            }),
        );
        check(
            "16 linkpath=a=b\n",
            &Ok(Pax {
                link_path: path(b"a=b"),
                ..Pax::default()
            }),
        );
        check(
            "22 GNU.sparse.major=1\n",
            &Ok(Pax {
                is_sparse: true,
                ..Pax::default()
            }),
        );
        check("20 comment=whatever\n", &Ok(Pax::default()));
    }

    #[test]
    fn everything_else_is_refused() {
        let bad = [
            "1",
            "10 path=a",
            "11 path=a\n",
            "8 path=a\n",
            "8 path=\n",
            "+10 path=a\n",
            "99 path=a\n",
        ];
        for text in bad.into_iter().chain([
            "11 size=-1\n",
            "5 =a\n",
            "7 a\0=b\n",
            "10 path a\n",
            "0 a=b\n",
        ]) {
            check(text, &Err(ArchiveFault::Pax));
        }
        check(
            "10 path=a\n10 path=b\n",
            &Err(ArchiveFault::PaxTwice("path")),
        );
    }
}
