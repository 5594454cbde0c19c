//! Layers from explicit lists of entries.
//!
//! A [`LayerBuilder`] takes directories, files and symbolic links, each with its mode and owner, and
//! writes them in the order of their names, all with one modification time. Nothing is taken from the host except the
//! bytes of files.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use s2i_core::archive::{self, ContentError, Time, Writer};
use thiserror::Error;

use crate::{
    Blob, HashingWriter,
    compression::decompressed,
    compressor::Blocks,
    copy::{CopyError, copy},
    manifest::{self, Descriptor},
};

pub use crate::compressor::{Compression, CompressionError, GZIP_LEVEL};

/// The owner of a file, by number: a layer has no names of users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

impl Owner {
    /// User 0, group 0.
    pub const ROOT: Self = Self { uid: 0, gid: 0 };
}

/// The source of the bytes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Bytes in memory.
    Bytes(Vec<u8>),
    /// A regular file of the host, which is opened when the layer is written.
    File(PathBuf),
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<PathBuf> for Content {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

/// An error of making a layer.
#[derive(Debug, Error)]
pub enum LayerError {
    /// A name that is not a relative, normalised path.
    #[error("`{name}` can't be the name of an entry: {problem}")]
    Name {
        /// The name.
        name: String,
        /// The problem, as a lower-case fragment.
        problem: &'static str,
    },
    /// A name that was added before.
    #[error("`{0}` is in the layer twice")]
    Duplicate(String),
    /// An entry lies below something that is not a directory.
    #[error("`{name}` can't be in the layer: `{parent}` is not a directory")]
    Parent {
        /// The entry.
        name: String,
        /// The entry that it lies below.
        parent: String,
    },
    /// A mode with more than the twelve bits for permissions, set-ID and sticky.
    #[error("`{name}` has the mode {mode:o}, but modes go to 7777")]
    Mode {
        /// The entry.
        name: String,
        /// The mode.
        mode: u32,
    },
    /// A file could not be read.
    #[error("can't read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The layer could not be written.
    #[error("can't write {}", path.display())]
    Write {
        /// The layer's file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Directory,
    File(Content),
    Symlink(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    kind: Kind,
    mode: u32,
    owner: Owner,
}

/// A list of entries that becomes a layer.
///
/// Names are relative to the root of the image and `/`-separated: `usr/bin/env`. Directories that no
/// entry names, engines make with mode 0755 for root, or take from a layer below.
#[derive(Clone, Debug)]
pub struct LayerBuilder {
    entries: BTreeMap<String, Entry>,
    mtime: u64,
}

impl LayerBuilder {
    /// A layer whose entries all were modified at `mtime`, in seconds since 1970.
    #[must_use]
    pub fn new(mtime: u64) -> Self {
        Self {
            entries: BTreeMap::new(),
            mtime,
        }
    }

    /// Adds a directory. `mode` is at most `0o7777`, here and below.
    ///
    /// # Errors
    /// All but [`LayerError::Read`] and [`LayerError::Write`], here and below.
    pub fn directory(&mut self, name: &str, mode: u32, owner: Owner) -> Result<(), LayerError> {
        self.add(name, Kind::Directory, mode, owner)
    }

    /// Adds a directory and its parents. Existing entries stay unchanged.
    ///
    /// # Errors
    /// As [`directory`](Self::directory).
    pub fn directories(&mut self, name: &str, mode: u32, owner: Owner) -> Result<(), LayerError> {
        let ends = name
            .match_indices('/')
            .map(|(at, _)| at)
            .chain([name.len()]);
        for part in ends.map(|end| &name[..end]) {
            match self.entries.get(part).map(|entry| &entry.kind) {
                Some(Kind::Directory) => {}
                _ => self.directory(part, mode, owner)?,
            }
        }
        Ok(())
    }

    /// Adds a file.
    ///
    /// # Errors
    /// As [`directory`](Self::directory).
    pub fn file(
        &mut self,
        name: &str,
        mode: u32,
        owner: Owner,
        content: impl Into<Content>,
    ) -> Result<(), LayerError> {
        self.add(name, Kind::File(content.into()), mode, owner)
    }

    /// Adds a symbolic link to `target`, which is any text without NUL; relative ones start at the
    /// directory of the link.
    ///
    /// # Errors
    /// As [`directory`](Self::directory).
    pub fn symlink(&mut self, name: &str, target: &str, owner: Owner) -> Result<(), LayerError> {
        if target.is_empty() || target.contains('\0') {
            return Err(LayerError::Name {
                name: target.into(),
                problem: "it is the target of a link",
            });
        }
        self.add(name, Kind::Symlink(target.into()), 0o777, owner)
    }

    fn add(&mut self, name: &str, kind: Kind, mode: u32, owner: Owner) -> Result<(), LayerError> {
        if let Some(problem) = problem(name) {
            return Err(LayerError::Name {
                name: name.into(),
                problem,
            });
        }
        if mode > 0o7777 {
            let name = name.into();
            return Err(LayerError::Mode { name, mode });
        }
        if self.entries.contains_key(name) {
            return Err(LayerError::Duplicate(name.into()));
        }
        self.entries
            .insert(name.into(), Entry { kind, mode, owner });
        Ok(())
    }

    /// Writes the layer, uncompressed, to the file `at`, which is replaced.
    ///
    /// # Errors
    /// [`LayerError::Parent`], [`LayerError::Read`], [`LayerError::Write`].
    pub fn build(&self, at: &Path) -> Result<Blob, LayerError> {
        self.check_parents()?;
        let file = File::create(at).map_err(write_error(at))?;
        let mut archive = Writer::new(HashingWriter::new(file), 0);
        for (name, entry) in &self.entries {
            self.append(&mut archive, name, entry, at)?;
        }
        let (out, _) = archive.finish().map_err(write_error(at))?;
        let (_, diff_id, size) = out.finish();
        let descriptor = Descriptor::new(manifest::LAYER, diff_id, size);
        Ok(Blob::new(at.into(), descriptor, diff_id))
    }

    fn check_parents(&self) -> Result<(), LayerError> {
        for name in self.entries.keys() {
            for (end, _) in name.match_indices('/') {
                let parent = &name[..end];
                let entry = self.entries.get(parent);
                if entry.is_some_and(|entry| entry.kind != Kind::Directory) {
                    return Err(LayerError::Parent {
                        name: name.clone(),
                        parent: parent.into(),
                    });
                }
            }
        }
        Ok(())
    }

    fn append(
        &self,
        archive: &mut Writer<impl Write>,
        name: &str,
        entry: &Entry,
        at: &Path,
    ) -> Result<(), LayerError> {
        let plain = archive::Entry {
            mode: entry.mode,
            uid: entry.owner.uid,
            gid: entry.owner.gid,
            mtime: Time::whole(i64::try_from(self.mtime).unwrap_or(i64::MAX)),
            ..archive::Entry::new(archive::Kind::File, name)
        };
        let whole = match &entry.kind {
            Kind::File(content) => return append_file(archive, plain, content, at),
            Kind::Directory => archive::Entry {
                kind: archive::Kind::Directory,
                name: format!("{name}/").into(),
                ..plain
            },
            Kind::Symlink(target) => archive::Entry {
                kind: archive::Kind::Symlink,
                target: target.clone().into(),
                ..plain
            },
        };
        archive.begin(&whole).map_err(write_error(at))
    }
}

fn append_file(
    archive: &mut Writer<impl Write>,
    file: archive::Entry,
    content: &Content,
    at: &Path,
) -> Result<(), LayerError> {
    let (size, mut bytes): (u64, Box<dyn Read + '_>) = match content {
        Content::Bytes(bytes) => (bytes.len() as u64, Box::new(bytes.as_slice())),
        Content::File(path) => {
            let (file, size) = open(path)?;
            (size, Box::new(file))
        }
    };
    let file = archive::Entry { size, ..file };
    archive.begin(&file).map_err(write_error(at))?;
    let written = archive.contents(&file, &mut *bytes);
    written.map_err(|err| match (err, content) {
        (ContentError::Read(err) | ContentError::Short(err), Content::File(path)) => {
            read_error(path)(err)
        }
        (err, _) => write_error(at)(err.into()),
    })
}

fn read_error(path: &Path) -> impl Fn(io::Error) -> LayerError {
    |source| LayerError::Read {
        path: path.into(),
        source,
    }
}

fn write_error(path: &Path) -> impl Fn(io::Error) -> LayerError {
    |source| LayerError::Write {
        path: path.into(),
        source,
    }
}

/// The problem of a name, as a lower-case fragment.
fn problem(name: &str) -> Option<&'static str> {
    match name {
        "" => Some("it is empty"),
        _ if name.starts_with('/') => Some("it is absolute"),
        _ if name.contains('\0') => Some("it has a NUL in it"),
        _ => name.split('/').find_map(|part| match part {
            "" => Some("it has an empty part"),
            "." => Some("it has a `.` in it"),
            ".." => Some("it has a `..` in it"),
            _ => part
                .starts_with(".wh.")
                .then_some("`.wh.` marks removed files"),
        }),
    }
}

/// Opens a regular file; returns its size as well.
fn open(path: &Path) -> Result<(File, u64), LayerError> {
    let file = File::open(path).map_err(read_error(path))?;
    let metadata = file.metadata().map_err(read_error(path))?;
    if metadata.is_file() {
        return Ok((file, metadata.len()));
    }
    let kind = io::ErrorKind::InvalidInput;
    Err(read_error(path)(io::Error::new(
        kind,
        "it is not a regular file",
    )))
}

impl Blob {
    /// [Compresses](compress) the layer with gzip to the file `at`, which is replaced.
    ///
    /// # Errors
    /// [`LayerError::Read`], also if the file is not the layer any more; [`LayerError::Write`].
    pub fn gzip(&self, at: &Path) -> Result<Self, LayerError> {
        let (file, _) = open(self.path())?;
        let mut content = decompressed(file).map_err(read_error(self.path()))?;
        let descriptor = compress(at, Compression::Gzip, |out| {
            match copy(&mut *content, out)? {
                (found, _) if found == self.diff_id() => Ok(()),
                _ => Err(CopyError::Read(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "the file has changed",
                ))),
            }
        });
        let descriptor = descriptor.map_err(|err| match err {
            CopyError::Read(err) => read_error(self.path())(err),
            CopyError::Write(err) => write_error(at)(err),
        })?;
        Ok(Self::new(at.into(), descriptor, self.diff_id()))
    }
}

/// Compresses the output of `write`, on all cores, to the file `at`, which is replaced, and returns its descriptor as a
/// layer. Equal output gives equal bytes. All layers are compressed here, so that each has one digest per compression.
///
/// # Errors
/// Errors of `write` and of the file system.
pub fn compress<E: From<io::Error>>(
    at: &Path,
    compression: Compression,
    write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<Descriptor, E> {
    let mut blocks = Blocks::new(File::create(at)?, compression)?;
    let written = write(&mut blocks);
    // An error of the file is the cause of one in `write`.
    let (_, digest, size) = blocks.finish()?;
    written?;
    Ok(Descriptor::new(compression.media_type(), digest, size))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;
    use crate::Digest;

    fn listing(layer: &Blob) -> Vec<String> {
        let mut archive = tar::Archive::new(File::open(layer.path()).unwrap());
        let show = |entry: io::Result<tar::Entry<'_, File>>| {
            let entry = entry.unwrap();
            let header = entry.header();
            let (uid, gid, mtime) = (
                header.uid().unwrap(),
                header.gid().unwrap(),
                header.mtime().unwrap(),
            );
            let target = entry.link_name().unwrap();
            let target = target.map_or(String::new(), |target| format!(" -> {}", target.display()));
            let name = entry.path().unwrap();
            let (mode, size) = (header.mode().unwrap(), entry.size());
            format!(
                "{mode:o} {uid}:{gid} @{mtime} {size} {}{target}",
                name.display()
            )
        };
        archive.entries().unwrap().map(show).collect()
    }

    #[test]
    fn entries_are_sorted_and_have_their_attributes() {
        let dir = tempfile::tempdir().unwrap();
        let host = dir.path().join("host");
        fs::write(&host, "from the host").unwrap();
        let app = Owner { uid: 1001, gid: 0 };
        let long = format!("opt/{}/x", "long".repeat(40));
        let mut builder = LayerBuilder::new(7);
        builder
            .symlink("usr/bin/b", "../lib/b", Owner::ROOT)
            .unwrap();
        builder.file("usr/bin/a", 0o755, app, host).unwrap();
        builder.file(&long, 0o644, app, b"12".to_vec()).unwrap();
        builder.directory("tmp", 0o1777, Owner::ROOT).unwrap();
        builder.directories("usr/bin", 0o755, Owner::ROOT).unwrap();
        let layer = builder.build(&dir.path().join("layer")).unwrap();
        let expected = [
            format!("644 1001:0 @7 2 {long}"),
            "1777 0:0 @7 0 tmp/".into(),
            "755 0:0 @7 0 usr/".into(),
            "755 0:0 @7 0 usr/bin/".into(),
            "755 1001:0 @7 13 usr/bin/a".into(),
            "777 0:0 @7 0 usr/bin/b -> ../lib/b".into(),
        ];
        assert_eq!(listing(&layer), expected);
        let (digest, size) = Digest::of_reader(&mut File::open(layer.path()).unwrap()).unwrap();
        assert_eq!((digest, size), (layer.diff_id(), layer.descriptor().size));
    }

    #[test]
    fn layer_has_pinned_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let app = Owner { uid: 1001, gid: 7 };
        let (long, bytes) = (format!("d/{}", "n".repeat(150)), vec![7; 1000]);
        let mut builder = LayerBuilder::new(1000);
        builder.directory("d", 0o1755, app).unwrap();
        builder.file("d/a", 0o644, app, bytes.clone()).unwrap();
        builder.symlink("d/l", "../x", app).unwrap();
        builder.file(&long, 0o600, app, bytes.clone()).unwrap();
        let layer = builder.build(&dir.path().join("layer")).unwrap();

        let header = |kind, mode, size| {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_mode(mode);
            header.set_uid(1001);
            header.set_gid(7);
            header.set_mtime(1000);
            header.set_size(size);
            header
        };
        let mut tar = tar::Builder::new(Vec::new());
        let mut directory = header(tar::EntryType::Directory, 0o1755, 0);
        tar.append_data(&mut directory, "d/", io::empty()).unwrap();
        let mut file = header(tar::EntryType::Regular, 0o644, 1000);
        tar.append_data(&mut file, "d/a", &bytes[..]).unwrap();
        let mut link = header(tar::EntryType::Symlink, 0o777, 0);
        tar.append_link(&mut link, "d/l", "../x").unwrap();
        let mut file = header(tar::EntryType::Regular, 0o600, 1000);
        tar.append_data(&mut file, &long, &bytes[..]).unwrap();
        assert!(fs::read(layer.path()).unwrap() == tar.into_inner().unwrap());
    }

    #[track_caller]
    fn check(add: impl FnOnce(&mut LayerBuilder) -> Result<(), LayerError>, expected: &str) {
        let dir = tempfile::tempdir().unwrap();
        let mut builder = LayerBuilder::new(0);
        builder
            .file("here", 0o644, Owner::ROOT, Vec::new())
            .unwrap();
        let added =
            add(&mut builder).and_then(|()| builder.build(&dir.path().join("layer")).map(drop));
        assert_eq!(added.unwrap_err().to_string(), expected);
    }

    #[test]
    fn bad_entries_are_refused() {
        let directory =
            |name: &'static str| move |b: &mut LayerBuilder| b.directory(name, 0o755, Owner::ROOT);
        check(
            directory(""),
            "`` can't be the name of an entry: it is empty",
        );
        check(
            directory("/etc"),
            "`/etc` can't be the name of an entry: it is absolute",
        );
        check(
            directory("a/../b"),
            "`a/../b` can't be the name of an entry: it has a `..` in it",
        );
        check(
            directory("./a"),
            "`./a` can't be the name of an entry: it has a `.` in it",
        );
        check(
            directory("a//b"),
            "`a//b` can't be the name of an entry: it has an empty part",
        );
        check(
            directory("a/"),
            "`a/` can't be the name of an entry: it has an empty part",
        );
        check(
            directory("a\0"),
            "`a\0` can't be the name of an entry: it has a NUL in it",
        );
        check(
            directory("a/.wh.b"),
            "`a/.wh.b` can't be the name of an entry: `.wh.` marks removed files",
        );
        check(directory("here"), "`here` is in the layer twice");
        check(
            directory("here/a"),
            "`here/a` can't be in the layer: `here` is not a directory",
        );
        check(
            |b| b.directories("here/a", 0o755, Owner::ROOT),
            "`here` is in the layer twice",
        );
        check(
            |b| b.directory("a", 0o10_000, Owner::ROOT),
            "`a` has the mode 10000, but modes go to 7777",
        );
        check(
            |b| b.symlink("a", "", Owner::ROOT),
            "`` can't be the name of an entry: it is the target of a link",
        );
        check(
            |b| b.file("a", 0o644, Owner::ROOT, PathBuf::from("/nowhere")),
            "can't read /nowhere",
        );
        check(
            |b| b.file("a", 0o644, Owner::ROOT, PathBuf::from("/")),
            "can't read /",
        );
    }

    #[test]
    fn gzip_unpacks_to_the_layer_and_has_no_clock() {
        let dir = tempfile::tempdir().unwrap();
        let mut builder = LayerBuilder::new(0);
        builder
            .file("a", 0o644, Owner::ROOT, vec![7; 100_000])
            .unwrap();
        let layer = builder.build(&dir.path().join("layer")).unwrap();
        let blob = layer.gzip(&dir.path().join("layer.gz")).unwrap();
        let bytes = fs::read(blob.path()).unwrap();
        assert_eq!(bytes[4..8], [0; 4], "the time in the header");
        assert_eq!(blob.descriptor().digest, Digest::of(&bytes));
        assert_eq!(blob.descriptor().size, bytes.len() as u64);
        let (diff_id, size) =
            Digest::of_reader(&mut flate2::read::MultiGzDecoder::new(bytes.as_slice())).unwrap();
        assert_eq!((diff_id, size), (blob.diff_id(), layer.descriptor().size));
    }

    proptest! {
        #[test]
        fn order_of_adding_does_not_matter(names in prop::collection::btree_set("[a-c]{1,2}/[a-z]{1,120}", 1..12)) {
            let dir = tempfile::tempdir().unwrap();
            let build = |names: &mut dyn Iterator<Item = &String>, at: &str| {
                let mut builder = LayerBuilder::new(1);
                for name in names {
                    builder.file(name, 0o644, Owner::ROOT, name.clone().into_bytes()).unwrap();
                }
                builder.build(&dir.path().join(at)).unwrap()
            };
            let (one, two) = (build(&mut names.iter(), "one"), build(&mut names.iter().rev(), "two"));
            prop_assert_eq!(one.diff_id(), two.diff_id());
            prop_assert_eq!(listing(&one).len(), names.len());
        }
    }
}
