//! SHA-256 digests, the names of everything in an image.

use std::{
    fmt,
    io::{self, Read, Write},
    str::FromStr,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// The SHA-256 digest of some bytes, written `sha256:` and 64 lower-case hex digits.
///
/// ```
/// use s2i_core::image::Digest;
///
/// let digest = Digest::of(b"");
/// assert!(digest.to_string().starts_with("sha256:e3b0c442"));
/// assert_eq!(digest.to_string().parse(), Ok(digest));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

/// A text that is no [`Digest`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not `sha256:` and 64 lower-case hex digits")]
pub struct DigestError(String);

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Reads `content` to its end and returns its digest and its length in bytes.
    ///
    /// # Errors
    /// Errors of `content`.
    pub fn of_reader(content: &mut dyn Read) -> io::Result<(Self, u64)> {
        let mut hashing = HashingWriter::new(io::sink());
        let mut buffer = vec![0; 256 * 1024];
        loop {
            match content.read(&mut buffer)? {
                0 => break,
                read => hashing.write_all(&buffer[..read])?,
            }
        }
        let (_, digest, size) = hashing.finish();
        Ok((digest, size))
    }

    /// Returns the 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the 64 hex digits alone, as blobs are named in an OCI layout.
    #[must_use]
    pub fn hex(&self) -> String {
        base16ct::lower::encode_string(&self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || DigestError(text.into());
        let hex = text.strip_prefix("sha256:").ok_or_else(wrong)?;
        let mut bytes = [0; 32];
        match base16ct::lower::decode(hex, &mut bytes) {
            Ok(decoded) if decoded.len() == 32 => Ok(Self(bytes)),
            _ => Err(wrong()),
        }
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

/// Computes the digest of bytes that come in parts.
#[derive(Clone, Debug, Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// Adds bytes.
    pub fn update(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.update(bytes);
    }

    /// Returns the digest of all bytes.
    #[must_use]
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

impl Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A writer that hashes and counts the bytes that pass through it.
pub struct HashingWriter<W> {
    out: W,
    hash: Hasher,
    size: u64,
}

impl<W: Write> HashingWriter<W> {
    /// A writer in front of `out`.
    pub fn new(out: W) -> Self {
        Self {
            out,
            hash: Hasher::default(),
            size: 0,
        }
    }

    /// Returns the inner writer, the digest and the number of the bytes that it took. Does not flush.
    pub fn finish(self) -> (W, Digest, u64) {
        (self.out, self.hash.finish(), self.size)
    }
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn malformed_digests_are_refused() {
        for text in [
            "",
            "sha256:",
            "sha512:ab",
            &format!("sha256:{}", "A".repeat(64)),
            &"a".repeat(71),
            &format!("sha256:{}", "a".repeat(62)),
            &format!("sha256:{}", "a".repeat(63)),
            &format!("sha256:{}", "a".repeat(66)),
        ] {
            let err = text.parse::<Digest>().unwrap_err();
            assert_eq!(
                err.to_string(),
                format!("`{text}` is not `sha256:` and 64 lower-case hex digits")
            );
        }
    }

    #[test]
    fn digest_of_a_known_text_is_known() {
        let text = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of(b"abc").to_string(), text);
        assert_eq!(
            serde_json::to_string(&Digest::of(b"abc")).unwrap(),
            format!("\"{text}\"")
        );
    }

    proptest! {
        #[test]
        fn streams_have_the_same_digest_and_text_is_read_as_it_is_written(bytes: Vec<u8>) {
            let (digest, size) = Digest::of_reader(&mut bytes.as_slice()).unwrap();
            prop_assert_eq!(digest, Digest::of(&bytes));
            prop_assert_eq!(size, bytes.len() as u64);
            prop_assert_eq!(digest.to_string().parse(), Ok(digest));
        }
    }
}
