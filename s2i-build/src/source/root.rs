//! The files at the top of a source tree, with what each begins with.

use std::{
    io::{self, Read as _},
    path::Path,
};

use cap_std::{ambient_authority, fs::Dir};
use s2i_core::ignore::Filter;

use crate::facts::RootFile;

/// How much of a file tells what it is, in bytes: the mark of a tar archive comes last.
const HEAD: u64 = 512;

/// Lists the files, by name, without those that are left out. Links are followed inside the tree only.
pub(super) fn files(root: &Path, filter: &Filter) -> io::Result<Vec<RootFile>> {
    let dir = Dir::open_ambient_dir(root, ambient_authority())?;
    let mut files = Vec::new();
    for entry in dir.entries()? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        // Before it is opened: opening a pipe would wait for its other end.
        let is_file = dir.metadata(&name).is_ok_and(|metadata| metadata.is_file());
        if is_file && !filter.leaves_out(&name) {
            let head = head(&dir, &name);
            files.push(RootFile { name, head });
        }
    }
    files.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(files)
}

/// What a file begins with. One that can't be read is known by its name alone; what that means for the
/// build, the build itself will tell.
fn head(dir: &Dir, name: &str) -> Vec<u8> {
    let mut head = Vec::new();
    let read = dir
        .open(name)
        .and_then(|file| file.take(HEAD).read_to_end(&mut head));
    match read {
        Ok(_) => head,
        Err(_) => Vec::new(),
    }
}
