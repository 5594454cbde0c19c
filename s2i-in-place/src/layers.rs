//! The layers of images, wherever they are.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs::File,
    io::{self, BufReader, Read},
    os::unix::ffi::OsStrExt as _,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use s2i_core::{ImageRef, archive, bounds::Limits};
use s2i_oci::{
    Digest,
    changes::DirectoryAttributes,
    manifest::Descriptor,
    overlay::{self, Part},
    registry::{OpenBlob, PushBlob, Registry},
};

/// The buffer of a file that is read.
const BUFFER: usize = 256 << 10;

/// A layer of an image.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    /// Its form in the manifest.
    pub(crate) descriptor: Descriptor,
    pub(crate) source: LayerSource,
}

/// The place that a layer can be read from.
#[derive(Clone, Debug)]
pub(crate) enum LayerSource {
    /// The repository of an image.
    Registry {
        image: ImageRef,
        /// A file with its bytes, from which it is read.
        copy: Option<PathBuf>,
    },
    /// A file with its bytes.
    File(PathBuf),
}

impl Layer {
    /// Returns the layer for a push or an archive.
    pub(crate) fn blob(&self, registry: &Arc<Registry>) -> PushBlob {
        PushBlob {
            descriptor: self.descriptor.clone(),
            open: self.open(registry),
        }
    }

    fn open(&self, registry: &Arc<Registry>) -> OpenBlob {
        match &self.source {
            LayerSource::Registry { image, copy: None } => {
                registry.remote_blob(image, &self.descriptor)
            }
            LayerSource::Registry {
                copy: Some(path), ..
            }
            | LayerSource::File(path) => open_file(path.clone()),
        }
    }

    /// Returns the repository that the layer is in.
    pub(crate) fn repository(&self) -> Option<(String, String)> {
        match &self.source {
            LayerSource::Registry { image, .. } => Some(image.registry_and_repository()),
            LayerSource::File(_) => None,
        }
    }
}

/// Opens a file as a blob.
fn open_file(path: PathBuf) -> OpenBlob {
    Arc::new(move || -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(BufReader::with_capacity(
            BUFFER,
            File::open(&path)?,
        )))
    })
}

/// Returns the attributes that directories have in an image, for those of them that are in it. The layers are read from
/// the topmost one down, and only until all are found.
pub(crate) fn directories(
    layers: &[PushBlob],
    mut wanted: BTreeSet<PathBuf>,
    limits: &Limits,
) -> io::Result<BTreeMap<PathBuf, DirectoryAttributes>> {
    let mut found = BTreeMap::new();
    for layer in layers.iter().rev() {
        if wanted.is_empty() {
            break;
        }
        let (mut other, mut hidden) = (None, Vec::new());
        let mut visit = |part: Part<'_>| {
            let Part::Entry(entry) = part else { return };
            let path = path_of(&entry.name);
            if is_mark(&path) {
                hidden.push(path);
                return;
            }
            if !wanted.contains(&path) {
                return;
            }
            if entry.kind == archive::Kind::Directory {
                let attributes = DirectoryAttributes {
                    mode: entry.mode,
                    uid: entry.uid,
                    gid: entry.gid,
                    mtime: entry.mtime.seconds,
                };
                found.insert(path, attributes);
            } else {
                other = Some(path);
            }
        };
        overlay::list(&mut *(layer.open)()?, limits, &mut visit).map_err(io::Error::other)?;
        if let Some(path) = other {
            let message = format!(
                "`/{}` of the image is a file or a link, and would become a directory",
                path.display()
            );
            return Err(io::Error::new(io::ErrorKind::NotADirectory, message));
        }
        // Lower layers are not visible there.
        let is_hidden = |path: &PathBuf| hidden.iter().any(|mark| hides(mark, path));
        wanted.retain(|path| !found.contains_key(path) && !is_hidden(path));
    }
    Ok(found)
}

/// The prefix of whiteouts and of the mark of opaque directories.
const MARK: &[u8] = b".wh.";

/// The mark of an opaque directory.
const OPAQUE: &str = ".wh..wh..opq";

/// Returns whether an entry of a layer stands for removed files.
pub(crate) fn is_mark(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.as_encoded_bytes().starts_with(MARK)
}

/// Returns whether a mark hides a path of lower layers.
fn hides(mark: &Path, path: &Path) -> bool {
    let (Some(parent), Some(name)) = (mark.parent(), mark.file_name()) else {
        return false;
    };
    if name == OPAQUE {
        return path != parent && path.starts_with(parent);
    }
    let removed = name.as_encoded_bytes().strip_prefix(MARK);
    removed.is_some_and(|removed| path.starts_with(parent.join(OsStr::from_bytes(removed))))
}

/// Returns the path of an entry, relative to the root.
pub(crate) fn path_of(name: &[u8]) -> PathBuf {
    let path = Path::new(OsStr::from_bytes(name));
    path.components()
        .filter(|part| matches!(part, Component::Normal(_)))
        .collect()
}

/// Returns the number of layers of `image` that it has in common with an image that has these layers, by the digests of
/// their uncompressed archives.
pub(crate) fn common(image: &[Digest], other: &[Digest]) -> usize {
    let pairs = image.iter().zip(other);
    pairs.take_while(|(layer, other)| layer == other).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_hide_what_they_stand_for() {
        for (mark, path, expected) in [
            ("opt/.wh.app", "opt/app", true),
            ("opt/.wh.app", "opt/app/bin", true),
            ("opt/.wh.app", "opt/apps", false),
            ("opt/.wh..wh..opq", "opt/app", true),
            ("opt/.wh..wh..opq", "opt", false),
            (".wh.opt", "opt/app", true),
            (".wh..wh..opq", "opt", true),
        ] {
            assert_eq!(
                hides(Path::new(mark), Path::new(path)),
                expected,
                "{mark} {path}"
            );
        }
    }
}
