//! The bounds of all external input: from sources, images, archives, registries, programs and the user's files. No such
//! input is read without a bound.
//!
//! [`Limits`] are those of whole trees and archives, which a user may need to change. The constants are those of small
//! inputs; they are far larger than any of these needs.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::Path,
};

use cap_fs_ext::OpenOptionsSyncExt as _;
use cap_std::{ambient_authority, fs::OpenOptions};
use thiserror::Error;

/// The most that a layer, a source, or an archive of images may hold.
///
/// Reading one takes memory for entries, and none for bytes. Packing a directory as a layer takes the most: up to 100
/// bytes for each name in the directories that are being read, and up to 130 more for each file with several names. A
/// name of more than 24 bytes takes one more for each further byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all files as they appear, holes included; of a layer or an archive of images also the bytes of
    /// the archive, compressed or not; of an image that is pulled, the bytes of all its layers as they come.
    pub bytes: u64,
    /// Entries of all types; of a layer also directories that no entry names.
    pub entries: u64,
    /// Components of a path of a layer.
    pub depth: usize,
    /// Bytes of a path or of the target of a link.
    pub path: usize,
}

impl Limits {
    /// No limits, for content that was within the limits when it was stored: the trees of the store's own layers.
    pub const NONE: Self = Self {
        bytes: u64::MAX,
        entries: u64::MAX,
        depth: DEPTH,
        path: PATH,
    };
}

impl Default for Limits {
    /// The default limits, far above the needs of images: 64 GiB, four million entries, 200 directories deep, paths as
    /// long as the kernel takes them.
    fn default() -> Self {
        Self {
            bytes: 64 << 30,
            entries: 4_000_000,
            depth: DEPTH,
            path: PATH,
        }
    }
}

/// One of the [`Limits`] that a user can set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// [`Limits::bytes`].
    Bytes,
    /// [`Limits::entries`].
    Entries,
}

impl fmt::Display for Limit {
    /// Writes the limit's name in the table `[limits]` of the configuration file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes => "bytes",
            Self::Entries => "entries",
        })
    }
}

/// Components of a path.
pub const DEPTH: usize = 200;

/// Bytes of a path or of the target of a link: the kernel's limit.
pub const PATH: usize = 4095;

/// Bytes of the headers that describe one entry of an archive: long names, PAX records, maps of sparse files.
pub const DESCRIPTION: u64 = 1 << 20;

/// Bytes of zeros after the end of an archive: archives are padded to the records of tapes.
pub const PADDING: u64 = 16 << 20;

/// Members of an archive of images: far more than the images with the most layers have. Each takes memory for its
/// name and the target of a link, and some 200 bytes.
pub const MEMBERS: u64 = 100_000;

/// Bytes of the name of a member of an archive of images, and of the target of a link there.
pub const MEMBER_NAME: usize = 1024;

/// Bytes of a manifest, an index or a config that is stored.
pub const DOCUMENT: u64 = 4 << 20;

/// Bytes of a manifest, an index or a config that a registry sends.
pub const RESPONSE: usize = 8 << 20;

/// Bytes of a small file: a configuration, a login, a certificate, an environment file, a script of the source, a table
/// of users.
pub const FILE: u64 = 1 << 20;

/// Bytes of an ignore file. Compiling one takes up to 500 times as much memory.
pub const IGNORE_FILE: usize = 256 << 10;

/// Rules of an ignore file.
pub const RULES: usize = 10_000;

/// Bytes of a pattern in an ignore file.
pub const PATTERN: usize = 4096;

/// Bytes of an exclude expression.
pub const EXPRESSION: usize = 64 << 10;

/// Bytes of an exclude expression when it is compiled.
pub const COMPILED_EXPRESSION: usize = 10 << 20;

/// Bytes of the files of one injection.
pub const INJECTED: u64 = 64 << 20;

/// Files, links and directories of one injection.
pub const INJECTED_ENTRIES: usize = 10_000;

/// Bytes of a password on standard input.
pub const PASSWORD: u64 = 64 << 10;

/// Variables that the source, the user or an image may set, and labels that an image may have.
pub const VARIABLES: usize = 4096;

/// Diagnostics about the lines of one file; the rest is counted.
pub const DIAGNOSTICS: usize = 20;

/// Bytes of an `ONBUILD` trigger, and of a word in it with the values of its variables.
pub const TRIGGER: usize = 64 << 10;

/// `ONBUILD` triggers of an image; Docker allows about as many layers.
pub const TRIGGERS: usize = 128;

/// Files and directories of a source that the patterns of triggers match.
pub const MATCHES: usize = 10_000;

/// Bytes of the answer of a program on this machine.
pub const ANSWER: u64 = 1 << 20;

