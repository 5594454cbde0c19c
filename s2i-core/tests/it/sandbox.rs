//! A directory to unpack into, beside a tree that must stay as it is.

use std::{
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, PermissionsExt, symlink},
    },
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use cap_std::{ambient_authority, fs::Dir};
use s2i_core::{
    ErrorChain,
    archive::{Limits, UnpackError, Unpacked, unpack},
};
use tempfile::TempDir;

/// What is at a path: everything that must not change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Node {
    pub(crate) path: Vec<u8>,
    pub(crate) kind: Kind,
    pub(crate) mode: u32,
    pub(crate) mtime: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    File(Vec<u8>),
    Directory,
    Link(Vec<u8>),
    Other,
}

/// The tree below a directory, sorted by path.
pub(crate) fn tree(root: &Path) -> Vec<Node> {
    let mut nodes = Vec::new();
    collect(root, root, &mut nodes);
    nodes.sort();
    nodes
}

fn collect(root: &Path, dir: &Path, nodes: &mut Vec<Node>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let meta = path.symlink_metadata().unwrap();
        let kind = match meta.file_type() {
            kind if kind.is_dir() => Kind::Directory,
            kind if kind.is_symlink() => {
                Kind::Link(fs::read_link(&path).unwrap().as_os_str().as_bytes().into())
            }
            kind if kind.is_file() => Kind::File(fs::read(&path).unwrap()),
            _ => Kind::Other,
        };
        let is_dir = kind == Kind::Directory;
        let name = path
            .strip_prefix(root)
            .unwrap()
            .as_os_str()
            .as_bytes()
            .to_vec();
        nodes.push(Node {
            path: name,
            kind,
            mode: meta.mode() & 0o7777,
            mtime: meta.mtime(),
        });
        if is_dir {
            collect(root, &path, nodes);
        }
    }
}

pub(crate) struct Sandbox {
    temp: TempDir,
    before: Vec<Node>,
}

impl Sandbox {
    /// An empty `jail`, and around it files and directories with odd modes and old times.
    pub(crate) fn new() -> Self {
        let temp = TempDir::new().unwrap();
        let outside = temp.path().join("outside");
        fs::create_dir_all(outside.join("private")).unwrap();
        fs::create_dir(temp.path().join("jail")).unwrap();
        fs::create_dir(temp.path().join("jailer")).unwrap();
        fs::write(outside.join("secret"), "keep").unwrap();
        fs::write(outside.join("private/inner"), "keep").unwrap();
        symlink("secret", outside.join("pointer")).unwrap();
        for (path, mode) in [
            ("secret", 0o600),
            ("private/inner", 0o640),
            ("private", 0o700),
            ("", 0o711),
            ("../jailer", 0o710),
        ] {
            let path = outside.join(path);
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let old = SystemTime::UNIX_EPOCH + Duration::from_secs(77);
            fs::File::open(&path).unwrap().set_modified(old).unwrap();
        }
        let before = canary(temp.path());
        Self { temp, before }
    }

    pub(crate) fn jail(&self) -> PathBuf {
        self.temp.path().join("jail")
    }

    /// The absolute path of the tree that must not change.
    pub(crate) fn outside(&self) -> String {
        self.temp.path().join("outside").to_str().unwrap().into()
    }

    pub(crate) fn unpack(&self, archive: &[u8], limits: &Limits) -> Result<Unpacked, UnpackError> {
        let jail = Dir::open_ambient_dir(self.jail(), ambient_authority()).unwrap();
        unpack(&mut &*archive, &jail, limits)
    }

    #[track_caller]
    pub(crate) fn assert_untouched(&self) {
        assert_eq!(
            canary(self.temp.path()),
            self.before,
            "something outside changed"
        );
    }
}

/// Everything beside the jail.
fn canary(root: &Path) -> Vec<Node> {
    let mut nodes = tree(&root.join("outside"));
    nodes.extend(tree(&root.join("jailer")));
    for name in ["outside", "jailer"] {
        let meta = root.join(name).symlink_metadata().unwrap();
        let (path, mode, mtime) = (name.into(), meta.mode() & 0o7777, meta.mtime());
        nodes.push(Node {
            path,
            kind: Kind::Directory,
            mode,
            mtime,
        });
    }
    let mut names: Vec<_> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["jail", "jailer", "outside"]);
    nodes
}

/// The outcome on one line: the error with its causes, or what is in the jail.
pub(crate) fn outcome(sandbox: &Sandbox, result: &Result<Unpacked, UnpackError>) -> String {
    match result {
        Ok(_) => tree(&sandbox.jail())
            .iter()
            .map(show)
            .collect::<Vec<_>>()
            .join(", "),
        Err(err) if err.is_refusal() => ErrorChain(err).to_string(),
        Err(err) => format!("trouble: {}", ErrorChain(err)),
    }
}

fn show(node: &Node) -> String {
    let path = String::from_utf8_lossy(&node.path);
    match &node.kind {
        Kind::File(content) => format!("{path}={}", String::from_utf8_lossy(content)),
        Kind::Directory => format!("{path}/"),
        Kind::Link(target) => format!("{path}->{}", String::from_utf8_lossy(target)),
        Kind::Other => format!("{path}?"),
    }
}
