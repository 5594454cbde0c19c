//! The reader: puts headers together into entries.

use std::io::{self, BufRead, Read};

use super::{
    ArchiveFault, EntryFault, Limits, ReadError,
    entry::{Entry, Kind, Time},
    grammar::{self, BLOCK, long_name, padding, shown},
    header::{self, Head},
    input::{self, Input},
    pax::Pax,
    rules::{End, Rules},
    sparse,
};
use crate::bounds;

/// The most bytes of the headers that describe one entry: long names, PAX records, and maps of holes.
pub(super) const MAX_DESCRIPTION: u64 = bounds::DESCRIPTION;

/// Reads an uncompressed archive, entry by entry, and to the end of the stream.
///
/// Contents go from the stream's own buffer to the sink. Contents that are not taken are skipped.
pub struct Entries<'a> {
    input: Input<'a>,
    rules: &'a Rules,
    limits: &'a Limits,
    headers: u64,
    /// The bytes of all files so far.
    bytes: u64,
    /// The bytes of the last entry's contents and padding that were not read yet.
    left: u64,
    padding: u64,
}

/// The headers before an entry that describe it.
#[derive(Default)]
struct Description {
    name: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    pax: Option<Pax>,
    bytes: u64,
}

impl Description {
    fn is_empty(&self) -> bool {
        self.name.is_none() && self.target.is_none() && self.pax.is_none()
    }
}

impl<'a> Entries<'a> {
    /// The entries of an archive that must keep to the rules and the limits.
    pub fn new(stream: &'a mut dyn BufRead, rules: &'a Rules, limits: &'a Limits) -> Self {
        let limit = rules.bounds_archive.then_some(limits.bytes);
        Self {
            input: Input::new(stream, limit.unwrap_or(u64::MAX)),
            rules,
            limits,
            headers: 0,
            bytes: 0,
            left: 0,
            padding: 0,
        }
    }

