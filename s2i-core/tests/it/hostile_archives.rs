//! Archives that want something else than to be unpacked.
//!
//! Each is unpacked beside a tree whose names, modes, contents and times must stay the same.

use std::{
    fs::{self, Permissions},
    io::{self, BufReader, Read},
    os::unix::{
        fs::{MetadataExt, PermissionsExt, symlink},
        net::UnixListener,
    },
};

use cap_std::{ambient_authority, fs::Dir};
use s2i_core::archive::{Limits, ReadError, UnpackError, unpack};

use crate::{
    malformed,
    raw::{Block, dir, file, hard_link, link, long, padded, pax, record, tar, typed},
    sandbox::{Sandbox, outcome},
};

/// Unpacks and compares the refusal, or else what is in the directory afterwards.
#[track_caller]
fn check(archive: &[u8], expected: &str) {
    check_limited(archive, &Limits::default(), expected);
}

#[track_caller]
fn check_limited(archive: &[u8], limits: &Limits, expected: &str) {
    let sandbox = Sandbox::new();
    let result = sandbox.unpack(archive, limits);
    assert_eq!(outcome(&sandbox, &result), expected);
    sandbox.assert_untouched();
}

/// Like [`check`], for archives with the absolute path of the tree that must not change.
#[track_caller]
fn check_outside(archive: impl Fn(&str) -> Vec<u8>, expected: &str) {
    let sandbox = Sandbox::new();
    let outside = sandbox.outside();
    let result = sandbox.unpack(&archive(&outside), &Limits::default());
    assert_eq!(
        outcome(&sandbox, &result).replace(&outside, "OUTSIDE"),
        expected
    );
    sandbox.assert_untouched();
}

#[test]
fn malformed_archives_are_refused_before_anything_is_made() {
    for (archive, expected) in malformed::archives() {
        check(&archive, &expected);
    }
}

#[test]
fn names_that_climb() {
    for entry in [
        dir("../outside/"),
        link("../outside/new", "x"),
        file("../jailer/x", "x"),
    ] {
        let outcome = Sandbox::new().unpack(&tar(&[entry]), &Limits::default());
        let error = outcome.unwrap_err().to_string();
        assert!(error.ends_with("climbs with `..`"), "{error}");
    }
    check(&tar(&[file(".../x", "dots")]), ".../, .../x=dots");
}

#[test]
fn names_that_are_absolute() {
    check_outside(
        |outside| {
            tar(&[
                pax(&[("path", &format!("{outside}/secret"))]),
                file("a", "x"),
            ])
        },
        "the archive's entry `OUTSIDE/secret` has an absolute name",
    );
    check(
        &tar(&[file("/etc/s2i-canary", "x")]),
        "the archive's entry `/etc/s2i-canary` has an absolute name",
    );
    check(
        &tar(&[file("//a", "x")]),
        "the archive's entry `//a` has an absolute name",
    );
    check(
        &tar(&[dir("/")]),
        "the archive's entry `/` has an absolute name",
    );
}

#[test]
fn names_of_other_systems() {
    check(
        &tar(&[file("..\\..\\x", "x")]),
        "the archive's entry `..\\..\\x` has a backslash in its name",
    );
    check(
        &tar(&[file("C:\\x", "x")]),
        "the archive's entry `C:\\x` has a backslash in its name",
    );
    check(
        &tar(&[file("\\\\host\\share", "x")]),
        "the archive's entry `\\\\host\\share` has a backslash in its name",
    );
    check(&tar(&[file("C:/x", "x")]), "C:/, C:/x=x");
}

#[test]
fn names_may_have_parts_that_mean_nothing() {
    check(
        &tar(&[dir("./"), dir("./a//"), file("a/./b", "x")]),
        "a/, a/b=x",
    );
}

#[test]
fn names_that_are_long() {
    let name = "n".repeat(255);
    let fits = format!("{name}/{name}");
    check(
        &tar(&[long(b'L', &fits), file("a", "x")]),
        &format!("{name}/, {fits}=x"),
    );
}

#[test]
fn names_in_two_places() {
    check(
        &tar(&[pax(&[("path", "good")]), file("../bad", "x")]),
        "good=x",
    );
    check(&tar(&[pax(&[("size", "1")]), file("a", "x")]), "a=x");
    check(
        &tar(&[typed(b'g', "g", record("comment", "0123")), file("a", "x")]),
        "a=x",
    );
}

