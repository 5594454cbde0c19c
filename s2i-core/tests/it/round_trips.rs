//! Random trees and random damage.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs::{self, Permissions},
    io::Write,
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, symlink},
    },
    path::Path,
    process::{Command, Stdio},
    sync::LazyLock,
};

use proptest::{collection::vec, prelude::*, sample::Index};
use s2i_core::{
    OpenDir,
    archive::{Keep, Limits, TreeOptions, write_tree},
    ignore::Filter,
};
use tempfile::TempDir;

use crate::{
    raw::{dir, file, hard_link, link, long, pax, seal, tar},
    sandbox::{Kind, Node, Sandbox, tree},
};

const MTIME: u64 = 1_600_000_000;

#[derive(Clone, Debug)]
enum Content {
    File(Vec<u8>, u32),
    Directory,
    Link(Vec<u8>),
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop_oneof![
        Just(b' '),
        Just(b'\n'),
        Just(b'*'),
        Just(b'"'),
        Just(b':'),
        Just(0xff),
        b'a'..=b'c'
    ];
    prop_oneof![
        4 => "[ab]{1,2}".prop_map(String::into_bytes),
        1 => vec(bytes, 1..6),
        1 => "[äß€a-z.]{1,8}".prop_map(String::into_bytes),
        1 => (80_usize..=255).prop_map(|length| vec![b'n'; length]),
    ]
    .prop_filter("special", |name| name != b"." && name != b"..")
}

fn content() -> impl Strategy<Value = Content> {
    let bytes = prop_oneof![
        vec(any::<u8>(), 0..20),
        (500_usize..1100).prop_map(|length| vec![b'x'; length])
    ];
    let mode = prop_oneof![
        Just(0o644),
        Just(0o600),
        Just(0o666),
        Just(0o755),
        Just(0o710)
    ];
    prop_oneof![
        3 => (bytes, mode).prop_map(|(bytes, mode)| Content::File(bytes, mode)),
        1 => Just(Content::Directory),
        1 => vec(name(), 1..4).prop_map(|parts| Content::Link([b"../".to_vec(), parts.join(&b'/')].concat())),
        1 => Just(Content::Link(b"/etc/passwd".into())),
    ]
}

fn source() -> impl Strategy<Value = Vec<(Vec<Vec<u8>>, Content)>> {
    vec((vec(name(), 1..5), content()), 0..12)
}

/// Makes what can be made of it: names may collide.
fn build(root: &Path, source: &[(Vec<Vec<u8>>, Content)]) {
    for (parts, content) in source {
        let path = root.join(OsStr::from_bytes(&parts.join(&b'/')));
        let parent = path.parent().unwrap();
        let is_real = fs::create_dir_all(parent).is_ok()
            && parent.canonicalize().is_ok_and(|real| {
                real == root
                    .canonicalize()
                    .unwrap()
                    .join(parent.strip_prefix(root).unwrap())
            });
        if !is_real || path.symlink_metadata().is_ok() {
            continue;
        }
        match content {
            Content::Directory => fs::create_dir(&path).unwrap(),
            Content::Link(target) => symlink(OsStr::from_bytes(target), &path).unwrap(),
            Content::File(bytes, mode) => {
                fs::write(&path, bytes).unwrap();
                fs::set_permissions(&path, Permissions::from_mode(*mode)).unwrap();
            }
        }
    }
}

fn pack(root: &Path) -> Vec<u8> {
    let mut out = Vec::new();
    let options = TreeOptions {
        filter: &Filter::default(),
        mtime: MTIME,
        keep: Keep::default(),
        prefix: "",
    };
    let written = write_tree(&OpenDir::open(root).unwrap(), &options, &mut out).unwrap();
    assert_eq!(written.entries, tree(root).len() as u64);
    out
}

