//! The artifacts of a previous image, from its layers in the registry.

use std::{io, path::PathBuf};

use s2i_build::stream::{ArchiveStream, pieces_of};
use s2i_core::{
    ContainerPath,
    archive::{Entry, Kind, Writer},
    bounds::Limits,
};
use s2i_oci::{
    overlay::{self, Part},
    registry::PushBlob,
};

use crate::layers::{is_mark, path_of};

/// Streams the files below a directory of a layer as an archive, with their paths relative to the directory. The archive
/// of a layer that does not have the directory is empty.
pub(crate) fn stream(layer: PushBlob, directory: ContainerPath) -> ArchiveStream<'static> {
    pieces_of(move |out| {
        let limits = Limits::default();
        let mut copy = Copying {
            archive: Writer::new(out, 0),
            directory: directory.as_str().trim_start_matches('/').into(),
            writes: false,
            failed: None,
        };
        let mut reader = (layer.open)()?;
        let listed = overlay::list(&mut *reader, &limits, &mut |part| copy.part(part));
        if let Some(err) = copy.failed.take() {
            return Err(err);
        }
        listed.map_err(io::Error::other)?;
        copy.archive.finish().map(drop)
    })
}

struct Copying<'a> {
    archive: Writer<&'a mut dyn io::Write>,
    directory: PathBuf,
    /// True while the contents of an entry of the directory come.
    writes: bool,
    failed: Option<io::Error>,
}

impl Copying<'_> {
    fn part(&mut self, part: Part<'_>) {
        if self.failed.is_some() {
            return;
        }
        let done = match part {
            Part::Entry(entry) => self.entry(&entry),
            Part::Contents { bytes, .. } if self.writes => self.archive.add(bytes),
            Part::Contents { .. } => Ok(()),
        };
        self.failed = done.err();
    }

    fn entry(&mut self, entry: &Entry) -> io::Result<()> {
        self.writes = false;
        let Some(name) = self.relative(&entry.name) else {
            return Ok(());
        };
        let refuse = |what: &str| {
            let message = format!(
                "the artifacts have {what}: `{}`",
                s2i_core::archive::shown(&entry.name)
            );
            Err(io::Error::new(io::ErrorKind::InvalidData, message))
        };
        if entry.parts.is_some() {
            return refuse("a sparse file");
        }
        if is_mark(&path_of(&name)) {
            // Lower layers are not read either, so there is nothing to hide.
            return Ok(());
        }
        let mut copied = Entry {
            mode: entry.mode & 0o777,
            mtime: entry.mtime,
            size: entry.size,
            target: entry.target.clone(),
            ..Entry::new(entry.kind, name)
        };
        match entry.kind {
            Kind::File | Kind::Symlink => {}
            Kind::Directory => copied.name.push(b'/'),
            Kind::HardLink => match self.relative(&entry.target) {
                Some(target) => copied.target = target,
                None => return refuse("a link to a file outside of their directory"),
            },
            _ => return refuse("a device"),
        }
        self.writes = entry.kind == Kind::File;
        self.archive.begin(&copied)
    }

    /// Returns the name of an entry below the directory; `None` for all others and the directory itself.
    fn relative(&self, name: &[u8]) -> Option<Vec<u8>> {
        let path = path_of(name);
        let below = path.strip_prefix(&self.directory).ok()?;
        let below = below.as_os_str().as_encoded_bytes();
        (!below.is_empty()).then(|| below.to_vec())
    }
}
