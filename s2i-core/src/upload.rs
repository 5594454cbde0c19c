//! The upload of a source to a process that receives it on its standard input, in a pod for example.
//!
//! ```text
//! MAGIC, length of the header (4 bytes), header (JSON)
//! length of a piece (4 bytes, more than 0), piece          … as often as needed
//! 0 (4 bytes), length of all pieces (8 bytes), SHA-256 of all pieces (32 bytes)
//! ```
//!
//! Numbers are big endian. A connection that is cut, also between two files of an archive, has no trailer, and the receiver
//! reports an error: [`Receiver::finish`] has to be called before the content is used.
//!
//! ```
//! use std::io::Read as _;
//! use s2i_core::upload::{Receiver, Sender};
//!
//! let (mut sender, head) = Sender::new(&"origin")?;
//! let sent = [head, sender.piece(b"an archive"), sender.finish()].concat();
//!
//! let (origin, mut receiver) = Receiver::new::<String>(&sent[..])?;
//! let mut archive = String::new();
//! receiver.read_to_string(&mut archive)?;
//! receiver.finish()?;
//! assert_eq!((&*origin, &*archive), ("origin", "an archive"));
//! # Ok::<(), std::io::Error>(())
//! ```

use std::io::{self, Read};

use serde::{Serialize, de::DeserializeOwned};

use crate::image::Hasher;

/// The first bytes, with the version of the format.
pub const MAGIC: &[u8] = b"s2i upload 1\n";

/// The most bytes that a header may have.
pub const MAX_HEADER: usize = 1 << 20;

/// The most bytes that a piece may have.
pub const MAX_PIECE: usize = 16 << 20;

/// The encoder of an upload.
#[derive(Debug, Default)]
pub struct Sender {
    hasher: Hasher,
    length: u64,
}

impl Sender {
    /// Creates the encoder of an upload with this header, and returns its first bytes too.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] for a header that is no JSON or has more than [`MAX_HEADER`] bytes.
    pub fn new<H: Serialize>(header: &H) -> io::Result<(Self, Vec<u8>)> {
        let header = serde_json::to_vec(header)?;
        if header.len() > MAX_HEADER {
            let reason = format!("the header of an upload has more than {MAX_HEADER} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
        let head = [MAGIC, &length(&header), &header].concat();
        Ok((Self::default(), head))
    }

    /// Returns the encoded form of content of any length.
    pub fn piece(&mut self, content: &[u8]) -> Vec<u8> {
        self.hasher.update(content);
        self.length += content.len() as u64;
        let pieces = content.chunks(MAX_PIECE);
        let mut encoded = Vec::with_capacity(content.len() + 4);
        for piece in pieces {
            encoded.extend(length(piece));
            encoded.extend(piece);
        }
        encoded
    }

    /// Returns the last bytes.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        let digest = self.hasher.finish();
        [&[0; 4], &self.length.to_be_bytes()[..], digest.as_bytes()].concat()
    }
}

/// Returns the length of a piece or a header, whose bounds are less than 4 GiB.
fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes()
}

/// The decoder of an upload, and the reader of its content.
#[derive(Debug)]
pub struct Receiver<R> {
    from: R,
    hasher: Hasher,
    length: u64,
    /// The bytes of the present piece that were not read yet; `None` after the last piece.
    left: Option<u32>,
}

impl<R: Read> Receiver<R> {
    /// Reads the header, and returns it with the reader of the content.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] if the upload is cut, [`io::ErrorKind::InvalidData`] for anything but an upload of
    /// this version; errors of `from`.
    pub fn new<H: DeserializeOwned>(mut from: R) -> io::Result<(H, Self)> {
        let mut magic = [0; MAGIC.len()];
        from.read_exact(&mut magic)?;
        if magic != MAGIC {
            return Err(invalid("this is no upload of this version of s2i"));
        }
        let length = read_length(&mut from)?;
        if length as usize > MAX_HEADER {
            return Err(invalid("the header is too long"));
        }
        let mut header = vec![0; length as usize];
        from.read_exact(&mut header)?;
        let header = serde_json::from_slice(&header)?;
        let mut receiver = Self {
            from,
            hasher: Hasher::default(),
            length: 0,
            left: Some(0),
        };
        receiver.next_piece()?;
        Ok((header, receiver))
    }

