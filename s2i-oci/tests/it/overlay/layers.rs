//! Layers as they may be: what comes of them.

use std::{io::Write, os::unix::fs::MetadataExt};

use flate2::{Compression, write::GzEncoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use s2i_oci::{
    Digest,
    overlay::{Dialect, Limits, is_opaque},
};

use super::{
    raw::{Block, device, dir, file, hard_link, link, long, padded, pax, record, tar, typed},
    sandbox::{Sandbox, is_skipped},
    trees::{Kind, show},
};

/// Unpacks and compares what is in the tree.
#[track_caller]
fn check(parts: &[Vec<u8>], expected: &str) {
    assert_eq!(show(&Sandbox::new().tree(&tar(parts))), expected);
}

/// Like [`check`], in every order of the parts.
#[track_caller]
fn check_orders(parts: &[Vec<u8>], expected: &str) {
    for order in orders(parts.len()) {
        let parts: Vec<_> = order.iter().map(|index| parts[*index].clone()).collect();
        check(&parts, expected);
    }
}

fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![vec![]];
    }
    let shorter = orders(count - 1);
    let insert = |order: &Vec<usize>, at: usize| {
        let mut order = order.clone();
        order.insert(at, count - 1);
        order
    };
    (0..count)
        .flat_map(|at| shorter.iter().map(move |order| insert(order, at)))
        .collect()
}

#[test]
fn directories_get_their_attributes_in_any_order() {
    if is_skipped() {
        return;
    }
    let with =
        |name: &[u8], mode, uid, gid| Block::new(b'5', name, 0).mode(mode).owner(uid, gid).done();
    let parts = [
        with(b"a/", 0o1777, 5, 6),
        with(b"a/b/", 0, 7, 8),
        file("a/b/c/f", "x"),
        file("a/g", "x"),
        with(b"./", 0o711, 9, 10),
    ];
    for order in orders(parts.len()) {
        let parts: Vec<_> = order.iter().map(|index| parts[*index].clone()).collect();
        let tree = Sandbox::new().tree(&tar(&parts));
        for (path, mode, owner, mtime) in [
            ("", 0o711, (9, 10), 1000),
            ("a", 0o1777, (5, 6), 1000),
            ("a/b", 0, (7, 8), 1000),
            ("a/b/c", 0o755, (0, 0), 0),
            ("a/b/c/f", 0o644, (0, 0), 1000),
        ] {
            let node = &tree[path.as_bytes()];
            let found = (node.mode, node.owner, node.mtime);
            assert_eq!(found, (mode, owner, (mtime, 0)), "{path} in {order:?}");
        }
    }
    let tree = Sandbox::new().tree(&tar(&[file("f", "x")]));
    let root = &tree[&b""[..]];
    assert_eq!((root.mode, root.owner, root.mtime), (0o755, (0, 0), (0, 0)));
}

#[test]
fn whiteouts_and_marks_apply_to_lower_layers_in_any_order() {
    if is_skipped() {
        return;
    }
    check(&[file("d/.wh.a", "")], "d/, d/a removed");
    check(
        &[file("./.wh.a", ""), file("/.wh.b", "")],
        "a removed, b removed",
    );
    check(&[file("d/.wh..wh..opq", "")], "d/!");
    check(&[file(".wh.a", "")], "a removed");
    check(
        &[file(".wh.a", "contents are skipped"), file("b", "x")],
        "a removed, b=x",
    );
    check_orders(&[file("d/.wh.a", ""), file("d/a", "x")], "d/, d/a=x");
    check_orders(&[file("d/.wh.a", ""), link("d/a", "x")], "d/, d/a->x");
    check_orders(&[file(".wh.a", ""), dir("a/")], "a/!");
    check_orders(
        &[file(".wh.a", ""), file("a/b/c", "x")],
        "a/!, a/b/, a/b/c=x",
    );
    check_orders(
        &[
            dir("a/"),
            file("a/.wh..wh..opq", ""),
            file("a/b", "x"),
            file("a/.wh.c", ""),
        ],
        "a/!, a/b=x, a/c removed",
    );
    check_orders(
        &[hard_link(".wh.a", ".wh..wh.aufs"), file(".wh..wh.aufs", "")],
        "a removed",
    );
    check_orders(
        &[
            dir(".wh..wh.plnk"),
            file(".wh..wh.plnk/12.34", "x"),
            dir("d/.wh..wh.orph/"),
            file("d/x", "x"),
        ],
        "d/, d/x=x",
    );
}