    /// The bytes of all files so far, holes included.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Reads the next entry; `None` at the end of a whole archive.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn next_entry(&mut self) -> Result<Option<Entry>, ReadError> {
        let rest = self.left.saturating_add(self.padding);
        self.input.exactly(rest, |_| Ok::<_, ReadError>(()))?;
        (self.left, self.padding) = (0, 0);
        let mut description = Description::default();
        loop {
            let Some((head, block)) = self.header()? else {
                return if description.is_empty() {
                    Ok(None)
                } else {
                    Err(ArchiveFault::Dangling.into())
                };
            };
            match head.flag {
                b'L' | b'K' | b'x' => self.describe(&head, &mut description)?,
                b'g' => self.describe_all(&head, &description)?,
                _ => {
                    self.count()?;
                    return self.entry(head, &block, description).map(Some);
                }
            }
        }
    }

    /// Reads the contents of the entry that [`next_entry`](Self::next_entry) returned last and hands them to
    /// `sink` in pieces, each with its offset in the file. Parts without a piece are holes.
    ///
    /// # Errors
    /// [`ReadError`], and those of `sink`.
    pub fn contents<E: From<ReadError>>(
        &mut self,
        entry: &Entry,
        mut sink: impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let whole = [(0, entry.size)];
        for &(offset, length) in entry.parts.as_deref().unwrap_or(&whole) {
            let mut at = offset;
            self.input.exactly(length.min(self.left), |piece| {
                sink(at, piece)?;
                at += piece.len() as u64;
                Ok::<_, E>(())
            })?;
            self.left = self.left.saturating_sub(length);
        }
        Ok(())
    }

    /// The next header; `None` at the end.
    fn header(&mut self) -> Result<Option<(Head, [u8; BLOCK])>, ReadError> {
        let position = self.input.position();
        let Some(block) = self.block()? else {
            return Ok(None);
        };
        if block == [0; BLOCK] {
            if self.block()?.is_some_and(|block| block != [0; BLOCK]) {
                return Err(ArchiveFault::LoneZeros.into());
            }
            self.input.padding()?;
            return Ok(None);
        }
        match header::decode(&block, self.rules.takes_no_mode) {
            Ok(head) => Ok(Some((head, block))),
            Err(_) if position == 0 => Err(self.unknown(&block).into()),
            Err(fault) => Err(ArchiveFault::Header { position, fault }.into()),
        }
    }

    /// The next block; `None` at the end of the stream, where an archive may end there.
    fn block(&mut self) -> Result<Option<[u8; BLOCK]>, ReadError> {
        let start = self.input.position();
        let mut block = [0; BLOCK];
        match (self.input.fill(&mut block)?, self.rules.end) {
            (BLOCK, _) => Ok(Some(block)),
            (0, End::Stream) => Ok(None),
            _ if start == 0 && input::compression(&block).is_some() => {
                Err(self.unknown(&block).into())
            }
            _ => Err(ArchiveFault::Cut.into()),
        }
    }

    /// The fault of a first block that is not a header.
    fn unknown(&self, block: &[u8; BLOCK]) -> ArchiveFault {
        match input::compression(block) {
            Some(format) => ArchiveFault::Compressed {
                format,
                form: self.rules.form,
            },
            None => ArchiveFault::NotTar,
        }
    }

    /// Takes a header that describes the entry after it.
    fn describe(&mut self, head: &Head, description: &mut Description) -> Result<(), ReadError> {
        description.bytes = description.bytes.saturating_add(head.size);
        let text = self.text(head, description.bytes)?;
        let is_second = match head.flag {
            b'L' => description.name.replace(long_name(text)?).is_some(),
            b'K' => description.target.replace(long_name(text)?).is_some(),
            _ => description.pax.replace(self.pax(&text)?).is_some(),
        };
        if is_second {
            Err(ArchiveFault::DescribedTwice.into())
        } else {
            Ok(())
        }
    }

    /// Takes a header that describes all entries after it, which some readers ignore and others do not. Git has
    /// the commit there.
    fn describe_all(&mut self, head: &Head, description: &Description) -> Result<(), ReadError> {
        self.count()?;
        let text = self.text(head, head.size)?;
        if let Some(key) = self.pax(&text)?.first_key() {
            return Err(ArchiveFault::GlobalPax(key).into());
        }
        if description.is_empty() {
            Ok(())
        } else {
            Err(ArchiveFault::Dangling.into())
        }
    }

    fn pax(&self, text: &[u8]) -> Result<Pax, ArchiveFault> {
        Pax::parse(text, self.rules.keeps_xattr)
    }

    fn text(&mut self, head: &Head, total: u64) -> Result<Vec<u8>, ReadError> {
        if total > MAX_DESCRIPTION {
            return Err(ArchiveFault::Description(MAX_DESCRIPTION).into());
        }
        let mut text = Vec::new();
        self.input.exactly(head.size, |piece| {
            text.extend_from_slice(piece);
            Ok::<_, ReadError>(())
        })?;
        self.input
            .exactly(padding(head.size), |_| Ok::<_, ReadError>(()))?;
        Ok(text)
    }

    fn count(&mut self) -> Result<(), ArchiveFault> {
        self.headers += 1;
        if self.headers > self.limits.entries {
            Err(ArchiveFault::Entries(self.limits.entries))
        } else {
            Ok(())
        }
    }

    /// Makes an entry of its header, the header data that follows in the input, and its description.
    fn entry(
        &mut self,
        mut head: Head,
        block: &[u8; BLOCK],
        description: Description,
    ) -> Result<Entry, ReadError> {
        let map = match head.flag {
            b'S' if self.rules.types.contains(&b'S') => Some(sparse::read(block, &mut self.input)?),
            _ => None,
        };
        let mut pax = description.pax.unwrap_or_default();
        let (path, target) = (pax.path.take(), pax.link_path.take());
        let is_named_twice = (path.is_some() && description.name.is_some())
            || (target.is_some() && description.target.is_some());
        head.name = path.or(description.name).unwrap_or(head.name);
        head.target = target.or(description.target).unwrap_or(head.target);
        let name = shown(&head.name);
        let entry = if is_named_twice {
            Err(EntryFault::NamedTwice)
        } else {
            self.assemble(head, pax, map)
        };
        let (entry, stored) = entry.map_err(|fault| ReadError::Entry { entry: name, fault })?;
        (self.left, self.padding) = (stored, padding(stored));
        self.bytes = self.bytes.saturating_add(entry.size);
        let end = self.input.position().saturating_add(stored);
        if self.bytes > self.limits.bytes || end > self.input.limit() {
            return Err(ArchiveFault::Bytes(self.limits.bytes).into());
        }
        Ok(entry)
    }

    /// The entry, and the bytes of contents that the archive has of it.
    fn assemble(
        &self,
        head: Head,
        pax: Pax,
        map: Option<Result<sparse::Map, EntryFault>>,
    ) -> Result<(Entry, u64), EntryFault> {
        let two_sizes = |pax| EntryFault::TwoSizes {
            header: head.size,
            pax,
        };
        let stored = grammar::size(head.size, pax.size)
            .ok_or_else(|| two_sizes(pax.size.unwrap_or(head.size)))?;
        if pax.is_sparse {
            return Err(EntryFault::Sparse(
                "in a PAX format, which can't be unpacked",
            ));
        }
        let kind = self.kind(head.flag)?;
        let map = map.transpose()?;
        if map.as_ref().is_some_and(|map| !map.is_sound(stored)) {
            return Err(sparse::BROKEN);
        }
        let entry = Entry {
            kind,
            name: head.name,
            target: if kind.is_link() {
                head.target
            } else {
                Vec::new()
            },
            size: map.as_ref().map_or(stored, |map| map.size),
            parts: map.map(|map| map.parts),
            mode: head.mode,
            uid: owner("user", pax.uid.unwrap_or(head.uid))?,
            gid: owner("group", pax.gid.unwrap_or(head.gid))?,
            mtime: pax.mtime.unwrap_or(Time::whole(head.mtime)),
            device: device(kind, head.device)?,
            xattrs: pax.xattrs.into_iter().collect(),
        };
        check(&entry, self.limits)?;
        Ok((entry, stored))
    }

    fn kind(&self, flag: u8) -> Result<Kind, EntryFault> {
        let unknown = EntryFault::UnknownType(flag.into());
        let kind = Kind::of(flag).ok_or(unknown.clone())?;
        if self.rules.types.contains(&flag) {
            return Ok(kind);
        }
        Err(match kind {
            Kind::CharacterDevice => {
                EntryFault::Type("a character device, which can't be unpacked")
            }
            Kind::BlockDevice => EntryFault::Type("a block device, which can't be unpacked"),
            Kind::Fifo => EntryFault::Type("a FIFO, which can't be unpacked"),
            Kind::File => EntryFault::Type("a sparse file, which can't be unpacked"),
            _ => unknown,
        })
    }
}