/// The part of a tree that an archive keeps.
fn normalised(mut nodes: Vec<Node>) -> Vec<Node> {
    for node in &mut nodes {
        node.mtime = MTIME.cast_signed();
        node.mode = match node.kind {
            Kind::File(_) if node.mode & 0o111 == 0 => 0o644,
            Kind::Link(_) => 0o777,
            _ => 0o755,
        };
    }
    nodes
}

/// Links have no time of their own here.
fn without_link_times(mut nodes: Vec<Node>) -> Vec<Node> {
    for node in nodes
        .iter_mut()
        .filter(|node| matches!(node.kind, Kind::Link(_)))
    {
        node.mtime = MTIME.cast_signed();
    }
    nodes
}

/// An archive with one of everything that is allowed.
fn seed() -> Vec<u8> {
    let mut out = Vec::new();
    let temp = TempDir::new().unwrap();
    fs::write(temp.path().join("n".repeat(200)), "long").unwrap();
    symlink("../outside/secret", temp.path().join("out")).unwrap();
    out.extend(&pack(temp.path())[..]);
    out.truncate(out.len() - 1024);
    let others = tar(&[
        dir("./"),
        dir("d/"),
        file("d/a", "content"),
        link("d/l", "../../outside"),
        hard_link("h", "d/a"),
        pax(&[("path", "päx"), ("size", "4")]),
        file("x", "four"),
        long(b'K', "../outside/".repeat(12)),
        link("long", ""),
        file("d/a", "again"),
    ]);
    out.extend(others);
    out
}

#[derive(Clone, Debug)]
enum Damage {
    Byte(Index, u8),
    HeaderByte(Index, usize, u8),
    Copy(Index, Index, Index),
    SwapBlocks(Index, Index),
    Cut(Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let byte = prop_oneof![
        any::<u8>(),
        Just(0),
        Just(b'/'),
        Just(b'.'),
        Just(b'0'),
        Just(b'2'),
        Just(b'5')
    ];
    prop_oneof![
        1 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Byte(at, byte)),
        6 => (any::<Index>(), 0_usize..512, byte).prop_map(|(block, at, byte)| Damage::HeaderByte(block, at, byte)),
        3 => any::<(Index, Index, Index)>().prop_map(|(from, to, field)| Damage::Copy(from, to, field)),
        2 => any::<(Index, Index)>().prop_map(|(a, b)| Damage::SwapBlocks(a, b)),
        1 => any::<Index>().prop_map(Damage::Cut),
    ]
}

fn apply(archive: &mut Vec<u8>, damage: &Damage) {
    const FIELDS: [(usize, usize); 7] = [
        (0, 100),
        (100, 8),
        (124, 12),
        (156, 1),
        (157, 100),
        (257, 8),
        (345, 155),
    ];
    let blocks = archive.len() / 512;
    if blocks == 0 {
        return;
    }
    match damage {
        Damage::Byte(at, byte) => {
            let at = at.index(archive.len());
            archive[at] = *byte;
        }
        Damage::HeaderByte(block, at, byte) => {
            let block = block.index(blocks) * 512;
            archive[block + at] = *byte;
            seal_header(&mut archive[block..block + 512]);
        }
        Damage::Copy(from, to, field) => {
            let (at, length) = FIELDS[field.index(FIELDS.len())];
            let (from, to) = (from.index(blocks) * 512 + at, to.index(blocks) * 512);
            archive.copy_within(from..from + length, to + at);
            seal_header(&mut archive[to..to + 512]);
        }
        Damage::SwapBlocks(a, b) => {
            let (a, b) = (a.index(blocks) * 512, b.index(blocks) * 512);
            let copy = archive[a..a + 512].to_vec();
            archive.copy_within(b..b + 512, a);
            archive[b..b + 512].copy_from_slice(&copy);
        }
        Damage::Cut(at) => archive.truncate(at.index(archive.len())),
    }
}

/// Repairs the checksum where there is a header, so that the damage gets past it.
fn seal_header(block: &mut [u8]) {
    if block[257..262] == *b"ustar" {
        seal(block);
    }
}