#[test]
fn writing_through_a_link() {
    check_outside(
        |outside| tar(&[link("l", outside), file("l/secret", "x")]),
        "the archive's entry `l/secret` lies below `l`, which is a symbolic link",
    );
    let through = "the archive's entry `l/new` lies below `l`, which is a symbolic link";
    check(
        &tar(&[link("l", "../outside"), file("l/new", "x")]),
        through,
    );
    check(&tar(&[link("l", "../outside"), dir("l/new")]), through);
    check(
        &tar(&[link("l", "../outside"), link("l/new", "x")]),
        through,
    );
    check(
        &tar(&[
            file("a", "x"),
            link("l", "../outside"),
            hard_link("l/new", "a"),
        ]),
        through,
    );
    check(
        &tar(&[dir("d"), link("l", "d"), file("l/new", "x")]),
        through,
    );
    check(
        &tar(&[
            dir("d"),
            link("d/l", "../../outside"),
            file("d/l/private/inner", "x"),
        ]),
        "the archive's entry `d/l/private/inner` lies below `d/l`, which is a symbolic link",
    );
    check(
        &tar(&[
            link("a", "b"),
            link("b", "../outside"),
            file("a/secret", "x"),
        ]),
        "the archive's entry `a/secret` lies below `a`, which is a symbolic link",
    );
    check(
        &tar(&[file("f", "x"), file("f/g", "x")]),
        "the archive's entry `f/g` lies below `f`, which is not a directory",
    );
    check(
        &tar(&[link("l", "../outside/secret"), file("l", "mine")]),
        "l=mine",
    );
    check_outside(
        |outside| tar(&[link("l", &format!("{outside}/secret")), file("l", "mine")]),
        "l=mine",
    );
    check(
        &tar(&[link("l", "../outside/missing"), file("l", "mine")]),
        "l=mine",
    );
    check(&tar(&[link("l", "l"), file("l", "mine")]), "l=mine");
}

#[test]
fn a_directory_on_top_of_a_link() {
    check(&tar(&[link("l", "../outside"), dir("l")]), "l/");
    check_outside(
        |outside| tar(&[link("l", outside), dir("l"), file("l/secret", "mine")]),
        "l/, l/secret=mine",
    );
    check(
        &tar(&[dir("l/"), link("l", "../outside")]),
        "the archive's entry `l` would replace a directory",
    );
    check(
        &tar(&[dir("a/b"), link("a", "../outside"), file("a/c", "x")]),
        "the archive's entry `a` would replace a directory",
    );
}

#[test]
fn links_are_made_as_they_are() {
    check(
        &tar(&[link("node_modules/.bin/x", "../x/cli.js")]),
        "node_modules/, node_modules/.bin/, node_modules/.bin/x->../x/cli.js",
    );
    check(
        &tar(&[
            link("a", "/etc/passwd"),
            link("b", "../../.."),
            link("c", "..\\d"),
        ]),
        "a->/etc/passwd, b->../../.., c->..\\d",
    );
    check(
        &tar(&[link("a", "")]),
        "the archive's entry `a` is a link without a target",
    );
    check(
        &tar(&[long(b'K', "t".repeat(200)), link("a", "")]),
        &format!("a->{}", "t".repeat(200)),
    );
}

#[test]
fn hard_links() {
    check(
        &tar(&[file("a", "x"), hard_link("d/b", "./a")]),
        "a=x, d/, d/b=x",
    );
    check(
        &tar(&[file("a", "x"), hard_link("b", "a"), file("b", "y")]),
        "a=x, b=y",
    );
    check(
        &tar(&[hard_link("a", "../outside/secret")]),
        "the archive's entry `a` is a hard link to `../outside/secret`, which climbs with `..`",
    );
    check_outside(
        |outside| {
            tar(&[
                pax(&[("linkpath", &format!("{outside}/secret"))]),
                hard_link("a", "b"),
            ])
        },
        "the archive's entry `a` is a hard link to `OUTSIDE/secret`, which has an absolute name",
    );
    check(
        &tar(&[hard_link("a", "c:\\x")]),
        "the archive's entry `a` is a hard link to `c:\\x`, which has a backslash in its name",
    );
    check(
        &tar(&[link("l", "../outside/secret"), hard_link("a", "l")]),
        "the archive's entry `a` is a hard link to `l`, which is not a regular file",
    );
    check(
        &tar(&[link("l", "../outside"), hard_link("a", "l/secret")]),
        "the archive's entry `a` is a hard link to `l/secret`, which is not a regular file",
    );
    check(
        &tar(&[dir("d"), hard_link("a", "d")]),
        "the archive's entry `a` is a hard link to `d`, which is not a regular file",
    );
    check(
        &tar(&[hard_link("a", ".")]),
        "the archive's entry `a` is a hard link to `.`, which is not a regular file",
    );
    check(
        &tar(&[hard_link("a", "b")]),
        "the archive's entry `a` is a hard link to `b`, which is not there",
    );
    check(
        &tar(&[hard_link("a", "d/b")]),
        "the archive's entry `a` is a hard link to `d/b`, which is not there",
    );
    check(
        &tar(&[file("a", "x"), hard_link("a", "a")]),
        "the archive's entry `a` is a hard link to itself",
    );
    check(
        &tar(&[hard_link("a", "")]),
        "the archive's entry `a` is a link without a target",
    );
}

