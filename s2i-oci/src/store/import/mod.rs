//! Imports images from the archives of engines and tools.
//!
//! An archive is read once, from start to end, as it may come through a pipe: each file in it is hashed while it is
//! spooled. The spooled files are then read as an OCI layout if there is an `index.json`, else in the format of
//! `docker save`. Names in the archive are only compared with other names in it, and never become paths.

mod docker;
pub(super) mod fault;
mod oci;

use std::{
    cell::Cell,
    collections::{BTreeMap, btree_map::Entry},
    fs::{self, File},
    io::{self, BufReader, Cursor, Read},
    path::PathBuf,
};

use s2i_core::{
    ImageRef,
    archive::{
        ArchiveFault, BLOCK, End, Entries, Entry as Member, Kind, Names, ReadError, Rules,
        is_header,
    },
    bounds,
};
use serde::de::DeserializeOwned;

use super::{
    Store, StoredLayer, Work, disk,
    error::{StoreError, disk_error},
    publish::Listing,
};
use crate::{
    Digest,
    compression::{Format, decompressed},
    copy::{CopyError, copy},
    manifest::MAX_JSON,
    overlay::{Limits, SparseWriter},
};

pub use fault::ImportFault;

/// The rules for archives of images: engines and tools write files and links to them, and devices and labels that are
/// no part of an image.
const RULES: Rules = Rules {
    types: b"0123456V\0",
    names: Names::Rooted,
    keeps_xattr: |_| false,
    end: End::Zeros,
    takes_no_mode: true,
    bounds_archive: true,
    form: "tar, plain or compressed with gzip or zstd",
};

/// The buffer for the archive.
const BUFFER: usize = 256 << 10;

/// The most images of one archive.
const MAX_IMAGES: usize = 1000;

/// The most links that lead to each other.
const MAX_LINKS: usize = 16;

/// An image that was imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The image's ID.
    pub id: Digest,
    /// The names that the archive gave to it.
    pub names: Vec<ImageRef>,
}

impl From<ImportFault> for StoreError {
    fn from(fault: ImportFault) -> Self {
        Self::Import(fault)
    }
}

impl From<ReadError> for StoreError {
    fn from(err: ReadError) -> Self {
        match err {
            ReadError::Archive(ArchiveFault::Entries(bounds::MEMBERS)) => {
                ImportFault::Members(bounds::MEMBERS).into()
            }
            ReadError::Archive(ArchiveFault::Bytes(most)) => ImportFault::Bytes(most).into(),
            ReadError::Archive(fault) => ImportFault::Archive(fault).into(),
            ReadError::Entry { entry, fault } => ImportFault::Entry { entry, fault }.into(),
            ReadError::Stream(err) => Self::Read(err),
        }
    }
}

/// The error of reading the contents of a member.
fn unreadable(err: io::Error) -> StoreError {
    match err.downcast::<ReadError>() {
        Ok(err) => err.into(),
        Err(err) => StoreError::Read(err),
    }
}

/// A file of the archive that was put aside.
#[derive(Clone, Debug)]
struct Spooled {
    digest: Digest,
    size: u64,
    path: PathBuf,
}

/// All that an archive has.
#[derive(Default)]
struct Contents {
    files: BTreeMap<String, Digest>,
    /// The targets of links, by name.
    links: BTreeMap<String, String>,
    blobs: BTreeMap<Digest, Spooled>,
}

impl Store {
    /// Imports an archive of `docker save`, `podman save`, [`export`](Self::export) or another tool, also compressed as
    /// a whole with gzip or zstd. The archive is read to its end, and may come through a pipe. A large member that is
    /// not a layer is dropped on the way, and zeros become holes.
    ///
    /// Of an image for several platforms, the one for Linux on this processor is taken. Layers that the archive leaves
    /// out may be in the store already. All images are listed at once, or none is; an older image with one of their
    /// names loses it.
    ///
    /// # Errors
    /// [`StoreError::Import`], [`StoreError::Read`], [`StoreError::Mismatch`],
    /// [`StoreError::Inconsistent`], [`StoreError::NoLayer`], [`StoreError::Disk`].
    pub fn import(&self, archive: &mut dyn Read) -> Result<Vec<Loaded>, StoreError> {
        let work = self.work(&[])?;
        let contents = spool(archive, &work, self)?;
        let mut images = oci::images(&contents)?;
        if images.is_empty() {
            images = docker::images(&contents)?;
        }
        if images.is_empty() {
            return Err(ImportFault::NoImage.into());
        }
        let mut wanted = BTreeMap::new();
        for Listing { parts, .. } in &images {
            parts.spool(&work)?;
            for layer in parts.layers() {
                if let Some(blob) = contents.check(&layer)? {
                    wanted.insert(blob.digest, blob);
                }
            }
        }
        for blob in wanted.values() {
            self.check().map_err(StoreError::Read)?;
            let file = File::open(&blob.path).map_err(disk_error("read", &blob.path))?;
            disk::sync(&file, &blob.path)?;
        }
        let lock = self.exclusive()?;
        for blob in wanted.values() {
            self.put_blob(&blob.path, blob.digest, &lock)?;
        }
        self.list_images(&images, &work, &lock)?;
        let loaded = images.into_iter().map(|image| Loaded {
            id: image.parts.id(),
            names: image.names,
        });
        Ok(loaded.collect())
    }
}

