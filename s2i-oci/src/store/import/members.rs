//! Reads the files and links of a tar archive from a stream, and trusts none of their sizes.

use std::io::{self, Read};

use tar::{EntryType, Header, PaxExtensions};

use s2i_core::{archive::grammar::BLOCK, bounds};

use super::{super::error::StoreError, ImportFault, Limits};

/// What a member is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A file; its bytes are next.
    File,
    /// A link to another member, by a path from the link's own directory.
    Symlink(Vec<u8>),
    /// A link to another member, by that one's name.
    HardLink(Vec<u8>),
    /// What no image archive needs.
    Other,
}

/// One member.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: Vec<u8>,
    pub(super) kind: Kind,
}

/// What headers before a member say of it.
#[derive(Default)]
struct Description {
    name: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
}

/// The members of an archive, one after another. What is read from this are the bytes of the last one.
pub(super) struct Members<'a> {
    stream: &'a mut dyn Read,
    /// What was not read yet of the last member, and what fills up its last block.
    left: u64,
    fill: u64,
    count: u64,
    /// The bytes of all members so far, headers included.
    bytes: u64,
    limits: &'a Limits,
}

impl<'a> Members<'a> {
    pub(super) fn new(stream: &'a mut dyn Read, limits: &'a Limits) -> Self {
        Self {
            stream,
            left: 0,
            fill: 0,
            count: 0,
            bytes: 0,
            limits,
        }
    }

    /// The next member; `None` at the end, to which the stream is read then.
    pub(super) fn next(&mut self) -> Result<Option<Member>, StoreError> {
        let mut description = Description::default();
        loop {
            let skipped = io::copy(&mut self.by_ref(), &mut io::sink());
            skipped.map_err(StoreError::Read)?;
            let Some(header) = self.header()? else {
                return Ok(None);
            };
            let size = header.entry_size().map_err(|_| ImportFault::Header)?;
            let size = description.size.unwrap_or(size);
            self.count()?;
            self.left = size;
            self.fill = size.wrapping_neg() % BLOCK as u64;
            match header.entry_type() {
                EntryType::GNULongName => description.name = Some(self.long_name()?),
                EntryType::GNULongLink => description.target = Some(self.long_name()?),
                EntryType::XHeader => self.pax(&mut description)?,
                EntryType::XGlobalHeader => self.count_bytes()?,
                kind => {
                    self.count_bytes()?;
                    return Ok(Some(member(&header, kind, description)));
                }
            }
        }
    }

    /// The bytes that were not read yet of the last member.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// Counts a header.
    fn count(&mut self) -> Result<(), ImportFault> {
        self.count += 1;
        if self.count > bounds::MEMBERS {
            return Err(ImportFault::Members(bounds::MEMBERS));
        }
        if self.count > self.limits.entries {
            return Err(ImportFault::Entries(self.limits.entries));
        }
        Ok(())
    }

    /// Counts a header and the contents that follow.
    fn count_bytes(&mut self) -> Result<(), ImportFault> {
        let more = self.left.saturating_add(BLOCK as u64);
        self.bytes = self.bytes.saturating_add(more);
        if self.bytes > self.limits.bytes {
            return Err(ImportFault::Bytes(self.limits.bytes));
        }
        Ok(())
    }

    /// The next header; `None` at the end.
    fn header(&mut self) -> Result<Option<Header>, StoreError> {
        let mut header = Header::new_old();
        self.block(header.as_mut_bytes())?;
        if header.as_bytes() == &[0; BLOCK] {
            let padding = io::copy(&mut self.stream.take(bounds::PADDING), &mut io::sink());
            padding.map_err(StoreError::Read)?;
            return Ok(None);
        }
        if is_header(header.as_bytes()) {
            Ok(Some(header))
        } else if self.count == 0 {
            Err(ImportFault::NotTar.into())
        } else {
            Err(ImportFault::Header.into())
        }
    }

    fn block(&mut self, block: &mut [u8; BLOCK]) -> Result<(), StoreError> {
        self.stream
            .read_exact(block)
            .map_err(|err| match err.kind() {
                io::ErrorKind::UnexpectedEof if self.count == 0 => ImportFault::NotTar.into(),
                io::ErrorKind::UnexpectedEof => ImportFault::Cut.into(),
                _ => StoreError::Read(err),
            })
    }

    fn long_name(&mut self) -> Result<Vec<u8>, StoreError> {
        let mut text = self.text()?;
        let end = text.iter().position(|byte| *byte == 0);
        text.truncate(end.unwrap_or(text.len()));
        Ok(text)
    }

    fn pax(&mut self, description: &mut Description) -> Result<(), StoreError> {
        let text = self.text()?;
        for record in PaxExtensions::new(&text) {
            let record = record.map_err(|_| ImportFault::Header)?;
            let value = record.value_bytes();
            match record.key_bytes() {
                b"path" => description.name = Some(value.to_vec()),
                b"linkpath" => description.target = Some(value.to_vec()),
                b"size" => {
                    let size = record.value().ok().and_then(|value| value.parse().ok());
                    description.size = Some(size.ok_or(ImportFault::Header)?);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn text(&mut self) -> Result<Vec<u8>, StoreError> {
        if self.left > bounds::DESCRIPTION {
            return Err(ImportFault::Header.into());
        }
        self.count_bytes()?;
        let mut text = Vec::new();
        self.read_to_end(&mut text).map_err(StoreError::Read)?;
        Ok(text)
    }
}

/// Whether the block has the checksum of a header.
pub(super) fn is_header(block: &[u8; BLOCK]) -> bool {
    let header = Header::from_byte_slice(block);
    let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    let without = sum(block) - sum(&header.as_old().cksum);
    header
        .cksum()
        .is_ok_and(|expected| expected == without + 8 * u32::from(b' '))
}

fn member(header: &Header, kind: EntryType, description: Description) -> Member {
    let target = || {
        let own = header.link_name_bytes().map(|target| target.to_vec());
        description.target.or(own).unwrap_or_default()
    };
    let kind = match kind {
        EntryType::Regular | EntryType::Continuous => Kind::File,
        EntryType::Symlink => Kind::Symlink(target()),
        EntryType::Link => Kind::HardLink(target()),
        _ => Kind::Other,
    };
    let name = description.name;
    Member {
        name: name.unwrap_or_else(|| header.path_bytes().to_vec()),
        kind,
    }
}

impl Read for Members<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            let fill = std::mem::take(&mut self.fill);
            let filled = io::copy(&mut self.stream.take(fill), &mut io::sink())?;
            return if filled < fill { Err(cut()) } else { Ok(0) };
        }
        let most = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        if most == 0 {
            return Ok(0);
        }
        let read = self.stream.read(&mut buffer[..most])?;
        self.left -= read as u64;
        if read == 0 { Err(cut()) } else { Ok(read) }
    }
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "it stops before its end")
}