#[test]
fn one_name_twice() {
    check(&tar(&[file("a", "1"), file("a", "2")]), "a=2");
    check(
        &tar(&[file("a", "1"), dir("a"), file("a/b", "2")]),
        "a/, a/b=2",
    );
    check(
        &tar(&[dir("a"), dir("a"), file("a/b", "1"), dir("a")]),
        "a/, a/b=1",
    );
    check(
        &tar(&[file("a/b", "1"), file("a", "2")]),
        "the archive's entry `a` would replace a directory",
    );
    check(
        &tar(&[dir("a"), file("a", "2")]),
        "the archive's entry `a` would replace a directory",
    );
    check(&tar(&[link("a", "b"), link("a", "c")]), "a->c");
}

#[test]
fn types_that_are_no_files() {
    for (kind, what) in [
        (b'3', "a character device"),
        (b'4', "a block device"),
        (b'6', "a FIFO"),
        (b'S', "a sparse file"),
    ] {
        let refusal = format!("the archive's entry `dev/x` is {what}, which can't be unpacked");
        check(&tar(&[typed(kind, "dev/x", "")]), &refusal);
    }
    check(&tar(&[typed(0, "a", "old")]), "a=old");
}

#[test]
fn names_may_have_a_prefix() {
    let header = |prefix: &[u8]| Block::new(b'0', b"a", 0).put(345, prefix).done();
    check(
        &tar(&[header(b"../p")]),
        "the archive's entry `../p/a` climbs with `..`",
    );
    check(&tar(&[header(b"p")]), "p/, p/a=");
}

#[test]
fn a_header_may_not_leave_out_the_mode() {
    let header = Block::new(b'0', b"a", 0).put(100, &[0; 8]).done();
    check(
        &tar(&[dir("d"), header]),
        "the archive has a bad header at byte 512: its mode is not a number",
    );
}

#[test]
fn archives_end_with_two_blocks_of_zeros() {
    let whole = tar(&[file("a", "x")]);
    for length in [0, 512, 1024, 1536] {
        check(
            &whole[..length],
            "the archive is cut: it stops before its end",
        );
    }
    check(&whole, "a=x");
    check(&tar(&[]), "");
    check(&[&whole[..], &[0; 9000]].concat(), "a=x");
}

#[test]
fn archives_that_are_compressed_or_something_else() {
    let compressed =
        |format: &str| format!("the archive is compressed with {format}; it must be plain tar");
    check(b"\x1f\x8b\x08\0\0\0\0\0", &compressed("gzip"));
    check(
        &[&b"\x1f\x8b\x08"[..], &[7; 2000]].concat(),
        &compressed("gzip"),
    );
    check(b"\xfd7zXZ\0\0", &compressed("xz"));
    check(b"\x28\xb5\x2f\xfd\0", &compressed("zstd"));
    check(b"BZh91AY", &compressed("bzip2"));
    check(
        &tar(&[file("BZh9", "a name like that is fine")]),
        "BZh9=a name like that is fine",
    );
}

#[test]
fn bombs() {
    let limits = Limits {
        bytes: 1000,
        entries: 3,
        path: 20,
        ..Limits::default()
    };
    let huge = Block::new(b'0', b"a", 1001).done();
    check_limited(&huge, &limits, "the archive holds more than 1000 bytes");
    let half = file("a", &"x".repeat(501));
    check_limited(
        &tar(&[half.clone(), half]),
        &limits,
        "the archive holds more than 1000 bytes",
    );
    let wraps = Block::new(b'0', b"a", 0)
        .gnu()
        .put(124, b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff")
        .done();
    check_limited(
        &tar(&[file("a", "x"), wraps]),
        &limits,
        "the archive holds more than 1000 bytes",
    );
    let many: Vec<_> = (0..4).map(|n| file(n.to_string(), "")).collect();
    check_limited(
        &tar(&many),
        &limits,
        "the archive holds more than 3 entries",
    );
    let many = vec![typed(b'g', "g", ""); 4];
    check_limited(
        &tar(&many),
        &limits,
        "the archive holds more than 3 entries",
    );
    check_limited(
        &tar(&[dir("a/".repeat(11))]),
        &limits,
        &format!(
            "the archive's entry `{}` has a name of more than 20 bytes",
            "a/".repeat(11)
        ),
    );
}

#[test]
fn a_stream_that_fails_is_no_refusal() {
    struct Broken;

    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the cable is out"))
        }
    }

    let sandbox = Sandbox::new();
    let jail = Dir::open_ambient_dir(sandbox.jail(), ambient_authority()).unwrap();
    let start = [dir("d"), file("d/a", "x")].concat();
    let result = unpack(
        &mut BufReader::new(start.chain(Broken)),
        &jail,
        &Limits::default(),
    );
    assert!(matches!(
        result,
        Err(UnpackError::Read(ReadError::Stream(_)))
    ));
    assert_eq!(
        outcome(&sandbox, &result),
        "trouble: the archive can't be read: the cable is out"
    );
}

