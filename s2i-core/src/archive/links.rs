//! Links that lead out of the tree that they are in.

use std::{
    io,
    path::{Path, PathBuf},
};

use cap_std::fs::{Dir, FileType};

use super::{
    Limits,
    walk::{Leaf, Visit, walk},
};
use crate::{
    OpenDir,
    ignore::Filter,
    open_dir::{Outer, is_escape},
};

/// Returns the paths of the links in a tree that lead to nothing in it, and not to the tree that it is a part of. There
/// are at most `most`.
///
/// # Errors
/// Those of a walk: the tree can't be read or is too large.
pub fn dangling_links(root: &OpenDir, filter: &Filter, most: usize) -> io::Result<Vec<String>> {
    let mut dangling = Dangling {
        found: Vec::new(),
        most,
    };
    walk(root, Vec::new(), filter, &mut dangling)?;
    Ok(dangling.found)
}

struct Dangling {
    found: Vec<String>,
    most: usize,
}

impl Visit for Dangling {
    fn directory(&mut self, _: &[u8], _: &Dir) -> io::Result<()> {
        Ok(())
    }

    fn leaf(&mut self, leaf: &Leaf<'_>, _: &mut Limits) -> io::Result<()> {
        if leaf.is_dangling && self.found.len() < self.most {
            let path = String::from_utf8_lossy(leaf.path);
            self.found.push(path.into_owned());
        }
        Ok(())
    }
}

/// The target of a link.
pub(super) enum Target {
    /// It stays a link, which leads to something beside it.
    Link,
    /// It stays a link, which leads to nothing that goes along with it.
    Dangling,
    /// A file: its directory and its name.
    File(Dir, PathBuf, FileType),
    /// A directory and its path in the outer tree.
    Directory(Dir, PathBuf),
}

/// A directory that is a whole for the links in it.
pub(super) struct Whole {
    /// The index of its frame.
    pub(super) frame: usize,
    pub(super) dir: Dir,
    /// Its path in the outer tree.
    pub(super) path: PathBuf,
}

impl Whole {
    /// Returns the target of a link, by its path in the outer tree.
    pub(super) fn target(&self, outer: Option<&Outer>, link: &Path) -> io::Result<Target> {
        let own = link.strip_prefix(&self.path).unwrap_or(link);
        let Err(err) = self.dir.metadata(own) else {
            return Ok(Target::Link);
        };
        let Some(outer) = outer.filter(|_| is_escape(&err)) else {
            return Ok(Target::Dangling);
        };
        let Ok(real) = outer.dir.canonicalize(link) else {
            return Ok(Target::Dangling);
        };
        if outer.filter.leaves_out(&real.to_string_lossy()) {
            return Ok(Target::Dangling);
        }
        let kind = outer.dir.symlink_metadata(&real)?.file_type();
        if kind.is_dir() {
            return Ok(Target::Directory(outer.dir.open_dir(&real)?, real));
        }
        let parent = match real.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => outer.dir.open_dir(parent)?,
            _ => outer.dir.try_clone()?,
        };
        let name = real.file_name().map(PathBuf::from).unwrap_or_default();
        Ok(Target::File(parent, name, kind))
    }
}
