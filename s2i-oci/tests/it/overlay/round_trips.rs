//! Random trees become layers and the same trees again.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, lchown, symlink},
    },
    path::{Path, PathBuf},
};

use proptest::{collection::vec, option, prelude::*, sample::Index};
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, Timespec, Timestamps, XattrFlags, makedev, mknodat, setxattr,
    utimensat,
};
use s2i_oci::overlay::Dialect;

use super::{
    sandbox::{Sandbox, is_skipped},
    trees::{Tree, read},
};

/// Something to make in one of the directories that are there by then.
#[derive(Clone, Debug)]
struct Spec {
    parent: Index,
    name: Vec<u8>,
    kind: Kind,
    mode: u32,
    owner: (u32, u32),
    mtime: i64,
    xattr: Option<(String, Vec<u8>)>,
}

#[derive(Clone, Debug)]
enum Kind {
    File(Vec<u8>),
    Zeros(u16),
    Directory { is_opaque: bool },
    Link(String),
    HardLink(Index),
    Whiteout,
    Fifo,
    Device(u32, u32),
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let usual = "[a-c.-]{1,3}".prop_map(String::into_bytes);
    let long = "[a-c]{1}n{90,240}".prop_map(String::into_bytes);
    let text = "\\PC{1,8}|[\n\t \\\\*]{1,4}".prop_map(String::into_bytes);
    let bytes = vec(1..=u8::MAX, 1..6);
    let name = prop_oneof![6 => usual, 1 => long, 1 => text, 1 => bytes];
    name.prop_filter("no name of a file in a layer", |name| {
        !name.contains(&b'/') && !name.starts_with(b".wh.") && !matches!(&name[..], b"." | b"..")
    })
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        4 => vec(any::<u8>(), 0..2000).prop_map(Kind::File),
        1 => any::<u16>().prop_map(Kind::Zeros),
        5 => any::<bool>().prop_map(|is_opaque| Kind::Directory { is_opaque }),
        2 => "\\PC{1,20}|(\\.\\./){0,60}[a-c]{1,3}".prop_map(Kind::Link),
        2 => any::<Index>().prop_map(Kind::HardLink),
        2 => Just(Kind::Whiteout),
        1 => Just(Kind::Fifo),
        1 => (0..4096_u32, 1..0x10_0000_u32).prop_map(|(major, minor)| Kind::Device(major, minor)),
    ]
}

fn spec() -> impl Strategy<Value = Spec> {
    let id = || prop_oneof![3 => 0..3_u32, 1 => 0..=u32::MAX - 1];
    let mtime = prop_oneof![4 => 0..2_000_000_000_i64, 1 => -2_000_000_000..15_000_000_000_i64];
    let xattr = (
        "user\\.[a-z]{1,9}(\\.[a-z.]{1,100})?",
        vec(any::<u8>(), 0..50),
    );
    let parts = (
        any::<Index>(),
        name(),
        kind(),
        0..=0o7777_u32,
        (id(), id()),
        mtime,
        option::weighted(0.2, xattr),
    );
    parts.prop_map(|(parent, name, kind, mode, owner, mtime, xattr)| Spec {
        parent,
        name,
        kind,
        mode,
        owner,
        mtime,
        xattr,
    })
}

/// Makes what can be made: names may be taken. Directories get their time in the end.
fn make(root: &Path, specs: &[Spec], dialect: Dialect) {
    let mut dirs = vec![(root.to_path_buf(), 0)];
    let mut files: Vec<PathBuf> = Vec::new();
    for spec in specs {
        let path = spec.parent.get(&dirs).0.join(OsStr::from_bytes(&spec.name));
        if path.symlink_metadata().is_ok() || path.as_os_str().len() > 3000 {
            continue;
        }
        match &spec.kind {
            Kind::File(content) => fs::write(&path, content).unwrap(),
            Kind::Zeros(size) => {
                let file = fs::File::create(&path).unwrap();
                file.set_len(u64::from(*size) * 16).unwrap();
            }
            Kind::Directory { is_opaque } => {
                fs::create_dir(&path).unwrap();
                if *is_opaque {
                    setxattr(&path, dialect.opaque(), b"y", XattrFlags::empty()).unwrap();
                }
            }
            Kind::Link(target) => symlink(target, &path).unwrap(),
            Kind::HardLink(target) => {
                if !files.is_empty() {
                    fs::hard_link(target.get(&files), &path).unwrap();
                }
                continue;
            }
            Kind::Whiteout => {
                mknodat(CWD, &path, FileType::CharacterDevice, Mode::empty(), 0).unwrap();
                continue;
            }
            Kind::Fifo => mknodat(CWD, &path, FileType::Fifo, Mode::RUSR, 0).unwrap(),
            Kind::Device(major, minor) => {
                let device = makedev(*major, *minor);
                mknodat(CWD, &path, FileType::BlockDevice, Mode::RUSR, device).unwrap();
            }
        }
        describe(&path, spec);
        match spec.kind {
            Kind::Directory { .. } => dirs.push((path, spec.mtime)),
            _ => files.push(path),
        }
    }
    for (path, mtime) in dirs.iter().rev() {
        touch(path, *mtime);
    }
}

