//! The comparison of the files of the own container with its image.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use s2i_core::{archive::Kind, bounds::Limits};
use s2i_oci::{
    overlay::{self, Part},
    registry::PushBlob,
};

use crate::layers::{is_mark, path_of};

/// The most bytes of a layer that is downloaded for this.
pub(crate) const MOST: u64 = 64 << 20;

/// The share of files that may differ: the job may have changed some of them before.
const DIFFERING: u64 = 10;

/// The result of a comparison.
pub(crate) enum Comparison {
    /// The layer has no files to compare.
    NoFiles,
    Same,
    /// The files are others; an example.
    Different(String),
}

/// Compares the files of a layer with those below `root`.
///
/// It shows that a container is of another image, not that it is of this one: a file is compared by its type and size
/// alone, which all users can read.
pub(crate) fn compare(layer: &PushBlob, root: &Path) -> std::io::Result<Comparison> {
    let (mut files, mut differing, mut first) = (0_u64, 0_u64, None);
    let mut visit = |part: Part<'_>| {
        let Part::Entry(entry) = part else { return };
        let path = path_of(&entry.name);
        if entry.kind != Kind::File || is_mark(&path) {
            return;
        }
        files += 1;
        let found = fs::symlink_metadata(root.join(&path));
        let is_same = found.is_ok_and(|found| found.is_file() && found.size() == entry.size);
        if !is_same {
            differing += 1;
            first.get_or_insert(path);
        }
    };
    let limits = Limits::default();
    overlay::list(&mut *(layer.open)()?, &limits, &mut visit).map_err(std::io::Error::other)?;
    if files == 0 {
        return Ok(Comparison::NoFiles);
    }
    if differing * DIFFERING <= files {
        return Ok(Comparison::Same);
    }
    let example = first.unwrap_or_default();
    Ok(Comparison::Different(format!(
        "{differing} of the {files} files of its last layer are not here or have another size, for example `/{}`",
        example.display()
    )))
}
