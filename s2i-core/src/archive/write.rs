//! The deterministic writer.

use std::io::{self, ErrorKind, Read, Write};

use tar::{EntryType, Header};

use super::{
    Limits,
    grammar::{BLOCK, shown},
    name,
};

/// Files are read into this buffer and written from it.
const BUFFER: usize = 256 << 10;

/// The bytes of a header's own fields for name and target.
const FIELD: usize = 100;

/// The name under which GNU tar puts long names and targets.
const LONG: &[u8] = b"././@LongLink";

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Entries of all types.
    pub entries: u64,
    /// Bytes of file contents.
    pub bytes: u64,
}

/// Writes entries one by one.
///
/// Names are relative and `/`-separated, in any encoding; those that the reader would refuse are an
/// error. Entries belong to user and group 0 unless told otherwise, and have no names for them. Output
/// is held back until a buffer is full, and dropped unless [`finish`](Self::finish) is called.
pub struct Writer<W: Write> {
    out: W,
    mtime: u64,
    owner: (u32, u32),
    buffer: Vec<u8>,
    filled: usize,
    written: Written,
    /// An entry failed, so the archive can't become whole any more.
    is_broken: bool,
}

impl<W: Write> Writer<W> {
    /// An archive in `out` whose entries carry this modification time (seconds since 1970).
    pub fn new(out: W, mtime: u64) -> Self {
        Self {
            out,
            mtime,
            owner: (0, 0),
            buffer: vec![0; BUFFER],
            filled: 0,
            written: Written::default(),
            is_broken: false,
        }
    }

    /// The entries added from now on belong to this user and group and carry this modification time
    /// (seconds since 1970).
    pub fn set_owner_and_time(&mut self, owner: (u32, u32), mtime: u64) {
        self.owner = owner;
        self.mtime = mtime;
    }

    /// Adds a directory.
    ///
    /// # Errors
    /// What the output says.
    pub fn directory(&mut self, name: impl AsRef<[u8]>, mode: u32) -> io::Result<()> {
        self.entry(
            EntryType::Directory,
            name.as_ref(),
            &[],
            mode,
            0,
            &mut io::empty(),
        )
    }

    /// Adds a file of exactly `size` bytes. What `content` has after them is not read.
    ///
    /// # Errors
    /// What input and output say; [`ErrorKind::UnexpectedEof`] when `content` is shorter.
    pub fn file(
        &mut self,
        name: impl AsRef<[u8]>,
        mode: u32,
        size: u64,
        content: &mut dyn Read,
    ) -> io::Result<()> {
        self.entry(EntryType::Regular, name.as_ref(), &[], mode, size, content)?;
        self.written.bytes += size;
        Ok(())
    }

    /// Adds a symbolic link.
    ///
    /// # Errors
    /// What the output says.
    pub fn symlink(&mut self, name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> io::Result<()> {
        let (name, target) = (name.as_ref(), target.as_ref());
        if target.is_empty() || target.contains(&0) {
            return Err(invalid(&format!(
                "the link `{}` has no valid target",
                shown(name)
            )));
        }
        self.entry(EntryType::Symlink, name, target, 0o777, 0, &mut io::empty())
    }

    /// Ends the archive. Without it the archive is not valid, so a failed one is never taken for whole.
    ///
    /// # Errors
    /// What the output says, and [`ErrorKind::InvalidInput`] when an entry failed before.
    pub fn finish(mut self) -> io::Result<(W, Written)> {
        self.check_whole()?;
        self.put(&[0; 2 * BLOCK])?;
        self.flush()?;
        self.out.flush()?;
        Ok((self.out, self.written))
    }

    /// Adds entries with another time.
    pub(super) fn at_time<T>(&mut self, mtime: u64, add: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.mtime, mtime);
        let added = add(self);
        self.mtime = before;
        added
    }

    fn entry(
        &mut self,
        kind: EntryType,
        name: &[u8],
        target: &[u8],
        mode: u32,
        size: u64,
        content: &mut dyn Read,
    ) -> io::Result<()> {
        self.check_whole()?;
        let components = name::components(name, Limits::default().path);
        let components =
            components.map_err(|fault| invalid(&format!("`{}` {fault}", shown(name))))?;
        if components.is_empty() || name.ends_with(b"/") {
            return Err(invalid(&format!(
                "`{}` is no name for an entry",
                shown(name)
            )));
        }
        self.is_broken = true;
        self.long(EntryType::GNULongName, name)?;
        self.long(EntryType::GNULongLink, target)?;
        self.header(kind, name, target, mode & 0o7777, size)?;
        self.content(name, size, content)?;
        self.is_broken = false;
        self.written.entries += 1;
        Ok(())
    }

    fn check_whole(&self) -> io::Result<()> {
        if self.is_broken {
            Err(invalid("an earlier entry of the archive failed"))
        } else {
            Ok(())
        }
    }

    /// Adds a name or target that the header has no room for.
    fn long(&mut self, kind: EntryType, text: &[u8]) -> io::Result<()> {
        if text.len() <= FIELD {
            return Ok(());
        }
        let size = text.len() as u64 + 1;
        self.header(kind, LONG, &[], 0o644, size)?;
        self.put(text)?;
        self.put(&[0])?;
        self.pad(size)
    }

    fn header(
        &mut self,
        kind: EntryType,
        name: &[u8],
        target: &[u8],
        mode: u32,
        size: u64,
    ) -> io::Result<()> {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(self.owner.0.into());
        header.set_gid(self.owner.1.into());
        header.set_mtime(self.mtime);
        header.set_size(size);
        let fields = header.as_old_mut();
        let (name, target) = (
            &name[..name.len().min(FIELD)],
            &target[..target.len().min(FIELD)],
        );
        fields.name[..name.len()].copy_from_slice(name);
        fields.linkname[..target.len()].copy_from_slice(target);
        header.set_cksum();
        self.put(header.as_bytes())
    }

    /// Reads straight into the buffer.
    fn content(&mut self, name: &[u8], size: u64, content: &mut dyn Read) -> io::Result<()> {
        let mut left = size;
        while left > 0 {
            if self.filled == BUFFER {
                self.flush()?;
            }
            let room = &mut self.buffer[self.filled..];
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(room.len());
            match content.read(&mut room[..most]) {
                Ok(0) => return Err(too_short(name, size - left, size)),
                Ok(count) => {
                    self.filled += count;
                    left -= count as u64;
                }
                Err(err) if err.kind() == ErrorKind::Interrupted => {}
                Err(err) => return Err(err),
            }
        }
        self.pad(size)
    }

    fn pad(&mut self, size: u64) -> io::Result<()> {
        let rest = size.wrapping_neg() % BLOCK as u64;
        self.put(&[0; BLOCK][..usize::try_from(rest).expect("less than a block")])
    }

    /// Adds a few bytes.
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.filled + bytes.len() > BUFFER {
            self.flush()?;
        }
        self.buffer[self.filled..self.filled + bytes.len()].copy_from_slice(bytes);
        self.filled += bytes.len();
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let filled = std::mem::take(&mut self.filled);
        self.out.write_all(&self.buffer[..filled])
    }
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

    /// Has room for so many bytes.
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
            ("./", "`./` is no name for an entry"),
            ("a/", "`a/` is no name for an entry"),
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
