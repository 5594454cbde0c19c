//! The source in a container's own directory before the container is there.
//!
//! An archive through the agent works everywhere, and costs two pipes and a file system over another one. Here the
//! files can be made where the overlay will find them: it is not mounted yet, so nobody can tell the difference, and
//! file systems that share contents between files copy none. What the agent would have looked up in the
//! container is looked up in the layers of its image, which says less: wherever there is a doubt, the source goes
//! through the agent after all.

mod copy;

use std::{
    ffi::OsStr,
    fs, io,
    os::{fd::OwnedFd, unix::fs::MetadataExt as _},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Gid, Mode, OFlags, Uid, fchmod, fchown, llistxattr, open},
    io::Errno,
};
use s2i_build::{CancelToken, EngineError, ports::Operation, stream::Tree};
use s2i_core::{Account, ContainerPath, ImageRef};
use s2i_oci::overlay::Dialect;

use self::copy::Failure;
use crate::{error::failed, layers, sandbox::adopt};

/// What is mounted over whatever a container has there.
const MOUNTED: [&str; 3] = ["dev", "proc", "sys"];

/// Attributes of a directory that are not lost when it is made again: marks of overlayfs, and what the kernel's
/// own rules give every new file.
const NOT_LOST: [&[u8]; 3] = [b"trusted.overlay.", b"user.overlay.", b"security.selinux"];

/// A source that a container is to have from its start.
pub(crate) struct Source {
    pub(crate) tree: Tree,
    /// The directory that it goes into.
    pub(crate) into: ContainerPath,
    /// Who it belongs to, in the notation of image configs.
    pub(crate) user: String,
}

/// A directory for it, which is there and empty.
pub(crate) struct Landing {
    source: Source,
    dir: OwnedFd,
    account: Account,
}

/// The directories that a place lies in: each as its image has it, and as it is to be made.
type Above = Vec<(PathBuf, PathBuf)>;

impl Source {
    /// Makes the directory in what a container of these layers has changed, which is nothing yet. `None` where
    /// it takes a container to know what it has there or who the user is.
    pub(crate) fn land(
        self,
        lowers: &[PathBuf],
        upper: &Path,
        dialect: Dialect,
    ) -> io::Result<Option<Landing>> {
        let below = layers::below_root(&self.into);
        let first = below.iter().next().and_then(OsStr::to_str);
        let is_mounted = first.is_none_or(|name| MOUNTED.contains(&name));
        if is_mounted
            || !layers::is_free(lowers, below, dialect)?
            // Such as rights that everything in it inherits.
            || has_attributes(upper)?
        {
            return Ok(None);
        }
        let Some(account) = self.account(lowers, dialect)? else {
            return Ok(None);
        };
        let Some(above) = above(below, lowers, upper, dialect, &account)? else {
            return Ok(None);
        };
        for (_, made) in &above {
            fs::create_dir(made)?;
        }
        // Not at once: what is made in a directory gives it another time.
        for (top, made) in &above {
            adopt(top, made)?;
        }
        let landed = make_own(&upper.join(below), &account)?;
        let source = self;
        Ok(landed.map(|dir| Landing {
            source,
            dir,
            account,
        }))
    }

    fn account(&self, lowers: &[PathBuf], dialect: Dialect) -> io::Result<Option<Account>> {
        let text = |path: &str| layers::text(lowers, Path::new(path), dialect);
        let (Some(passwd), Some(group)) = (text("etc/passwd")?, text("etc/group")?) else {
            return Ok(None);
        };
        Ok(Account::find(&self.user, &passwd, &group).ok())
    }
}

impl Landing {
    /// Where the source will be in the container.
    pub(crate) fn path(&self) -> &ContainerPath {
        &self.source.into
    }

    /// Copies the source into a container of this image; `tell` gets the bytes that are there, once in a while.
    pub(crate) fn fill(
        self,
        image: &ImageRef,
        tell: &(dyn Fn(u64) + Sync),
        cancel: &CancelToken,
    ) -> Result<(), EngineError> {
        let Self {
            source,
            dir,
            account,
        } = self;
        let copied = copy::copy(&source.tree, dir, &account, tell, cancel);
        if let Some(reason) = cancel.reason() {
            return Err(EngineError::Interrupted(reason));
        }
        copied.map_err(|failure| match failure {
            Failure::Tree(err) => EngineError::Input {
                into: source.into,
                source: err,
            },
            Failure::Place(err) => failed(Operation::CopySource, image)(err),
        })
    }
}

