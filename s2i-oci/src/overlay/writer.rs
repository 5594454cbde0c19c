//! Writes a layer archive that depends on nothing but what it is told.
//!
//! Headers are POSIX ones without names of users, and a PAX header precedes only those entries that the
//! old format has no room for. So the usual layer is read by everything, and the others by everything
//! that is not ancient.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs::File,
    io::{self, ErrorKind, Read, Seek, SeekFrom::Start, Write},
};

use rustix::{
    fs::{SeekFrom, seek},
    io::Errno,
};
use s2i_core::archive::grammar::BLOCK;
use tar::{EntryType, Header};

use super::{PackFault, Size, input::fill_up, pax::XATTR};
use crate::{Digest, HashingWriter};

/// Files are read into this buffer and written from it.
const BUFFER: usize = 256 << 10;

/// The least room that is worth a call.
const ROOM: usize = 64 << 10;

/// The name of PAX headers, as Python has it: no reader makes a file of them.
const PAX_NAME: &[u8] = b"././@PaxHeader";

/// The bytes of a header's own fields for name and target.
const FIELD: usize = 100;

/// The largest size and time of a header.
const MAX_LARGE: u64 = 0o777_7777_7777;

/// The largest user and group of a header.
const MAX_ID: u32 = 0o777_7777;

/// One entry.
pub(super) struct Item<'a> {
    pub(super) kind: EntryType,
    pub(super) name: &'a [u8],
    /// The target of a link.
    pub(super) target: &'a [u8],
    /// The twelve bits for permissions, set-ID and sticky.
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Seconds since 1970.
    pub(super) mtime: i64,
    /// Bytes of contents.
    pub(super) size: u64,
    /// Major and minor number of a device.
    pub(super) device: (u32, u32),
    pub(super) xattrs: &'a [(Vec<u8>, Vec<u8>)],
}

impl<'a> Item<'a> {
    /// An empty file of root's that means something by its name. It has no time, so that it is the same
    /// in every archive, and the permissions that it has in archives of Docker's.
    pub(super) fn mark(name: &'a [u8], mode: u32) -> Self {
        Self {
            kind: EntryType::Regular,
            name,
            target: &[],
            mode,
            uid: 0,
            gid: 0,
            mtime: 0,
            size: 0,
            device: (0, 0),
            xattrs: &[],
        }
    }
}

/// Why the contents of a file could not be taken.
pub(super) enum Broken {
    Read(io::Error),
    Write(io::Error),
    Stopped(io::Error),
    Fault(PackFault),
}

