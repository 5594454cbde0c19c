//! Staging the source in the upper directory of a container before the container starts.
//!
//! An archive through the agent works everywhere, but costs two pipes and the overlay. The overlay is not mounted yet,
//! so here the files are made directly in its upper directory, with the same result; file systems with shared extents
//! copy no content. The agent would look up the user and the existing directories in the container. Here the layers of
//! the image give the answer, which is not always complete: wherever it is not, the source goes through the agent.

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

use self::copy::CopyError;
use crate::{error::failed, layers, sandbox::copy_metadata};

/// The top-level directories over which file systems are mounted.
const MOUNTED: [&str; 3] = ["dev", "proc", "sys"];

/// The prefixes of extended attributes that a copy of a directory need not have: marks of overlayfs, and labels that
/// the kernel gives to every new file.
const NOT_COPIED: [&[u8]; 3] = [b"trusted.overlay.", b"user.overlay.", b"security.selinux"];

/// The source for a container.
pub(crate) struct Source {
    pub(crate) tree: Tree,
    /// The directory that it goes into.
    pub(crate) into: ContainerPath,
    /// The owner of the files, in the notation of image configs.
    pub(crate) user: String,
}

/// A source with an empty directory in the upper directory, ready to be copied.
pub(crate) struct StagedSource {
    source: Source,
    dir: OwnedFd,
    account: Account,
}

/// The parent directories of a path: each in the topmost layer that has it, and in the upper directory.
type Parents = Vec<(PathBuf, PathBuf)>;

