//! Decodes the header blocks of an archive.
//!
//! Readers differ in what they make of sloppy headers. This one takes exactly the POSIX (`ustar`) and
//! the GNU format, and in them only what all readers understand in the same way.

use tar::Header;

use super::HeaderFault;

/// The size of a block.
pub(super) const BLOCK: usize = 512;

/// What a header says.
#[derive(Debug)]
pub(super) struct Head {
    /// The type flag.
    pub(super) kind: u8,
    /// The name, with its prefix.
    pub(super) name: Vec<u8>,
    /// The target of a link.
    pub(super) target: Vec<u8>,
    /// Bytes of contents.
    pub(super) size: u64,
    /// Permissions.
    pub(super) mode: u32,
    /// Seconds since 1970.
    pub(super) mtime: u64,
    /// The numbers of user and group, where they are ones.
    pub(super) owner: Option<(u32, u32)>,
}

/// Reads one header block.
pub(super) fn decode(block: &[u8; BLOCK]) -> Result<Head, HeaderFault> {
    let header = Header::from_byte_slice(block);
    let fields = header.as_old();
    if number(&fields.cksum) != Some(checksum(block)) {
        return Err(HeaderFault::Checksum);
    }
    let size = number(&fields.size).ok_or(HeaderFault::Number("size"))?;
    let mode = number(&fields.mode).ok_or(HeaderFault::Number("mode"))?;
    Ok(Head {
        kind: fields.linkflag[0],
        name: name(header)?,
        target: text(&fields.linkname)
            .ok_or(HeaderFault::Text("link name"))?
            .to_vec(),
        size,
        mode: u32::try_from(mode & 0o7777).expect("twelve bits"),
        // Times before 1970 are negative numbers.
        mtime: number(&fields.mtime).unwrap_or(0),
        owner: owner(&fields.uid).zip(owner(&fields.gid)),
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

fn owner(field: &[u8]) -> Option<u32> {
    number(field)?.try_into().ok()
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

/// An octal number, or a binary one as GNU has it for large values.
fn number(field: &[u8]) -> Option<u64> {
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
            assert_eq!(
                number(field),
                expected,
                "{:?}",
                String::from_utf8_lossy(field)
            );
        }
    }
}