/// An archive as it comes, which may be compressed. Not all that is compressed gives bytes when it is decompressed.
struct Limited<'a, T> {
    stream: T,
    /// The bytes that may still come; `None` once there were more.
    left: &'a Cell<Option<u64>>,
}

impl<T: Read> Read for Limited<'_, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer)?;
        let left = self.left.get();
        let left = left.and_then(|left| left.checked_sub(read as u64));
        self.left.set(left);
        left.map(|_| read)
            .ok_or_else(|| io::ErrorKind::FileTooLarge.into())
    }
}

/// Reads the archive to its end.
fn spool(archive: &mut dyn Read, work: &Work, store: &Store) -> Result<Contents, StoreError> {
    let most = store.limits.bytes;
    let left = Cell::new(Some(most));
    let limited = Limited {
        stream: store.watch(archive),
        left: &left,
    };
    let spooled = spool_members(limited, work, store);
    match left.get() {
        Some(_) => spooled,
        None => Err(ImportFault::Long(most).into()),
    }
}

fn spool_members(archive: impl Read, work: &Work, store: &Store) -> Result<Contents, StoreError> {
    let plain = decompressed(archive).map_err(StoreError::Read)?;
    let mut plain = BufReader::with_capacity(BUFFER, store.watch(plain));
    let limits = Limits {
        entries: store.limits.entries.min(bounds::MEMBERS),
        ..store.limits
    };
    let mut members = Entries::new(&mut plain, &RULES, &limits);
    let mut contents = Contents::default();
    let mut number = 0;
    while let Some(member) = members.next_entry()? {
        let name = key("", &member.name)?;
        match member.kind {
            Kind::Symlink => {
                let parent = name.rsplit_once('/').map_or("", |(parent, _)| parent);
                // Links that lead out matter only if something is looked for there.
                let target = key(parent, &member.target).unwrap_or_default();
                contents.links.insert(name, target);
            }
            Kind::HardLink => {
                contents.links.insert(name, key("", &member.target)?);
            }
            Kind::File => {
                number += 1;
                let path = work.path().join(format!("member-{number}"));
                if let Some(blob) = put_aside(&member, &mut members, path)? {
                    contents.add(name, blob)?;
                }
            }
            _ => {}
        }
    }
    Ok(contents)
}

/// Writes one file of the archive to the working directory, and hashes it on the way; `None` for a file that is not a
/// layer and too long for a description.
fn put_aside(
    member: &Member,
    content: &mut Entries<'_>,
    path: PathBuf,
) -> Result<Option<Spooled>, StoreError> {
    let is_long = member.size > MAX_JSON;
    let mut start = Vec::new();
    Read::by_ref(content)
        .take(BLOCK as u64)
        .read_to_end(&mut start)
        .map_err(unreadable)?;
    if is_long && !is_json(&start) && !is_layer(&start) {
        return Ok(None);
    }
    let file = disk::create(&path)?;
    let mut out = SparseWriter::new(&file);
    let mut content = Cursor::new(start).chain(content);
    let copied = disk::change("write", &path, || Ok(copy(&mut content, &mut out)))?;
    let (digest, size) = copied.map_err(|err| match err {
        CopyError::Read(err) => unreadable(err),
        CopyError::Write(err) => disk_error("write", &path)(err),
    })?;
    out.finish(size).map_err(disk_error("write", &path))?;
    Ok(Some(Spooled { digest, size, path }))
}

/// Returns whether a member that starts with this block can be a description, for which it is too long then.
fn is_json(start: &[u8]) -> bool {
    matches!(start.trim_ascii_start(), [b'{' | b'[', ..] | [])
}

