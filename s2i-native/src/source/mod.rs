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
    os::{
        fd::OwnedFd,
        unix::fs::{PermissionsExt as _, chown},
    },
    path::{Path, PathBuf},
};

use rustix::{fs::llistxattr, io::Errno};
use s2i_build::{CancelToken, EngineError, stream::Tree};
use s2i_core::{Account, ContainerPath};
use s2i_oci::overlay::Dialect;

use crate::{layers, sandbox::adopt};

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
            || !layers::is_free(lowers, &self.into, dialect)?
            || !layers::has_parent(lowers, &self.into, dialect)?
        {
            return Ok(None);
        }
        let Some(account) = self.account(lowers, dialect)? else {
            return Ok(None);
        };
        if !make_parents(below, lowers, upper, dialect)? {
            return Ok(None);
        }
        let path = upper.join(below);
        fs::create_dir(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        match chown(&path, Some(account.uid), Some(account.gid)) {
            // Not one of the users that there are in this namespace.
            Err(err) if err.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => {
                fs::remove_dir(&path)?;
                return Ok(None);
            }
            given => given?,
        }
        let dir = fs::File::open(path)?.into();
        let source = self;
        Ok(Some(Landing {
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

    /// Copies the source; `tell` gets the bytes that are there, once in a while.
    pub(crate) fn fill(
        self,
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
        copied.map_err(|err| EngineError::Input {
            into: source.into,
            source: err,
        })
    }
}

/// Makes the directories above, as overlayfs would when something is made in them; false when they can't be the
/// same.
fn make_parents(
    below: &Path,
    lowers: &[PathBuf],
    upper: &Path,
    dialect: Dialect,
) -> io::Result<bool> {
    let above = below.parent().unwrap_or(Path::new(""));
    let mut path = PathBuf::new();
    for component in above {
        path.push(component);
        let full = format!("/{}", path.display()).parse();
        let full: ContainerPath = full.map_err(io::Error::other)?;
        let found = layers::layers_of(lowers, &full, dialect)?;
        let Some(top) = found.as_ref().and_then(|layers| layers.first()) else {
            return Ok(false);
        };
        if has_attributes(top)? {
            return Ok(false);
        }
        let made = upper.join(&path);
        fs::create_dir(&made)?;
        adopt(top, &made)?;
    }
    Ok(true)
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
        os::unix::fs::{MetadataExt as _, symlink},
        sync::Arc,
    };

    use rustix::fs::{XattrFlags, setxattr};

    use super::*;

    const DIALECT: Dialect = Dialect::User;

    /// A layer with the users of an image, and a directory that everybody may write to.
    fn layer(temp: &Path, change: impl FnOnce(&Path)) -> PathBuf {
        let layer = temp.join("layer");
        for dir in ["etc", "tmp", "opt/app/deep", "dev/shm"] {
            fs::create_dir_all(layer.join(dir)).unwrap();
        }
        fs::set_permissions(layer.join("tmp"), fs::Permissions::from_mode(0o1777)).unwrap();
        let own = fs::metadata(temp).unwrap();
        let passwd = format!("app:x:{}:{}::/app:\n", own.uid(), own.gid());
        fs::write(layer.join("etc/passwd"), passwd).unwrap();
        change(&layer);
        layer
    }

    /// Whether the source gets its place at once, and how what is above it looks.
    fn land(into: &str, user: &str, change: impl FnOnce(&Path)) -> Option<Vec<u32>> {
        let temp = tempfile::tempdir().unwrap();
        let upper = temp.path().join("upper");
        fs::create_dir(&upper).unwrap();
        let lowers = [layer(temp.path(), change)];
        let source = Source {
            tree: Tree {
                root: temp.path().to_owned(),
                filter: Arc::default(),
                mtime: 0,
            },
            into: into.parse().unwrap(),
            user: user.into(),
        };
        let landing = source.land(&lowers, &upper, DIALECT).unwrap();
        let path = upper.join(into.trim_start_matches('/'));
        assert_eq!(path.exists(), landing.is_some());
        landing?;
        let above = path
            .ancestors()
            .take_while(|above| *above != upper)
            .map(|above| above.metadata().unwrap().mode() & 0o7777);
        Some(above.collect())
    }

    #[test]
    fn a_place_that_the_image_shows_as_it_is_needs_no_container() {
        let nothing = |_: &Path| {};
        assert_eq!(land("/tmp/src", "app", nothing), Some(vec![0o755, 0o1777]));
        assert_eq!(land("/src", "app", nothing), Some(vec![0o755]));
        let deep = land("/opt/app/deep/src", "app", |layer| {
            let private = fs::Permissions::from_mode(0o700);
            fs::set_permissions(layer.join("opt/app"), private).unwrap();
        });
        assert_eq!(deep, Some(vec![0o755, 0o755, 0o700, 0o755]));
        let mark = |layer: &Path| {
            let name = c"user.overlay.origin";
            setxattr(layer.join("tmp"), name, b"y", XattrFlags::empty()).unwrap();
        };
        assert!(land("/tmp/src", "app", mark).is_some());
    }

    #[test]
    fn what_only_a_container_can_tell_is_left_to_one() {
        let nothing = |_: &Path| {};
        let dir =
            |path: &'static str| move |layer: &Path| fs::create_dir(layer.join(path)).unwrap();
        assert_eq!(land("/tmp/src", "app", dir("tmp/src")), None);
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
    }
}
