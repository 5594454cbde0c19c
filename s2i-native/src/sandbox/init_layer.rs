//! The mount points that an image lacks.
//!
//! They are made in a layer of their own between the image and the changes of the container. So they are there,
//! and are in no image that is made of the container.

use std::{
    collections::BTreeMap,
    fs::{self, File, Metadata},
    io,
    os::fd::AsFd as _,
    path::{Path, PathBuf},
};

use rustix::fs::{AtFlags, FileType, statat};

use super::{
    metadata::{copy_metadata, set_time},
    rootfs::RootFs,
};

/// The type of the file at a mount point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NodeKind {
    Dir,
    File,
}

/// A path that a file system, a directory or a file is mounted on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MountPoint {
    path: PathBuf,
    kind: NodeKind,
}

impl MountPoint {
    pub(super) fn new(path: &Path, kind: NodeKind) -> Self {
        let path = path.to_owned();
        Self { path, kind }
    }
}

/// The layer with the missing mount points.
#[derive(Default)]
pub(super) struct InitLayer {
    /// The entries by absolute path, so that directories come before their content.
    entries: BTreeMap<PathBuf, Entry>,
}

enum Entry {
    /// A directory of the image that gets a new entry. The overlay shows it as it is in the topmost layer, so it has
    /// the same owner, mode and time here.
    Existing(Box<Metadata>),
    New(NodeKind),
}

impl InitLayer {
    /// Makes the layer for an image without layers.
    pub(super) fn without_image(points: &[MountPoint]) -> Self {
        let mut layer = Self::default();
        for point in points {
            layer.add_new(Path::new("/"), &point.path, point.kind);
        }
        layer
    }

    /// Finds the mount points that the image lacks, or has as a file of another type.
    pub(super) fn find(image: &RootFs, points: &[MountPoint]) -> io::Result<Self> {
        let mut layer = Self::default();
        for point in points {
            layer.add_if_missing(image, point)?;
        }
        Ok(layer)
    }

    fn add_if_missing(&mut self, image: &RootFs, point: &MountPoint) -> io::Result<()> {
        let above = point.path.ancestors().skip(1);
        let mut found = above.map(|dir| (dir, image.find_dir(dir)));
        let nearest = found.find_map(|(dir, found)| Some((dir, found.ok()?)));
        let (dir, found) = nearest.ok_or(io::ErrorKind::NotFound)?;
        let rest = point.path.strip_prefix(dir).map_err(io::Error::other)?;
        let wanted = match point.kind {
            NodeKind::Dir => FileType::Directory,
            NodeKind::File => FileType::RegularFile,
        };
        // If more than one component is missing, so is the last.
        let there = statat(found.as_fd(), rest, AtFlags::SYMLINK_NOFOLLOW);
        if there.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == wanted) {
            return Ok(());
        }
        let real = image.real_path(&found)?;
        for known in real.ancestors().filter(|known| known.parent().is_some()) {
            let metadata = File::from(image.find_dir(known)?).metadata()?;
            let entry = Entry::Existing(Box::new(metadata));
            self.entries.insert(known.to_owned(), entry);
        }
        self.add_new(&real, rest, point.kind);
        Ok(())
    }

    /// Adds everything that is missing between an existing directory and the mount point.
    fn add_new(&mut self, dir: &Path, rest: &Path, kind: NodeKind) {
        let last = dir.join(rest);
        let between = last.ancestors().skip(1);
        for path in between.take_while(|path| *path != dir) {
            let entry = Entry::New(NodeKind::Dir);
            self.entries.entry(path.to_owned()).or_insert(entry);
        }
        self.entries.entry(last).or_insert(Entry::New(kind));
    }

    /// Writes the layer into an empty directory.
    pub(super) fn make(&self, dir: &Path) -> io::Result<()> {
        let target = |path: &Path| dir.join(path.strip_prefix("/").unwrap_or(path));
        for (path, entry) in &self.entries {
            let path = target(path);
            match entry {
                Entry::New(NodeKind::File) => drop(fs::File::create(&path)?),
                Entry::New(NodeKind::Dir) | Entry::Existing(_) => fs::create_dir(&path)?,
            }
        }
        // A new entry changes the time of its directory.
        for (path, entry) in self.entries.iter().rev() {
            let path = target(path);
            match entry {
                Entry::New(_) => set_time(&path, 0, 0)?,
                Entry::Existing(metadata) => copy_metadata(metadata, &path)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    fn tree(dir: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let kind = if metadata.is_dir() { "dir" } else { "file" };
            let time = metadata.mtime();
            found.push(format!("{kind} {} {time}", path.display()));
            if metadata.is_dir() {
                found.extend(tree(&path));
            }
        }
        found.sort();
        found
    }

    #[track_caller]
    fn check(image: impl FnOnce(&Path), points: &[(&str, NodeKind)], expected: &[&str]) {
        let temp = tempfile::tempdir().unwrap();
        let (root, init) = (temp.path().join("root"), temp.path().join("init"));
        fs::create_dir(&root).unwrap();
        fs::create_dir(&init).unwrap();
        image(&root);
        let points: Vec<_> = points
            .iter()
            .map(|(path, kind)| MountPoint::new(Path::new(path), *kind))
            .collect();
        let layer = InitLayer::find(&RootFs::open(&root).unwrap(), &points).unwrap();
        layer.make(&init).unwrap();
        let prefix = format!("{}/", init.display());
        let found: Vec<_> = tree(&init)
            .iter()
            .map(|line| line.replace(&prefix, ""))
            .collect();
        assert_eq!(found, expected);
    }

    fn dir_of_time(path: &Path, time: i64) {
        fs::create_dir(path).unwrap();
        set_time(path, time, 0).unwrap();
    }

    #[test]
    fn existing_mount_points_are_not_made() {
        let image = |root: &Path| {
            fs::create_dir_all(root.join("etc")).unwrap();
            fs::write(root.join("etc/hosts"), "").unwrap();
        };
        check(
            image,
            &[("/etc/hosts", NodeKind::File), ("/etc", NodeKind::Dir)],
            &[],
        );
    }

    #[test]
    fn missing_mount_points_keep_the_metadata_of_their_parents() {
        let image = |root: &Path| dir_of_time(&root.join("etc"), 77);
        let points = [("/etc/hosts", NodeKind::File), ("/a/b", NodeKind::Dir)];
        check(
            image,
            &points,
            &["dir a 0", "dir a/b 0", "dir etc 77", "file etc/hosts 0"],
        );
    }

    #[test]
    fn links_are_resolved_in_the_image_and_hidden_at_the_end() {
        let image = |root: &Path| {
            dir_of_time(&root.join("real"), 5);
            std::os::unix::fs::symlink("/real", root.join("etc")).unwrap();
            std::os::unix::fs::symlink("../../run/resolv.conf", root.join("real/resolv.conf"))
                .unwrap();
            std::os::unix::fs::symlink("/", root.join("dev")).unwrap();
            set_time(&root.join("real"), 5, 0).unwrap();
        };
        check(
            image,
            &[
                ("/etc/resolv.conf", NodeKind::File),
                ("/dev", NodeKind::Dir),
            ],
            &["dir dev 0", "dir real 5", "file real/resolv.conf 0"],
        );
    }

    #[test]
    fn file_at_a_directory_mount_point_is_hidden() {
        let image = |root: &Path| fs::write(root.join("proc"), "").unwrap();
        check(image, &[("/proc", NodeKind::Dir)], &["dir proc 0"]);
    }
}