/// The contents of the last entry as the archive has them, without holes.
impl Read for Entries<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let count = self.input.some(&mut buffer[..most])?;
        self.left -= count as u64;
        if count == 0 && most > 0 {
            return Err(ReadError::from(ArchiveFault::Cut).into());
        }
        Ok(count)
    }
}

/// The number of a user or group. The kernel takes the largest one as "leave unchanged".
fn owner(kind: &'static str, id: u64) -> Result<u32, EntryFault> {
    match u32::try_from(id) {
        Ok(id) if id < u32::MAX => Ok(id),
        _ => Err(EntryFault::Owner(kind, id)),
    }
}

/// The number of a device. The kernel would truncate larger numbers; 0/0 is overlayfs' whiteout.
fn device(kind: Kind, (major, minor): (u64, u64)) -> Result<(u32, u32), EntryFault> {
    let is_whiteout = kind == Kind::CharacterDevice && (major, minor) == (0, 0);
    match (u32::try_from(major), u32::try_from(minor)) {
        (Ok(major @ ..0x1000), Ok(minor @ ..0x10_0000)) if !is_whiteout => Ok((major, minor)),
        _ => Err(EntryFault::Device(major, minor)),
    }
}

fn check(entry: &Entry, limits: &Limits) -> Result<(), EntryFault> {
    match entry.kind {
        Kind::File => {}
        _ if entry.size != 0 => return Err(EntryFault::Contents(entry.size)),
        Kind::Directory => return Ok(()),
        kind if kind.is_link() => check_target(&entry.target, limits.path)?,
        _ => {}
    }
    if entry.name.ends_with(b"/") {
        Err(EntryFault::Slash)
    } else {
        Ok(())
    }
}

fn check_target(target: &[u8], limit: usize) -> Result<(), EntryFault> {
    if target.is_empty() {
        Err(EntryFault::NoTarget)
    } else if target.contains(&0) {
        Err(EntryFault::TargetNul)
    } else if target.len() > limit {
        Err(EntryFault::LongTarget(limit))
    } else {
        Ok(())
    }
}
