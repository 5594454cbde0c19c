//! Puts headers together into entries.

use rustix::fs::{FileType, Timespec};
use s2i_core::{
    archive::{
        ArchiveFault,
        grammar::{self, BLOCK, long_name, shown},
    },
    bounds,
};

use super::{
    EntryFault, Limits, MAX_PATH, UnpackError,
    header::{self, Head},
    input::{Input, fill_up},
    pax::Pax,
    sparse::{self, Map},
};

/// The most bytes of the headers that describe one entry: long names, PAX records, and maps of holes.
pub(super) const MAX_DESCRIPTION: u64 = bounds::DESCRIPTION;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
    Symlink,
    HardLink,
    /// A device or FIFO.
    Node(FileType),
}

/// One entry; its contents are next in the input.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) name: Vec<u8>,
    /// The target of a link, else empty.
    pub(super) target: Vec<u8>,
    /// Bytes of contents in the archive; not 0 for files only.
    pub(super) stored: u64,
    /// Where the contents go, for a sparse file.
    pub(super) map: Option<Map>,
    /// The twelve bits for permissions, set-ID and sticky.
    pub(super) mode: u16,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mtime: Timespec,
    /// Major and minor number of a device.
    pub(super) device: (u32, u32),
    pub(super) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Entry {
    /// The length of the file that comes of it.
    pub(super) fn size(&self) -> u64 {
        self.map.as_ref().map_or(self.stored, |map| map.size)
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

/// The entries of a layer.
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

    /// The next entry; `None` at the end of a whole layer.
    pub(super) fn next_entry(&mut self) -> Result<Option<Entry>, UnpackError> {
        let mut description = Description::default();
        loop {
            let Some((head, block)) = self.header()? else {
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
                    return self.assemble(head, &block, description).map(Some);
                }
            }
        }
    }

    /// The next header; `None` at the end. Some tools that join archives leave the zeros out that end
    /// them; a layer that was cut there has another digest.
    fn header(&mut self) -> Result<Option<(Head, [u8; BLOCK])>, UnpackError> {
        let position = self.input.position();
        let Some(block) = self.input.block()? else {
            return Ok(None);
        };
        if block == [0; BLOCK] {
            if self.input.block()?.is_some_and(|block| block != [0; BLOCK]) {
                return Err(ArchiveFault::LoneZeros.into());
            }
            self.input.padding()?;
            return Ok(None);
        }
        match header::decode(&block) {
            Ok(head) => Ok(Some((head, block))),
            Err(_) if position == 0 => Err(ArchiveFault::NotTar.into()),
            Err(fault) => Err(ArchiveFault::Header { position, fault }.into()),
        }
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

    /// Takes a header that describes all entries after it. Engines ignore it, other readers do not.
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
        self.input.exactly::<UnpackError>(head.size, |piece| {
            text.extend_from_slice(piece);
            Ok(())
        })?;
        self.input.skip(fill_up(head.size))?;
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

    /// Makes one of the header, what the input has of it still before the contents, and its description.
    fn assemble(
        &mut self,
        mut head: Head,
        block: &[u8; BLOCK],
        description: Description,
    ) -> Result<Entry, UnpackError> {
        let map = match head.kind {
            b'S' => Some(sparse::read(block, &mut self.input)?),
            _ => None,
        };
        let mut pax = description.pax.unwrap_or_default();
        let (path, target) = (pax.path.take(), pax.link_path.take());
        let is_named_twice = (path.is_some() && description.name.is_some())
            || (target.is_some() && description.target.is_some());
        head.name = path.or(description.name).unwrap_or(head.name);
        head.target = target.or(description.target).unwrap_or(head.target);
        let name = head.name.clone();
        let entry = match map.transpose() {
            _ if is_named_twice => Err(EntryFault::NamedTwice),
            _ if pax.is_sparse => Err(EntryFault::Sparse(
                "in a PAX format, which can't be unpacked",
            )),
            Ok(map) => entry(head, pax, map),
            Err(fault) => Err(fault),
        };
        entry.map_err(|fault| UnpackError::Entry {
            entry: shown(&name),
            fault,
        })
    }
}

fn entry(head: Head, pax: Pax, map: Option<Map>) -> Result<Entry, EntryFault> {
    let kind = kind(head.kind)?;
    let entry = Entry {
        kind,
        name: head.name,
        target: match kind {
            Kind::Symlink | Kind::HardLink => head.target,
            _ => Vec::new(),
        },
        stored: size(head.size, pax.size)?,
        map,
        mode: head.mode,
        uid: owner("user", pax.uid.unwrap_or(head.uid))?,
        gid: owner("group", pax.gid.unwrap_or(head.gid))?,
        mtime: pax.mtime.unwrap_or(Timespec {
            tv_sec: head.mtime,
            tv_nsec: 0,
        }),
        device: device(head.kind, head.device)?,
        xattrs: pax.xattrs.into_iter().collect(),
    };
    check(&entry)?;
    Ok(entry)
}

fn kind(flag: u8) -> Result<Kind, EntryFault> {
    match flag {
        b'0' | 0 | b'S' => Ok(Kind::File),
        b'1' => Ok(Kind::HardLink),
        b'2' => Ok(Kind::Symlink),
        b'3' => Ok(Kind::Node(FileType::CharacterDevice)),
        b'4' => Ok(Kind::Node(FileType::BlockDevice)),
        b'5' => Ok(Kind::Directory),
        b'6' => Ok(Kind::Node(FileType::Fifo)),
        other => Err(EntryFault::UnknownType(other.into())),
    }
}

fn size(header: u64, pax: Option<u64>) -> Result<u64, EntryFault> {
    let two = |pax| EntryFault::TwoSizes { header, pax };
    grammar::size(header, pax).ok_or_else(|| two(pax.unwrap_or(header)))
}

/// The largest number means "leave as it is" to the kernel.
fn owner(what: &'static str, id: u64) -> Result<u32, EntryFault> {
    match u32::try_from(id) {
        Ok(id) if id < u32::MAX => Ok(id),
        _ => Err(EntryFault::Owner(what, id)),
    }
}

/// Larger numbers would be cut by the kernel; 0/0 is what overlayfs has for whiteouts.
fn device(flag: u8, (major, minor): (u64, u64)) -> Result<(u32, u32), EntryFault> {
    let is_whiteout = flag == b'3' && (major, minor) == (0, 0);
    match (u32::try_from(major), u32::try_from(minor)) {
        (Ok(major @ ..0x1000), Ok(minor @ ..0x10_0000)) if !is_whiteout => Ok((major, minor)),
        _ => Err(EntryFault::Device(major, minor)),
    }
}

fn check(entry: &Entry) -> Result<(), EntryFault> {
    match entry.kind {
        Kind::File => {
            let is_sound = |map: &Map| map.is_sound(entry.stored);
            if !entry.map.as_ref().is_none_or(is_sound) {
                return Err(sparse::BROKEN);
            }
        }
        _ if entry.stored != 0 => return Err(EntryFault::Contents(entry.stored)),
        Kind::Directory => return Ok(()),
        Kind::Symlink | Kind::HardLink => check_target(&entry.target)?,
        Kind::Node(_) => {}
    }
    if entry.name.ends_with(b"/") {
        Err(EntryFault::Slash)
    } else {
        Ok(())
    }
}

fn check_target(target: &[u8]) -> Result<(), EntryFault> {
    if target.is_empty() {
        Err(EntryFault::NoTarget)
    } else if target.contains(&0) {
        Err(EntryFault::TargetNul)
    } else if target.len() > MAX_PATH {
        Err(EntryFault::LongTarget(MAX_PATH))
    } else {
        Ok(())
    }
}