/// Writes entries one by one.
pub(super) struct Writer<'a> {
    out: HashingWriter<&'a mut dyn Write>,
    buffer: Vec<u8>,
    filled: usize,
    files: u64,
    /// All bytes so far, those in the buffer included.
    bytes: u64,
    /// Called for each piece of contents.
    check: &'a dyn Fn() -> io::Result<()>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(out: &'a mut dyn Write, check: &'a dyn Fn() -> io::Result<()>) -> Self {
        Self {
            out: HashingWriter::new(out),
            buffer: vec![0; BUFFER],
            filled: 0,
            files: 0,
            bytes: 0,
            check,
        }
    }

    /// The entries so far.
    pub(super) fn files(&self) -> u64 {
        self.files
    }

    /// Returns the size of the whole archive, if contents of `size` bytes are all that follows.
    pub(super) fn bytes_with(&self, size: u64) -> u64 {
        let contents = size.saturating_add(fill_up(size));
        (self.bytes + 2 * BLOCK as u64).saturating_add(contents)
    }

    /// Adds an entry; its contents must follow.
    pub(super) fn entry(&mut self, item: &Item<'_>) -> io::Result<()> {
        let records = records(item);
        if !records.is_empty() {
            let text = text(&records);
            let header = Item {
                kind: EntryType::XHeader,
                mode: 0o644,
                size: text.len() as u64,
                ..Item::mark(PAX_NAME, 0)
            };
            self.put(header_of(&header).as_bytes())?;
            self.put(&text)?;
            self.pad(header.size)?;
        }
        self.files += 1;
        self.put(header_of(item).as_bytes())
    }

    /// Adds contents, which must end after `size` bytes. Holes of a file that `is_sparse` are not read.
    pub(super) fn contents(
        &mut self,
        file: &mut File,
        size: u64,
        is_sparse: bool,
    ) -> Result<(), Broken> {
        let mut at = 0;
        while is_sparse && at < size {
            let data = next(file, SeekFrom::Data(at), size)?;
            self.zeros(data - at)?;
            at = next(file, SeekFrom::Hole(data), size)?;
            file.seek(Start(data)).map_err(Broken::Read)?;
            self.copy(&mut Read::by_ref(file).take(at - data), at - data)?;
            file.seek(Start(at)).map_err(Broken::Read)?;
        }
        self.copy(file, size - at)?;
        self.pad(size).map_err(Broken::Write)
    }

    /// Adds zeros.
    fn zeros(&mut self, size: u64) -> Result<(), Broken> {
        let mut left = size;
        while left > 0 {
            if BUFFER == self.filled {
                self.flush_checked()?;
            }
            let room = &mut self.buffer[self.filled..];
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(room.len());
            room[..count].fill(0);
            self.filled += count;
            self.bytes += count as u64;
            left -= count as u64;
        }
        Ok(())
    }

    /// Adds what must end after `size` bytes. It is read straight into the buffer, and with one byte more than
    /// there should be: so the end needs no call of its own.
    fn copy(&mut self, file: &mut dyn Read, size: u64) -> Result<(), Broken> {
        let mut left = size;
        loop {
            let wanted = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .saturating_add(1);
            if BUFFER - self.filled < wanted.min(ROOM) {
                self.flush_checked()?;
            }
            let room = &mut self.buffer[self.filled..];
            let asked = wanted.min(room.len());
            let count = match file.read(&mut room[..asked]) {
                Err(err) if err.kind() == ErrorKind::Interrupted => continue,
                count => count.map_err(Broken::Read)?,
            };
            left = left
                .checked_sub(count as u64)
                .ok_or(Broken::Fault(PackFault::Grew))?;
            self.filled += count;
            self.bytes += count as u64;
            if left == 0 && count < asked {
                return Ok(());
            }
            if count == 0 {
                return Err(Broken::Fault(PackFault::Shrank));
            }
        }
    }

    /// Ends the archive.
    pub(super) fn finish(mut self) -> io::Result<(Digest, Size)> {
        self.put(&[0; 2 * BLOCK])?;
        self.flush()?;
        self.out.flush()?;
        let (_, digest, bytes) = self.out.finish();
        let files = self.files;
        Ok((digest, Size { bytes, files }))
    }

    fn pad(&mut self, size: u64) -> io::Result<()> {
        let rest = usize::try_from(fill_up(size)).expect("less than a block");
        self.put(&[0; BLOCK][..rest])
    }

    fn put(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.filled == BUFFER {
                self.flush()?;
            }
            let room = &mut self.buffer[self.filled..];
            let (now, later) = bytes.split_at(bytes.len().min(room.len()));
            room[..now.len()].copy_from_slice(now);
            self.filled += now.len();
            self.bytes += now.len() as u64;
            bytes = later;
        }
        Ok(())
    }

    fn flush_checked(&mut self) -> Result<(), Broken> {
        (self.check)().map_err(Broken::Stopped)?;
        self.flush().map_err(Broken::Write)
    }

    fn flush(&mut self) -> io::Result<()> {
        let filled = std::mem::take(&mut self.filled);
        self.out.write_all(&self.buffer[..filled])
    }
}

/// Returns the start of the next data or hole of a file, at most its end.
fn next(file: &File, to: SeekFrom, size: u64) -> Result<u64, Broken> {
    match seek(file, to) {
        Ok(at) => Ok(at.min(size)),
        // There is none before the end.
        Err(Errno::NXIO) => Ok(size),
        Err(err) => Err(Broken::Read(err.into())),
    }
}

/// What the header can't say.
fn records<'i>(item: &Item<'i>) -> BTreeMap<Cow<'static, [u8]>, Cow<'i, [u8]>> {
    let number = |number: i128| Cow::Owned(number.to_string().into_bytes());
    let mut records = BTreeMap::new();
    let mut add = |is_needed, key: &'static str, value| {
        if is_needed {
            records.insert(Cow::Borrowed(key.as_bytes()), value);
        }
    };
    add(item.name.len() > FIELD, "path", item.name.into());
    add(item.target.len() > FIELD, "linkpath", item.target.into());
    add(item.uid > MAX_ID, "uid", number(item.uid.into()));
    add(item.gid > MAX_ID, "gid", number(item.gid.into()));
    add(item.size > MAX_LARGE, "size", number(item.size.into()));
    let is_late = u64::try_from(item.mtime).map_or(true, |mtime| mtime > MAX_LARGE);
    add(is_late, "mtime", number(item.mtime.into()));
    for (name, value) in item.xattrs {
        records.insert([XATTR, name].concat().into(), value.into());
    }
    records
}