#[test]
fn opaque_directories_are_marked_in_the_dialect() {
    if is_skipped() {
        return;
    }
    for (dialect, name) in [
        (Dialect::Trusted, "trusted.overlay.opaque"),
        (Dialect::User, "user.overlay.opaque"),
    ] {
        let mut sandbox = Sandbox::new();
        sandbox.dialect = dialect;
        let layer = tar(&[
            file(".wh..wh..opq", ""),
            file("d/.wh..wh..opq", ""),
            dir("e"),
        ]);
        let tree = sandbox.tree(&layer);
        for (path, is_marked) in [("", true), ("d", true), ("e", false)] {
            let xattrs = &tree[path.as_bytes()].xattrs;
            assert_eq!(
                xattrs.get(name).is_some_and(|value| value == b"y"),
                is_marked
            );
            assert_eq!(xattrs.len(), usize::from(is_marked));
            let found = is_opaque(&sandbox.path().join(path), dialect).unwrap();
            assert_eq!(found, is_marked);
        }
    }
    let other = is_opaque("/nonexistent".as_ref(), Dialect::User);
    assert!(other.is_err());
}

#[test]
fn last_entry_of_a_name_wins_and_directories_merge() {
    if is_skipped() {
        return;
    }
    check(&[file("a", "1"), file("a", "2")], "a=2");
    check(&[link("a", "b"), file("a", "2")], "a=2");
    check(&[file("a", "1"), link("a", "b")], "a->b");
    check(&[file("a", "1"), dir("a"), file("a/b", "x")], "a/, a/b=x");
    check(&[link("a", "b"), dir("a")], "a/");
    check(&[dir("a"), file("a", "x")], "a=x");
    check(&[dir("a"), device(b'3', "a", 1, 3)], "a c1/3");
    check(
        &[dir("a"), file("a/b", "x"), dir("a/"), file("a/c", "x")],
        "a/, a/b=x, a/c=x",
    );
    check(
        &[file("a", "1"), hard_link("b", "a"), file("a", "2")],
        "a=2, b=1",
    );
    let sandbox = Sandbox::new();
    let first = Block::new(b'5', b"a", 0).mode(0o700).owner(1, 1).done();
    let tree = sandbox.tree(&tar(&[first, file("a/b", "x"), dir("a")]));
    assert_eq!(
        (tree[&b"a"[..]].mode, tree[&b"a"[..]].owner),
        (0o755, (0, 0))
    );
}

#[test]
fn links_of_the_same_layer_are_followed_inside_the_tree() {
    if is_skipped() {
        return;
    }
    for target in ["usr/lib", "/usr/lib", "../../usr/./lib//"] {
        let expected = format!("lib->{target}, usr/, usr/lib/, usr/lib/x=x");
        check(&[link("lib", target), file("lib/x", "x")], &expected);
        let parts = [dir("usr/lib"), link("lib", target), file("lib/x", "x")];
        check(&parts, &expected);
    }
    check(
        &[
            link("a", "b"),
            link("b", "c/d"),
            file("a/e/f", "x"),
            file("b/.wh.g", ""),
        ],
        "a->b, b->c/d, c/, c/d/, c/d/e/, c/d/e/f=x, c/d/g removed",
    );
    check(
        &[
            dir("d/e"),
            link("d/up", ".."),
            file("d/up/f", "x"),
            file("d/e/g", "x"),
        ],
        "d/, d/e/, d/e/g=x, d/up->.., f=x",
    );
    check(
        &[link("d/l", "/e"), file("d/l/f", "x"), file("d/g", "x")],
        "d/, d/g=x, d/l->/e, e/, e/f=x",
    );
    check(&[link("d", "x"), dir("d/"), file("d/f", "x")], "d/, d/f=x");
    check(&[link("d", "x"), file("d/.wh..wh..opq", "")], "d->x, x/!");
    // A directory that is entered through a link keeps its attributes.
    let tree = Sandbox::new().tree(&tar(&[
        Block::new(b'5', b"d", 0).mode(0o700).done(),
        file("d/f", "x"),
        link("l", "d"),
        file("l/g", "x"),
        link("d/self", "."),
        file("d/self/h", "x"),
    ]));
    let node = &tree[&b"d"[..]];
    assert_eq!((node.mode, node.mtime), (0o700, (1000, 0)));
}

#[test]
fn hard_links_share_one_file_of_any_type() {
    if is_skipped() {
        return;
    }
    let tree = Sandbox::new().tree(&tar(&[
        file("d/a", "x"),
        hard_link("b", "d/a"),
        hard_link("e/c", "./d//a"),
        hard_link("absolute", "/d/a"),
        link("l", "d"),
        hard_link("through", "l/a"),
        hard_link("l2", "l"),
        hard_link("l/a", "d/a"),
        hard_link("d/a", "d/a"),
        Block::new(b'6', b"fifo", 0).done(),
        hard_link("fifo2", "fifo"),
    ]));
    for path in ["b", "d/a", "e/c", "absolute", "through"] {
        let first = tree[path.as_bytes()].first.as_deref();
        assert_eq!(first, Some(&b"absolute"[..]), "{path}");
    }
    assert_eq!(tree[&b"l2"[..]].first.as_deref(), Some(&b"l"[..]));
    assert_eq!(tree[&b"fifo2"[..]].first.as_deref(), Some(&b"fifo"[..]));
    assert_eq!(tree[&b"b"[..]].mtime, (1000, 0));
    assert_eq!(tree[&b"d"[..]].mtime, (0, 0));
}

