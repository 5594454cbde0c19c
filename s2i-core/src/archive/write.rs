//! The deterministic writer.

use std::io::{self, ErrorKind, Read, Write};

use tar::Header;

use super::{
    Entry, Kind, Limits, Rules, Time,
    grammar::{BLOCK, padding, shown},
    records,
};

/// Files are read into this buffer and written from it.
const BUFFER: usize = 256 << 10;

/// The bytes of a header's own fields for name and target.
pub(super) const FIELD: usize = 100;

/// The largest size and time of a POSIX header.
pub(super) const MAX_LARGE: u64 = 0o777_7777_7777;

/// The largest user and group of a POSIX header.
pub(super) const MAX_ID: u32 = 0o777_7777;

/// The name under which GNU tar puts long names and targets.
const LONG: &[u8] = b"././@LongLink";

/// The name of PAX headers, as Python has it: no reader makes a file of them.
const PAX: &[u8] = b"././@PaxHeader";

/// The format of the headers of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// GNU headers. Long names and targets come before them as GNU tar writes them; extended attributes are left
    /// out.
    Gnu,
    /// POSIX headers, and PAX headers before those entries that they have no room for. So the usual archive is
    /// read by everything, and the others by everything that is not ancient.
    Posix,
}

/// The number of entries and bytes in an archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Entries of all types.
    pub entries: u64,
    /// Bytes of file contents.
    pub bytes: u64,
}

/// An error of writing the contents of an entry.
#[derive(Debug)]
pub enum ContentError {
    /// The contents could not be read.
    Read(io::Error),
    /// The contents are shorter than announced.
    Short(io::Error),
    /// The output failed.
    Write(io::Error),
}

impl From<ContentError> for io::Error {
    fn from(err: ContentError) -> Self {
        match err {
            ContentError::Read(err) | ContentError::Short(err) | ContentError::Write(err) => err,
        }
    }
}

/// Writes entries one by one.
///
/// The same calls give the same bytes. [`directory`](Self::directory), [`file`](Self::file) and
/// [`symlink`](Self::symlink) take names that are relative and `/`-separated, in any encoding; those that the
/// reader of trees would refuse are an error. Their entries belong to user and group 0, without names. Output is held back until a buffer is full, and dropped unless
/// [`finish`](Self::finish) is called.
pub struct Writer<W: Write> {
    out: W,
    format: Format,
    mtime: u64,
    buffer: Vec<u8>,
    filled: usize,
    /// All bytes so far, those in the buffer included.
    position: u64,
    /// The number of bytes of the last entry's contents and padding that are still to come.
    left: u64,
    padding: u64,
    written: Written,
    /// An entry failed, so the archive can't become whole any more.
    is_broken: bool,
}

impl<W: Write> Writer<W> {
    /// An archive in `out` with [GNU](Format::Gnu) headers, whose entries carry this modification time (seconds
    /// since 1970).
    pub fn new(out: W, mtime: u64) -> Self {
        Self::with_format(out, Format::Gnu, mtime)
    }

    /// An archive in `out` with headers of this format. The headers that describe other entries carry this
    /// modification time (seconds since 1970), as do all that have no other.
    pub fn with_format(out: W, format: Format, mtime: u64) -> Self {
        Self {
            out,
            format,
            mtime,
            buffer: vec![0; BUFFER],
            filled: 0,
            position: 0,
            left: 0,
            padding: 0,
            written: Written::default(),
            is_broken: false,
        }
    }

    /// Adds a directory.
    ///
    /// # Errors
    /// Those of the output, and [`ErrorKind::InvalidInput`] for a bad name.
    pub fn directory(&mut self, name: impl AsRef<[u8]>, mode: u32) -> io::Result<()> {
        let entry = self.named(Kind::Directory, name.as_ref(), mode)?;
        self.begin(&entry)
    }

    /// Adds a file of exactly `size` bytes. Bytes of `content` after them are not read.
    ///
    /// # Errors
    /// Those of input and output; [`ErrorKind::UnexpectedEof`] when `content` is shorter, and
    /// [`ErrorKind::InvalidInput`] for a bad name.
    pub fn file(
        &mut self,
        name: impl AsRef<[u8]>,
        mode: u32,
        size: u64,
        content: &mut dyn Read,
    ) -> io::Result<()> {
        let entry = self.named(Kind::File, name.as_ref(), mode)?;
        let entry = Entry { size, ..entry };
        self.begin(&entry)?;
        Ok(self.contents(&entry, content)?)
    }

