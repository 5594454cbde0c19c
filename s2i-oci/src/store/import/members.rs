//! Reads the files and links of a tar archive from a stream, and trusts none of their sizes.
//!
//! Bytes in which two readers could see different members are an error.

use std::io::{self, Read};

use s2i_core::{
    archive::{
        ArchiveFault, HeaderFault,
        grammar::{self, BLOCK},
    },
    bounds,
};
use tar::Header;

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

/// A header block.
struct Head {
    /// The type, by the letter of the format.
    kind: u8,
    name: Vec<u8>,
    /// The target of a link.
    target: Vec<u8>,
    size: u64,
}

/// What headers before a member say of it.
#[derive(Default)]
struct Description {
    name: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
}

impl From<HeaderFault> for ImportFault {
    fn from(_: HeaderFault) -> Self {
        Self::Header
    }
}

impl From<ArchiveFault> for ImportFault {
    fn from(_: ArchiveFault) -> Self {
        Self::Header
    }
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
        let mut description = None;
        loop {
            let skipped = io::copy(&mut self.by_ref(), &mut io::sink());
            skipped.map_err(StoreError::Read)?;
            let Some(head) = self.head()? else {
                return match description {
                    None => Ok(None),
                    Some(_) => Err(ImportFault::Header.into()),
                };
            };
            self.count()?;
            self.begin(head.size);
            match head.kind {
                b'L' | b'K' | b'x' => self.describe(&head, description.get_or_insert_default())?,
                // What describes all members gives none of them a name, a target or a size.
                b'g' if description.is_none() => {
                    let mut all = Description::default();
                    self.pax(&mut all)?;
                    if all.name.is_some() || all.target.is_some() || all.size.is_some() {
                        return Err(ImportFault::Header.into());
                    }
                }
                b'g' => return Err(ImportFault::Header.into()),
                _ => return Ok(Some(self.member(head, description.unwrap_or_default())?)),
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

    /// Begins the contents that come next.
    fn begin(&mut self, size: u64) {
        self.left = size;
        self.fill = size.wrapping_neg() % BLOCK as u64;
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
    fn head(&mut self) -> Result<Option<Head>, StoreError> {
        let mut block = [0; BLOCK];
        self.block(&mut block)?;
        if block == [0; BLOCK] {
            self.end()?;
            return Ok(None);
        }
        let is_first = self.count == 0;
        let read = || -> Result<Head, ImportFault> {
            let name = grammar::name(&block)?;
            let fields = Header::from_byte_slice(&block).as_old();
            let target = grammar::text(&fields.linkname).ok_or(ImportFault::Header)?;
            let size = match (fields.linkflag, fields.size) {
                // GNU tar leaves out the size of a label.
                ([b'V'], [0, ..]) if grammar::text(&fields.size).is_some() => Some(0),
                (_, size) => grammar::number(&size),
            };
            Ok(Head {
                kind: fields.linkflag[0],
                name,
                target: target.to_vec(),
                size: size.ok_or(ImportFault::Header)?,
            })
        };
        if is_first && matches!(grammar::name(&block), Err(HeaderFault::Checksum)) {
            return Err(ImportFault::NotTar.into());
        }
        Ok(Some(read()?))
    }

    /// Reads from the first block of zeros to the end of the stream.
    fn end(&mut self) -> Result<(), StoreError> {
        let mut padding = self.stream.take(bounds::PADDING);
        let mut buffer = [0; 16 << 10];
        loop {
            let read = super::disk::read_some(&mut padding, &mut buffer);
            match read.map_err(StoreError::Read)? {
                0 => return Ok(()),
                read if buffer[..read].iter().any(|byte| *byte != 0) => {
                    return Err(ImportFault::GoesOn.into());
                }
                _ => {}
            }
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

    /// Takes a header that describes the member after it.
    fn describe(&mut self, head: &Head, description: &mut Description) -> Result<(), StoreError> {
        let place = match head.kind {
            b'L' => &mut description.name,
            b'K' => &mut description.target,
            _ => return self.pax(description),
        };
        let name = grammar::long_name(self.text()?).map_err(ImportFault::from)?;
        set(place, name)?;
        Ok(())
    }

    fn pax(&mut self, description: &mut Description) -> Result<(), StoreError> {
        let text = self.text()?;
        for record in grammar::records(&text) {
            let (key, value) = record.map_err(ImportFault::from)?;
            let text = || grammar::text_of_record(value);
            match key {
                b"path" => set(&mut description.name, text().map_err(ImportFault::from)?)?,
                b"linkpath" => set(&mut description.target, text().map_err(ImportFault::from)?)?,
                b"size" => {
                    let size = grammar::decimal(value).ok_or(ImportFault::Header)?;
                    set(&mut description.size, size)?;
                }
                // Sparse files have other names, sizes and contents to readers that know them.
                b"SCHILY.realsize" => return Err(ImportFault::Header.into()),
                _ if key.starts_with(b"GNU.sparse.") => return Err(ImportFault::Header.into()),
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

    /// The member of a header and what describes it; its contents are next.
    fn member(&mut self, head: Head, description: Description) -> Result<Member, ImportFault> {
        let size = grammar::size(head.size, description.size).ok_or(ImportFault::Header)?;
        self.begin(size);
        self.count_bytes()?;
        let name = description.name.unwrap_or(head.name);
        let target = description.target.unwrap_or(head.target);
        let kind = match head.kind {
            b'0' | 0 if !name.ends_with(b"/") => {
                return Ok(Member {
                    name,
                    kind: Kind::File,
                });
            }
            b'1' => Kind::HardLink(target),
            b'2' => Kind::Symlink(target),
            // Also the label that GNU tar gives to a volume.
            b'3'..=b'6' | b'V' => Kind::Other,
            _ => return Err(ImportFault::Header),
        };
        // Only files have contents; to some readers others have none, whatever their size.
        if size == 0 {
            Ok(Member { name, kind })
        } else {
            Err(ImportFault::Header)
        }
    }
}

/// Sets what is set once.
fn set<T>(place: &mut Option<T>, value: T) -> Result<(), ImportFault> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(ImportFault::Header),
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
