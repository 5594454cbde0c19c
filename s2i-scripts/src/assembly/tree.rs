//! Moving, sharing and removing trees of files.

use std::{
    fs::{self, File, Metadata, Permissions},
    io::{self, ErrorKind},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

use s2i_core::image::Digest;

use crate::Error;

/// Makes a directory and those above it.
pub(crate) fn make_directory(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(Error::file("make the directory", path.display()))
}

/// Makes the directory of a path.
pub(crate) fn make_parent(path: &Path) -> Result<(), Error> {
    path.parent().map_or(Ok(()), make_directory)
}

/// Removes a tree or a file, also where directories in it are read-only, as Go's module cache makes
/// them.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    let removed = match fs::remove_dir_all(path) {
        Err(err) if err.kind() == ErrorKind::NotADirectory => fs::remove_file(path),
        Err(err) if err.kind() == ErrorKind::PermissionDenied => {
            unlock(path);
            fs::remove_dir_all(path)
        }
        removed => removed,
    };
    match removed {
        Err(err) if err.kind() != ErrorKind::NotFound => {
            Err(Error::file("remove", path.display())(err))
        }
        _ => Ok(()),
    }
}

/// Lets the owner into every directory. An error here comes again, and is reported, in the removal.
fn unlock(path: &Path) {
    if fs::symlink_metadata(path).is_ok_and(|data| data.is_dir()) {
        drop(fs::set_permissions(path, Permissions::from_mode(0o700)));
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            unlock(&entry.path());
        }
    }
}

/// Moves the tree `from`, if there is one, so that it becomes `to`; files that `to` has already stay. Directories,
/// regular files and links move: a build makes nothing else.
pub(crate) fn move_tree(from: &Path, to: &Path) -> Result<(), Error> {
    if !is_there(from) {
        return Ok(());
    }
    make_parent(to)?;
    if !is_there(to) && fs::rename(from, to).is_ok() {
        return Ok(());
    }
    merge(from, to)?;
    // A mount goes with its container. Removing its content would cost as much as the copy.
    if !is_mounted_apart(from, to) {
        // The copy is complete; an original that cannot be removed is the caller's to clean up.
        drop(remove(from));
    }
    Ok(())
}

/// Makes the tree `from` usable at `to`: it is moved there, or, where it would have to be copied because it is
/// in a mount of its own, linked.
pub(crate) fn make_usable(from: &Path, to: &Path) -> Result<(), Error> {
    if is_there(from) && !is_there(to) {
        make_parent(to)?;
        match fs::rename(from, to) {
            Err(err) if err.kind() == ErrorKind::CrossesDevices => {
                return symlink(from, to).map_err(Error::file("link", to.display()));
            }
            // Files that could not be renamed are copied below.
            _ => {}
        }
    }
    move_tree(from, to)
}

/// Removes the files of a tree whose names have this ending, and directories that have nothing else.
pub(crate) fn remove_ending(path: &Path, ending: &str) -> Result<(), Error> {
    let data = stat(path)?;
    if data.is_dir() {
        for child in children(path)? {
            remove_ending(&child, ending)?;
        }
        if children(path)?.is_empty() {
            return remove(path);
        }
    } else if data.is_file() && path.extension().is_some_and(|known| known == ending) {
        return remove(path);
    }
    Ok(())
}

fn is_mounted_apart(one: &Path, other: &Path) -> bool {
    let device = |path: &Path| fs::symlink_metadata(path).ok().map(|data| data.dev());
    device(one) != device(other)
}

/// Moves the content of the directory `from` into `to`, in place of what has the same name there. Both
/// directories stay, for they may be mounts or the working directory of a process. The owner may write to all
/// directories of `to` then, also where those of a source are read-only.
pub(crate) fn install(from: &Path, to: &Path) -> Result<(), Error> {
    make_directory(to)?;
    for child in children(from)? {
        let target = to.join(child.file_name().expect("a child has a name"));
        remove(&target)?;
        move_tree(&child, &target)?;
        make_writable(&target)?;
    }
    Ok(())
}

/// Lets the owner write to the directories of a tree; those of another user stay as they are.
fn make_writable(path: &Path) -> Result<(), Error> {
    let data = stat(path)?;
    if !data.is_dir() {
        return Ok(());
    }
    let mode = data.permissions().mode() & 0o7777;
    if mode & 0o700 != 0o700 {
        match fs::set_permissions(path, Permissions::from_mode(mode | 0o700)) {
            Err(err) if err.kind() != ErrorKind::PermissionDenied => {
                return Err(Error::file("set the mode of", path.display())(err));
            }
            _ => {}
        }
    }
    children(path)?
        .iter()
        .try_for_each(|child| make_writable(child))
}

