//! Reads PAX headers: `length key=value` lines that change the entry after them.

use std::collections::BTreeMap;

use super::{
    ArchiveFault,
    entry::Time,
    grammar::{decimal, once, records, text_of_record as text},
};

/// The start of the keys of extended attributes.
pub(super) const XATTR: &[u8] = b"SCHILY.xattr.";

/// The records that matter here.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pax {
    /// The name in place of the header's.
    pub(super) path: Option<Vec<u8>>,
    /// The link's target in place of the header's.
    pub(super) link_path: Option<Vec<u8>>,
    /// The size in place of the header's.
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u64>,
    pub(super) gid: Option<u64>,
    pub(super) mtime: Option<Time>,
    /// The extended attributes that are kept, by name.
    pub(super) xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// True for one of GNU's or star's sparse files.
    pub(super) is_sparse: bool,
}

impl Pax {
    /// Reads the records of one header; of the extended attributes only those accepted by `keeps_xattr`.
    pub(super) fn parse(text: &[u8], keeps_xattr: fn(&[u8]) -> bool) -> Result<Self, ArchiveFault> {
        let mut pax = Self::default();
        for record in records(text) {
            let (key, value) = record?;
            match key.strip_prefix(XATTR) {
                None => pax.take(key, value)?,
                Some(name) if keeps_xattr(name) => pax.take_xattr(name, value)?,
                Some(_) => {}
            }
        }
        Ok(pax)
    }

    fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), ArchiveFault> {
        let number = || decimal(value).ok_or(ArchiveFault::Pax);
        match key {
            b"path" => once("path", &mut self.path, text(value)?),
            b"linkpath" => once("linkpath", &mut self.link_path, text(value)?),
            b"size" => once("size", &mut self.size, number()?),
            b"uid" => once("uid", &mut self.uid, number()?),
            b"gid" => once("gid", &mut self.gid, number()?),
            b"mtime" => {
                let time = time(value).ok_or(ArchiveFault::Pax)?;
                once("mtime", &mut self.mtime, time)
            }
            _ => {
                self.is_sparse |= key.starts_with(b"GNU.sparse.") || key == b"SCHILY.realsize";
                Ok(())
            }
        }
    }

    fn take_xattr(&mut self, name: &[u8], value: &[u8]) -> Result<(), ArchiveFault> {
        match self.xattrs.insert(name.to_vec(), value.to_vec()) {
            Some(_) => Err(ArchiveFault::PaxTwice("SCHILY.xattr")),
            None => Ok(()),
        }
    }

    /// The first of these records, none of which a header for all entries may have.
    pub(super) fn first_key(&self) -> Option<&'static str> {
        let keys = [
            (self.path.is_some(), "path"),
            (self.link_path.is_some(), "linkpath"),
            (self.size.is_some(), "size"),
            (self.uid.is_some(), "uid"),
            (self.gid.is_some(), "gid"),
            (self.mtime.is_some(), "mtime"),
            (!self.xattrs.is_empty(), "SCHILY.xattr"),
            (self.is_sparse, "GNU.sparse"),
        ];
        keys.iter().find_map(|(is_set, key)| is_set.then_some(*key))
    }
}

/// Seconds since 1970 with a fraction, of which nine digits count.
fn time(value: &[u8]) -> Option<Time> {
    let (is_negative, value) = match value {
        [b'-', value @ ..] => (true, value),
        value => (false, value),
    };
    let point = value.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = value.split_at(point.unwrap_or(value.len()));
    let mut nanoseconds = [b'0'; 9];
    if let [b'.', digits @ ..] = fraction {
        decimal(digits)?;
        for (to, digit) in nanoseconds.iter_mut().zip(digits) {
            *to = *digit;
        }
    }
    let seconds = i64::try_from(decimal(whole)?).ok()?;
    let nanoseconds = u32::try_from(decimal(&nanoseconds)?).ok()?;
    Some(match (is_negative, nanoseconds) {
        (false, _) => Time {
            seconds,
            nanoseconds,
        },
        (true, 0) => Time::whole(-seconds),
        (true, _) => Time {
            seconds: -seconds - 1,
            nanoseconds: 1_000_000_000 - nanoseconds,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Pax, ArchiveFault> {
        Pax::parse(text.as_bytes(), |name| name.starts_with(b"user."))
    }

    #[track_caller]
    fn check(text: &str, expected: &Result<Pax, ArchiveFault>) {
        assert_eq!(&parse(text), expected);
    }

    #[test]
    fn records_follow_the_grammar() {
        check("", &Ok(Pax::default()));
        check("20 comment=whatever\n", &Ok(Pax::default()));
        check(
            "10 path=a\n9 size=7\n8 uid=1\n8 gid=2\n",
            &Ok(Pax {
                path: Some(b"a".to_vec()),
                size: Some(7),
                uid: Some(1),
                gid: Some(2),
                ..Pax::default()
            }),
        );
        check(
            "16 linkpath=a=b\n22 GNU.sparse.major=1\n",
            &Ok(Pax {
                link_path: Some(b"a=b".to_vec()),
                is_sparse: true,
                ..Pax::default()
            }),
        );
    }

    #[test]
    fn attributes_that_are_not_kept_are_dropped() {
        let records = [("user.a", "1\n"), ("security.selinux", "label")];
        let text = records.map(|(name, value)| {
            let rest = format!(" SCHILY.xattr.{name}={value}\n");
            format!("{}{rest}", rest.len() + 2)
        });
        let mut pax = parse(&text.concat()).unwrap();
        assert_eq!(pax.xattrs.remove(&b"user.a"[..]).unwrap(), b"1\n");
        assert_eq!(pax, Pax::default());
    }

    #[test]
    fn times_have_fractions() {
        let time_of = |seconds, nanoseconds| {
            Some(Time {
                seconds,
                nanoseconds,
            })
        };
        let cases = [
            ("0", time_of(0, 0)),
            ("12", time_of(12, 0)),
            ("12.5", time_of(12, 500_000_000)),
            ("12.123456789987", time_of(12, 123_456_789)),
            ("-12", time_of(-12, 0)),
            ("-12.25", time_of(-13, 750_000_000)),
            ("", None),
            ("-", None),
            (".5", None),
            ("1.", None),
            ("1.+5", None),
            ("1e5", None),
            ("99999999999999999999", None),
        ];
        for (text, expected) in cases {
            assert_eq!(time(text.as_bytes()), expected, "{text}");
        }
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
        ];
        for text in bad.into_iter().chain([
            "99 path=a\n",
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
        let twice = "24 SCHILY.xattr.user.a=\n".repeat(2);
        check(&twice, &Err(ArchiveFault::PaxTwice("SCHILY.xattr")));
    }
}
