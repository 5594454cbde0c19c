//! A directory to unpack into, beside a tree that must stay as it is.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
    time::{Duration, SystemTime},
};

use s2i_oci::{
    Digest,
    overlay::{Dialect, Limits, Size, UnpackError, pack, unpack},
};
use tempfile::TempDir;

use super::trees::{Tree, read, show};

/// Whether a test must be skipped because only root can make what it needs; says so.
pub(crate) fn is_skipped() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        eprintln!("SKIPPED: only root can make the files of a layer");
    }
    !is_root
}

/// An error with its causes.
pub(crate) fn chain(err: &dyn std::error::Error) -> String {
    let mut text = err.to_string();
    let mut cause = err.source();
    while let Some(err) = cause {
        text = format!("{text}: {err}");
        cause = err.source();
    }
    text
}

pub(crate) struct Sandbox {
    temp: TempDir,
    before: Tree,
    pub(crate) dialect: Dialect,
}

impl Sandbox {
    /// An empty `tree`, and around it files and directories with odd modes and old times.
    pub(crate) fn new() -> Self {
        let temp = TempDir::new().unwrap();
        let outside = temp.path().join("outside");
        fs::create_dir_all(outside.join("private")).unwrap();
        fs::create_dir_all(outside.join("treetop")).unwrap();
        fs::write(outside.join("secret"), "keep").unwrap();
        fs::write(outside.join("private/inner"), "keep").unwrap();
        symlink("secret", outside.join("pointer")).unwrap();
        for (path, mode) in [
            ("secret", 0o600),
            ("private/inner", 0o640),
            ("private", 0o700),
            ("", 0o711),
        ] {
            let path = outside.join(path);
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let old = SystemTime::UNIX_EPOCH + Duration::from_secs(77);
            fs::File::open(&path).unwrap().set_modified(old).unwrap();
        }
        fs::create_dir_all(temp.path().join("jail/tree")).unwrap();
        let before = read(&outside);
        Self {
            temp,
            before,
            dialect: Dialect::of_this_process(),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.temp.path().join("jail/tree")
    }

    /// The absolute path of the tree that must not change.
    pub(crate) fn outside(&self) -> String {
        self.temp.path().join("outside").to_str().unwrap().into()
    }

    pub(crate) fn unpack(
        &self,
        layer: &[u8],
        limits: &Limits,
    ) -> Result<(Digest, Size), UnpackError> {
        unpack(&mut &*layer, &self.path(), self.dialect, limits)
    }

    /// Unpacks something legal and tells what came of it.
    #[track_caller]
    pub(crate) fn tree(&self, layer: &[u8]) -> Tree {
        let unpacked = self.unpack(layer, &Limits::default());
        let (digest, size) = unpacked.unwrap_or_else(|err| panic!("{}", chain(&err)));
        assert_eq!(digest, Digest::of(layer));
        assert_eq!(size.bytes, layer.len() as u64);
        self.assert_untouched();
        read(&self.path())
    }

    /// The layer that comes of the tree.
    #[track_caller]
    pub(crate) fn pack(&self) -> Vec<u8> {
        let mut layer = Vec::new();
        let packed = pack(&self.path(), self.dialect, None, &mut layer);
        let (digest, size) = packed.unwrap_or_else(|err| panic!("{}", chain(&err)));
        assert_eq!(digest, Digest::of(&layer));
        assert_eq!(size.bytes, layer.len() as u64);
        layer
    }

    /// Why no layer comes of the tree.
    #[track_caller]
    pub(crate) fn pack_error(&self) -> String {
        let packed = pack(&self.path(), self.dialect, None, &mut Vec::new());
        chain(&packed.unwrap_err())
    }

    /// The outcome on one line: the error with its causes, or what is in the tree.
    pub(crate) fn outcome(&self, layer: &[u8], limits: &Limits) -> String {
        match self.unpack(layer, limits) {
            Ok(_) => show(&read(&self.path())),
            Err(err) if err.is_refusal() => chain(&err),
            Err(err) => format!("trouble: {}", chain(&err)),
        }
    }

    #[track_caller]
    pub(crate) fn assert_untouched(&self) {
        assert_eq!(
            read(&self.temp.path().join("outside")),
            self.before,
            "something outside changed"
        );
        for (dir, expected) in [("", 2), ("jail", 1)] {
            let names = fs::read_dir(self.temp.path().join(dir)).unwrap();
            assert_eq!(names.count(), expected, "something is beside the tree");
        }
    }
}
