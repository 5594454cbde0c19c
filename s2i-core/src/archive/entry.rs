//! Puts headers together into entries.

use super::{
    ArchiveFault, EntryFault, Limits, UnpackError,
    grammar::{self, BLOCK, long_name, shown},
    header::{self, Head},
    input::{self, Input},
    pax::Pax,
};
use crate::bounds;

/// The most bytes of the headers that describe one entry: long names and PAX records.
const MAX_DESCRIPTION: u64 = bounds::DESCRIPTION;

/// What can be unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// Another name of an earlier file.
    HardLink,
}

/// One entry, as the archive has it: nothing of it was checked for what it would do when unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: Vec<u8>,
    /// The target of a link, else empty.
    pub target: Vec<u8>,
    /// Bytes of contents; not 0 for files only.
    pub size: u64,
    /// Permissions.
    pub mode: u32,
    /// Seconds since 1970.
    pub mtime: u64,
    /// The numbers of its user and its group, where the archive has such.
    pub owner: Option<(u32, u32)>,
}

impl Entry {
    /// The error that says this of the entry.
    pub(super) fn refuse(&self, fault: EntryFault) -> UnpackError {
        UnpackError::Entry {
            entry: shown(&self.name),
            fault,
        }
    }
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

/// The entries of an archive.
pub(super) struct Entries<'a> {
    pub(super) input: Input<'a>,
    limits: &'a Limits,
    headers: u64,
}

impl<'a> Entries<'a> {
    pub(super) fn new(input: Input<'a>, limits: &'a Limits) -> Self {
        Self {
            input,
            limits,
            headers: 0,
        }
    }

    /// The next entry; `None` at the end of a whole archive.
    pub(super) fn next_entry(&mut self) -> Result<Option<Entry>, UnpackError> {
        let mut description = Description::default();
        loop {
            let Some(head) = self.header()? else {
                return if description.is_empty() {
                    Ok(None)
                } else {
                    Err(ArchiveFault::Dangling.into())
                };
            };
            match head.kind {
                b'L' | b'K' | b'x' => self.describe(&head, &mut description)?,
                b'g' => self.describe_all(&head, &description)?,
                _ => {
                    self.count()?;
                    return assemble(head, description, self.limits).map(Some);
                }
            }
        }
    }

    /// The next header; `None` at the end.
    fn header(&mut self) -> Result<Option<Head>, UnpackError> {
        let position = self.input.position();
        let block = self.input.block()?;
        if block == [0; BLOCK] {
            if self.input.block()? != [0; BLOCK] {
                return Err(ArchiveFault::LoneZeros.into());
            }
            self.input.padding()?;
            return Ok(None);
        }
        let head =
            header::decode(&block).map_err(|fault| match input::compression(position, &block) {
                Some(compressed) => compressed,
                None if position == 0 => ArchiveFault::NotTar,
                None => ArchiveFault::Header { position, fault },
            })?;
        Ok(Some(head))
    }

    /// Takes a header that describes the entry after it.
    fn describe(&mut self, head: &Head, description: &mut Description) -> Result<(), UnpackError> {
        description.bytes = description.bytes.saturating_add(head.size);
        let text = self.text(head, description.bytes)?;
        let is_second = match head.kind {
            b'L' => description.name.replace(long_name(text)?).is_some(),
            b'K' => description.target.replace(long_name(text)?).is_some(),
            _ => description.pax.replace(Pax::parse(&text)?).is_some(),
        };
        if is_second {
            Err(ArchiveFault::DescribedTwice.into())
        } else {
            Ok(())
        }
    }

    /// Takes a header that describes all entries after it: Git has the commit there.
    fn describe_all(&mut self, head: &Head, description: &Description) -> Result<(), UnpackError> {
        self.count()?;
        let pax = Pax::parse(&self.text(head, head.size)?)?;
        if let Some(key) = pax.first_key() {
            return Err(ArchiveFault::GlobalPax(key).into());
        }
        if description.is_empty() {
            Ok(())
        } else {
            Err(ArchiveFault::Dangling.into())
        }
    }

    fn text(&mut self, head: &Head, total: u64) -> Result<Vec<u8>, UnpackError> {
        if total > MAX_DESCRIPTION {
            return Err(ArchiveFault::Description(MAX_DESCRIPTION).into());
        }
        let mut text = Vec::new();
        self.input.contents(head.size, |piece| {
            text.extend_from_slice(piece);
            Ok(())
        })?;
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
}

fn assemble(head: Head, description: Description, limits: &Limits) -> Result<Entry, UnpackError> {
    let pax = description.pax.unwrap_or_default();
    let is_named_twice = (pax.path.is_some() && description.name.is_some())
        || (pax.link_path.is_some() && description.target.is_some());
    let size = grammar::size(head.size, pax.size);
    let mut entry = Entry {
        kind: Kind::File,
        name: pax.path.or(description.name).unwrap_or(head.name),
        target: pax.link_path.or(description.target).unwrap_or(head.target),
        size: size.unwrap_or(head.size),
        mode: head.mode,
        mtime: head.mtime,
        owner: head.owner,
    };
    let fault = match (size, pax.size) {
        _ if is_named_twice => Some(EntryFault::NamedTwice),
        _ if pax.is_sparse => Some(EntryFault::Type(SPARSE)),
        (None, Some(pax)) => Some(EntryFault::TwoSizes {
            header: head.size,
            pax,
        }),
        _ => None,
    };
    if let Some(fault) = fault {
        return Err(entry.refuse(fault));
    }
    entry.kind = kind(head.kind).map_err(|fault| entry.refuse(fault))?;
    if !matches!(entry.kind, Kind::Symlink | Kind::HardLink) {
        entry.target.clear();
    }
    check(&entry, limits).map_err(|fault| entry.refuse(fault))?;
    Ok(entry)
}

const SPARSE: &str = "a sparse file, which can't be unpacked";

fn kind(flag: u8) -> Result<Kind, EntryFault> {
    match flag {
        b'0' | 0 => Ok(Kind::File),
        b'1' => Ok(Kind::HardLink),
        b'2' => Ok(Kind::Symlink),
        b'5' => Ok(Kind::Directory),
        b'3' => Err(EntryFault::Type(
            "a character device, which can't be unpacked",
        )),
        b'4' => Err(EntryFault::Type("a block device, which can't be unpacked")),
        b'6' => Err(EntryFault::Type("a FIFO, which can't be unpacked")),
        b'S' => Err(EntryFault::Type(SPARSE)),
        other => Err(EntryFault::UnknownType(other.into())),
    }
}

fn check(entry: &Entry, limits: &Limits) -> Result<(), EntryFault> {
    match entry.kind {
        Kind::File => {}
        _ if entry.size != 0 => return Err(EntryFault::Contents(entry.size)),
        Kind::Directory => return Ok(()),
        Kind::Symlink | Kind::HardLink => check_target(&entry.target, limits.path)?,
    }
    if entry.name.ends_with(b"/") {
        Err(EntryFault::Slash)
    } else {
        Ok(())
    }
}

fn check_target(target: &[u8], limit: usize) -> Result<(), EntryFault> {
    if target.is_empty() {
        return Err(EntryFault::NoTarget);
    }
    if target.contains(&0) {
        return Err(EntryFault::TargetNul);
    }
    if target.len() > limit {
        Err(EntryFault::LongTarget(limit))
    } else {
        Ok(())
    }
}