#[test]
fn modes_owners_times_and_devices_are_kept() {
    if is_skipped() {
        return;
    }
    let large = pax(&[
        ("uid", "4294967294"),
        ("gid", "2097152"),
        ("mtime", "1234567890.123456789"),
    ]);
    let tree = Sandbox::new().tree(&tar(&[
        Block::new(b'0', b"setuid", 0)
            .mode(0o6755)
            .owner(5, 6)
            .done(),
        [large, file("large", "x")].concat(),
        [pax(&[("mtime", "-5.25")]), link("old", "x")].concat(),
        Block::new(b'0', b"left out", 0)
            .put(136, &[0; 12])
            .put(108, &[b' '; 16])
            .done(),
        Block::new(b'3', b"null", 0)
            .mode(0o666)
            .owner(1, 2)
            .device(1, 3)
            .done(),
        device(b'4', "disk", 4095, 1_048_575),
        Block::new(b'6', b"fifo", 0).mode(0o600).done(),
    ]));
    for (path, kind, mode, owner, mtime) in [
        ("setuid", Kind::File(vec![]), 0o6755, (5, 6), (1000, 0)),
        (
            "large",
            Kind::File(b"x".to_vec()),
            0o644,
            (4_294_967_294, 2_097_152),
            (1_234_567_890, 123_456_789),
        ),
        (
            "old",
            Kind::Link(b"x".to_vec()),
            0o777,
            (0, 0),
            (-6, 750_000_000),
        ),
        ("left out", Kind::File(vec![]), 0o644, (0, 0), (0, 0)),
        ("null", Kind::Character(1, 3), 0o666, (1, 2), (1000, 0)),
        (
            "disk",
            Kind::Block(4095, 1_048_575),
            0o644,
            (0, 0),
            (1000, 0),
        ),
        ("fifo", Kind::Fifo, 0o600, (0, 0), (1000, 0)),
    ] {
        let node = &tree[path.as_bytes()];
        let found = (&node.kind, node.mode, node.owner, node.mtime);
        assert_eq!(found, (&kind, mode, owner, mtime), "{path}");
    }
}

#[test]
fn extended_attributes_are_kept_but_those_of_overlayfs_and_the_host() {
    if is_skipped() {
        return;
    }
    let capability = b"\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let records = [
        record("SCHILY.xattr.security.capability", capability),
        record("SCHILY.xattr.user.binary", b"\0=\n\xff"),
        record("SCHILY.xattr.user.empty", b""),
        record("SCHILY.xattr.user.overlay.opaque", b"y"),
        record("SCHILY.xattr.user.overlay.redirect", b"/etc"),
        record("SCHILY.xattr.trusted.overlay.opaque", b"y"),
        record("SCHILY.xattr.trusted.overlay.metacopy", b""),
        record("SCHILY.xattr.trusted.other", b"y"),
        record("SCHILY.xattr.security.selinux", b"label"),
    ]
    .concat();
    let described = |entry: Vec<u8>| [typed(b'x', "x", &records), entry].concat();
    let setuid = Block::new(b'0', b"f", 0).mode(0o4755).owner(7, 7).done();
    let tree = Sandbox::new().tree(&tar(&[described(dir("d")), described(setuid)]));
    for path in ["f", "d"] {
        let xattrs = &tree[path.as_bytes()].xattrs;
        let names: Vec<_> = xattrs.keys().map(String::as_str).collect();
        assert_eq!(names, ["security.capability", "user.binary", "user.empty"]);
        assert_eq!(xattrs["security.capability"], capability);
        assert_eq!(xattrs["user.binary"], b"\0=\n\xff");
        assert_eq!(xattrs["user.empty"], b"");
    }
    assert_eq!(tree[&b"f"[..]].mode, 0o4755);
}