    /// Adds a symbolic link.
    ///
    /// # Errors
    /// Those of the output, and [`ErrorKind::InvalidInput`] for a bad name or target.
    pub fn symlink(&mut self, name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> io::Result<()> {
        let (name, target) = (name.as_ref(), target.as_ref());
        if target.is_empty() || target.contains(&0) {
            let message = format!("the link `{}` has no valid target", shown(name));
            return Err(invalid(&message));
        }
        let entry = self.named(Kind::Symlink, name, 0o777)?;
        let target = target.to_vec();
        self.begin(&Entry { target, ..entry })
    }

    /// Adds an entry as it is; its contents must follow.
    ///
    /// # Errors
    /// Those of the output, and [`ErrorKind::InvalidInput`] when an entry failed before or lacks contents.
    pub fn begin(&mut self, entry: &Entry) -> io::Result<()> {
        self.end_entry()?;
        self.is_broken = true;
        match self.format {
            Format::Gnu => {
                self.long(b'L', &entry.name)?;
                self.long(b'K', &entry.target)?;
            }
            Format::Posix => {
                let text = records::text(entry);
                if !text.is_empty() {
                    self.describe(b'x', PAX, &text)?;
                }
            }
        }
        self.put(self.header(entry.kind.flag(), entry).as_bytes())?;
        (self.left, self.padding) = (entry.size, padding(entry.size));
        self.written.entries += 1;
        self.written.bytes += entry.size;
        self.is_broken = false;
        Ok(())
    }

    /// Adds the contents of the entry that began last. Bytes of `content` after them are not read.
    ///
    /// # Errors
    /// [`ContentError`].
    pub fn contents(&mut self, entry: &Entry, content: &mut dyn Read) -> Result<(), ContentError> {
        while self.left > 0 {
            let left = usize::try_from(self.left).unwrap_or(usize::MAX);
            let room = self.room(1).map_err(ContentError::Write)?;
            let most = left.min(room.len());
            match content.read(&mut room[..most]) {
                Ok(0) => {
                    let err = too_short(&entry.name, entry.size - self.left, entry.size);
                    return Err(ContentError::Short(err));
                }
                Ok(count) => self.advance(count).map_err(ContentError::Write)?,
                Err(err) if err.kind() == ErrorKind::Interrupted => {}
                Err(err) => return Err(ContentError::Read(err)),
            }
        }
        Ok(())
    }

    /// The room in the buffer for contents of the entry that began last, at least `least` bytes unless that is
    /// more than the buffer has. [`advance`](Self::advance) adds what was put there.
    ///
    /// # Errors
    /// Those of the output.
    pub fn room(&mut self, least: usize) -> io::Result<&mut [u8]> {
        if BUFFER - self.filled < least.min(BUFFER) {
            self.flush()?;
        }
        Ok(&mut self.buffer[self.filled..])
    }

    /// Adds so many bytes that were put into the [`room`](Self::room) to the contents of the entry that began last.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] when these are more than the entry's size.
    pub fn advance(&mut self, count: usize) -> io::Result<()> {
        self.take(count as u64)?;
        self.filled += count;
        self.position += count as u64;
        Ok(())
    }

    /// Adds bytes to the contents of the entry that began last.
    ///
    /// # Errors
    /// Those of the output, and [`ErrorKind::InvalidInput`] when these are more than the entry's size.
    pub fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.is_broken = true;
        self.take(bytes.len() as u64)?;
        self.put(bytes)?;
        self.is_broken = false;
        Ok(())
    }

    /// Adds zeros to the contents of the entry that began last.
    ///
    /// # Errors
    /// Those of [`add`](Self::add).
    pub fn add_zeros(&mut self, count: u64) -> io::Result<()> {
        let mut left = count;
        while left > 0 {
            let room = self.room(1)?;
            let count = usize::try_from(left).map_or(room.len(), |left| left.min(room.len()));
            room[..count].fill(0);
            self.advance(count)?;
            left -= count as u64;
        }
        Ok(())
    }

    /// The number of entries and of bytes of contents so far.
    pub fn written(&self) -> Written {
        self.written
    }

    /// The length of the archive in bytes, if it ends after the entry that began last.
    pub fn length(&self) -> u64 {
        let rest = self.left.saturating_add(self.padding);
        (self.position + 2 * BLOCK as u64).saturating_add(rest)
    }

    /// Ends the archive. Without it the archive is not valid, so a failed one is never taken for whole.
    ///
    /// # Errors
    /// Those of the output, and [`ErrorKind::InvalidInput`] when an entry failed before or lacks contents.
    pub fn finish(mut self) -> io::Result<(W, Written)> {
        self.end_entry()?;
        self.put(&[0; 2 * BLOCK])?;
        self.flush()?;
        self.out.flush()?;
        Ok((self.out, self.written))
    }