/// Records as lines that start with their own lengths.
fn text(records: &BTreeMap<Cow<'_, [u8]>, Cow<'_, [u8]>>) -> Vec<u8> {
    let mut text = Vec::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + b" =\n".len();
        let guess = rest + rest.to_string().len();
        // One digit more can make it one digit more.
        let length = rest + guess.to_string().len();
        text.extend(format!("{length} ").into_bytes());
        text.extend([key, &b"="[..], value, b"\n"].concat());
    }
    text
}

/// The header, with 0 for numbers that are in a record.
fn header_of(item: &Item<'_>) -> Header {
    let id = |id: u32| if id > MAX_ID { 0 } else { u64::from(id) };
    let large = |number: u64| if number > MAX_LARGE { 0 } else { number };
    let mut header = Header::new_ustar();
    header.set_entry_type(item.kind);
    header.set_mode(item.mode);
    header.set_uid(id(item.uid));
    header.set_gid(id(item.gid));
    header.set_size(large(item.size));
    header.set_mtime(u64::try_from(item.mtime).map_or(0, large));
    let (major, minor) = item.device;
    let set = header
        .set_device_major(major)
        .and_then(|()| header.set_device_minor(minor));
    set.expect("a POSIX header has device numbers");
    let fields = header.as_old_mut();
    let (name, target) = (cut(item.name), cut(item.target));
    fields.name[..name.len()].copy_from_slice(name);
    fields.linkname[..target.len()].copy_from_slice(target);
    header.set_cksum();
    header
}

fn cut(text: &[u8]) -> &[u8] {
    &text[..text.len().min(FIELD)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overlay::pax::Pax;

    #[test]
    fn records_count_themselves() {
        for length in (0..120).chain(970..1010).chain(9970..10010) {
            let value = vec![b'v'; length];
            let xattrs = [(b"user.a".to_vec(), value.clone())];
            let item = Item {
                xattrs: &xattrs,
                ..Item::mark(b"a", 0)
            };
            let pax = Pax::parse(&text(&records(&item))).unwrap();
            assert_eq!(pax.xattrs[&b"user.a"[..]], value);
        }
    }

    /// What comes of a file of `actual` bytes that had `size` when it was opened.
    fn contents(actual: usize, size: usize) -> Result<Vec<u8>, Broken> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![b'x'; actual]).unwrap();
        file.rewind().unwrap();
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out, &|| Ok(()));
        let size = size as u64;
        let item = Item {
            size,
            ..Item::mark(b"a", 0)
        };
        writer.entry(&item).map_err(Broken::Write)?;
        writer.contents(&mut file, size, false)?;
        writer.finish().map_err(Broken::Write)?;
        Ok(out)
    }

    #[test]
    fn a_file_has_exactly_the_bytes_that_it_said() {
        // All are around where the buffer is full.
        let sizes = [0, 1, 511, 512, BUFFER - BLOCK, BUFFER, 2 * BUFFER - BLOCK];
        for size in sizes.into_iter().flat_map(|size| [size, size + 1]) {
            let layer = contents(size, size).ok().unwrap();
            let content = &layer[BLOCK..layer.len() - 2 * BLOCK];
            assert_eq!(content.len(), size.next_multiple_of(BLOCK));
            assert!(content[..size].iter().all(|byte| *byte == b'x'));
            let grown = contents(size + 1, size);
            assert!(matches!(grown, Err(Broken::Fault(PackFault::Grew))));
            let shrunk = contents(size, size + 1);
            assert!(matches!(shrunk, Err(Broken::Fault(PackFault::Shrank))));
        }
    }

    #[test]
    fn only_what_the_header_can_not_say_has_a_record() {
        let name = [b'n'; FIELD];
        let item = Item {
            target: &name,
            mtime: MAX_LARGE.cast_signed(),
            size: MAX_LARGE,
            uid: MAX_ID,
            gid: MAX_ID,
            ..Item::mark(&name, 0)
        };
        assert!(records(&item).is_empty());
        let name = [b'n'; FIELD + 1];
        let item = Item {
            target: &name,
            mtime: -1,
            size: MAX_LARGE + 1,
            uid: MAX_ID + 1,
            gid: u32::MAX - 1,
            ..Item::mark(&name, 0)
        };
        let long = "n".repeat(FIELD + 1);
        let expected = format!(
            "18 gid=4294967294\n115 linkpath={long}\n12 mtime=-1\n111 path={long}\n\
             19 size=8589934592\n15 uid=2097152\n"
        );
        let text = text(&records(&item));
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }
}
