//! Fills a file with contents and leaves holes where there are only zeros.

use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::FileExt,
};

use s2i_core::archive::{Entries, Entry};

use super::error::EntryError;

/// Zeros of this many bytes become a hole.
const HOLE: usize = 64 << 10;

static ZEROS: [u8; HOLE] = [0; HOLE];

/// Takes the contents of an entry out of the layer.
pub(super) fn fill(
    file: &File,
    entry: &Entry,
    entries: &mut Entries<'_>,
) -> Result<(), EntryError> {
    let mut filling = SparseWriter::new(file);
    entries.contents(entry, |offset, piece| {
        filling.at = offset;
        Ok::<_, EntryError>(filling.write_all(piece)?)
    })?;
    Ok(filling.finish(entry.size)?)
}

/// Writes to an empty file, and leaves holes for long runs of zeros.
pub(crate) struct SparseWriter<'f> {
    file: &'f File,
    /// The offset of the next bytes.
    at: u64,
    /// The current end of the file.
    end: u64,
}

impl<'f> SparseWriter<'f> {
    pub(crate) fn new(file: &'f File) -> Self {
        Self {
            file,
            at: 0,
            end: 0,
        }
    }

    /// Gives the file its size, which a hole at its end may make larger than the written part.
    pub(crate) fn finish(self, size: u64) -> io::Result<()> {
        if self.end < size {
            self.file.set_len(size)?;
        }
        Ok(())
    }

    fn write_data(&mut self, data: &[u8]) -> io::Result<()> {
        if !data.is_empty() {
            self.file.write_all_at(data, self.at)?;
            self.at += data.len() as u64;
            self.end = self.at;
        }
        Ok(())
    }
}

impl Write for SparseWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let mut data = 0;
            while data < rest.len() && !rest[data..].starts_with(&ZEROS) {
                data += HOLE.min(rest.len() - data);
            }
            self.write_data(&rest[..data])?;
            rest = &rest[data..];
            while let Some(after) = rest.strip_prefix(&ZEROS) {
                self.at += HOLE as u64;
                rest = after;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
