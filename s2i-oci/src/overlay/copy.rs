//! Copies the contents of files into a layer.

use std::{
    fs::File,
    io::{self, ErrorKind, Read, Seek, SeekFrom::Start, Write},
};

use rustix::{
    fs::{SeekFrom, seek},
    io::Errno,
};
use s2i_core::archive::{Format, Writer};

use super::PackFault;
use crate::HashingWriter;

/// The least room that is worth a call.
const ROOM: usize = 64 << 10;

/// The most zeros between two checks.
const ZEROS: u64 = 256 << 10;

/// A layer that is written.
pub(super) type LayerWriter<'a> = Writer<HashingWriter<&'a mut dyn Write>>;

/// A layer in `out`.
pub(super) fn layer(out: &mut dyn Write) -> LayerWriter<'_> {
    Writer::with_format(HashingWriter::new(out), Format::Posix, 0)
}

/// An error of a copy.
pub(super) enum CopyError {
    Read(io::Error),
    Write(io::Error),
    Stopped(io::Error),
    Fault(PackFault),
}

/// Copies a file, which must end after `size` bytes, into the entry that began last. Holes of a file that
/// `is_sparse` are not read. An error of `check`, which is called for each piece, ends it.
pub(super) fn copy(
    file: &mut File,
    size: u64,
    is_sparse: bool,
    layer: &mut LayerWriter<'_>,
    check: &dyn Fn() -> io::Result<()>,
) -> Result<(), CopyError> {
    let mut copy = Copy { layer, check };
    let mut at = 0;
    while is_sparse && at < size {
        let data = next(file, SeekFrom::Data(at), size)?;
        copy.zeros(data - at)?;
        at = next(file, SeekFrom::Hole(data), size)?;
        file.seek(Start(data)).map_err(CopyError::Read)?;
        let mut piece = Read::by_ref(file).take(at - data);
        copy.contents(&mut piece, at - data)?;
        file.seek(Start(at)).map_err(CopyError::Read)?;
    }
    copy.contents(file, size - at)
}

/// The copy of one file.
struct Copy<'c, 'l> {
    layer: &'c mut LayerWriter<'l>,
    check: &'c dyn Fn() -> io::Result<()>,
}

impl Copy<'_, '_> {
    fn zeros(&mut self, size: u64) -> Result<(), CopyError> {
        let mut left = size;
        while left > 0 {
            (self.check)().map_err(CopyError::Stopped)?;
            let count = left.min(ZEROS);
            self.layer.add_zeros(count).map_err(CopyError::Write)?;
            left -= count;
        }
        Ok(())
    }

    /// Copies contents that must end after `size` bytes. They are read straight into the layer's buffer, with room for
    /// one byte more than expected, so that finding the end needs no extra call.
    fn contents(&mut self, file: &mut dyn Read, size: u64) -> Result<(), CopyError> {
        let mut left = size;
        loop {
            (self.check)().map_err(CopyError::Stopped)?;
            let wanted = usize::try_from(left).unwrap_or(usize::MAX);
            let wanted = wanted.saturating_add(1);
            let room = self.layer.room(wanted.min(ROOM));
            let room = room.map_err(CopyError::Write)?;
            let most = wanted.min(room.len());
            let count = match file.read(&mut room[..most]) {
                Err(err) if err.kind() == ErrorKind::Interrupted => continue,
                count => count.map_err(CopyError::Read)?,
            };
            let rest = left.checked_sub(count as u64);
            left = rest.ok_or(CopyError::Fault(PackFault::Grew))?;
            self.layer.advance(count).map_err(CopyError::Write)?;
            if left == 0 && count < most {
                return Ok(());
            }
            if count == 0 {
                return Err(CopyError::Fault(PackFault::Shrank));
            }
        }
    }
}

/// Returns the start of the next data or hole of a file, at most its end.
fn next(file: &File, to: SeekFrom, size: u64) -> Result<u64, CopyError> {
    match seek(file, to) {
        Ok(at) => Ok(at.min(size)),
        // There is no data or hole before the end.
        Err(Errno::NXIO) => Ok(size),
        Err(err) => Err(CopyError::Read(err.into())),
    }
}

#[cfg(test)]
mod tests {
    use s2i_core::archive::{BLOCK, Entry, Kind};

    use super::*;

    /// The size of the layer's buffer.
    const BUFFER: usize = 256 << 10;

    /// The layer of a file of `actual` bytes that had `size` when it was opened.
    fn contents(actual: usize, size: usize) -> Result<Vec<u8>, CopyError> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![b'x'; actual]).unwrap();
        file.rewind().unwrap();
        let mut out = Vec::new();
        let mut layer = layer(&mut out);
        let size = size as u64;
        let entry = Entry {
            size,
            ..Entry::new(Kind::File, *b"a")
        };
        layer.begin(&entry).map_err(CopyError::Write)?;
        copy(&mut file, size, false, &mut layer, &|| Ok(()))?;
        layer.finish().map_err(CopyError::Write)?;
        Ok(out)
    }

    #[test]
    fn changed_size_is_an_error() {
        // All are around where the buffer is full.
        let sizes = [0, 1, 511, 512, BUFFER - BLOCK, BUFFER, 2 * BUFFER - BLOCK];
        for size in sizes.into_iter().flat_map(|size| [size, size + 1]) {
            let layer = contents(size, size).ok().unwrap();
            let content = &layer[BLOCK..layer.len() - 2 * BLOCK];
            assert_eq!(content.len(), size.next_multiple_of(BLOCK));
            assert!(content[..size].iter().all(|byte| *byte == b'x'));
            let grown = contents(size + 1, size);
            assert!(matches!(grown, Err(CopyError::Fault(PackFault::Grew))));
            let shrunk = contents(size, size + 1);
            assert!(matches!(shrunk, Err(CopyError::Fault(PackFault::Shrank))));
        }
    }
}
