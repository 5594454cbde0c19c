//! The grammar of archives.
//!
//! Readers differ in their interpretation of sloppy headers. These functions accept exactly the POSIX (`ustar`), the
//! GNU and the V7 format, and in them only values that all readers understand in the same way.

use tar::Header;

use super::{ArchiveFault, HeaderFault};

/// The bytes of a block: every header is one.
pub const BLOCK: usize = 512;

/// The bytes that fill up the last block of contents of this size.
pub(super) fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}

/// The name in a header block, with its prefix.
/// It is an error when the sum of the block is wrong, when a number in it can't be read, or when the name could
/// be read in two ways.
pub(super) fn name(block: &[u8; BLOCK]) -> Result<Vec<u8>, HeaderFault> {
    let header = Header::from_byte_slice(block);
    if octal(&header.as_old().cksum) != Some(checksum(block)) {
        return Err(HeaderFault::Checksum);
    }
    check_numbers(header)?;
    let name = text(&header.as_old().name).ok_or(HeaderFault::Text("name"))?;
    if let Some(gnu) = header.as_gnu() {
        // Some readers take these for a prefix when they are no times.
        let is_time = |field: &[u8]| field[0] == 0 || is_number(field);
        return if is_time(&gnu.atime) && is_time(&gnu.ctime) {
            Ok(name.to_vec())
        } else {
            Err(HeaderFault::Number("access or change time"))
        };
    }
    if is_v7(block) {
        return Ok(name.to_vec());
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

/// Returns whether the header is of the V7 format, which has no magic, and nothing behind the target of a link but the
/// device numbers that GNU tar writes nevertheless. It has files, links and directories; labels of GNU tar are like it.
fn is_v7(block: &[u8; BLOCK]) -> bool {
    let kind = block[156];
    let mut behind = block[257..329].iter().chain(&block[345..]);
    matches!(kind, 0 | b'0' | b'1' | b'2' | b'5' | b'V') && behind.all(|byte| *byte == 0)
}

/// Checks the numbers that not every reader needs: some refuse the whole archive for a bad one.
fn check_numbers(header: &Header) -> Result<(), HeaderFault> {
    let old = header.as_old();
    // These fields are in the same place in all formats.
    let (major, minor) = header.as_bytes()[329..345].split_at(8);
    let fields: [(&'static str, &[u8]); 6] = [
        ("mode", &old.mode),
        ("user", &old.uid),
        ("group", &old.gid),
        ("time", &old.mtime),
        ("device number", major),
        ("device number", minor),
    ];
    match fields.into_iter().find(|(_, field)| !is_number(field)) {
        Some((name, _)) => Err(HeaderFault::Number(name)),
        None => Ok(()),
    }
}

/// Returns whether the field is a [`number`], a negative binary one, or left out.
fn is_number(field: &[u8]) -> bool {
    if is_blank(field) {
        return true;
    }
    match field.split_last_chunk() {
        Some((high, low)) if field[0] == 0xff => {
            high.iter().all(|byte| *byte == 0xff) && i64::from_be_bytes(*low) < 0
        }
        _ => number(field).is_some_and(|number| i64::try_from(number).is_ok()),
    }
}

/// Returns whether a field is left out.
pub(super) fn is_blank(field: &[u8]) -> bool {
    field.iter().all(|byte| matches!(byte, 0 | b' '))
}

/// Returns the text of a field, which must have nothing but NULs after its first NUL.
pub(super) fn text(field: &[u8]) -> Option<&[u8]> {
    let end = field.iter().position(|byte| *byte == 0);
    let (text, rest) = field.split_at(end.unwrap_or(field.len()));
    rest.iter().all(|byte| *byte == 0).then_some(text)
}

/// An octal number, or a binary one as GNU has it for large values.
pub(super) fn number(field: &[u8]) -> Option<u64> {
    if let [0x80, digits @ ..] = field {
        let (high, low) = digits.split_at(digits.len().saturating_sub(8));
        let is_small = high.iter().all(|byte| *byte == 0);
        return is_small.then(|| low.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
    }
    octal(field)
}

/// An octal number, with spaces before it and spaces or NULs after it.
fn octal(field: &[u8]) -> Option<u64> {
    let start = field.iter().position(|byte| *byte != b' ')?;
    let field = &field[start..];
    let end = field.iter().position(|byte| !matches!(byte, b'0'..=b'7'));
    let (digits, rest) = field.split_at(end.unwrap_or(field.len()));
    if digits.is_empty() || !is_blank(rest) {
        return None;
    }
    let digits = digits.iter().map(|digit| u64::from(digit - b'0'));
    Some(digits.fold(0, |sum, digit| sum << 3 | digit))
}

/// The sum of all bytes, the field of the sum itself counting as spaces.
fn checksum(block: &[u8; BLOCK]) -> u64 {
    let others = block[..148].iter().chain(&block[156..]);
    others.map(|byte| u64::from(*byte)).sum::<u64>() + 8 * u64::from(b' ')
}

/// The text of a GNU long name, without the NULs that end it. Some readers look for the first NUL and
/// others at the size, so both must give the same.
pub(super) fn long_name(mut text: Vec<u8>) -> Result<Vec<u8>, ArchiveFault> {
    let end = text.iter().position(|byte| *byte == 0);
    let end = end.ok_or(ArchiveFault::LongNameEnd)?;
    if text[end..].iter().any(|byte| *byte != 0) {
        return Err(ArchiveFault::LongNameNul);
    }
    text.truncate(end);
    Ok(text)
}

/// The size of the contents of an entry, by its header and by its PAX record. The two must be one, unless
/// the header has no room for it; `None` when they are not.
pub(super) fn size(header: u64, pax: Option<u64>) -> Option<u64> {
    const LARGEST_IN_HEADER: u64 = 0o777_7777_7777;
    match pax {
        Some(pax) if pax != header && pax <= LARGEST_IN_HEADER => None,
        pax => Some(pax.unwrap_or(header)),
    }
}

/// The records of a PAX header, as keys and values. Values that some readers refuse are
/// [`ArchiveFault::Pax`].
pub(super) fn records(
    mut text: &[u8],
) -> impl Iterator<Item = Result<(&[u8], &[u8]), ArchiveFault>> {
    std::iter::from_fn(move || {
        if text.is_empty() {
            return None;
        }
        let Some((key, value, rest)) = record(text) else {
            text = b"";
            return Some(Err(ArchiveFault::Pax));
        };
        text = rest;
        Some(Ok((key, value)))
    })
}

/// Splits the first record off: key, value, rest.
fn record(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = text.iter().position(|byte| *byte == b' ')?;
    let length = usize::try_from(decimal(&text[..space])?).ok()?;
    let (record, rest) = text.split_at_checked(length)?;
    let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    let (key, value) = (&record[..equals], &record[equals + 1..]);
    let is_good = !key.is_empty() && !key.contains(&0) && is_value(key, value);
    is_good.then_some((key, value, rest))
}

/// Returns whether every reader accepts the value of a standard record.
fn is_value(key: &[u8], value: &[u8]) -> bool {
    match key {
        b"path" | b"linkpath" | b"uname" | b"gname" => !value.contains(&0),
        b"size" | b"uid" | b"gid" => is_signed(value),
        b"mtime" | b"atime" | b"ctime" => {
            let value = value.strip_prefix(b"-").unwrap_or(value);
            let point = value.iter().position(|byte| *byte == b'.');
            let (seconds, fraction) = value.split_at(point.unwrap_or(value.len()));
            let is_fraction = match fraction {
                [] => true,
                [_, digits @ ..] => !digits.is_empty() && digits.iter().all(u8::is_ascii_digit),
            };
            is_fraction && is_signed(seconds)
        }
        _ => true,
    }
}

/// Returns whether these decimal digits have a value that fits a signed number.
fn is_signed(digits: &[u8]) -> bool {
    decimal(digits).is_some_and(|number| i64::try_from(number).is_ok())
}

/// A number in decimal digits, as PAX has it.
pub(super) fn decimal(digits: &[u8]) -> Option<u64> {
    let is_number = digits.iter().all(u8::is_ascii_digit);
    str::from_utf8(digits)
        .ok()
        .filter(|_| is_number)?
        .parse()
        .ok()
}

/// The text of a record, which must not be empty: it would mean the header's own, to some readers.
pub(super) fn text_of_record(value: &[u8]) -> Result<Vec<u8>, ArchiveFault> {
    if value.is_empty() {
        Err(ArchiveFault::Pax)
    } else {
        Ok(value.to_vec())
    }
}

/// Puts the value of a record into its place, where none may be yet.
pub(super) fn once<T>(
    key: &'static str,
    slot: &mut Option<T>,
    value: T,
) -> Result<(), ArchiveFault> {
    match slot.replace(value) {
        Some(_) => Err(ArchiveFault::PaxTwice(key)),
        None => Ok(()),
    }
}

/// A name as messages show it: without control characters, and cut when it is long.
#[must_use]
pub fn shown(name: &[u8]) -> String {
    const MOST: usize = 120;
    let text = String::from_utf8_lossy(&name[..name.len().min(4 * MOST)]);
    let mut shown = String::new();
    for (index, character) in text.chars().enumerate() {
        if index == MOST {
            shown.push('…');
            break;
        }
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_binary_and_nothing_else() {
        let cases: [(&[u8], Option<u64>); 14] = [
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
            (b"\t000644\0", None),
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