    /// Returns the time of entries without another one, in seconds since 1970.
    pub fn mtime(&self) -> u64 {
        self.mtime
    }

    /// Adds entries with another time.
    pub fn at_time<T>(&mut self, mtime: u64, add: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.mtime, mtime);
        let added = add(self);
        self.mtime = before;
        added
    }

    /// Returns an entry of the writer's time with a name that the reader of trees takes.
    fn named(&self, kind: Kind, name: &[u8], mode: u32) -> io::Result<Entry> {
        let parts = Rules::TREE.components(name, &Limits::default());
        let parts = parts.map_err(|fault| invalid(&format!("`{}` {fault}", shown(name))))?;
        if parts.is_empty() || name.ends_with(b"/") {
            let message = format!("`{}` is not a name for an entry", shown(name));
            return Err(invalid(&message));
        }
        Ok(self.own(kind, name, mode))
    }

    /// Returns an entry of the writer's time.
    fn own(&self, kind: Kind, name: &[u8], mode: u32) -> Entry {
        Entry {
            mode: mode & 0o7777,
            mtime: Time::whole(i64::try_from(self.mtime).unwrap_or(i64::MAX)),
            ..Entry::new(kind, name)
        }
    }

    fn end_entry(&mut self) -> io::Result<()> {
        if self.is_broken || self.left > 0 {
            return Err(invalid("an earlier entry of the archive failed"));
        }
        let padding = std::mem::take(&mut self.padding);
        self.is_broken = true;
        self.put(&[0; BLOCK][..usize::try_from(padding).expect("less than a block")])?;
        self.is_broken = false;
        Ok(())
    }

    /// Takes bytes from the contents that are still to come.
    fn take(&mut self, count: u64) -> io::Result<()> {
        let left = self.left.checked_sub(count);
        self.left = left.ok_or_else(|| {
            self.is_broken = true;
            invalid("an entry has more contents than its size")
        })?;
        Ok(())
    }

    /// Adds a name or target that the header has no room for.
    fn long(&mut self, flag: u8, text: &[u8]) -> io::Result<()> {
        if text.len() <= FIELD {
            return Ok(());
        }
        self.describe(flag, LONG, &[text, b"\0"].concat())
    }

    /// Adds a header with a text that describes the next entry.
    fn describe(&mut self, flag: u8, name: &[u8], text: &[u8]) -> io::Result<()> {
        let entry = Entry {
            size: text.len() as u64,
            ..self.own(Kind::File, name, 0o644)
        };
        self.put(self.header(flag, &entry).as_bytes())?;
        self.put(text)?;
        let padding = usize::try_from(padding(entry.size)).expect("less than a block");
        self.put(&[0; BLOCK][..padding])
    }

    /// The header of an entry, with 0 for numbers that are in a PAX record.
    fn header(&self, flag: u8, entry: &Entry) -> Header {
        let is_posix = self.format == Format::Posix;
        let number = |number: u64, most: u64| {
            if is_posix && number > most { 0 } else { number }
        };
        let mtime = u64::try_from(entry.mtime.seconds).unwrap_or(0);
        let mut header = if is_posix {
            Header::new_ustar()
        } else {
            Header::new_gnu()
        };
        header.set_mode(entry.mode);
        header.set_uid(number(entry.uid.into(), MAX_ID.into()));
        header.set_gid(number(entry.gid.into(), MAX_ID.into()));
        header.set_size(number(entry.size, MAX_LARGE));
        header.set_mtime(number(mtime, MAX_LARGE));
        let (major, minor) = entry.device;
        if is_posix || (major, minor) != (0, 0) {
            let set = header
                .set_device_major(major)
                .and_then(|()| header.set_device_minor(minor));
            set.expect("both formats have device numbers");
        }
        let fields = header.as_old_mut();
        let (name, target) = (cut(&entry.name), cut(&entry.target));
        fields.linkflag = [flag];
        fields.name[..name.len()].copy_from_slice(name);
        fields.linkname[..target.len()].copy_from_slice(target);
        header.set_cksum();
        header
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.filled + bytes.len() > BUFFER {
            self.flush()?;
        }
        if bytes.len() > BUFFER {
            self.out.write_all(bytes)?;
        } else {
            self.buffer[self.filled..self.filled + bytes.len()].copy_from_slice(bytes);
            self.filled += bytes.len();
        }
        self.position += bytes.len() as u64;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let filled = std::mem::take(&mut self.filled);
        self.out.write_all(&self.buffer[..filled])
    }
}

fn cut(text: &[u8]) -> &[u8] {
    &text[..text.len().min(FIELD)]
}

