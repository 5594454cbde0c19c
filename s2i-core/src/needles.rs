//! A search for the beginnings of files in other files, in bounded memory.

use std::{
    collections::HashMap,
    io::{self, ErrorKind, Read},
};

/// The fewest bytes that are searched for; shorter contents also occur by chance.
pub const SHORTEST: usize = 8;

/// The number of bytes at the beginning of a file that are searched for.
pub const LONGEST: usize = 1024;

/// The number of bytes that are read at once.
const PIECE: usize = 256 << 10;

/// The bits of the filter before the table.
const FILTER: usize = 1 << 16;

/// The contents to search for, each with a name for messages.
///
/// Of each content the first [`LONGEST`] bytes are searched for, without white space at both ends. It is found as it
/// is: encoded, compressed and split copies are not.
#[derive(Default)]
pub struct Needles {
    contents: Vec<(String, Vec<u8>)>,
    /// The needles by their first bytes.
    starts: HashMap<[u8; SHORTEST], Vec<usize>>,
    /// A bit for each hash of a start, so that most positions need no look-up.
    filter: Vec<u64>,
}

impl Needles {
    /// Adds the beginning of a content, unless it is too short. White space at its start must not use up the
    /// [`LONGEST`] bytes, so the caller leaves it out.
    pub fn add(&mut self, name: &str, beginning: &[u8]) {
        let bytes = &beginning[..beginning.len().min(LONGEST)];
        let bytes = bytes.trim_ascii();
        let Some((start, _)) = bytes.split_first_chunk::<SHORTEST>() else {
            return;
        };
        if self.filter.is_empty() {
            self.filter.resize(FILTER / 64, 0);
        }
        let hash = hash(*start);
        self.filter[hash / 64] |= 1 << (hash % 64);
        let list = self.starts.entry(*start).or_default();
        list.push(self.contents.len());
        self.contents.push((name.into(), bytes.into()));
    }

    /// Returns whether there is nothing to search for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.contents.is_empty()
    }

    /// Returns the name of a content that these bytes contain.
    #[must_use]
    pub fn find(&self, bytes: &[u8]) -> Option<&str> {
        if self.is_empty() {
            return None;
        }
        let mut windows = bytes.windows(SHORTEST).enumerate();
        windows.find_map(|(at, window)| {
            let start: [u8; SHORTEST] = window.try_into().ok()?;
            let hash = hash(start);
            if self.filter[hash / 64] & (1 << (hash % 64)) == 0 {
                return None;
            }
            let mut candidates = self.starts.get(&start)?.iter();
            let found = candidates.find(|index| bytes[at..].starts_with(&self.contents[**index].1));
            found.map(|index| &*self.contents[*index].0)
        })
    }

    /// Reads a file to its end and returns the name of a content in it.
    ///
    /// # Errors
    /// Those of reading.
    pub fn find_in(&self, input: &mut dyn Read) -> io::Result<Option<&str>> {
        if self.is_empty() {
            return Ok(None);
        }
        let mut buffer = vec![0; PIECE];
        let mut filled = 0;
        loop {
            // A full piece is searched at once, however small the reads are.
            while filled < PIECE {
                match input.read(&mut buffer[filled..]) {
                    Ok(0) => return Ok(self.find(&buffer[..filled])),
                    Ok(count) => filled += count,
                    Err(err) if err.kind() == ErrorKind::Interrupted => {}
                    Err(err) => return Err(err),
                }
            }
            if let Some(found) = self.find(&buffer) {
                return Ok(Some(found));
            }
            // One that begins here may end in the next piece.
            let kept = LONGEST - 1;
            buffer.copy_within(PIECE - kept.., 0);
            filled = kept;
        }
    }
}

fn hash(start: [u8; SHORTEST]) -> usize {
    let mixed = u64::from_le_bytes(start).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::try_from(mixed >> 48).unwrap_or_default() % FILTER
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needles(contents: &[&[u8]]) -> Needles {
        let mut needles = Needles::default();
        for (number, content) in contents.iter().enumerate() {
            needles.add(&number.to_string(), content);
        }
        needles
    }

    #[test]
    fn content_is_found_without_the_white_space_around_it() {
        let needles = needles(&[b"\n hunter22 \n", b"short", b"another secret\n"]);
        for (text, expected) in [
            (&b"password=hunter22;"[..], Some("0")),
            (b"hunter2 hunter2", None),
            (b"short", None),
            (b"it is another secret", Some("2")),
            (b"another secre", None),
            (b"", None),
        ] {
            assert_eq!(needles.find(text), expected, "{text:?}");
            assert_eq!(needles.find_in(&mut &*text).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn content_is_found_across_pieces_wherever_it_is() {
        let secret: Vec<u8> = (1..=251).cycle().take(LONGEST).collect();
        let needles = needles(&[&secret]);
        for before in [0, 1, PIECE - LONGEST, PIECE - 1, PIECE, 2 * PIECE - 500] {
            let mut text = vec![b'.'; before];
            text.extend(&secret);
            assert_eq!(
                needles.find_in(&mut &text[..]).unwrap(),
                Some("0"),
                "{before}"
            );
            text.pop();
            assert_eq!(needles.find_in(&mut &text[..]).unwrap(), None, "{before}");
        }
    }

    #[test]
    fn beginning_of_a_long_content_is_enough() {
        let long = vec![b'x'; 3 * LONGEST];
        let needles = needles(&[&long]);
        assert_eq!(needles.find(&long[..LONGEST]), Some("0"));
        assert_eq!(needles.find(&long[..LONGEST - 1]), None);
    }
}
