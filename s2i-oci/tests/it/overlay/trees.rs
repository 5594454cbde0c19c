//! What is in a tree, in all detail that a layer has.

use std::{
    collections::BTreeMap,
    ffi::{CStr, OsStr},
    fs,
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::{FileTypeExt, MetadataExt},
    },
    path::Path,
};

use rustix::fs::{lgetxattr, llistxattr, major, minor};

/// The file at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) mode: u32,
    pub(crate) owner: (u32, u32),
    pub(crate) mtime: (i64, i64),
    pub(crate) xattrs: BTreeMap<String, Vec<u8>>,
    /// The first path of the same file.
    pub(crate) first: Option<Vec<u8>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File(Vec<u8>),
    Directory,
    Link(Vec<u8>),
    Fifo,
    Socket,
    Character(u32, u32),
    Block(u32, u32),
}

pub(crate) type Tree = BTreeMap<Vec<u8>, Node>;

/// The tree with its root, which has an empty path.
pub(crate) fn read(root: &Path) -> Tree {
    let mut tree = Tree::new();
    collect(root, root, &mut tree, &mut BTreeMap::new());
    tree
}

fn collect(root: &Path, path: &Path, tree: &mut Tree, inodes: &mut BTreeMap<(u64, u64), Vec<u8>>) {
    let meta = path.symlink_metadata().unwrap();
    let name = path.strip_prefix(root).unwrap().as_os_str().as_bytes();
    let device = (major(meta.rdev()), minor(meta.rdev()));
    let kind = match meta.file_type() {
        kind if kind.is_dir() => Kind::Directory,
        kind if kind.is_symlink() => {
            Kind::Link(fs::read_link(path).unwrap().into_os_string().into_vec())
        }
        kind if kind.is_file() => Kind::File(fs::read(path).unwrap()),
        kind if kind.is_fifo() => Kind::Fifo,
        kind if kind.is_socket() => Kind::Socket,
        kind if kind.is_block_device() => Kind::Block(device.0, device.1),
        _ => Kind::Character(device.0, device.1),
    };
    let is_dir = kind == Kind::Directory;
    let mut first = None;
    if !is_dir && meta.nlink() > 1 {
        let known = inodes.entry((meta.dev(), meta.ino()));
        first = Some(known.or_insert_with(|| name.to_vec()).clone());
    }
    let node = Node {
        kind,
        mode: meta.mode() & 0o7777,
        owner: (meta.uid(), meta.gid()),
        mtime: (meta.mtime(), meta.mtime_nsec()),
        xattrs: xattrs(path),
        first,
    };
    tree.insert(name.to_vec(), node);
    if is_dir {
        let mut names: Vec<_> = fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        for name in names {
            collect(root, &path.join(name), tree, inodes);
        }
    }
}

fn xattrs(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut names = vec![0; 65536];
    let length = llistxattr(path, names.as_mut_slice()).unwrap();
    names[..length]
        .split_inclusive(|byte| *byte == 0)
        .map(|name| {
            let name = CStr::from_bytes_with_nul(name).unwrap();
            let mut value = vec![0; 65536];
            let length = lgetxattr(path, name, value.as_mut_slice()).unwrap();
            value.truncate(length);
            (name.to_str().unwrap().into(), value)
        })
        .collect()
}

/// The tree on one line, without owners, modes and times.
pub(crate) fn show(tree: &Tree) -> String {
    let shown = tree.iter().map(|(path, node)| {
        let path = OsStr::from_bytes(path).to_string_lossy();
        let opaque = if node
            .xattrs
            .keys()
            .any(|name| name.ends_with("overlay.opaque"))
        {
            "!"
        } else {
            ""
        };
        match &node.kind {
            Kind::File(content) => format!("{path}={}", String::from_utf8_lossy(content)),
            Kind::Directory => format!("{path}/{opaque}"),
            Kind::Link(target) => format!("{path}->{}", String::from_utf8_lossy(target)),
            Kind::Fifo => format!("{path}|"),
            Kind::Socket => format!("{path}="),
            Kind::Character(0, 0) => format!("{path} removed"),
            Kind::Character(major, minor) => format!("{path} c{major}/{minor}"),
            Kind::Block(major, minor) => format!("{path} b{major}/{minor}"),
        }
    });
    let parts: Vec<_> = shown.filter(|part| part != "/").collect();
    parts.join(", ")
}