#[test]
fn long_names_and_targets_have_three_forms() {
    if is_skipped() {
        return;
    }
    let part = "n".repeat(150);
    let name = format!("{part}/{part}");
    let target = "../t".repeat(60);
    let prefix = Block::new(b'0', b"name", 0).put(345, &[b'p'; 155]).done();
    let tree = Sandbox::new().tree(&tar(&[
        [
            pax(&[("path", &format!("pax/{name}")), ("linkpath", &target)]),
            link("x", "y"),
        ]
        .concat(),
        [
            long(b'L', format!("gnu/{name}")),
            long(b'K', &target),
            link("x", "y"),
        ]
        .concat(),
        prefix,
    ]));
    for kind in ["pax", "gnu"] {
        let node = &tree[format!("{kind}/{name}").as_bytes()];
        assert_eq!(node.kind, Kind::Link(target.clone().into_bytes()));
    }
    assert!(tree.contains_key(format!("{}/name", "p".repeat(155)).as_bytes()));
}

#[test]
fn sparse_files_and_long_zeros_become_holes() {
    if is_skipped() {
        return;
    }
    let field = |offset: u64, length: u64| format!("{offset:011o}\0{length:011o}\0").into_bytes();
    let megabyte = 1 << 20;
    let mut header = Block::new(b'S', b"gnu", 512 * 5 + 3);
    header
        .gnu()
        .put(482, b"\x01")
        .put(483, format!("{:011o}\0", 9 * megabyte).as_bytes());
    for index in 0..4 {
        let at = 386 + 24 * usize::try_from(index).unwrap();
        header.put(at, &field(index * megabyte, 512));
    }
    let mut more = [
        field(4 * megabyte, 512),
        field(5 * megabyte, 3),
        field(9 * megabyte, 0),
    ]
    .concat();
    more.resize(512, 0);
    let stored = padded(&[b'x'; 512 * 5 + 3]);
    let zeros = [
        vec![1; 1000],
        vec![0; 4 << 20],
        vec![1; 10],
        vec![0; 1 << 20],
    ]
    .concat();
    let sandbox = Sandbox::new();
    let tree = sandbox.tree(&tar(&[
        [header.done(), more, stored].concat(),
        typed(b'0', "zeros", &zeros),
        typed(b'0', "nothing", vec![0; 200_000]),
        file("after", "x"),
    ]));
    let mut expected = vec![0; 9 << 20];
    for index in 0..5 {
        expected[index << 20..][..512].fill(b'x');
    }
    expected[5 << 20..][..3].fill(b'x');
    assert!(tree[&b"gnu"[..]].kind == Kind::File(expected));
    assert!(tree[&b"zeros"[..]].kind == Kind::File(zeros));
    assert!(tree[&b"nothing"[..]].kind == Kind::File(vec![0; 200_000]));
    for name in ["gnu", "zeros", "nothing"] {
        let on_disk = sandbox.path().join(name).metadata().unwrap().blocks() * 512;
        assert!(on_disk < 700_000, "{name} takes {on_disk} bytes");
    }
}

#[test]
fn compressed_layer_has_the_digest_of_the_plain_one() {
    if is_skipped() {
        return;
    }
    let big = vec![b'x'; 700_000];
    let mut layer = tar(&[file("a", "x"), typed(b'0', "big", &big), dir("d")]);
    // All that is in the stream counts.
    layer.extend([0; 9000]);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&layer).unwrap();
    let gzip = gzip.finish().unwrap();
    let zstd = compress_to_vec(layer.as_slice(), CompressionLevel::Fastest);
    for compressed in [&layer, &gzip, &zstd] {
        let sandbox = Sandbox::new();
        let (digest, size) = sandbox.unpack(compressed, &Limits::default()).unwrap();
        assert_eq!(digest, Digest::of(&layer));
        assert_eq!((size.bytes, size.files), (layer.len() as u64, 3));
        assert_eq!(std::fs::read(sandbox.path().join("big")).unwrap(), big);
    }
}

#[test]
fn layers_may_end_without_zeros_or_be_empty() {
    if is_skipped() {
        return;
    }
    let whole = tar(&[file("a", "x")]);
    for (length, expected) in [(1024, "a=x"), (1536, "a=x"), (2048, "a=x"), (0, "")] {
        assert_eq!(show(&Sandbox::new().tree(&whole[..length])), expected);
    }
    check(&[], "");
    check(
        &[
            typed(b'g', "g", record("comment", b"a commit")),
            file("a", "x"),
        ],
        "a=x",
    );
}

#[test]
fn names_may_have_every_byte_but_nul() {
    if is_skipped() {
        return;
    }
    let names: [&[u8]; 7] = [
        b"a\\x2db",
        b"line\nfeed",
        b"\xff\xfe",
        "ü".as_bytes(),
        b" ",
        b"-rf",
        b"...",
    ];
    let parts: Vec<_> = names.iter().map(|name| file(name, "x")).collect();
    let tree = Sandbox::new().tree(&tar(&parts));
    for name in names {
        assert_eq!(tree[name].kind, Kind::File(b"x".to_vec()));
    }
    assert_eq!(tree.len(), names.len() + 1);
}
