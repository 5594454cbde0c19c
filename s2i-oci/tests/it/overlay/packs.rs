//! What is written to a layer.

use std::{
    cell::Cell,
    fs, io,
    os::unix::{
        fs::{FileExt, MetadataExt, PermissionsExt, symlink},
        net::UnixListener,
    },
    path::Path,
    time::{Duration, SystemTime},
};

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, Timespec, Timestamps, XattrFlags, lsetxattr, mkdirat, mknodat,
    utimensat,
};
use s2i_core::Times;
use s2i_oci::{
    Digest,
    overlay::{Clamp, Dialect, Limits, pack, pack_within},
};

use super::{
    raw::{Block, dir, file, padded, record, tar},
    sandbox::{Sandbox, chain, is_skipped},
};
use crate::scratch;

fn touch(path: &Path, seconds: i64, nanoseconds: i64) {
    let time = Timespec {
        tv_sec: seconds,
        tv_nsec: nanoseconds,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

fn set(path: &Path, name: &str, value: &[u8]) {
    lsetxattr(path, name, value, XattrFlags::empty()).unwrap();
}

fn whiteout(path: &Path) {
    mknodat(CWD, path, FileType::CharacterDevice, Mode::empty(), 0).unwrap();
}

/// Type, mode, owner, time, size, name and target of every entry, as `tar -tv` has it.
fn list(layer: &[u8]) -> Vec<String> {
    let mut archive = tar_crate(layer);
    let entries = archive.entries().unwrap();
    let shown = entries.map(|entry| {
        let entry = entry.unwrap();
        let header = entry.header();
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let target = entry.link_name_bytes();
        let target = target.map(|target| format!(" -> {}", String::from_utf8_lossy(&target)));
        format!(
            "{} {:o} {}:{} {} {} {name}{}",
            char::from(header.entry_type().as_byte()),
            header.mode().unwrap(),
            header.uid().unwrap(),
            header.gid().unwrap(),
            header.mtime().unwrap(),
            header.size().unwrap(),
            target.unwrap_or_default(),
        )
    });
    shown.collect()
}

fn tar_crate(layer: &[u8]) -> ::tar::Archive<&[u8]> {
    ::tar::Archive::new(layer)
}

#[test]
fn entries_are_sorted_and_marks_have_one_form() {
    if is_skipped() {
        return;
    }
    let sandbox = Sandbox::new();
    let root = sandbox.path();
    for name in ["b", "a-", "a"] {
        fs::create_dir(root.join(name)).unwrap();
        fs::write(root.join(name).join("z"), name).unwrap();
    }
    symlink("a", root.join("link")).unwrap();
    fs::hard_link(root.join("a/z"), root.join("hard")).unwrap();
    whiteout(&root.join("a/gone"));
    fs::hard_link(root.join("a/gone"), root.join("gone")).unwrap();
    set(&root.join("a"), sandbox.dialect.opaque(), b"y");
    set(&root, sandbox.dialect.opaque(), b"y");
    let _socket = UnixListener::bind(root.join("socket")).unwrap();
    std::os::unix::fs::lchown(root.join("link"), Some(3), Some(4)).unwrap();
    fs::set_permissions(root.join("b"), fs::Permissions::from_mode(0o1751)).unwrap();
    for path in ["a/z", "a-/z", "b/z", "link", "a", "a-", "b", "a/gone"] {
        touch(&root.join(path), 1000, 999_999_999);
    }
    for path in ["a/z", "a-/z", "b/z"] {
        fs::set_permissions(root.join(path), fs::Permissions::from_mode(0o644)).unwrap();
    }
    for path in ["a", "a-"] {
        fs::set_permissions(root.join(path), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let layer = sandbox.pack();
    let expected = [
        "0 755 0:0 0 0 .wh..wh..opq",
        "5 755 0:0 1000 0 a/",
        "0 755 0:0 0 0 a/.wh..wh..opq",
        "0 600 0:0 0 0 a/.wh.gone",
        "0 644 0:0 1000 1 a/z",
        "5 755 0:0 1000 0 a-/",
        "0 644 0:0 1000 2 a-/z",
        "5 1751 0:0 1000 0 b/",
        "0 644 0:0 1000 1 b/z",
        "0 600 0:0 0 0 .wh.gone",
        "1 644 0:0 1000 0 hard -> a/z",
        "2 777 3:4 1000 0 link -> a",
    ];
    assert_eq!(list(&layer), expected);
}

/// The bytes are a promise: another version of this program must find the digests of earlier ones.
#[test]
fn layer_has_pinned_bytes() {
    if is_skipped() {
        return;
    }
    let sandbox = Sandbox::new();
    let root = sandbox.path();
    let long = "n".repeat(98);
    fs::create_dir(root.join(&long)).unwrap();
    fs::write(root.join(&long).join("f"), "content").unwrap();
    set(&root.join(&long).join("f"), "user.b", b"\0");
    set(&root.join(&long).join("f"), "user.a", b"1");
    fs::set_permissions(
        root.join(&long).join("f"),
        fs::Permissions::from_mode(0o4755),
    )
    .unwrap();
    fs::set_permissions(root.join(&long), fs::Permissions::from_mode(0o755)).unwrap();
    touch(&root.join(&long).join("f"), 1000, 5);
    touch(&root.join(&long), -7, 0);
    let name = format!("{long}/f");
    let block = |kind: u8, name: &str, size: usize, mode: u32| {
        let mut block = Block::new(kind, name.as_bytes(), size as u64);
        block.mode(mode).device(0, 0);
        block
    };
    let described = |records: &[Vec<u8>]| {
        let text = records.concat();
        let mut header = block(b'x', "././@PaxHeader", text.len(), 0o644);
        [header.put(136, b"00000000000\0").done(), padded(&text)].concat()
    };
    let expected = tar(&[
        described(&[record("mtime", b"-7")]),
        block(b'5', &format!("{long}/"), 0, 0o755)
            .put(136, b"00000000000\0")
            .done(),
        block(b'0', &name, 7, 0o4755).done(),
        padded(b"content"),
    ]);
    // Exactly 100 bytes need no record.
    assert_eq!(name.len(), 100);
    let at = expected.len() - 1024 - 1024;
    let xattrs = described(&[
        record("SCHILY.xattr.user.a", b"1"),
        record("SCHILY.xattr.user.b", b"\0"),
    ]);
    let expected = [&expected[..at], &xattrs, &expected[at..]].concat();
    assert!(sandbox.pack() == expected);
}

#[test]
fn new_files_get_one_time_in_the_layer_and_in_the_tree() {
    if is_skipped() {
        return;
    }
    let sandbox = Sandbox::new();
    let root = sandbox.path();
    fs::create_dir(root.join("new")).unwrap();
    for name in ["old", "new/file", "equal"] {
        fs::write(root.join(name), "x").unwrap();
    }
    symlink("x", root.join("new/link")).unwrap();
    fs::hard_link(root.join("new/file"), root.join("other")).unwrap();
    whiteout(&root.join("gone"));
    mknodat(CWD, root.join("fifo"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    touch(&root.join("old"), 4999, 999_999_999);
    touch(&root.join("equal"), 5000, 500);
    for name in ["new/file", "new/link", "fifo", "gone"] {
        touch(&root.join(name), 5000, 501);
    }
    touch(&root.join("new"), 9000, 0);
    let clamp = Clamp {
        after: SystemTime::UNIX_EPOCH + Duration::new(5000, 500),
        times: Times {
            new: 3000,
            latest: None,
        },
    };
    let mut layer = Vec::new();
    let packed = pack(&root, sandbox.dialect, Some(&clamp), &mut layer).unwrap();
    for (name, mtime) in [
        ("old", (4999, 999_999_999)),
        ("equal", (5000, 500)),
        ("new", (3000, 0)),
        ("new/file", (3000, 0)),
        ("new/link", (3000, 0)),
        ("other", (3000, 0)),
        ("fifo", (3000, 0)),
    ] {
        let meta = root.join(name).symlink_metadata().unwrap();
        assert_eq!((meta.mtime(), meta.mtime_nsec()), mtime, "{name}");
    }
    let times: Vec<_> = list(&layer)
        .iter()
        .map(|line| {
            let parts: Vec<_> = line.split(' ').collect();
            format!("{} {}", parts[3], parts[5])
        })
        .collect();
    let expected = [
        "5000 equal",
        "3000 fifo",
        "0 .wh.gone",
        "3000 new/",
        "3000 new/file",
        "3000 new/link",
        "4999 old",
        "3000 other",
    ];
    assert_eq!(times, expected);
    let again = pack(&root, sandbox.dialect, None, &mut Vec::new()).unwrap();
    assert_eq!(again, packed);
}

#[test]
fn only_attributes_of_layers_are_written() {
    if is_skipped() {
        return;
    }
    for (dialect, other) in [
        (Dialect::Trusted, Dialect::User),
        (Dialect::User, Dialect::Trusted),
    ] {
        let mut sandbox = Sandbox::new();
        sandbox.dialect = dialect;
        let path = sandbox.path().join("d");
        fs::create_dir(&path).unwrap();
        set(&path, other.opaque(), b"y");
        set(&path, dialect.opaque(), b"x");
        set(&path, &dialect.opaque().replace("opaque", "origin"), b"1");
        set(
            &path,
            &other.opaque().replace("opaque", "redirect"),
            b"/etc",
        );
        set(&path, "trusted.other", b"1");
        set(&path, "security.selinux", b"1");
        set(&path, "user.mine", b"1");
        let layer = sandbox.pack();
        let mut archive = tar_crate(&layer);
        let mut entries = archive.entries().unwrap();
        let mut first = entries.next().unwrap().unwrap();
        let keys = first.pax_extensions().unwrap().unwrap();
        let keys: Vec<_> = keys
            .into_iter()
            .map(|record| record.unwrap().key().unwrap().to_owned())
            .collect();
        assert_eq!(keys, ["SCHILY.xattr.user.mine"]);
        assert!(entries.next().is_none());
    }
}

/// Changes a directory with a file in it, and compares why it can't be packed.
#[track_caller]
fn check_refusal(make: impl Fn(&Path), expected: &str) {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path().join("d")).unwrap();
    fs::write(sandbox.path().join("d/f"), "x").unwrap();
    make(&sandbox.path().join("d"));
    assert_eq!(sandbox.pack_error(), expected);
}

#[test]
fn inexpressible_files_are_an_error() {
    if is_skipped() {
        return;
    }
    for name in [".wh.a", ".wh..wh..opq", ".wh."] {
        let expected =
            format!("`d/{name}` of the layer has a name that means a removal in a layer");
        check_refusal(|dir| fs::write(dir.join(name), "").unwrap(), &expected);
    }
    let prefix = Dialect::of_this_process().opaque().replace("opaque", "");
    for (path, mark) in [("", "redirect"), ("f", "metacopy"), ("f", "whiteout")] {
        let name = format!("{prefix}{mark}");
        let shown = if path.is_empty() { "d" } else { "d/f" };
        let expected = format!(
            "`{shown}` of the layer has overlayfs' attribute `{name}`, which a layer can't express"
        );
        check_refusal(|dir| set(&dir.join(path), &name, b"x"), &expected);
    }
    check_refusal(
        |dir| set(&dir.join("f"), "user.a=b", b"x"),
        "`d/f` of the layer has an extended attribute with `=` in its name, `user.a=b`",
    );
    let deep = "d/".repeat(200);
    check_refusal(
        |dir| fs::create_dir_all(dir.join(&deep)).unwrap(),
        &format!(
            "`d/{}…` of the layer is more than 200 directories deep",
            &deep[..118]
        ),
    );
    let long = format!("{}/", "n".repeat(255)).repeat(15);
    check_refusal(
        |dir| {
            // Longer than a path may be in one call.
            fs::create_dir_all(dir.join(&long)).unwrap();
            let above = fs::File::open(dir.join(&long)).unwrap();
            mkdirat(&above, "m".repeat(254), Mode::RWXU).unwrap();
        },
        &format!(
            "`d/{}…` of the layer has a path of more than 4095 bytes",
            &long[..118]
        ),
    );
}

#[test]
fn missing_tree_and_failing_output_are_errors() {
    let mut out = Vec::new();
    let err = pack("/nonexistent".as_ref(), Dialect::User, None, &mut out).unwrap_err();
    assert!(chain(&err).starts_with("can't read `/` of the layer: No such file"));
    let mut full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let temp = scratch::dir();
    let err = pack(temp.path(), Dialect::User, None, &mut full).unwrap_err();
    assert!(chain(&err).starts_with("the layer can't be written: No space"));
}

/// Files of `/proc` and `/sys` have other sizes than `stat` returns.
#[test]
fn shrinking_and_growing_files_are_an_error() {
    let err = pack(
        "/proc/sys/kernel/random".as_ref(),
        Dialect::User,
        None,
        &mut Vec::new(),
    );
    let text = chain(&err.unwrap_err());
    assert_eq!(text, "`boot_id` of the layer grew while it was read");
    let Some(dir) = [
        "/sys/kernel/mm/ksm",
        "/sys/kernel/mm/transparent_hugepage",
        "/sys/kernel",
    ]
    .iter()
    .find(|dir| Path::new(dir).is_dir()) else {
        eprintln!("SKIPPED: there is no /sys");
        return;
    };
    let err = pack(dir.as_ref(), Dialect::User, None, &mut Vec::new());
    let text = chain(&err.unwrap_err());
    assert!(
        text.ends_with("of the layer shrank while it was read"),
        "{text}"
    );
}

#[test]
fn empty_tree_is_an_empty_layer() {
    let temp = scratch::dir();
    let mut layer = Vec::new();
    let (digest, size) = pack(temp.path(), Dialect::User, None, &mut layer).unwrap();
    assert_eq!(
        (digest, size.bytes, size.files),
        (Digest::of(&[0; 1024]), 1024, 0)
    );
}

#[test]
fn unpacked_layer_is_packed_in_order() {
    if is_skipped() {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.tree(&tar(&[
        file("b", "x"),
        file("a/.wh.c", ""),
        dir("a"),
        file("a/.wh..wh..opq", ""),
    ]));
    let expected = [
        "5 755 0:0 1000 0 a/",
        "0 755 0:0 0 0 a/.wh..wh..opq",
        "0 600 0:0 0 0 a/.wh.c",
        "0 644 0:0 1000 1 b",
    ];
    assert_eq!(list(&sandbox.pack()), expected);
}

fn within(root: &Path, limits: &Limits) -> String {
    let packed = pack_within(
        root,
        Dialect::User,
        None,
        limits,
        &|| Ok(()),
        &mut io::sink(),
    );
    packed.map_or_else(|err| chain(&err), |(_, size)| format!("{size:?}"))
}

#[test]
fn limits_are_checked_before_content_is_read() {
    let temp = scratch::dir();
    let root = temp.path();
    fs::create_dir(root.join("d")).unwrap();
    for name in ["d/a", "d/b"] {
        fs::write(root.join(name), [1; 1000]).unwrap();
    }
    let limits = |bytes, entries| Limits {
        bytes,
        entries,
        ..Limits::default()
    };
    // Three headers, two files, and the end.
    let whole = 3 * 512 + 2 * 1024 + 1024;
    let (_, size) = pack(root, Dialect::User, None, &mut io::sink()).unwrap();
    assert_eq!((size.bytes, size.files), (whole, 3));
    assert_eq!(within(root, &limits(whole, 3)), format!("{size:?}"));
    assert_eq!(
        within(root, &limits(whole - 1, 3)),
        format!(
            "`d/b` of the layer brings it to more than {} bytes",
            whole - 1
        )
    );
    assert_eq!(
        within(root, &limits(whole, 2)),
        "`d` of the layer brings it to more than 2 entries"
    );
    // A tree of holes is cheap to make and to pack.
    let huge = fs::File::create(root.join("c")).unwrap();
    huge.set_len(1 << 40).unwrap();
    assert_eq!(
        within(root, &Limits::default()),
        "`c` of the layer brings it to more than 68719476736 bytes"
    );
}

/// The names that wait above a directory take memory as well.
#[test]
fn listed_names_count_as_entries() {
    let temp = scratch::dir();
    let mut dir = temp.path().to_owned();
    for _ in 0..3 {
        for name in ["w", "x", "y", "z"] {
            fs::write(dir.join(name), "").unwrap();
        }
        dir.push("a");
        fs::create_dir(&dir).unwrap();
    }
    let entries = |entries| Limits {
        entries,
        ..Limits::default()
    };
    // Two directories were written, eight names wait.
    assert_eq!(
        within(temp.path(), &entries(10)),
        "`a/a` of the layer brings it to more than 10 entries"
    );
    let (_, size) = pack(temp.path(), Dialect::User, None, &mut io::sink()).unwrap();
    assert_eq!(size.files, 15);
    assert_eq!(within(temp.path(), &entries(15)), format!("{size:?}"));
}

/// The archive has zeros for holes, wherever these are.
#[test]
fn holes_are_zeros_in_the_archive() {
    const PAGE: u64 = 4096;
    let temp = scratch::dir();
    let dense = scratch::dir();
    let at = |number: u64| number * 20 * PAGE;
    let files: [(&str, u64, &[u64]); 6] = [
        ("all", at(3), &[]),
        ("end", at(3), &[at(0), at(1)]),
        ("middle", at(3) - 7, &[at(1) + 5, at(2), at(3) - 8]),
        ("none", 2, &[0, 1]),
        ("odd", at(2) + 1, &[at(2)]),
        ("start", at(30), &[at(29)]),
    ];
    for (name, size, parts) in files {
        let file = fs::File::create(temp.path().join(name)).unwrap();
        file.set_len(size).unwrap();
        for part in parts {
            file.write_all_at(b"x", *part).unwrap();
        }
        let content = fs::read(temp.path().join(name)).unwrap();
        fs::write(dense.path().join(name), content).unwrap();
        let metadata = fs::metadata(temp.path().join(name)).unwrap();
        let times = fs::FileTimes::new().set_modified(metadata.modified().unwrap());
        let copy = fs::File::options()
            .write(true)
            .open(dense.path().join(name));
        copy.unwrap().set_times(times).unwrap();
    }
    let packed = |root: &Path| {
        let mut layer = Vec::new();
        pack(root, Dialect::User, None, &mut layer).unwrap();
        layer
    };
    assert!(packed(temp.path()) == packed(dense.path()));
}

#[test]
fn failed_check_ends_packing() {
    let temp = scratch::dir();
    let file = fs::File::create(temp.path().join("big")).unwrap();
    file.set_len(1 << 30).unwrap();
    let calls = Cell::new(0);
    let check = || {
        calls.set(calls.get() + 1);
        match calls.get() {
            10 => Err(io::ErrorKind::Interrupted.into()),
            _ => Ok(()),
        }
    };
    let mut layer = Vec::new();
    let limits = Limits::default();
    let packed = pack_within(
        temp.path(),
        Dialect::User,
        None,
        &limits,
        &check,
        &mut layer,
    );
    let text = chain(&packed.unwrap_err());
    assert!(text.starts_with("packing the layer was stopped"), "{text}");
    assert_eq!(calls.get(), 10);
    assert!(layer.len() < 10 << 20);
}

/// The first name of each of these files is known by its directory, not as a whole path.
#[test]
fn hard_links_have_full_targets() {
    let sandbox = Sandbox::new();
    let root = sandbox.path();
    fs::create_dir_all(root.join("a/b/c")).unwrap();
    fs::create_dir_all(root.join("d/e")).unwrap();
    for (name, links) in [
        ("a/b/c/one", &["a/b/two", "d/e/three", "zero"][..]),
        ("a/four", &["a/five"]),
        ("d/e/six", &["d/e/seven", "d/eight"]),
    ] {
        fs::write(root.join(name), name).unwrap();
        for link in links {
            fs::hard_link(root.join(name), root.join(link)).unwrap();
        }
    }
    let layer = sandbox.pack();
    let links: Vec<_> = list(&layer)
        .iter()
        .filter(|line| line.contains(" -> "))
        .map(|line| line.split(' ').skip(5).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        links,
        [
            "a/b/two -> a/b/c/one",
            "a/four -> a/five",
            "d/e/six -> d/e/seven",
            "d/e/three -> a/b/c/one",
            "d/eight -> d/e/seven",
            "zero -> a/b/c/one",
        ]
    );
}