/// Makes the directory of the source for this account; `None` where the account is not one of those that there are in
/// this namespace.
fn make_own(path: &Path, account: &Account) -> io::Result<Option<OwnedFd>> {
    fs::create_dir(path)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir = open(path, flags, Mode::empty())?;
    fchmod(&dir, Mode::from_raw_mode(0o755))?;
    let (user, group) = (Uid::from_raw(account.uid), Gid::from_raw(account.gid));
    match fchown(&dir, Some(user), Some(group)) {
        Err(Errno::INVAL) => {
            fs::remove_dir(path)?;
            Ok(None)
        }
        given => {
            given?;
            Ok(Some(dir))
        }
    }
}

/// Looks for the directories that the place lies in, the outermost first; `None` where they can't be made to look
/// as overlayfs would make them, or where the account has no way through them.
fn above(
    below: &Path,
    lowers: &[PathBuf],
    upper: &Path,
    dialect: Dialect,
    account: &Account,
) -> io::Result<Option<Above>> {
    let is_plain = |top: &Path| -> io::Result<bool> {
        let mode = top.symlink_metadata()?.mode();
        let is_open = mode & 0o001 != 0 || account.uid == 0;
        // One that gives its group to what is made in it.
        let is_setgid = mode & 0o2000 != 0;
        Ok(is_open && !is_setgid && !has_attributes(top)?)
    };
    let mut above = Above::new();
    let mut path = PathBuf::new();
    for component in below.parent().unwrap_or(Path::new("")) {
        path.push(component);
        let found = layers::layers_of(lowers, &path, dialect)?;
        match found.as_ref().and_then(|layers| layers.first()) {
            Some(top) if is_plain(top)? => above.push((top.clone(), upper.join(&path))),
            _ => return Ok(None),
        }
    }
    Ok(Some(above))
}