/// Returns whether a member that starts with this block can be a layer: an archive, compressed or not.
fn is_layer(start: &[u8]) -> bool {
    let is_archive = |block: &[u8; BLOCK]| block == &[0; BLOCK] || is_header(block);
    Format::of(start) != Format::None || start.try_into().is_ok_and(is_archive)
}

/// The name of a member that a path from the directory `parent` of the archive leads to.
fn key(parent: &str, path: &[u8]) -> Result<String, ImportFault> {
    let shown = || ImportFault::MemberName(String::from_utf8_lossy(path).escape_debug().collect());
    let path = str::from_utf8(path).map_err(|_| shown())?;
    let mut parts: Vec<&str> = parent.split_terminator('/').collect();
    if path.starts_with('/') || path.len() > bounds::MEMBER_NAME {
        return Err(shown());
    }
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop().ok_or_else(shown)?),
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

impl Contents {
    fn add(&mut self, name: String, blob: Spooled) -> Result<(), StoreError> {
        match self.files.insert(name.clone(), blob.digest) {
            Some(other) if other != blob.digest => return Err(ImportFault::Twice(name).into()),
            _ => {}
        }
        match self.blobs.entry(blob.digest) {
            Entry::Occupied(_) => {
                fs::remove_file(&blob.path).map_err(disk_error("remove", &blob.path))
            }
            Entry::Vacant(place) => {
                place.insert(blob);
                Ok(())
            }
        }
    }

    /// Returns the file of the name, following links in the archive.
    fn file(&self, name: &str) -> Result<Option<&Spooled>, ImportFault> {
        let mut found = name;
        for _ in 0..MAX_LINKS {
            if let Some(digest) = self.files.get(found) {
                return Ok(self.blobs.get(digest));
            }
            match self.links.get(found) {
                Some(target) => found = target,
                None if found == name => return Ok(None),
                None => break,
            }
        }
        Err(ImportFault::Link(name.into()))
    }

    /// Returns the file with this digest, under any name.
    fn blob(&self, digest: Digest) -> Result<&Spooled, ImportFault> {
        let blob = self.blobs.get(&digest);
        blob.ok_or(ImportFault::NoBlob(digest))
    }

    /// A description with this name, if it is there.
    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreError> {
        let Some(blob) = self.file(name)? else {
            return Ok(None);
        };
        let read = serde_json::from_slice(&json(name, blob)?);
        let read = read.map_err(|err| ImportFault::Json {
            file: name.into(),
            problem: err.to_string(),
        });
        Ok(Some(read?))
    }

    /// The layer's blob, if the archive has it: then it must be the one in manifest and config.
    fn check(&self, layer: &StoredLayer) -> Result<Option<&Spooled>, StoreError> {
        let Some(blob) = self.blobs.get(&layer.descriptor.digest) else {
            return Ok(None);
        };
        check_length(blob, layer.descriptor.size)?;
        if compression(blob)? == Format::None && !layer.is_plain() {
            let fault = ImportFault::Layer {
                expected: layer.diff_id,
                found: blob.digest,
            };
            return Err(fault.into());
        }
        Ok(Some(blob))
    }
}

/// The bytes of a description.
fn json(name: &str, blob: &Spooled) -> Result<Vec<u8>, StoreError> {
    if blob.size > MAX_JSON {
        return Err(ImportFault::TooLong(name.into()).into());
    }
    bounds::read_file(&blob.path, MAX_JSON).map_err(disk_error("read", &blob.path))
}

fn compression(blob: &Spooled) -> Result<Format, StoreError> {
    let mut start = Vec::new();
    File::open(&blob.path)
        .and_then(|file| file.take(4).read_to_end(&mut start))
        .map_err(disk_error("read", &blob.path))?;
    Ok(Format::of(&start))
}

fn check_length(blob: &Spooled, expected: u64) -> Result<(), ImportFault> {
    if blob.size == expected {
        return Ok(());
    }
    Err(ImportFault::Length {
        digest: blob.digest,
        expected,
        found: blob.size,
    })
}

/// A name that an archive gives to an image.
fn name(text: &str) -> Result<ImageRef, ImportFault> {
    let name: ImageRef = text.parse().map_err(ImportFault::Name)?;
    match name.digest() {
        Some(_) => Err(ImportFault::NamedByDigest(text.into())),
        None => Ok(name),
    }
}