/// Copies the tree `from`, so that it becomes `to`; files that `to` has already stay.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    make_parent(to)?;
    merge(from, to)
}

fn merge(from: &Path, to: &Path) -> Result<(), Error> {
    let data = stat(from)?;
    let is_new = !is_there(to);
    if data.is_dir() {
        make_directory(to)?;
        for child in children(from)? {
            let name = child.file_name().expect("a child has a name");
            merge(&child, &to.join(name))?;
        }
        if is_new {
            // As after a renaming, which is the usual way.
            set_mode(to, data.permissions())?;
        }
    } else if data.is_symlink() && is_new {
        let copied = fs::read_link(from).and_then(|target| symlink(target, to));
        copied.map_err(Error::file("copy", from.display()))?;
    } else if data.is_file() && is_new {
        fs::copy(from, to).map_err(Error::file("copy", from.display()))?;
    }
    Ok(())
}

/// Returns whether a path exists, be it a link that leads nowhere.
pub(crate) fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Returns the size of all files of a tree, in bytes.
pub(crate) fn size(path: &Path) -> Result<u64, Error> {
    if !is_there(path) {
        return Ok(0);
    }
    let data = stat(path)?;
    if !data.is_dir() {
        return Ok(if data.is_file() { data.len() } else { 0 });
    }
    children(path)?.iter().map(|child| size(child)).sum()
}

/// Gives a program mode 0755 and its time, and its directory's group the owner's rights.
pub(crate) fn seal(program: &Path, epoch: u64) -> Result<(), Error> {
    if stat(program)?.permissions().mode() & 0o7777 != 0o755 {
        set_mode(program, Permissions::from_mode(0o755))?;
    }
    set_time(program, epoch)?;
    let directory = program.parent().unwrap_or(program);
    share_one(directory, &stat(directory)?)?;
    set_time(directory, epoch)
}

/// Gives the group the owner's rights on everything in a tree.
pub(crate) fn share(path: &Path) -> Result<(), Error> {
    if !path.exists() {
        return Ok(());
    }
    let data = stat(path)?;
    if data.is_symlink() {
        return Ok(());
    }
    share_one(path, &data)?;
    if data.is_dir() {
        children(path)?.iter().try_for_each(|child| share(child))?;
    }
    Ok(())
}

fn share_one(path: &Path, data: &Metadata) -> Result<(), Error> {
    let mode = data.permissions().mode() & 0o7777;
    let shared = mode | ((mode & 0o700) >> 3);
    if shared == mode {
        return Ok(());
    }
    set_mode(path, Permissions::from_mode(shared))
}

fn set_mode(path: &Path, mode: Permissions) -> Result<(), Error> {
    fs::set_permissions(path, mode).map_err(Error::file("set the mode of", path.display()))
}

/// Sets the time of a file or directory, unless it belongs to another user: then only its owner may.
fn set_time(path: &Path, epoch: u64) -> Result<(), Error> {
    let time = UNIX_EPOCH + Duration::from_secs(epoch);
    match File::open(path).and_then(|file| file.set_modified(time)) {
        Err(err) if err.kind() != ErrorKind::PermissionDenied => {
            Err(Error::file("set the time of", path.display())(err))
        }
        _ => Ok(()),
    }
}

/// Returns the entries of a directory, sorted by name.
pub(crate) fn children(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let read = fs::read_dir(path).and_then(|entries| {
        let paths = entries.map(|entry| Ok(entry?.path()));
        paths.collect::<io::Result<Vec<_>>>()
    });
    let mut children = read.map_err(Error::file("read the directory", path.display()))?;
    children.sort();
    Ok(children)
}

/// Returns the metadata of a path, without following a link.
pub(crate) fn stat(path: &Path) -> Result<Metadata, Error> {
    fs::symlink_metadata(path).map_err(Error::file("look at", path.display()))
}

