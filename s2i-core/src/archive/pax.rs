//! Reads PAX headers: `length key=value` lines that change the entry after them.

use super::ArchiveFault;

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
    pub(super) fn parse(mut text: &[u8]) -> Result<Self, ArchiveFault> {
        let mut pax = Self::default();
        while !text.is_empty() {
            let (key, value, rest) = record(text).ok_or(ArchiveFault::Pax)?;
            pax.take(key, value)?;
            text = rest;
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

/// Splits the first record off: key, value, rest.
fn record(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = text.iter().position(|byte| *byte == b' ')?;
    let length = usize::try_from(decimal(&text[..space])?).ok()?;
    let (record, rest) = text.split_at_checked(length)?;
    let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    let (key, value) = (&record[..equals], &record[equals + 1..]);
    (!key.is_empty() && !key.contains(&0)).then_some((key, value, rest))
}

fn decimal(digits: &[u8]) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    str::from_utf8(digits)
        .ok()
        .filter(|_| is_number)?
        .parse()
        .ok()
}

/// An empty value would mean the header's own, to some readers.
fn text(value: &[u8]) -> Result<Vec<u8>, ArchiveFault> {
    if value.is_empty() {
        Err(ArchiveFault::Pax)
    } else {
        Ok(value.to_vec())
    }
}

fn once<T>(key: &'static str, slot: &mut Option<T>, value: T) -> Result<(), ArchiveFault> {
    match slot.replace(value) {
        Some(_) => Err(ArchiveFault::PaxTwice(key)),
        None => Ok(()),
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
