//! Places to mount on that an image lacks.
//!
//! They are made in a layer of their own between the image and what the container changes. So they are there,
//! and are in no image that is made of the container.

use std::{
    collections::BTreeMap,
    fs::{self, Permissions},
    io,
    os::{
        fd::AsFd as _,
        unix::fs::{PermissionsExt as _, chown},
    },
    path::{Path, PathBuf},
};

use rustix::fs::{AtFlags, FileType, Stat, fstat, statat};

use super::{point::Root, times::set_time};

/// What can be mounted at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Dir,
    File,
}

/// A place to mount on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Point {
    path: PathBuf,
    kind: Kind,
}

impl Point {
    pub(super) fn new(path: &Path, kind: Kind) -> Self {
        let path = path.to_owned();
        Self { path, kind }
    }
}

/// The layer.
#[derive(Default)]
pub(super) struct InitLayer {
    /// By absolute path, so that directories come before what is in them.
    entries: BTreeMap<PathBuf, Entry>,
}

enum Entry {
    /// A directory of the image. It shines through, and must look as it does there: once something is
    /// made in it, this is what it looks like in the new layer.
    Known(Box<Stat>),
    New(Kind),
}

impl InitLayer {
    /// For an image without any layer.
    pub(super) fn for_nothing(points: &[Point]) -> Self {
        let mut layer = Self::default();
        for point in points {
            layer.add_new(Path::new("/"), &point.path, point.kind);
        }
        layer
    }

    /// For what the image lacks, or has as something else that can't be mounted on.
    pub(super) fn find(image: &Root, points: &[Point]) -> io::Result<Self> {
        let mut layer = Self::default();
        for point in points {
            layer.look(image, point)?;
        }
        Ok(layer)
    }

    fn look(&mut self, image: &Root, point: &Point) -> io::Result<()> {
        let above = point.path.ancestors().skip(1);
        let mut found = above.map(|dir| (dir, image.find_dir(dir)));
        let nearest = found.find_map(|(dir, found)| Some((dir, found.ok()?)));
        let (dir, found) = nearest.ok_or(io::ErrorKind::NotFound)?;
        let rest = point.path.strip_prefix(dir).map_err(io::Error::other)?;
        let wanted = match point.kind {
            Kind::Dir => FileType::Directory,
            Kind::File => FileType::RegularFile,
        };
        // With more than one name missing, there can't be the last one.
        let there = statat(found.as_fd(), rest, AtFlags::SYMLINK_NOFOLLOW);
        if there.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == wanted) {
            return Ok(());
        }
        let real = image.real_path(&found)?;
        for known in real.ancestors().filter(|known| known.parent().is_some()) {
            let stat = Box::new(fstat(image.find_dir(known)?)?);
            self.entries.insert(known.to_owned(), Entry::Known(stat));
        }
        self.add_new(&real, rest, point.kind);
        Ok(())
    }

    /// Everything from a directory that is there to what is not.
    fn add_new(&mut self, dir: &Path, rest: &Path, kind: Kind) {
        let last = dir.join(rest);
        let between = last.ancestors().skip(1);
        for path in between.take_while(|path| *path != dir) {
            let entry = Entry::New(Kind::Dir);
            self.entries.entry(path.to_owned()).or_insert(entry);
        }
        self.entries.entry(last).or_insert(Entry::New(kind));
    }

    /// Makes it in an empty directory.
    pub(super) fn make(&self, dir: &Path) -> io::Result<()> {
        let place = |path: &Path| dir.join(path.strip_prefix("/").unwrap_or(path));
        for (path, entry) in &self.entries {
            let path = place(path);
            match entry {
                Entry::New(Kind::File) => drop(fs::File::create(&path)?),
                Entry::New(Kind::Dir) | Entry::Known(_) => fs::create_dir(&path)?,
            }
        }
        // What comes into a directory changes its time.
        for (path, entry) in self.entries.iter().rev() {
            let path = place(path);
            match entry {
                Entry::New(_) => set_time(&path, 0, 0)?,
                Entry::Known(stat) => look_like(&path, stat)?,
            }
        }
        Ok(())
    }
}

fn look_like(path: &Path, stat: &Stat) -> io::Result<()> {
    // Who may not give files away sees owners that are not his anyway.
    let _ = chown(path, Some(stat.st_uid), Some(stat.st_gid));
    fs::set_permissions(path, Permissions::from_mode(stat.st_mode & 0o7777))?;
    let nanoseconds = i64::try_from(stat.st_mtime_nsec).unwrap_or_default();
    set_time(path, stat.st_mtime, nanoseconds)
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
    fn check(image: impl FnOnce(&Path), points: &[(&str, Kind)], expected: &[&str]) {
        let temp = tempfile::tempdir().unwrap();
        let (root, init) = (temp.path().join("root"), temp.path().join("init"));
        fs::create_dir(&root).unwrap();
        fs::create_dir(&init).unwrap();
        image(&root);
        let points: Vec<_> = points
            .iter()
            .map(|(path, kind)| Point::new(Path::new(path), *kind))
            .collect();
        let layer = InitLayer::find(&Root::open(&root).unwrap(), &points).unwrap();
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
    fn what_is_there_is_not_made() {
        let image = |root: &Path| {
            fs::create_dir_all(root.join("etc")).unwrap();
            fs::write(root.join("etc/hosts"), "").unwrap();
        };
        check(
            image,
            &[("/etc/hosts", Kind::File), ("/etc", Kind::Dir)],
            &[],
        );
    }

    #[test]
    fn what_is_missing_is_made_in_directories_that_look_as_before() {
        let image = |root: &Path| dir_of_time(&root.join("etc"), 77);
        let points = [("/etc/hosts", Kind::File), ("/a/b", Kind::Dir)];
        check(
            image,
            &points,
            &["dir a 0", "dir a/b 0", "dir etc 77", "file etc/hosts 0"],
        );
    }

    #[test]
    fn links_on_the_way_lead_within_the_image_and_links_at_the_end_are_hidden() {
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
            &[("/etc/resolv.conf", Kind::File), ("/dev", Kind::Dir)],
            &["dir dev 0", "dir real 5", "file real/resolv.conf 0"],
        );
    }

    #[test]
    fn a_file_in_the_way_is_hidden() {
        let image = |root: &Path| fs::write(root.join("proc"), "").unwrap();
        check(image, &[("/proc", Kind::Dir)], &["dir proc 0"]);
    }
}
