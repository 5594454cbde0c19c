//! The table of mounts of a process, in the form of `/proc/self/mountinfo`.

use std::{ffi::OsString, os::unix::ffi::OsStringExt as _, path::PathBuf};

/// Returns the mount points of a table.
///
/// ```
/// let table = b"24 22 0:22 /a /with\\040space rw - ext4 /dev/vda rw\n";
/// let points: Vec<_> = s2i_core::mounts::points(table).collect();
/// assert_eq!(points, [std::path::Path::new("/with space")]);
/// ```
pub fn points(table: &[u8]) -> impl Iterator<Item = PathBuf> + '_ {
    let lines = table.split(|byte| *byte == b'\n');
    let points = lines.filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    points.map(|point| unescape(point).into())
}

/// Replaces the three octal digits after each backslash by the byte that they stand for.
#[must_use]
pub fn unescape(field: &[u8]) -> OsString {
    let mut pieces = field.split(|byte| *byte == b'\\');
    let mut bytes = pieces.next().unwrap_or_default().to_vec();
    for piece in pieces {
        let (octal, rest) = piece.split_at_checked(3).unwrap_or((piece, b""));
        let byte = str::from_utf8(octal).map(|octal| u8::from_str_radix(octal, 8));
        bytes.extend(byte.into_iter().flatten());
        bytes.extend(rest);
    }
    OsString::from_vec(bytes)
}
