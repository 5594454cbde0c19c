//! The look-up of a path in the layers of an image, before there is a container and without a mount.
//!
//! An image can be malicious. Every path is therefore resolved component by component as overlayfs would show it, and
//! no link is followed: a path with a link in it is not found, and the caller continues without it.

use std::{
    fs::File,
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat},
    io::Errno,
};
use s2i_core::{ContainerPath, bounds};
use s2i_oci::overlay::{Dialect, is_opaque};

use crate::descriptor::{open_in, proc_path};

/// The entry of a layer at a path.
enum Entry {
    /// A directory; `hides` is true if it or a parent is opaque, so that it hides lower layers.
    Directory { hides: bool },
    /// A file.
    File(OwnedFd),
    /// Nothing: lower layers are visible.
    Nothing,
    /// Nothing, and lower layers are hidden.
    Hidden,
    /// Something else, or a path with a file or link as a parent.
    Other,
}

/// Returns the directory in each layer that has it, the topmost first; `None` where the image has no such directory.
/// `trees` are the layers, the topmost first.
pub(crate) fn layers_of(
    trees: &[PathBuf],
    directory: &Path,
    dialect: Dialect,
) -> io::Result<Option<Vec<PathBuf>>> {
    let mut layers = Vec::new();
    for tree in trees {
        match look(tree, directory, dialect)? {
            Entry::Directory { hides } => {
                layers.push(tree.join(directory));
                if hides {
                    break;
                }
            }
            Entry::Nothing => {}
            Entry::Hidden | Entry::File(_) | Entry::Other => break,
        }
    }
    Ok(Some(layers).filter(|layers| !layers.is_empty()))
}

/// Returns whether no layer has an entry at this path or a link among its parents, so that files that are created there
/// belong to the container alone.
pub(crate) fn is_free(trees: &[PathBuf], path: &Path, dialect: Dialect) -> io::Result<bool> {
    for tree in trees {
        match look(tree, path, dialect)? {
            Entry::Nothing => {}
            Entry::Hidden => break,
            Entry::Directory { .. } | Entry::File(_) | Entry::Other => return Ok(false),
        }
    }
    Ok(true)
}

/// Returns the text of a small file, empty where the image has none; `None` where a link or something else is in its
/// place.
pub(crate) fn text(trees: &[PathBuf], path: &Path, dialect: Dialect) -> io::Result<Option<String>> {
    for tree in trees {
        match look(tree, path, dialect)? {
            Entry::Nothing => {}
            Entry::Hidden => break,
            Entry::File(file) => {
                let bytes = bounds::head(File::open(proc_path(&file))?, bounds::FILE)?;
                return Ok(Some(String::from_utf8_lossy(&bytes).into_owned()));
            }
            Entry::Directory { .. } | Entry::Other => return Ok(None),
        }
    }
    Ok(Some(String::new()))
}

/// Returns whether the image has the parent directory of the path. One that is created for it would stay.
pub(crate) fn has_parent(trees: &[PathBuf], path: &Path, dialect: Dialect) -> io::Result<bool> {
    match path.parent() {
        Some(parent) if parent != "" => Ok(layers_of(trees, parent, dialect)?.is_some()),
        // The root.
        Some(_) => Ok(true),
        None => Ok(false),
    }
}

/// Returns a path of a container relative to the root, as the functions here take it.
pub(crate) fn below_root(path: &ContainerPath) -> &Path {
    Path::new(path.as_str().trim_start_matches('/'))
}