/// Returns the SHA-256 digest of a file, in hexadecimal digits.
pub(crate) fn digest(path: &Path) -> io::Result<String> {
    let (digest, _) = Digest::of_reader(&mut File::open(path)?)?;
    Ok(digest.hex())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moved_tree_becomes_its_target_and_keeps_existing_files() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        fs::create_dir_all(path("artifacts/build/00")).unwrap();
        fs::write(path("artifacts/build/00/a"), "new").unwrap();
        fs::create_dir_all(path("other/00")).unwrap();
        fs::write(path("other/00/a"), "old").unwrap();
        fs::write(path("other/00/b"), "b").unwrap();

        move_tree(&path("none"), &path("cache/none")).unwrap();
        move_tree(&path("artifacts/build"), &path("cache/build")).unwrap();
        assert!(path("cache/build/00/a").is_file());
        assert!(!path("artifacts/build").exists() && !path("cache/none").exists());

        move_tree(&path("cache/build"), &path("other")).unwrap();
        assert_eq!(fs::read_to_string(path("other/00/a")).unwrap(), "old");
        assert!(path("other/00/b").exists() && !path("cache/build").exists());
    }

    #[test]
    fn installed_tree_replaces_the_old_one_and_keeps_its_links() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        for name in ["src/lib", "app/lib", "other"] {
            fs::create_dir_all(path(name)).unwrap();
        }
        fs::write(path("src/lib/new"), "new").unwrap();
        symlink("lib/new", path("src/link")).unwrap();
        symlink("nowhere", path("src/lib/broken")).unwrap();
        fs::write(path("app/lib/old"), "old").unwrap();
        fs::write(path("app/kept"), "kept").unwrap();
        fs::set_permissions(path("src/lib"), Permissions::from_mode(0o555)).unwrap();
        install(&path("src"), &path("app")).unwrap();
        assert!(children(&path("src")).unwrap().is_empty());
        assert!(!is_there(&path("app/lib/old")) && is_there(&path("app/kept")));
        assert_eq!(stat(&path("app/lib")).unwrap().mode() & 0o777, 0o755);
        assert_eq!(fs::read_to_string(path("app/link")).unwrap(), "new");
        assert_eq!(size(&path("app")).unwrap(), 7);

        // Trees that cannot be renamed are copied, links as links.
        merge(&path("app"), &path("other")).unwrap();
        assert_eq!(
            fs::read_link(path("other/lib/broken")).unwrap(),
            Path::new("nowhere")
        );
        assert_eq!(fs::read_to_string(path("other/link")).unwrap(), "new");
        remove(&path("other/link")).unwrap();
        assert!(!is_there(&path("other/link")) && is_there(&path("other/lib/new")));
    }

    #[test]
    fn files_with_an_ending_go_with_the_directories_that_have_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        fs::create_dir_all(path("a/code")).unwrap();
        for name in ["a/code/x.go", "a/x.go", "a/page.html", "a/go"] {
            fs::write(path(name), "").unwrap();
        }
        remove_ending(root.path(), "go").unwrap();
        assert_eq!(
            children(&path("a")).unwrap(),
            [path("a/go"), path("a/page.html")]
        );
    }

    /// `/dev/shm` is a mount of its own on most machines.
    #[test]
    fn tree_in_another_mount_is_copied_or_linked_and_stays() {
        let (Ok(apart), root) = (
            tempfile::tempdir_in("/dev/shm"),
            tempfile::tempdir().unwrap(),
        ) else {
            return;
        };
        if !is_mounted_apart(apart.path(), root.path()) {
            return;
        }
        let from = apart.path().join("cache");
        fs::create_dir_all(from.join("sub")).unwrap();
        fs::write(from.join("sub/file"), "x").unwrap();
        fs::set_permissions(from.join("sub"), Permissions::from_mode(0o2750)).unwrap();
        let path = |name: &str| root.path().join(name);
        make_usable(&from, &path("scratch/used")).unwrap();
        assert_eq!(fs::read_link(path("scratch/used")).unwrap(), from);
        move_tree(&from, &path("kept")).unwrap();
        assert!(from.join("sub/file").is_file() && path("kept/sub/file").is_file());
        assert_eq!(stat(&path("kept/sub")).unwrap().mode() & 0o7777, 0o2750);
        make_usable(&path("kept"), &path("scratch/moved")).unwrap();
        assert!(!is_there(&path("kept")) && path("scratch/moved/sub/file").is_file());
        make_usable(&path("kept"), &path("scratch/none")).unwrap();
        assert!(!is_there(&path("scratch/none")));
        // The link goes with the scratch directory, its target does not.
        remove(&path("scratch")).unwrap();
        assert!(from.join("sub/file").is_file());
    }

    #[test]
    fn seal_and_share_set_modes() {
        let root = tempfile::tempdir().unwrap();
        let bin = root.path().join("bin");
        fs::create_dir(&bin).unwrap();
        fs::set_permissions(&bin, Permissions::from_mode(0o700)).unwrap();
        fs::write(bin.join("app"), "x").unwrap();
        seal(&bin.join("app"), 7).unwrap();
        let mode = |path: &Path| stat(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&bin), mode(&bin.join("app"))), (0o770, 0o755));
        assert_eq!(
            stat(&bin).unwrap().modified().unwrap(),
            UNIX_EPOCH + Duration::from_secs(7)
        );

        fs::write(bin.join("data"), "x").unwrap();
        fs::set_permissions(bin.join("data"), Permissions::from_mode(0o644)).unwrap();
        share(&bin).unwrap();
        assert_eq!(mode(&bin.join("data")), 0o664);
    }
}
