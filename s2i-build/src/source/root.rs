//! The files at the top of a source tree, with what each begins with.

use std::io;

use s2i_core::{OpenDir, bounds, ignore::Filter};

use crate::facts::RootFile;

/// How much of a file tells what it is, in bytes: the mark of a tar archive comes last.
const HEAD: u64 = 512;

/// Lists the files, by name, without those that are left out. Links are followed inside the tree only.
pub(super) fn files(root: &OpenDir, filter: &Filter) -> io::Result<Vec<RootFile>> {
    let mut files = Vec::new();
    for entry in root.dir().entries()? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let metadata = root.dir().metadata(&name);
        let is_file = metadata.is_ok_and(|metadata| metadata.is_file());
        if is_file && !filter.leaves_out(&name) {
            let head = head(root, &name);
            files.push(RootFile { name, head });
        }
    }
    files.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(files)
}

/// What a file begins with. One that can't be read is known by its name alone; what that means for the
/// build, the build itself will tell.
fn head(root: &OpenDir, name: &str) -> Vec<u8> {
    let file = root.open_file(name);
    let read = file.and_then(|file| bounds::head(file, HEAD));
    read.unwrap_or_default()
}