fn look(tree: &Path, below: &Path, dialect: Dialect) -> io::Result<Entry> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = openat(CWD, tree, flags, Mode::empty())?;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    let mut hides = false;
    let mut prefix = PathBuf::new();
    let mut components = below.components();
    while let Some(component) = components.next() {
        prefix.push(component);
        let found = match open_in(&root, &prefix, OFlags::NOFOLLOW, resolve) {
            Err(Errno::NOENT) if hides => return Ok(Entry::Hidden),
            Err(Errno::NOENT) => return Ok(Entry::Nothing),
            Err(Errno::LOOP) => return Ok(Entry::Other),
            found => found?,
        };
        let stat = fstat(&found)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => hides |= is_opaque(&proc_path(&found), dialect)?,
            // A whiteout.
            FileType::CharacterDevice if stat.st_rdev == 0 => return Ok(Entry::Hidden),
            FileType::RegularFile if components.as_path().as_os_str().is_empty() => {
                return Ok(Entry::File(found));
            }
            _ => return Ok(Entry::Other),
        }
    }
    Ok(Entry::Directory { hides })
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use rustix::fs::{XattrFlags, mknodat, setxattr};

    use super::*;

    const DIALECT: Dialect = Dialect::User;

    fn tree(temp: &Path, name: &str, make: impl FnOnce(&Path)) -> PathBuf {
        let tree = temp.join(name);
        fs::create_dir(&tree).unwrap();
        make(&tree);
        tree
    }

    fn dirs(path: &'static str) -> impl Fn(&Path) {
        move |tree| fs::create_dir_all(tree.join(path)).unwrap()
    }

    fn opaque(path: &Path) {
        setxattr(path, DIALECT.opaque(), b"y", XattrFlags::empty()).unwrap();
    }

    fn whiteout(path: &Path) {
        let made = mknodat(CWD, path, FileType::CharacterDevice, Mode::empty(), 0);
        made.unwrap();
    }

    #[track_caller]
    fn check(trees: &[PathBuf], expected: &[usize]) {
        let found = layers_of(trees, Path::new("opt/cache"), DIALECT).unwrap();
        let expected: Vec<_> = expected
            .iter()
            .map(|number| trees[*number].join("opt/cache"))
            .collect();
        assert_eq!(found.unwrap_or_default(), expected);
    }

    #[test]
    fn layers_show_what_overlayfs_would_show() {
        let temp = tempfile::tempdir().unwrap();
        let tree = |name: &str, make: &dyn Fn(&Path)| tree(temp.path(), name, make);
        let plain = tree("plain", &dirs("opt/cache/a"));
        let other = tree("other", &dirs("opt/cache/b"));
        let nothing = tree("nothing", &dirs("opt"));
        let gone = tree("gone", &|tree| {
            fs::create_dir(tree.join("opt")).unwrap();
            whiteout(&tree.join("opt/cache"));
        });
        let all_gone = tree("all-gone", &|tree| whiteout(&tree.join("opt")));
        let hiding = tree("hiding", &|tree| {
            fs::create_dir_all(tree.join("opt/cache")).unwrap();
            opaque(&tree.join("opt/cache"));
        });
        let above = tree("above", &|tree| {
            fs::create_dir_all(tree.join("opt")).unwrap();
            opaque(&tree.join("opt"));
        });
        let of = |trees: &[&PathBuf]| trees.iter().map(|tree| (*tree).clone()).collect::<Vec<_>>();
        check(&of(&[&plain, &nothing, &other]), &[0, 2]);
        check(&of(&[&plain, &gone, &other]), &[0]);
        check(&of(&[&gone, &other]), &[]);
        check(&of(&[&plain, &all_gone, &other]), &[0]);
        check(&of(&[&plain, &hiding, &other]), &[0, 1]);
        check(&of(&[&plain, &above, &other]), &[0]);
        check(&of(&[&nothing]), &[]);
    }

    #[test]
    fn no_link_leads_anywhere() {
        let temp = tempfile::tempdir().unwrap();
        let outside = tree(temp.path(), "outside", dirs("cache"));
        for (name, link, target) in [
            ("middle", "opt", outside.to_str().unwrap()),
            ("within", "opt", "real"),
            ("last", "opt/cache", "/etc"),
            ("up", "opt/cache", "../../outside"),
        ] {
            let linked = tree(temp.path(), name, |tree| {
                fs::create_dir_all(tree.join("real/cache")).unwrap();
                if link.contains('/') {
                    fs::create_dir(tree.join("opt")).unwrap();
                }
                symlink(target, tree.join(link)).unwrap();
            });
            let plain = tree(temp.path(), &format!("plain-{name}"), dirs("opt/cache"));
            check(std::slice::from_ref(&linked), &[]);
            // Below a directory, it is hidden by it; above one, it hides it.
            check(&[plain.clone(), linked.clone()], &[0]);
            check(&[linked.clone(), plain], &[]);
            let path = Path::new("opt/cache");
            assert!(!is_free(&[linked], path, DIALECT).unwrap());
        }
        let file = tree(temp.path(), "file", |tree| {
            fs::write(tree.join("opt"), "").unwrap();
        });
        check(std::slice::from_ref(&file), &[]);
        let path = Path::new("opt/cache");
        assert!(!is_free(&[file], path, DIALECT).unwrap());
        let empty = tree(temp.path(), "empty", dirs("opt"));
        assert!(is_free(&[empty], path, DIALECT).unwrap());
    }

    #[test]
    fn a_text_is_that_of_the_topmost_layer_and_never_behind_a_link() {
        let temp = tempfile::tempdir().unwrap();
        let with = |name: &str, text: &'static str| {
            tree(temp.path(), name, |tree| {
                fs::create_dir(tree.join("etc")).unwrap();
                fs::write(tree.join("etc/passwd"), text).unwrap();
            })
        };
        let (above, below) = (with("above", "above"), with("below", "below"));
        let nothing = tree(temp.path(), "nothing", dirs("etc"));
        let gone = tree(temp.path(), "gone", |tree| {
            fs::create_dir(tree.join("etc")).unwrap();
            whiteout(&tree.join("etc/passwd"));
        });
        let linked = tree(temp.path(), "linked", |tree| {
            fs::create_dir(tree.join("etc")).unwrap();
            symlink("/etc/hosts", tree.join("etc/passwd")).unwrap();
        });
        let moved = tree(temp.path(), "moved", |tree| {
            symlink("/etc", tree.join("etc")).unwrap();
        });
        let directory = tree(temp.path(), "directory", dirs("etc/passwd"));
        let check = |trees: &[&PathBuf], expected: Option<&str>| {
            let trees: Vec<_> = trees.iter().map(|tree| (*tree).clone()).collect();
            let found = text(&trees, Path::new("etc/passwd"), DIALECT).unwrap();
            assert_eq!(found.as_deref(), expected, "{trees:?}");
        };
        check(&[&above, &below], Some("above"));
        check(&[&nothing, &below], Some("below"));
        check(&[&gone, &below], Some(""));
        check(&[&nothing], Some(""));
        for other in [&linked, &moved, &directory] {
            check(&[other, &below], None);
        }
        let path = Path::new("etc/passwd");
        assert!(!is_free(&[above], path, DIALECT).unwrap());
    }
}
