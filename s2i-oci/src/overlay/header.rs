//! Decodes the header blocks of a layer.
//!
//! Readers differ in what they make of sloppy headers. This one takes exactly the POSIX (`ustar`) and
//! the GNU format, and in them only what all readers understand in the same way.

use s2i_core::archive::HeaderFault;
use tar::Header;

use super::input::BLOCK;

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
    let header = Header::from_byte_slice(block);
    let fields = header.as_old();
    if number(&fields.cksum) != Some(checksum(block)) {
        return Err(HeaderFault::Checksum);
    }
    let name = name(header)?;
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

fn name(header: &Header) -> Result<Vec<u8>, HeaderFault> {
    let name = text(&header.as_old().name).ok_or(HeaderFault::Text("name"))?;
    if let Some(gnu) = header.as_gnu() {
        // Some readers take these for a prefix when they are no times.
        let is_time = |field: &[u8]| field[0] == 0 || number(field).is_some();
        return if is_time(&gnu.atime) && is_time(&gnu.ctime) {
            Ok(name.to_vec())
        } else {
            Err(HeaderFault::Number("access or change time"))
        };
    }
    let ustar = header.as_ustar().ok_or(HeaderFault::Format)?;
    // In the format of star, the prefix is shorter and has times and a mark behind it.
    if ustar.pad.iter().any(|byte| *byte != 0) {
        return Err(HeaderFault::Format);
    }
    match text(&ustar.prefix).ok_or(HeaderFault::Text("prefix"))? {
        b"" => Ok(name.to_vec()),
        prefix => Ok([prefix, name].join(&b'/')),
    }
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

/// The text of a field, which must have nothing but NULs after its first NUL.
fn text(field: &[u8]) -> Option<&[u8]> {
    let end = field
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(field.len());
    let (text, rest) = field.split_at(end);
    rest.iter().all(|byte| *byte == 0).then_some(text)
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

/// An octal number, or a binary one as GNU has it for large values.
pub(super) fn number(field: &[u8]) -> Option<u64> {
    if let [0x80, digits @ ..] = field {
        let (high, low) = digits.split_at(digits.len().saturating_sub(8));
        let is_small = high.iter().all(|byte| *byte == 0);
        return is_small.then(|| low.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
    }
    let field = field.trim_ascii_start();
    let digits = field
        .iter()
        .position(|byte| !matches!(byte, b'0'..=b'7'))
        .unwrap_or(field.len());
    let (digits, rest) = field.split_at(digits);
    if digits.is_empty() || rest.iter().any(|byte| !matches!(byte, 0 | b' ')) {
        return None;
    }
    Some(
        digits
            .iter()
            .fold(0, |sum, digit| sum << 3 | u64::from(digit - b'0')),
    )
}

/// The sum of all bytes, the field of the sum itself counting as spaces.
fn checksum(block: &[u8; BLOCK]) -> u64 {
    let others = block[..148].iter().chain(&block[156..]);
    others.map(|byte| u64::from(*byte)).sum::<u64>() + 8 * u64::from(b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_binary_and_nothing_else() {
        let cases: [(&[u8], Option<u64>); 13] = [
            (b"0000644\0", Some(0o644)),
            (b"   644 \0", Some(0o644)),
            (b"00000644", Some(0o644)),
            (b"777777777777", Some(0o777_777_777_777)),
            (b"\x80\0\0\0\0\0\0\x02\0\0\0\0", Some(0x2_0000_0000)),
            (b"\x80\0\0\x01\0\0\0\x02\0\0\0\0", None),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff", None),
            (b"\0\0\0\0\0\0\0\0", None),
            (b"        ", None),
            (b"+000644\0", None),
            (b"0000648\0", None),
            (b"00644\x001\0", None),
            (b"\x000644\0\0\0", None),
        ];
        for (field, expected) in cases {
            let shown = String::from_utf8_lossy(field);
            assert_eq!(number(field), expected, "{shown:?}");
        }
    }

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