fn too_short(name: &[u8], actual: u64, expected: u64) -> io::Error {
    let message = format!("`{}` ended after {actual} of {expected} bytes", shown(name));
    io::Error::new(ErrorKind::UnexpectedEof, message)
}

pub(super) fn invalid(message: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An output with room for this number of bytes.
    struct Narrow(usize);

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.0);
            self.0 -= count;
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nothing_ends_the_archive_but_finish() {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out, 0);
        writer.directory("a", 0o755).unwrap();
        drop(writer);
        assert_eq!(out, [0; 0]);

        let big = vec![1; 2 * BUFFER];
        let mut writer = Writer::new(&mut out, 0);
        writer
            .file("a", 0o644, big.len() as u64, &mut &big[..])
            .unwrap();
        drop(writer);
        assert!(!out.is_empty() && !out.ends_with(&[0; BLOCK]));
    }

    #[test]
    fn a_failed_entry_can_not_be_finished() {
        let mut writer = Writer::new(Vec::new(), 0);
        let err = writer.file("a", 0o644, 3, &mut &b"xy"[..]).unwrap_err();
        assert_eq!(err.to_string(), "`a` ended after 2 of 3 bytes");
        assert_eq!(
            writer.directory("b", 0o755).unwrap_err().to_string(),
            "an earlier entry of the archive failed"
        );
        assert_eq!(
            writer.finish().unwrap_err().to_string(),
            "an earlier entry of the archive failed"
        );

        let mut writer = Writer::new(Narrow(BUFFER), 0);
        let big = vec![0; 2 * BUFFER];
        assert!(
            writer
                .file("a", 0o644, big.len() as u64, &mut &big[..])
                .is_err()
        );
        assert!(writer.finish().is_err());
        assert!(Writer::new(Narrow(0), 0).finish().is_err());
    }

    /// A GNU header as the `tar` crate writes it.
    fn gnu(kind: tar::EntryType, name: &str, target: &str, mode: u32, size: u64) -> Vec<u8> {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1000);
        header.set_size(size);
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.set_cksum();
        header.as_bytes().to_vec()
    }

    #[test]
    fn the_bytes_of_an_archive_do_not_change() {
        use tar::EntryType as Type;
        let padded = |text: &str| {
            let mut text = text.as_bytes().to_vec();
            text.resize(text.len().next_multiple_of(BLOCK), 0);
            text
        };
        let (name, target) = (format!("d/{}", "n".repeat(150)), "t".repeat(120));
        let mut writer = Writer::new(Vec::new(), 1000);
        writer.directory("d", 0o755).unwrap();
        writer.file("d/a", 0o644, 2, &mut &b"xy"[..]).unwrap();
        writer.symlink(&name, &target).unwrap();
        let (archive, _) = writer.finish().unwrap();
        let expected = [
            gnu(Type::Directory, "d", "", 0o755, 0),
            gnu(Type::Regular, "d/a", "", 0o644, 2),
            padded("xy"),
            gnu(Type::GNULongName, "././@LongLink", "", 0o644, 153),
            padded(&name),
            gnu(Type::GNULongLink, "././@LongLink", "", 0o644, 121),
            padded(&target),
            gnu(Type::Symlink, &name[..100], &target[..100], 0o777, 0),
            vec![0; 1024],
        ];
        assert!(archive == expected.concat());
    }

    #[test]
    fn more_contents_than_announced_are_left_alone() {
        let mut writer = Writer::new(Vec::new(), 0);
        let mut content = &b"abcdef"[..];
        writer.file("a", 0o644, 2, &mut content).unwrap();
        assert_eq!(content, b"cdef");
        let (_, written) = writer.finish().unwrap();
        assert_eq!(
            written,
            Written {
                entries: 1,
                bytes: 2
            }
        );
    }

    #[test]
    fn names_that_the_reader_would_refuse_are_an_error_and_harm_nothing() {
        let mut writer = Writer::new(Vec::new(), 0);
        for (name, expected) in [
            ("", "`` has no name"),
            ("/a", "`/a` has an absolute name"),
            ("a/../b", "`a/../b` climbs with `..`"),
            ("a\\b", "`a\\b` has a backslash in its name"),
            ("./", "`./` is not a name for an entry"),
            ("a/", "`a/` is not a name for an entry"),
        ] {
            assert_eq!(
                writer.directory(name, 0o755).unwrap_err().to_string(),
                expected
            );
        }
        assert_eq!(
            writer.symlink("a", "").unwrap_err().to_string(),
            "the link `a` has no valid target"
        );
        writer.directory(b"\xff", 0o755).unwrap();
        assert_eq!(writer.finish().unwrap().1.entries, 1);
    }
}
