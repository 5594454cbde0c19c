//! The replacement of a configuration file.

use std::{
    fs::{DirBuilder, File, Metadata},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, fchown},
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};
use tempfile::NamedTempFile;

/// The number of links that are followed, as in the kernel.
const LINKS: usize = 40;

/// Replaces a file as a whole. The new one has the same owner and is readable by the owner only; a symbolic link stays.
pub(super) fn replace(path: &Path, content: &Map<String, Value>) -> io::Result<()> {
    let path = resolved(path);
    let dir = path.parent().unwrap_or(&path);
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let mut file = NamedTempFile::new_in(dir)?;
    serde_json::to_writer_pretty(&mut file, content)?;
    file.write_all(b"\n")?;
    if let Ok(old) = path.metadata() {
        copy_owner(file.as_file(), &old)?;
    }
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(())
}

fn copy_owner(file: &File, old: &Metadata) -> io::Result<()> {
    // The group is of no importance: the mode gives it no rights.
    let _ = fchown(file, None, Some(old.gid()));
    if file.metadata()?.uid() == old.uid() {
        return Ok(());
    }
    fchown(file, Some(old.uid()), None)
}

/// Follows symbolic links, also to a file that does not exist yet.
fn resolved(path: &Path) -> PathBuf {
    let mut path = path.to_path_buf();
    for _ in 0..LINKS {
        let Ok(target) = path.read_link() else { break };
        path = path.parent().unwrap_or(&path).join(target);
    }
    path
}