impl Source {
    /// Makes the directory of the source in the empty upper directory of a container with these layers. Returns `None`
    /// if only the container can resolve the path or the user.
    pub(crate) fn prepare_upper_dir(
        self,
        lowers: &[PathBuf],
        upper: &Path,
        dialect: Dialect,
    ) -> io::Result<Option<StagedSource>> {
        let below = layers::below_root(&self.into);
        let first = below.iter().next().and_then(OsStr::to_str);
        let is_mounted = first.is_none_or(|name| MOUNTED.contains(&name));
        if is_mounted
            || !layers::is_free(lowers, below, dialect)?
            // Such as a default ACL, which new files inherit.
            || has_attributes(upper)?
        {
            return Ok(None);
        }
        let Some(account) = self.account(lowers, dialect)? else {
            return Ok(None);
        };
        let Some(parents) = parents(below, lowers, upper, dialect, &account)? else {
            return Ok(None);
        };
        for (_, copy) in &parents {
            fs::create_dir(copy)?;
        }
        // A new entry changes the time of its directory, so this comes last.
        for (top, copy) in &parents {
            copy_metadata(&fs::metadata(top)?, copy)?;
        }
        let made = make_own(&upper.join(below), &account)?;
        let source = self;
        Ok(made.map(|dir| StagedSource {
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

impl StagedSource {
    /// Returns the path of the source in the container.
    pub(crate) fn path(&self) -> &ContainerPath {
        &self.source.into
    }

    /// Copies the source into the directory, for a container of this image. `report` gets the number of copied bytes from
    /// time to time.
    pub(crate) fn copy(
        self,
        image: &ImageRef,
        report: &(dyn Fn(u64) + Sync),
        cancel: &CancelToken,
    ) -> Result<(), EngineError> {
        let Self {
            source,
            dir,
            account,
        } = self;
        let copied = copy::copy(&source.tree, dir, &account, report, cancel);
        if let Some(reason) = cancel.reason() {
            return Err(EngineError::Interrupted(reason));
        }
        copied.map_err(|err| match err {
            CopyError::Tree(err) => EngineError::Input {
                into: source.into,
                source: err,
            },
            CopyError::Target(err) => failed(Operation::CopySource, image)(err),
        })
    }
}

/// Makes the directory of the source for this account. Returns `None` if this user namespace does not map the account.
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
        changed => changed.map(|()| Some(dir)).map_err(Into::into),
    }
}

/// Finds the parent directories of a path, the outermost first. Returns `None` if they can't be copied as overlayfs would
/// copy them, or if the account may not pass through them.
fn parents(
    below: &Path,
    lowers: &[PathBuf],
    upper: &Path,
    dialect: Dialect,
    account: &Account,
) -> io::Result<Option<Parents>> {
    let is_plain = |top: &Path| -> io::Result<bool> {
        let mode = top.symlink_metadata()?.mode();
        let is_open = mode & 0o001 != 0 || account.uid == 0;
        // New entries would inherit the group.
        let is_setgid = mode & 0o2000 != 0;
        Ok(is_open && !is_setgid && !has_attributes(top)?)
    };
    let mut parents = Parents::new();
    let mut path = PathBuf::new();
    for component in below.parent().unwrap_or(Path::new("")) {
        path.push(component);
        let found = layers::layers_of(lowers, &path, dialect)?;
        match found.as_ref().and_then(|layers| layers.first()) {
            Some(top) if is_plain(top)? => parents.push((top.clone(), upper.join(&path))),
            _ => return Ok(None),
        }
    }
    Ok(Some(parents))
}

fn has_attributes(dir: &Path) -> io::Result<bool> {
    let mut names = vec![0; 4096];
    let length = match llistxattr(dir, &mut names) {
        Ok(length) => length,
        Err(Errno::NOTSUP) => 0,
        // The names of the usual attributes are shorter.
        Err(Errno::RANGE) => return Ok(true),
        Err(err) => return Err(err.into()),
    };
    let is_lost = |name: &[u8]| !NOT_COPIED.iter().any(|known| name.starts_with(known));
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
    use s2i_core::{OpenDir, archive::Keep};

    use super::*;
    use crate::sandbox::set_time;

    const DIALECT: Dialect = Dialect::User;

    /// Long ago, in seconds since 1970.
    const THEN: i64 = 1_000_000_000;

    /// Makes a layer with the users of an image, and a directory that all may write to.
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

    /// Stages a source. Returns the mode of its directory and of the parents, each with whether the time is that of the
    /// layer; `None` if it can't be staged.
    fn stage_in(
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
                keep: Keep::default(),
            },
            into: into.parse().unwrap(),
            user: user.into(),
        };
        let staged = source.prepare_upper_dir(lowers, upper, DIALECT).unwrap();
        let path = upper.join(into.trim_start_matches('/'));
        assert_eq!(path.exists(), staged.is_some());
        staged?;
        let dirs = path.ancestors().take_while(|dir| *dir != upper);
        let metadata = |path: &Path| {
            let metadata = path.metadata().unwrap();
            (metadata.mode() & 0o7777, metadata.mtime() == THEN)
        };
        Some(dirs.map(metadata).collect())
    }

    fn stage_on(lowers: &[PathBuf], into: &str, user: &str) -> Option<Vec<(u32, bool)>> {
        let upper = tempfile::tempdir().unwrap();
        stage_in(upper.path(), lowers, into, user)
    }

    fn stage(into: &str, user: &str, change: impl FnOnce(&Path)) -> Option<Vec<(u32, bool)>> {
        let temp = tempfile::tempdir().unwrap();
        let layer = layer(temp.path());
        change(&layer);
        stage_on(&[layer], into, user)
    }

    #[test]
    fn source_is_staged_where_the_layers_are_plain() {
        let nothing = |_: &Path| {};
        let expected = [(0o755, false), (0o1777, false)];
        assert_eq!(stage("/tmp/src", "app", nothing).unwrap(), expected);
        assert_eq!(stage("/src", "app", nothing).unwrap(), expected[..1]);
        // Only a directory with a new entry has a new time.
        let deep = stage("/opt/app/deep/src", "app", |layer| {
            fs::set_permissions(layer.join("opt/app"), mode(0o711)).unwrap();
        });
        let expected = [(0o755, false), (0o755, false), (0o711, true), (0o755, true)];
        assert_eq!(deep.unwrap(), expected);
        let mark = |layer: &Path| {
            let name = c"user.overlay.origin";
            setxattr(layer.join("tmp"), name, b"y", XattrFlags::empty()).unwrap();
        };
        assert!(stage("/tmp/src", "app", mark).is_some());
        let no_table = |layer: &Path| fs::remove_file(layer.join("etc/passwd")).unwrap();
        let own = fs::metadata("/proc/self").unwrap();
        let own = format!("{}:{}", own.uid(), own.gid());
        assert!(stage("/tmp/src", &own, no_table).is_some());
        assert!(stage("/tmp/src", "app", no_table).is_none());
    }

    #[test]
    fn attributes_of_the_store_prevent_staging() {
        let (temp, upper) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let lowers = [layer(temp.path())];
        assert!(stage_in(upper.path(), &lowers, "/tmp/src", "app").is_some());
        let upper = tempfile::tempdir().unwrap();
        let name = c"user.other";
        setxattr(upper.path(), name, b"y", XattrFlags::empty()).unwrap();
        assert_eq!(stage_in(upper.path(), &lowers, "/tmp/src", "app"), None);
    }

    #[test]
    fn files_under_a_whiteout_do_not_prevent_staging() {
        let (temp, above) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let below = layer(temp.path());
        fs::create_dir(below.join("tmp/src")).unwrap();
        fs::create_dir(above.path().join("tmp")).unwrap();
        let whiteout = above.path().join("tmp/src");
        let device = FileType::CharacterDevice;
        mknodat(rustix::fs::CWD, &whiteout, device, Mode::empty(), 0).unwrap();
        let lowers = [above.path().to_owned(), below];
        assert!(stage_on(&lowers, "/tmp/src", "app").is_some());
        assert!(stage_on(&lowers[1..], "/tmp/src", "app").is_none());
    }

    #[test]
    fn unclear_paths_and_users_are_left_to_the_container() {
        let nothing = |_: &Path| {};
        assert_eq!(stage("/missing/src", "app", nothing), None);
        assert_eq!(stage("/dev/shm/src", "app", nothing), None);
        assert_eq!(stage("/tmp/src", "nobody", nothing), None);
        let link = |from: &'static str, to: &'static str| {
            move |layer: &Path| {
                let from = layer.join(from);
                let _ = fs::remove_file(&from);
                symlink(to, from).unwrap();
            }
        };
        assert_eq!(stage("/tmp/src", "app", link("tmp/src", "/etc")), None);
        assert_eq!(stage("/link/src", "app", link("link", "tmp")), None);
        assert_eq!(stage("/tmp/src", "app", link("etc/passwd", "group")), None);
        let attribute = |layer: &Path| {
            let name = c"user.other";
            setxattr(layer.join("tmp"), name, b"y", XattrFlags::empty()).unwrap();
        };
        assert_eq!(stage("/tmp/src", "app", attribute), None);
        for bits in [0o2775, 0o770] {
            let change = |layer: &Path| fs::set_permissions(layer.join("opt"), mode(bits)).unwrap();
            // Root passes everywhere; the group of the directory does not count.
            let is_fine = bits == 0o770 && fs::metadata("/proc/self").unwrap().uid() == 0;
            let staged = stage("/opt/app/deep/src", "app", change);
            assert_eq!(staged.is_some(), is_fine, "{bits:o}");
            assert_eq!(stage("/opt/app/deep/src", "4711", change), None, "{bits:o}");
        }
    }
}