fn describe(path: &Path, spec: &Spec) {
    lchown(path, Some(spec.owner.0), Some(spec.owner.1)).unwrap();
    if !matches!(spec.kind, Kind::Link(_)) {
        fs::set_permissions(path, fs::Permissions::from_mode(spec.mode)).unwrap();
    }
    let has_xattrs = matches!(
        spec.kind,
        Kind::File(_) | Kind::Zeros(_) | Kind::Directory { .. }
    );
    if let Some((name, value)) = spec.xattr.as_ref().filter(|_| has_xattrs) {
        setxattr(path, name.as_str(), value, XattrFlags::empty()).unwrap();
    }
    touch(path, spec.mtime);
}

fn touch(path: &Path, mtime: i64) {
    let time = Timespec {
        tv_sec: mtime,
        tv_nsec: 0,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

/// The tree without the properties that a layer lacks: those of the root, and owner and time of whiteouts.
fn comparable(root: &Path) -> Tree {
    let mut tree = read(root);
    tree.remove(&b""[..]);
    for node in tree.values_mut() {
        if node.kind == super::trees::Kind::Character(0, 0) {
            (node.owner, node.mtime) = ((0, 0), (0, 0));
        }
    }
    tree
}

/// The entries of a layer with the headers that describe them.
fn entries(layer: &[u8]) -> Vec<Vec<u8>> {
    let mut entries = Vec::new();
    let (mut start, mut at) = (0, 0);
    while layer[at] != 0 {
        let size = str::from_utf8(&layer[at + 124..at + 135]).unwrap();
        let size = usize::from_str_radix(size, 8).unwrap();
        let is_description = layer[at + 156] == b'x';
        at += 512 + size.next_multiple_of(512);
        if !is_description {
            entries.push(layer[start..at].to_vec());
            start = at;
        }
    }
    entries
}

fn is_hard_link(entry: &[u8]) -> bool {
    let header = if entry[156] == b'x' {
        let size = str::from_utf8(&entry[124..135]).unwrap();
        512 + usize::from_str_radix(size, 8)
            .unwrap()
            .next_multiple_of(512)
    } else {
        0
    };
    entry[header + 156] == b'1'
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn tree_survives_the_round_trip(
        specs in vec(spec(), 0..60),
        is_root_opaque: bool,
        order in vec(any::<u32>(), 64),
    ) {
        if is_skipped() {
            return Ok(());
        }
        let original = Sandbox::new();
        make(&original.path(), &specs, original.dialect);
        if is_root_opaque {
            let name = original.dialect.opaque();
            setxattr(original.path(), name, b"y", XattrFlags::empty()).unwrap();
        }
        let layer = original.pack();
        let expected = comparable(&original.path());

        let copy = Sandbox::new();
        copy.tree(&layer);
        prop_assert_eq!(&comparable(&copy.path()), &expected);
        prop_assert!(copy.pack() == layer);

        // In another order, but for what hard links need.
        let mut entries = entries(&layer);
        let mut numbers = order.iter().cycle();
        entries.sort_by_cached_key(|entry| (is_hard_link(entry), *numbers.next().unwrap()));
        let shuffled = Sandbox::new();
        shuffled.tree(&[entries.concat(), vec![0; 1024]].concat());
        prop_assert_eq!(&comparable(&shuffled.path()), &expected);
        prop_assert!(shuffled.pack() == layer);
    }

    #[test]
    fn damaged_layers_unpack_or_are_refused(
        specs in vec(spec(), 1..8),
        changes in vec((any::<Index>(), any::<u8>()), 1..6),
        seal: bool,
    ) {
        if is_skipped() {
            return Ok(());
        }
        let original = Sandbox::new();
        make(&original.path(), &specs, original.dialect);
        let mut layer = original.pack();
        for (at, byte) in changes {
            // Headers are where it matters.
            let at = at.index(layer.len());
            layer[at] = byte;
            let block = at / 512 * 512;
            if seal {
                let block = &mut layer[block..block + 512];
                block[148..156].copy_from_slice(b"        ");
                let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
                block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            }
        }
        let sandbox = Sandbox::new();
        let outcome = sandbox.unpack(&layer, &s2i_oci::overlay::Limits::default());
        sandbox.assert_untouched();
        if let Err(err) = outcome {
            prop_assert!(err.is_refusal(), "{}", super::sandbox::chain(&err));
        }
    }
}
