//! The archives that are generated for a copy.

use s2i_core::archive;

use crate::stream::{ArchiveStream, pieces_of};

/// Creates an archive of one text file.
pub(super) fn one_file(name: &'static str, text: &str, mtime: u64) -> ArchiveStream<'static> {
    let text = text.to_owned();
    pieces_of(move |out| {
        let mut archive = archive::Writer::new(out, mtime);
        archive.file(name, 0o644, text.len() as u64, &mut text.as_bytes())?;
        archive.finish().map(drop)
    })
}
