//! Decodes the header blocks of a layer.

use s2i_core::archive::{
    HeaderFault,
    grammar::{self, BLOCK, number, text},
};
use tar::Header;

/// What a header says.
#[derive(Debug)]
pub(super) struct Head {
    /// The type flag.
    pub(super) kind: u8,
    /// The name, with its prefix.
    pub(super) name: Vec<u8>,
    /// The target of a link, else empty.
    pub(super) target: Vec<u8>,
    /// Bytes of contents.
    pub(super) size: u64,
    /// The twelve bits for permissions, set-ID and sticky.
    pub(super) mode: u16,
    pub(super) uid: u64,
    pub(super) gid: u64,
    /// Seconds since 1970.
    pub(super) mtime: i64,
    /// Major and minor number of a device, else 0.
    pub(super) device: (u64, u64),
}

/// Reads one header block.
pub(super) fn decode(block: &[u8; BLOCK]) -> Result<Head, HeaderFault> {
    let name = grammar::name(block)?;
    let header = Header::from_byte_slice(block);
    let fields = header.as_old();
    let kind = fields.linkflag[0];
    let target = match kind {
        b'1' | b'2' => text(&fields.linkname).ok_or(HeaderFault::Text("link name"))?,
        _ => b"",
    };
    Ok(Head {
        kind,
        name,
        target: target.to_vec(),
        size: number(&fields.size).ok_or(HeaderFault::Number("size"))?,
        mode: u16::try_from(filled(&fields.mode, "mode")? & 0o7777).expect("twelve bits"),
        uid: filled(&fields.uid, "user")?,
        gid: filled(&fields.gid, "group")?,
        mtime: seconds(&fields.mtime).ok_or(HeaderFault::Number("time"))?,
        device: match kind {
            b'3' | b'4' => device(header)?,
            _ => (0, 0),
        },
    })
}

/// The numbers lie in the same place in both formats.
fn device(header: &Header) -> Result<(u64, u64), HeaderFault> {
    let (major, minor) = match (header.as_ustar(), header.as_gnu()) {
        (Some(ustar), _) => (&ustar.dev_major, &ustar.dev_minor),
        (_, Some(gnu)) => (&gnu.dev_major, &gnu.dev_minor),
        _ => return Err(HeaderFault::Format),
    };
    Ok((
        filled(major, "device number")?,
        filled(minor, "device number")?,
    ))
}

/// A number that is 0 where a writer left it out.
fn filled(field: &[u8], what: &'static str) -> Result<u64, HeaderFault> {
    if is_blank(field) {
        Ok(0)
    } else {
        number(field).ok_or(HeaderFault::Number(what))
    }
}

fn is_blank(field: &[u8]) -> bool {
    field.iter().all(|byte| matches!(byte, 0 | b' '))
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
