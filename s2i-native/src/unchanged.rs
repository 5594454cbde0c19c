//! Directories that overlayfs has copied up, and in which nothing has changed.
//!
//! overlayfs copies a directory into the upper one when something is made in it, and leaves it there when that is
//! removed again, as it happens to `/tmp` in nearly every build. A layer has no such directory: it has what has changed,
//! and the directories above that.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use s2i_oci::overlay::{Dialect, is_opaque};

use crate::layers::layers_of;

/// Removes the empty directories of `upper` that the image has with the same mode and owner. `trees` are the layers of
/// the image, the topmost first. Directories that become empty by this are removed as well, and others keep their times.
pub(crate) fn remove(upper: &Path, trees: &[PathBuf], dialect: Dialect) -> io::Result<()> {
    let removal = Removal {
        upper,
        trees,
        dialect,
    };
    removal.below(Path::new("")).map(drop)
}

struct Removal<'a> {
    upper: &'a Path,
    trees: &'a [PathBuf],
    dialect: Dialect,
}

impl Removal<'_> {
    /// Removes such directories below a directory, and returns whether it is empty then.
    fn below(&self, relative: &Path) -> io::Result<bool> {
        let dir = self.upper.join(relative);
        let modified = dir.symlink_metadata()?.modified()?;
        let (mut is_empty, mut has_removed) = (true, false);
        for entry in fs::read_dir(&dir)? {
            let entry = entry?;
            let child = relative.join(entry.file_name());
            if entry.file_type()?.is_dir() && self.below(&child)? && self.is_unchanged(&child)? {
                fs::remove_dir(entry.path())?;
                has_removed = true;
            } else {
                is_empty = false;
            }
        }
        if has_removed {
            File::open(&dir)?.set_modified(modified)?;
        }
        Ok(is_empty)
    }

    /// Returns whether the image has a directory with the same attributes that this one does not hide.
    fn is_unchanged(&self, relative: &Path) -> io::Result<bool> {
        let path = self.upper.join(relative);
        if is_opaque(&path, self.dialect)? {
            return Ok(false);
        }
        let found = layers_of(self.trees, relative, self.dialect)?;
        let Some(below) = found.iter().flatten().next() else {
            return Ok(false);
        };
        let [own, below] = [&*path, below.as_path()].map(Path::symlink_metadata);
        let attributes = |metadata: fs::Metadata| (metadata.mode(), metadata.uid(), metadata.gid());
        Ok(attributes(own?) == attributes(below?))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::fs::PermissionsExt as _,
        time::{Duration, SystemTime},
    };

    use super::*;

    #[test]
    fn only_empty_directories_of_the_image_are_removed() {
        let temp = tempfile::tempdir().unwrap();
        let [image, upper] = ["image", "upper"].map(|name| temp.path().join(name));
        for path in ["tmp", "var/tmp", "mode", "kept/empty"] {
            fs::create_dir_all(image.join(path)).unwrap();
        }
        for path in ["tmp", "var/tmp", "mode", "new/empty", "kept/empty"] {
            fs::create_dir_all(upper.join(path)).unwrap();
        }
        fs::write(upper.join("kept/file"), "").unwrap();
        let mode = fs::Permissions::from_mode(0o700);
        fs::set_permissions(upper.join("mode"), mode).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(7);
        let kept = File::open(upper.join("kept")).unwrap();
        kept.set_modified(time).unwrap();
        remove(&upper, &[image], Dialect::User).unwrap();
        let left = |path: &str| upper.join(path).exists();
        assert!(["mode", "new/empty", "kept/file"].into_iter().all(left));
        assert!(!["tmp", "var", "kept/empty"].into_iter().any(left));
        let kept = upper.join("kept").metadata().unwrap();
        assert_eq!(kept.modified().unwrap(), time);
    }
}
