//! Reads PAX headers: `length key=value` lines that change the entry after them.

use std::collections::BTreeMap;

use rustix::fs::{Nsecs, Secs, Timespec};
use s2i_core::archive::{
    ArchiveFault,
    grammar::{decimal, once, records, text_of_record as text},
};

use super::xattr;

/// What the keys of extended attributes start with.
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
    pub(super) mtime: Option<Timespec>,
    /// The extended attributes that a layer has, by name.
    pub(super) xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
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
        let number = || decimal(value).ok_or(ArchiveFault::Pax);
        match key {
            b"path" => once("path", &mut self.path, text(value)?),
            b"linkpath" => once("linkpath", &mut self.link_path, text(value)?),
            b"size" => once("size", &mut self.size, number()?),
            b"uid" => once("uid", &mut self.uid, number()?),
            b"gid" => once("gid", &mut self.gid, number()?),
            b"mtime" => once(
                "mtime",
                &mut self.mtime,
                time(value).ok_or(ArchiveFault::Pax)?,
            ),
            _ => {
                self.is_sparse |= key.starts_with(b"GNU.sparse.") || key == b"SCHILY.realsize";
                self.take_xattr(key, value)
            }
        }
    }

    fn take_xattr(&mut self, key: &[u8], value: &[u8]) -> Result<(), ArchiveFault> {
        let name = key.strip_prefix(XATTR);
        let Some(name) = name.filter(|name| xattr::is_kept(name)) else {
            return Ok(());
        };
        match self.xattrs.insert(name.to_vec(), value.to_vec()) {
            Some(_) => Err(ArchiveFault::PaxTwice("SCHILY.xattr")),
            None => Ok(()),
        }
    }

    /// The first of these records that a header for all entries must not have.
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
fn time(value: &[u8]) -> Option<Timespec> {
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
    let seconds = Secs::try_from(decimal(whole)?).ok()?;
    let nanoseconds = Nsecs::try_from(decimal(&nanoseconds)?).ok()?;
    Some(match (is_negative, nanoseconds) {
        (false, _) => Timespec {
            tv_sec: seconds,
            tv_nsec: nanoseconds,
        },
        (true, 0) => Timespec {
            tv_sec: -seconds,
            tv_nsec: 0,
        },
        (true, _) => Timespec {
            tv_sec: -seconds - 1,
            tv_nsec: 1_000_000_000 - nanoseconds,
        },
    })
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
    fn attributes_of_overlayfs_and_of_the_host_are_dropped() {
        let records = [
            ("user.a", "1\n"),
            ("trusted.overlay.redirect", "/etc"),
            ("user.overlay.opaque", "y"),
            ("security.selinux", "label"),
            ("system.posix_acl_access", "list"),
        ];
        let text = records.map(|(name, value)| {
            let rest = format!(" SCHILY.xattr.{name}={value}\n");
            format!("{}{rest}", rest.len() + 2)
        });
        let mut pax = Pax::parse(text.concat().as_bytes()).unwrap();
        assert_eq!(pax.xattrs.remove(&b"user.a"[..]).unwrap(), b"1\n");
        assert_eq!(pax, Pax::default());
    }

    #[test]
    fn times_have_fractions() {
        let spec = |tv_sec, tv_nsec| Some(Timespec { tv_sec, tv_nsec });
        let cases = [
            ("0", spec(0, 0)),
            ("12", spec(12, 0)),
            ("12.5", spec(12, 500_000_000)),
            ("12.123456789987", spec(12, 123_456_789)),
            ("-12", spec(-12, 0)),
            ("-12.25", spec(-13, 750_000_000)),
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