    /// Reads the length of the next piece.
    fn next_piece(&mut self) -> io::Result<()> {
        let length = read_length(&mut self.from)?;
        if length as usize > MAX_PIECE {
            return Err(invalid("a piece is too long"));
        }
        self.left = (length > 0).then_some(length);
        Ok(())
    }

    /// Reads what is left of the content, and compares its length and digest with those of the sender.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] if the upload is cut, [`io::ErrorKind::InvalidData`] if length or digest differ;
    /// errors of the reader.
    pub fn finish(mut self) -> io::Result<u64> {
        io::copy(&mut self, &mut io::sink())?;
        let (mut length, mut digest) = ([0; 8], [0; 32]);
        self.from.read_exact(&mut length)?;
        self.from.read_exact(&mut digest)?;
        if self.length != u64::from_be_bytes(length) || self.hasher.finish().as_bytes() != &digest {
            return Err(invalid("the content differs from what was sent"));
        }
        Ok(self.length)
    }
}

impl<R: Read> Read for Receiver<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(left) = self.left else { return Ok(0) };
        let most = into.len().min(left as usize);
        if most == 0 {
            return Ok(0);
        }
        let count = self.from.read(&mut into[..most])?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.hasher.update(&into[..count]);
        self.length += count as u64;
        let left = left - u32::try_from(count).unwrap_or(left);
        self.left = Some(left);
        if left == 0 {
            self.next_piece()?;
        }
        Ok(count)
    }
}

fn read_length(from: &mut impl Read) -> io::Result<u32> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    Ok(u32::from_be_bytes(length))
}

fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(pieces: &[&[u8]]) -> Vec<u8> {
        let (mut sender, mut sent) = Sender::new(&("header", 7)).unwrap();
        for piece in pieces {
            sent.extend(sender.piece(piece));
        }
        sent.extend(sender.finish());
        sent
    }

    fn received(bytes: &[u8]) -> io::Result<((String, u32), Vec<u8>)> {
        let (header, mut receiver) = Receiver::new(bytes)?;
        let mut content = Vec::new();
        receiver.read_to_end(&mut content)?;
        receiver.finish()?;
        Ok((header, content))
    }

    #[test]
    fn content_arrives() {
        let long = vec![3; MAX_PIECE + 1];
        let cases: [&[&[u8]]; 4] = [&[], &[b"one"], &[b"", b"one", b"", b"two"], &[&long]];
        for pieces in cases {
            assert_eq!(
                received(&sent(pieces)).unwrap(),
                (("header".into(), 7), pieces.concat())
            );
        }
    }

    #[test]
    fn cut_is_an_error_wherever_it_is() {
        let sent = sent(&[b"one", b"two"]);
        for end in 0..sent.len() {
            let err = received(&sent[..end]).unwrap_err();
            assert_eq!(err.kind(), io::ErrorKind::UnexpectedEof, "{end}");
        }
    }

    #[test]
    fn changed_content_is_an_error() {
        let mut sent = sent(&[b"one", b"two"]);
        let content = sent.windows(3).position(|part| part == b"two").unwrap();
        sent[content] = b'T';
        let err = received(&sent).unwrap_err();
        assert_eq!(err.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn lengths_are_bounded() {
        let huge = u32::MAX.to_be_bytes();
        let head = [MAGIC, &huge].concat();
        let piece = [MAGIC, &2_u32.to_be_bytes(), b"{}", &huge].concat();
        for bytes in [head, piece, b"GET / HTTP/1.1\r\n\r\n".to_vec()] {
            let err = Receiver::new::<serde_json::Value>(&bytes[..]).unwrap_err();
            assert_eq!(err.kind(), io::ErrorKind::InvalidData);
        }
    }
}