static HAS_TAR: LazyLock<bool> = LazyLock::new(|| {
    let version = Command::new("tar").arg("--version").output();
    version.is_ok_and(|version| version.stdout.starts_with(b"tar (GNU tar)"))
});

/// The names that GNU tar lists.
fn listed(archive: &[u8]) -> Vec<Vec<u8>> {
    let mut child = Command::new("tar")
        .args(["--quoting-style=escape", "-tf", "-"])
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // It stops reading at the end of the archive, so the rest may have no reader.
    let _ = child.stdin.take().unwrap().write_all(archive);
    let output = child.wait_with_output().unwrap().stdout;
    output
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(unescaped)
        .collect()
}

fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut bytes = text.iter().copied();
    let mut plain = Vec::new();
    while let Some(byte) = bytes.next() {
        plain.push(match (byte, byte == b'\\') {
            (_, false) => byte,
            _ => match bytes.next().unwrap() {
                digit @ b'0'..=b'7' => {
                    let (middle, low) =
                        (bytes.next().unwrap() - b'0', bytes.next().unwrap() - b'0');
                    (digit - b'0') << 6 | middle << 3 | low
                }
                other => {
                    let index = b"abfnrtv".iter().position(|known| *known == other);
                    index.map_or(other, |index| b"\x07\x08\x0c\n\r\t\x0b"[index])
                }
            },
        });
    }
    plain
}

/// The names and every directory above them.
fn with_parents(names: &[Vec<u8>]) -> BTreeSet<Vec<u8>> {
    let mut all = BTreeSet::new();
    for name in names {
        let parts = name
            .split(|byte| *byte == b'/')
            .filter(|part| !part.is_empty() && part != b".");
        let parts: Vec<_> = parts.collect();
        all.extend((1..=parts.len()).map(|end| parts[..end].join(&b'/')));
    }
    all
}

/// Unpacks anything: nothing outside changes, and what is accepted is what GNU tar sees.
fn check_harmless(archive: &[u8]) {
    let sandbox = Sandbox::new();
    let result = sandbox.unpack(
        archive,
        &Limits {
            bytes: 1 << 20,
            ..Limits::default()
        },
    );
    sandbox.assert_untouched();
    if let (Ok(unpacked), true) = (result, *HAS_TAR) {
        let listed = listed(archive);
        assert_eq!(listed.len() as u64, unpacked.entries);
        let unpacked = tree(&sandbox.jail())
            .into_iter()
            .map(|node| node.path)
            .collect();
        assert_eq!(with_parents(&listed), unpacked);
    }
}

#[test]
fn the_seed_is_accepted() {
    let sandbox = Sandbox::new();
    assert_eq!(
        sandbox.unpack(&seed(), &Limits::default()).unwrap().entries,
        10
    );
    check_harmless(&seed());
}

proptest! {
    #[test]
    fn a_tree_survives_and_gives_the_same_bytes_twice(source in source()) {
        let temp = TempDir::new().unwrap();
        build(temp.path(), &source);
        let archive = pack(temp.path());
        let sandbox = Sandbox::new();
        sandbox.unpack(&archive, &Limits::default()).unwrap();
        let unpacked = without_link_times(tree(&sandbox.jail()));
        prop_assert_eq!(unpacked, normalised(tree(temp.path())));
        prop_assert_eq!(&pack(temp.path()), &archive);
        prop_assert_eq!(&pack(&sandbox.jail()), &archive);
        check_harmless(&archive);
    }

    #[test]
    fn no_bytes_do_harm(bytes in vec(any::<u8>(), 0..2000)) {
        check_harmless(&bytes);
    }

    #[test]
    fn no_damage_does_harm(damages in vec(damage(), 1..4)) {
        let mut archive = seed();
        for damage in &damages {
            apply(&mut archive, damage);
        }
        check_harmless(&archive);
    }
}
