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

use tempfile::TempDir;

/// A file of a tree, with everything that must not change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Node {
    pub(crate) path: Vec<u8>,
    pub(crate) kind: Kind,
    pub(crate) mode: u32,
    pub(crate) mtime: i64,
    pub(crate) owner: (u32, u32),
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
        let name = path.strip_prefix(root).unwrap().as_os_str();
        nodes.push(Node {
            path: name.as_bytes().to_vec(),
            kind,
            mode: meta.mode() & 0o7777,
            mtime: meta.mtime(),
            owner: (meta.uid(), meta.gid()),
        });
        if is_dir {
            collect(root, &path, nodes);
        }
    }
}

pub(crate) struct Canary {
    temp: TempDir,
    inside: &'static str,
    before: Vec<Node>,
}

impl Canary {
    /// An empty directory of the relative path `inside`, and around it files and directories with odd modes and old
    /// times. One of them has a name that starts like that of the directory.
    pub(crate) fn new(inside: &'static str) -> Self {
        let temp = TempDir::new().unwrap();
        let outside = temp.path().join("outside");
        let sibling = temp.path().join(format!("{inside}er"));
        fs::create_dir_all(outside.join("private")).unwrap();
        fs::create_dir_all(temp.path().join(inside)).unwrap();
        fs::create_dir(&sibling).unwrap();
        fs::write(outside.join("secret"), "keep").unwrap();
        fs::write(outside.join("private/inner"), "keep").unwrap();
        symlink("secret", outside.join("pointer")).unwrap();
        for (path, mode) in [
            (outside.join("secret"), 0o600),
            (outside.join("private/inner"), 0o640),
            (outside.join("private"), 0o700),
            (outside, 0o711),
            (sibling, 0o710),
        ] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let old = SystemTime::UNIX_EPOCH + Duration::from_secs(77);
            fs::File::open(&path).unwrap().set_modified(old).unwrap();
        }
        let before = around(temp.path(), inside);
        Self {
            temp,
            inside,
            before,
        }
    }

    /// The directory to unpack into.
    pub(crate) fn inside(&self) -> PathBuf {
        self.temp.path().join(self.inside)
    }

    /// The absolute path of the tree that must not change.
    pub(crate) fn outside(&self) -> String {
        self.temp.path().join("outside").to_str().unwrap().into()
    }

    #[track_caller]
    pub(crate) fn assert_untouched(&self) {
        let now = around(self.temp.path(), self.inside);
        assert_eq!(now, self.before, "something outside changed");
    }
}

/// Everything but the directory and what is in it.
fn around(root: &Path, inside: &str) -> Vec<Node> {
    let is_inside = |node: &Node| {
        let rest = node.path.strip_prefix(inside.as_bytes());
        rest.is_some_and(|rest| matches!(rest, [] | [b'/', ..]))
    };
    let mut nodes = tree(root);
    nodes.retain(|node| !is_inside(node));
    nodes
}