/// Bytes of the end of a program's messages that are kept.
pub const MESSAGES: usize = 64 << 10;

/// Bytes of the end of a program's messages that an error shows.
pub const SHOWN: usize = 2 << 10;

/// The error for input that is longer than its bound, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("it has more than {}", Bytes(*.0))]
pub struct TooLong(pub u64);

/// A number of bytes, in a larger unit where it is a whole number of those.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
        let fits = |(bits, _): &(u32, &str)| self.0 > 0 && self.0.trailing_zeros() >= *bits;
        match units.into_iter().find(fits) {
            Some((bits, unit)) => write!(f, "{} {unit}", self.0 >> bits),
            None => write!(f, "{} bytes", self.0),
        }
    }
}

/// Reads to the end, which must come after at most `most` bytes.
///
/// # Errors
/// Errors of the stream, and [`io::ErrorKind::FileTooLarge`] with [`TooLong`].
pub fn read(stream: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream
        .take(most.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, TooLong(most)));
    }
    Ok(bytes)
}

/// Reads a file of at most `most` bytes.
///
/// # Errors
/// Those of [`read`], and errors of opening the file.
pub fn read_file(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    read(File::open(path)?, most)
}

/// Reads text to the end, which must come after at most `most` bytes.
///
/// # Errors
/// Those of [`read`], and [`io::ErrorKind::InvalidData`] when it is not UTF-8.
pub fn read_text(stream: impl Read, most: u64) -> io::Result<String> {
    let bytes = read(stream, most)?;
    String::from_utf8(bytes)
        .map_err(|err| io::Error::new(io::ErrorKind::InvalidData, err.utf8_error()))
}

/// Reads a file of text of at most `most` bytes.
///
/// # Errors
/// Those of [`read_text`], and errors of opening the file.
pub fn read_text_file(path: &Path, most: u64) -> io::Result<String> {
    read_text(File::open(path)?, most)
}

/// Reads the first `most` bytes, or all where there are fewer.
///
/// # Errors
/// Errors of the stream.
pub fn head(stream: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads the first `most` bytes of a file, or all where there are fewer. The file may be of any type: opening a FIFO
/// does not wait for its other end, and one without data is empty or an error.
///
/// # Errors
/// Errors of opening and reading the file.
pub fn head_of_file(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut options = OpenOptions::new();
    options.read(true).nonblock(true);
    let file = cap_std::fs::File::open_ambient_with(path, &options, ambient_authority())?;
    head(file, most)
}

/// Reads to the end and keeps the last `most` bytes.
///
/// # Errors
/// Errors of the stream.
pub fn tail(mut stream: impl Read, most: usize) -> io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    loop {
        let read = (&mut stream).take(most as u64).read_to_end(&mut kept)?;
        if read == 0 {
            return Ok(kept);
        }
        kept.drain(..kept.len().saturating_sub(most));
    }
}

/// The end of a text of at most `most` bytes, with `…` before it where something was cut.
#[must_use]
pub fn end_of(text: &str, most: usize) -> String {
    match text.len().checked_sub(most) {
        None | Some(0) => text.into(),
        Some(cut) => {
            let start = (cut..=text.len()).find(|at| text.is_char_boundary(*at));
            format!("…{}", &text[start.unwrap_or(text.len())..])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_above_its_bound_is_rejected() {
        assert_eq!(read(&b"12345"[..], 5).unwrap(), b"12345");
        let err = read(io::repeat(1), 5).unwrap_err();
        assert_eq!(err.kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(err.to_string(), "it has more than 5 bytes");
        let err = read_text(&b"\xff"[..], 5).unwrap_err();
        assert_eq!(err.kind(), io::ErrorKind::InvalidData);
        assert_eq!(TooLong(FILE).to_string(), "it has more than 1 MiB");
        assert_eq!(TooLong(3 << 10).to_string(), "it has more than 3 KiB");
    }

    #[test]
    fn head_and_tail_of_a_long_stream_are_bounded() {
        for (text, expected) in [
            ("", ""),
            ("abc", "abc"),
            ("abcd", "abcd"),
            ("0123456789", "6789"),
        ] {
            assert_eq!(tail(text.as_bytes(), 4).unwrap(), expected.as_bytes());
        }
        assert_eq!(
            tail(io::repeat(1).take(10_000_000), 1000).unwrap(),
            [1; 1000]
        );
        assert_eq!(head(&b"abc"[..], 4).unwrap(), b"abc");
        assert_eq!(head(io::repeat(1), 4).unwrap(), [1; 4]);
        assert_eq!(end_of("short", 5), "short");
        assert_eq!(end_of("äöü", 3), "…ü");
    }
}
