//! Decodes the header blocks of an archive.

use tar::Header;

use super::{
    HeaderFault,
    grammar::{self, BLOCK, is_blank, number, text},
};

/// The fields of a header.
#[derive(Debug)]
pub(super) struct Head {
    /// The type flag.
    pub(super) flag: u8,
    /// The name, with its prefix.
    pub(super) name: Vec<u8>,
    /// The target of a link.
    pub(super) target: Vec<u8>,
    /// Bytes of contents.
    pub(super) size: u64,
    /// The twelve bits for permissions, set-ID and sticky.
    pub(super) mode: u32,
    pub(super) uid: u64,
    pub(super) gid: u64,
    /// Seconds since 1970.
    pub(super) mtime: i64,
    /// Major and minor number of a device, else 0.
    pub(super) device: (u64, u64),
}

/// Returns whether the block is a header with which an archive can start.
#[must_use]
pub fn is_header(block: &[u8; BLOCK]) -> bool {
    grammar::name(block).is_ok()
}

/// Reads one header block, which may lack the mode if `takes_no_mode`.
pub(super) fn decode(block: &[u8; BLOCK], takes_no_mode: bool) -> Result<Head, HeaderFault> {
    let name = grammar::name(block)?;
    let fields = Header::from_byte_slice(block).as_old();
    let flag = fields.linkflag[0];
    // These fields are in the same place in all formats.
    let (major, minor) = block[329..345].split_at(8);
    let mode = if takes_no_mode {
        number_or_blank(&fields.mode, "mode")?
    } else {
        number(&fields.mode).ok_or(HeaderFault::Number("mode"))?
    };
    let target = text(&fields.linkname).ok_or(HeaderFault::Text("link name"))?;
    Ok(Head {
        flag,
        name,
        target: target.to_vec(),
        size: match flag {
            // GNU tar leaves out the size of a label.
            b'V' if text(&fields.size) == Some(b"") => 0,
            _ => number(&fields.size).ok_or(HeaderFault::Number("size"))?,
        },
        mode: u32::try_from(mode & 0o7777).expect("twelve bits"),
        uid: number_or_blank(&fields.uid, "user")?,
        gid: number_or_blank(&fields.gid, "group")?,
        mtime: seconds(&fields.mtime).ok_or(HeaderFault::Number("time"))?,
        device: match flag {
            b'3' | b'4' => (
                number_or_blank(major, "device number")?,
                number_or_blank(minor, "device number")?,
            ),
            _ => (0, 0),
        },
    })
}

/// A number that is 0 where a writer left it out.
fn number_or_blank(field: &[u8], name: &'static str) -> Result<u64, HeaderFault> {
    if is_blank(field) {
        Ok(0)
    } else {
        number(field).ok_or(HeaderFault::Number(name))
    }
}

/// A time: a [`number`], a negative binary one before 1970, or left out.
fn seconds(field: &[u8]) -> Option<i64> {
    if is_blank(field) {
        return Some(0);
    }
    match field.split_last_chunk() {
        Some((high, low)) if high.iter().all(|byte| *byte == 0xff) => {
            Some(i64::from_be_bytes(*low)).filter(|seconds| *seconds < 0)
        }
        _ => number(field)?.try_into().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_may_be_negative_or_left_out() {
        let cases: [(&[u8; 12], Option<i64>); 6] = [
            (b"00000001750\0", Some(1000)),
            (
                b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe",
                Some(-2),
            ),
            (b"\xff\xff\xff\xff\x7f\xff\xff\xff\xff\xff\xff\xfe", None),
            (b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", None),
            (&[0; 12], Some(0)),
            (b"-0000000001\0", None),
        ];
        for (field, expected) in cases {
            assert_eq!(seconds(field), expected, "{field:?}");
        }
    }
}