fn has_attributes(dir: &Path) -> io::Result<bool> {
    let mut names = vec![0; 4096];
    let length = match llistxattr(dir, &mut names) {
        Ok(length) => length,
        Err(Errno::NOTSUP) => 0,
        // More than anybody has by accident.
        Err(Errno::RANGE) => return Ok(true),
        Err(err) => return Err(err.into()),
    };
    let is_lost = |name: &[u8]| !NOT_LOST.iter().any(|known| name.starts_with(known));
    let mut names = names[..length].split(|byte| *byte == 0);
    Ok(names.any(|name| !name.is_empty() && is_lost(name)))
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::fs::{PermissionsExt as _, symlink},
        sync::Arc,
    };

    use rustix::fs::{FileType, XattrFlags, mknodat, setxattr};
    use s2i_core::OpenDir;

    use super::*;
    use crate::sandbox::set_time;

    const DIALECT: Dialect = Dialect::User;

    /// Long ago, in seconds since 1970.
    const THEN: i64 = 1_000_000_000;

    /// A layer with the users of an image, and a directory that everybody may write to.
    fn layer(temp: &Path) -> PathBuf {
        let layer = temp.join("layer");
        for dir in ["etc", "tmp", "opt/app/deep", "dev/shm"] {
            fs::create_dir_all(layer.join(dir)).unwrap();
        }
        for dir in ["opt", "opt/app", "opt/app/deep"] {
            fs::set_permissions(layer.join(dir), mode(0o755)).unwrap();
        }
        fs::set_permissions(layer.join("tmp"), mode(0o1777)).unwrap();
        let own = fs::metadata(temp).unwrap();
        let passwd = format!("app:x:{}:{}::/app:\n", own.uid(), own.gid());
        fs::write(layer.join("etc/passwd"), passwd).unwrap();
        for dir in ["opt/app/deep", "opt/app", "opt"] {
            set_time(&layer.join(dir), THEN, 0).unwrap();
        }
        layer
    }

    fn mode(mode: u32) -> fs::Permissions {
        fs::Permissions::from_mode(mode)
    }

    /// Whether the source gets its place at once, and how that looks and what is above it: modes, and whether times
    /// are old.
    fn land_in(
        upper: &Path,
        lowers: &[PathBuf],
        into: &str,
        user: &str,
    ) -> Option<Vec<(u32, bool)>> {
        let source = Source {
            tree: Tree {
                root: Arc::new(OpenDir::open(upper).unwrap()),
                filter: Arc::default(),
                mtime: 0,
            },
            into: into.parse().unwrap(),
            user: user.into(),
        };
        let landing = source.land(lowers, upper, DIALECT).unwrap();
        let path = upper.join(into.trim_start_matches('/'));
        assert_eq!(path.exists(), landing.is_some());
        landing?;
        let above = path.ancestors().take_while(|above| *above != upper);
        let looks = |path: &Path| {
            let metadata = path.metadata().unwrap();
            (metadata.mode() & 0o7777, metadata.mtime() == THEN)
        };
        Some(above.map(looks).collect())
    }

    fn land_on(lowers: &[PathBuf], into: &str, user: &str) -> Option<Vec<(u32, bool)>> {
        let upper = tempfile::tempdir().unwrap();
        land_in(upper.path(), lowers, into, user)
    }

    fn land(into: &str, user: &str, change: impl FnOnce(&Path)) -> Option<Vec<(u32, bool)>> {
        let temp = tempfile::tempdir().unwrap();
        let layer = layer(temp.path());
        change(&layer);
        land_on(&[layer], into, user)
    }

    #[test]
    fn a_place_that_the_image_shows_as_it_is_needs_no_container() {
        let nothing = |_: &Path| {};
        let expected = [(0o755, false), (0o1777, false)];
        assert_eq!(land("/tmp/src", "app", nothing).unwrap(), expected);
        assert_eq!(land("/src", "app", nothing).unwrap(), expected[..1]);
        // Only where something is made the time is another.
        let deep = land("/opt/app/deep/src", "app", |layer| {
            fs::set_permissions(layer.join("opt/app"), mode(0o711)).unwrap();
        });
        let expected = [(0o755, false), (0o755, false), (0o711, true), (0o755, true)];
        assert_eq!(deep.unwrap(), expected);
        let mark = |layer: &Path| {
            let name = c"user.overlay.origin";
            setxattr(layer.join("tmp"), name, b"y", XattrFlags::empty()).unwrap();
        };
        assert!(land("/tmp/src", "app", mark).is_some());
        let no_table = |layer: &Path| fs::remove_file(layer.join("etc/passwd")).unwrap();
        let own = fs::metadata("/proc/self").unwrap();
        let own = format!("{}:{}", own.uid(), own.gid());
        assert!(land("/tmp/src", &own, no_table).is_some());
        assert!(land("/tmp/src", "app", no_table).is_none());
    }

    #[test]
    fn what_would_be_inherited_from_the_store_is_not() {
        let (temp, upper) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let lowers = [layer(temp.path())];
        assert!(land_in(upper.path(), &lowers, "/tmp/src", "app").is_some());
        let upper = tempfile::tempdir().unwrap();
        let name = c"user.of-somebody";
        setxattr(upper.path(), name, b"y", XattrFlags::empty()).unwrap();
        assert_eq!(land_in(upper.path(), &lowers, "/tmp/src", "app"), None);
    }

    #[test]
    fn what_another_layer_hides_is_not_there() {
        let (temp, above) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let below = layer(temp.path());
        fs::create_dir(below.join("tmp/src")).unwrap();
        fs::create_dir(above.path().join("tmp")).unwrap();
        let whiteout = above.path().join("tmp/src");
        let device = FileType::CharacterDevice;
        mknodat(rustix::fs::CWD, &whiteout, device, Mode::empty(), 0).unwrap();
        let lowers = [above.path().to_owned(), below];
        assert!(land_on(&lowers, "/tmp/src", "app").is_some());
        assert!(land_on(&lowers[1..], "/tmp/src", "app").is_none());
    }

    #[test]
    fn what_only_a_container_can_tell_is_left_to_one() {
        let nothing = |_: &Path| {};
        assert_eq!(land("/missing/src", "app", nothing), None);
        assert_eq!(land("/dev/shm/src", "app", nothing), None);
        assert_eq!(land("/tmp/src", "nobody", nothing), None);
        let link = |from: &'static str, to: &'static str| {
            move |layer: &Path| {
                let from = layer.join(from);
                let _ = fs::remove_file(&from);
                symlink(to, from).unwrap();
            }
        };
        assert_eq!(land("/tmp/src", "app", link("tmp/src", "/etc")), None);
        assert_eq!(land("/link/src", "app", link("link", "tmp")), None);
        assert_eq!(land("/tmp/src", "app", link("etc/passwd", "group")), None);
        let attribute = |layer: &Path| {
            let name = c"user.of-somebody";
            setxattr(layer.join("tmp"), name, b"y", XattrFlags::empty()).unwrap();
        };
        assert_eq!(land("/tmp/src", "app", attribute), None);
        for bits in [0o2775, 0o770] {
            let change = |layer: &Path| fs::set_permissions(layer.join("opt"), mode(bits)).unwrap();
            // Root gets through everything, and a group is no way through it.
            let is_fine = bits == 0o770 && fs::metadata("/proc/self").unwrap().uid() == 0;
            let landed = land("/opt/app/deep/src", "app", change);
            assert_eq!(landed.is_some(), is_fine, "{bits:o}");
            assert_eq!(land("/opt/app/deep/src", "4711", change), None, "{bits:o}");
        }
    }
}
