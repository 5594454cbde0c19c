//! The images that an image has with it as archives, for builds without a registry.

use std::{
    fs::{self, File},
    io::{self, BufReader, Seek as _, Write as _},
    path::{Path, PathBuf},
};

use s2i_core::{
    ImageRef,
    archive::{Entries, Kind, Rules},
    bounds::{self, Limits},
    image::ImageConfig,
};
use s2i_oci::{
    Digest,
    manifest::{Descriptor, IMAGE_NAME, Index, Manifest},
};
use thiserror::Error;

use crate::layers::{Layer, LayerSource};

/// The prefix of the names of blobs in an archive.
const BLOBS: &str = "blobs/sha256/";

/// An image of an archive, with its layers as files.
#[derive(Debug)]
pub(crate) struct ArchivedImage {
    pub(crate) config: ImageConfig,
    /// The config, byte by byte.
    pub(crate) config_bytes: Vec<u8>,
    pub(crate) id: Digest,
    pub(crate) layers: Vec<Layer>,
}

/// An archive that can't be used.
#[derive(Debug, Error)]
#[error("can't read the archive {} of an image", path.display())]
pub(crate) struct ArchiveFault {
    path: PathBuf,
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// Finds an image by its name in the archives of a directory, and puts its blobs into the directory `into`. Blobs of an
/// earlier call are used again.
pub(crate) fn find(
    dir: &Path,
    name: &ImageRef,
    into: &Path,
) -> Result<Option<ArchivedImage>, ArchiveFault> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Ok(None);
    };
    let mut archives: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    archives.retain(|path| path.extension().is_some_and(|ending| ending == "tar"));
    archives.sort();
    for path in archives {
        let found = find_in(&path, name, into);
        let found = found.map_err(|source| ArchiveFault {
            path: path.clone(),
            source: source.into(),
        })?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn find_in(path: &Path, name: &ImageRef, into: &Path) -> io::Result<Option<ArchivedImage>> {
    let Some(descriptor) = described(path, name)? else {
        return Ok(None);
    };
    let into = into.join(path.file_stem().unwrap_or_default());
    if !into.is_dir() {
        unpack(path, &into)?;
    }
    let blob = |descriptor: &Descriptor| {
        let bytes = bounds::read(
            File::open(into.join(descriptor.digest.hex()))?,
            bounds::DOCUMENT,
        )?;
        if Digest::of(&bytes) == descriptor.digest {
            Ok(bytes)
        } else {
            Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a blob has another digest",
            ))
        }
    };
    let manifest = Manifest::parse(&blob(&descriptor)?, &descriptor.media_type);
    let manifest = manifest.map_err(io::Error::other)?;
    let config_bytes = blob(&manifest.config)?;
    let config: ImageConfig = serde_json::from_slice(&config_bytes)?;
    if config.rootfs.diff_ids.len() != manifest.layers.len() {
        let message = "the config has another number of layers than the manifest";
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    let layers = manifest.layers.into_iter().map(|descriptor| Layer {
        source: LayerSource::File(into.join(descriptor.digest.hex())),
        descriptor,
    });
    Ok(Some(ArchivedImage {
        config,
        config_bytes,
        id: manifest.config.digest,
        layers: layers.collect(),
    }))
}

/// Returns the manifest of an image by this name.
fn described(path: &Path, name: &ImageRef) -> io::Result<Option<Descriptor>> {
    let mut index = None;
    each_file(path, |entry, content| {
        if entry == "index.json" {
            index = Some(bounds::read(content, bounds::DOCUMENT)?);
        }
        Ok(())
    })?;
    let index = index.ok_or(io::ErrorKind::NotFound)?;
    let index = Index::parse(&index, s2i_oci::manifest::INDEX).map_err(io::Error::other)?;
    let name = name.normalised();
    let is_it = |descriptor: &Descriptor| descriptor.annotations.get(IMAGE_NAME) == Some(&name);
    Ok(index.manifests.into_iter().find(is_it))
}

/// Writes the blobs of an archive into a directory, which gets its name when it is complete.
fn unpack(path: &Path, into: &Path) -> io::Result<()> {
    let new = into.with_extension("new");
    fs::create_dir_all(&new)?;
    each_file(path, |entry, content| {
        if let Some(digest) = entry.strip_prefix(BLOBS)
            && digest.chars().all(|c| c.is_ascii_hexdigit())
        {
            io::copy(content, &mut File::create(new.join(digest))?)?;
        }
        Ok(())
    })?;
    fs::rename(new, into)
}

/// Hands each file of an archive to `visit`, with its name.
fn each_file(
    path: &Path,
    mut visit: impl FnMut(&str, &mut dyn io::Read) -> io::Result<()>,
) -> io::Result<()> {
    let limits = Limits::default();
    let mut stream = BufReader::new(File::open(path)?);
    let mut entries = Entries::new(&mut stream, &Rules::TREE, &limits);
    while let Some(entry) = entries.next_entry().map_err(io::Error::other)? {
        if entry.kind != Kind::File {
            continue;
        }
        // The images of an archive are small, and so is each of its blobs.
        let mut content = tempfile::spooled_tempfile(1 << 20);
        entries.contents(&entry, |_, piece| content.write_all(piece))?;
        content.rewind()?;
        visit(&String::from_utf8_lossy(&entry.name), &mut content)?;
    }
    Ok(())
}