#[test]
fn existing_links_are_not_followed_and_directories_are_kept() {
    let sandbox = Sandbox::new();
    let jail = sandbox.jail();
    symlink("../outside", jail.join("link")).unwrap();
    symlink("../outside/secret", jail.join("file")).unwrap();
    fs::create_dir(jail.join("dir")).unwrap();
    fs::write(jail.join("dir/old"), "old").unwrap();
    let _socket = UnixListener::bind(jail.join("socket")).unwrap();
    let archive = tar(&[
        file("file", "new"),
        file("socket", "new"),
        file("dir/new", "new"),
        dir("link"),
    ]);
    let result = sandbox.unpack(&archive, &Limits::default());
    assert_eq!(
        outcome(&sandbox, &result),
        "dir/, dir/new=new, dir/old=old, file=new, link/, socket=new"
    );
    symlink("../outside", jail.join("other")).unwrap();
    let result = sandbox.unpack(&tar(&[file("other/secret", "x")]), &Limits::default());
    assert_eq!(
        outcome(&sandbox, &result),
        "the archive's entry `other/secret` lies below `other`, which is a symbolic link"
    );
    sandbox.assert_untouched();
}

#[test]
fn modes_and_times_come_from_the_header_without_set_user_id() {
    let sandbox = Sandbox::new();
    let with_mode =
        |kind: u8, name: &[u8], mode: &[u8]| Block::new(kind, name, 0).put(100, mode).done();
    let archive = tar(&[
        with_mode(b'5', b".", b"0000000\0"),
        with_mode(b'5', b"locked", b"0000000\0"),
        with_mode(b'0', b"locked/inner", b"0006751\0"),
        with_mode(b'5', b"sticky", b"0001777\0"),
        with_mode(b'0', b"implied/none", b"0000000\0"),
        with_mode(b'0', b"sticky/later", b"0000644\0"),
        with_mode(b'5', b"after", b"0000755\0"),
        with_mode(b'5', b"read-only", b"0000555\0"),
        with_mode(b'0', b"sticky/again", b"0000600\0"),
        with_mode(b'0', b"read-only/late", b"0000600\0"),
    ]);
    let jail_mode = sandbox.jail().metadata().unwrap().mode();
    sandbox.unpack(&archive, &Limits::default()).unwrap();
    assert_eq!(sandbox.jail().metadata().unwrap().mode(), jail_mode);
    for (name, mode, is_dated) in [
        ("locked", 0, true),
        ("sticky", 0o777, true),
        ("implied", 0o755, false),
        ("implied/none", 0, true),
        ("after", 0o755, true),
        ("read-only", 0o555, true),
    ] {
        let meta = sandbox.jail().join(name).symlink_metadata().unwrap();
        assert_eq!(meta.mode() & 0o7777, mode, "{name}");
        assert_eq!(meta.mtime() == 0o1750, is_dated, "{name}");
    }
    fs::set_permissions(sandbox.jail().join("locked"), Permissions::from_mode(0o700)).unwrap();
    let inner = sandbox.jail().join("locked/inner").metadata().unwrap();
    assert_eq!((inner.mode() & 0o7777, inner.mtime()), (0o751, 0o1750));
    sandbox.assert_untouched();
}

#[test]
fn contents_larger_than_the_buffer_survive() {
    let content = (0..200_000)
        .map(|n: u32| n.to_string())
        .collect::<Vec<_>>()
        .join(" ");
    let sandbox = Sandbox::new();
    let entry = [
        Block::new(b'0', b"a", content.len() as u64).done(),
        padded(content.as_bytes()),
    ]
    .concat();
    let unpacked = sandbox.unpack(&tar(&[entry]), &Limits::default()).unwrap();
    assert_eq!(unpacked.bytes, content.len() as u64);
    assert!(fs::read_to_string(sandbox.jail().join("a")).unwrap() == content);
}
