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
fn names_that_climb() {
    check(
        &tar(&[file("../outside/secret", "x")]),
        "the archive's entry `../outside/secret` climbs with `..`",
    );
    check(
        &tar(&[file("a/../../outside/secret", "x")]),
        "the archive's entry `a/../../outside/secret` climbs with `..`",
    );
    check(
        &tar(&[file("a/../b", "x")]),
        "the archive's entry `a/../b` climbs with `..`",
    );
    check(
        &tar(&[dir("..")]),
        "the archive's entry `..` climbs with `..`",
    );
    check(
        &tar(&[dir("../outside/")]),
        "the archive's entry `../outside/` climbs with `..`",
    );
    check(
        &tar(&[link("../outside/new", "x")]),
        "the archive's entry `../outside/new` climbs with `..`",
    );
    check(
        &tar(&[file("../jailer/x", "x")]),
        "the archive's entry `../jailer/x` climbs with `..`",
    );
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
fn names_that_are_none() {
    check(&tar(&[file("", "x")]), "the archive's entry `` has no name");
    check(
        &tar(&[file(".", "x")]),
        "the archive's entry `.` is no directory and names the root",
    );
    check(
        &tar(&[link("./.", "x")]),
        "the archive's entry `./.` is no directory and names the root",
    );
    check(
        &tar(&[file("a/", "x")]),
        "the archive's entry `a/` is no directory and has a name that ends with a slash",
    );
    check(
        &tar(&[link("a/", "x")]),
        "the archive's entry `a/` is no directory and has a name that ends with a slash",
    );
    check(
        &tar(&[dir("./"), dir("./a//"), file("./a/./b", "x")]),
        "a/, a/b=x",
    );
}

#[test]
fn names_with_nul_bytes() {
    let mut header = Block::new(b'0', b"a\0../../x", 0);
    check(&tar(&[header.done()]), "the archive is no tar archive");
    check(
        &tar(&[dir("d"), header.done()]),
        "the archive has a bad header at byte 512: its name goes on after its end",
    );
    check(
        &tar(&[pax(&[("path", "a\0b")]), file("c", "x")]),
        "the archive has a PAX header that can't be read",
    );
    check(
        &tar(&[long(b'L', "a\0b"), file("c", "x")]),
        "the archive has a long name with a NUL byte in it",
    );
    check(
        &tar(&[typed(b'L', "l", "a"), file("c", "x")]),
        "the archive has a long name without an end",
    );
    check(
        &tar(&[pax(&[("linkpath", "a\0b")]), link("c", "x")]),
        "the archive has a PAX header that can't be read",
    );
}

#[test]
fn names_that_are_long() {
    let name = "n".repeat(4096);
    let shown = format!("{}…", "n".repeat(120));
    let too_long = format!("the archive's entry `{shown}` has a name of more than 4095 bytes");
    check(&tar(&[long(b'L', &name), file("a", "x")]), &too_long);
    check(&tar(&[pax(&[("path", &name)]), file("a", "x")]), &too_long);
    check(
        &tar(&[long(b'L', &name[..300]), file("a", "x")]),
        &format!(
            "the archive's entry `{shown}` has a component of more than 255 bytes in its name"
        ),
    );
    check(
        &tar(&[long(b'L', "d/".repeat(1000)), dir("a")]),
        &format!(
            "the archive's entry `{}…` is more than 200 directories deep",
            "d/".repeat(60)
        ),
    );
    check(
        &tar(&[long(b'K', &name), link("a", "x")]),
        "the archive's entry `a` is a link whose target has more than 4095 bytes",
    );
    let fits = format!("{}/{}", &name[..255], &name[..255]);
    check(
        &tar(&[long(b'L', &fits), file("a", "x")]),
        &format!("{}/, {fits}=x", &name[..255]),
    );
}

#[test]
fn names_in_two_places() {
    check(
        &tar(&[pax(&[("path", "../x")]), file("harmless", "x")]),
        "the archive's entry `../x` climbs with `..`",
    );
    check(
        &tar(&[long(b'L', "../x"), file("harmless", "x")]),
        "the archive's entry `../x` climbs with `..`",
    );
    check(
        &tar(&[pax(&[("path", "good")]), file("../bad", "x")]),
        "good=x",
    );
    check(
        &tar(&[pax(&[("path", "a")]), long(b'L', "b"), file("c", "x")]),
        "the archive's entry `a` is named twice",
    );
    check(
        &tar(&[pax(&[]), pax(&[]), file("c", "x")]),
        "the archive describes one entry twice",
    );
    check(
        &tar(&[long(b'L', "a"), long(b'L', "b"), file("c", "x")]),
        "the archive describes one entry twice",
    );
    check(
        &tar(&[pax(&[("path", "a"), ("path", "b")]), file("c", "x")]),
        "the archive has the PAX record `path` twice for one entry",
    );
    check(
        &tar(&[pax(&[("path", "")]), file("c", "x")]),
        "the archive has a PAX header that can't be read",
    );
    check(
        &tar(&[long(b'L', ""), file("c", "x")]),
        "the archive's entry `` has no name",
    );
    check(
        &tar(&[typed(b'g', "g", &record("path", "x")), file("a", "x")]),
        "the archive sets the PAX record `path` for all entries",
    );
    check(
        &tar(&[typed(b'g', "g", &record("comment", "0123")), file("a", "x")]),
        "a=x",
    );
    check(
        &tar(&[long(b'L', "a")]),
        "the archive ends with the description of an entry that is not there",
    );
    check(
        &tar(&[pax(&[]), typed(b'g', "g", ""), file("a", "x")]),
        "the archive ends with the description of an entry that is not there",
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
        "the archive's entry `f/g` lies below `f`, which is no directory",
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
        "the archive's entry `a` is a hard link to `l`, which is no regular file",
    );
    check(
        &tar(&[link("l", "../outside"), hard_link("a", "l/secret")]),
        "the archive's entry `a` is a hard link to `l/secret`, which is no regular file",
    );
    check(
        &tar(&[dir("d"), hard_link("a", "d")]),
        "the archive's entry `a` is a hard link to `d`, which is no regular file",
    );
    check(
        &tar(&[hard_link("a", ".")]),
        "the archive's entry `a` is a hard link to `.`, which is no regular file",
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
fn sizes_that_disagree() {
    let inner = tar(&[file("../smuggled", "x")]);
    let carrier = |size: &str| {
        tar(&[
            pax(&[("size", size)]),
            Block::new(b'0', b"a", inner.len() as u64).done(),
            inner.clone(),
        ])
    };
    check(
        &carrier("0"),
        "the archive's entry `a` has two sizes: 2048 bytes in its header and 0 in its PAX record",
    );
    check(
        &carrier("512"),
        "the archive's entry `a` has two sizes: 2048 bytes in its header and 512 in its PAX record",
    );
    check(
        &carrier("-1"),
        "the archive has a PAX header that can't be read",
    );
    check(&tar(&[pax(&[("size", "1")]), file("a", "x")]), "a=x");
    for (key, value) in [
        ("uid", "root"),
        ("mtime", "1e5"),
        ("atime", ""),
        ("uname", "a\0b"),
    ] {
        check(
            &tar(&[pax(&[(key, value)]), file("a", "x")]),
            "the archive has a PAX header that can't be read",
        );
    }
    check(
        &tar(&[pax(&[("size", "1024")]), dir("a")]),
        "the archive's entry `a` has two sizes: 0 bytes in its header and 1024 in its PAX record",
    );
    check(
        &tar(&[typed(b'5', "a", "x")]),
        "the archive's entry `a` is no file and has 1 bytes of contents",
    );
    check(
        &tar(&[typed(b'2', "a", "x")]),
        "the archive's entry `a` is no file and has 1 bytes of contents",
    );
    check(
        &tar(&[file("0", ""), typed(b'1', "a", "x")]),
        "the archive's entry `a` is no file and has 1 bytes of contents",
    );
}

#[test]
fn types_that_are_no_files() {
    let refusal =
        |what: &str| format!("the archive's entry `dev/x` is {what}, which can't be unpacked");
    for (kind, what) in [
        (b'3', "a character device"),
        (b'4', "a block device"),
        (b'6', "a FIFO"),
        (b'S', "a sparse file"),
    ] {
        check(&tar(&[typed(kind, "dev/x", "")]), &refusal(what));
    }
    check(
        &tar(&[pax(&[("GNU.sparse.major", "1")]), file("dev/x", "x")]),
        &refusal("a sparse file in a PAX format"),
    );
    for kind in ['7', 'D', 'M', 'N', 'V', 'X', 'Z'] {
        let archive = tar(&[typed(u8::try_from(kind).unwrap(), "a", "")]);
        check(
            &archive,
            &format!("the archive's entry `a` is of the unknown type '{kind}'"),
        );
    }
    check(&tar(&[typed(0, "a", "old")]), "a=old");
}

#[test]
fn owners_that_do_not_exist_on_linux() {
    let owner = |number: &[u8]| Block::new(b'0', b"a", 0).gnu().put(108, number).done();
    check(
        &tar(&[owner(b"\x80\0\0\x01\0\0\0\0")]),
        "the archive's entry `a` belongs to the user 4294967296, which is no valid number",
    );
    check(
        &tar(&[dir("d"), owner(b"\xff\xff\xff\xff\xff\xff\xff\xff")]),
        "the archive has a bad header at byte 512: its user is no number",
    );
}

#[test]
fn numbers_that_other_readers_refuse() {
    let second = |at, bytes: &[u8], what: &str| {
        let odd = Block::new(b'0', b"a", 0).put(at, bytes).done();
        let expected = format!("the archive has a bad header at byte 512: its {what} is no number");
        check(&tar(&[dir("d"), odd]), &expected);
    };
    second(108, b"root\0\0\0\0", "user");
    second(136, b"yesterday\0\0\0", "time");
    second(329, b"devices\0", "device number");
    second(124, b"\t0000000001\0", "size");
    let mut archive = tar(&[dir("d"), file("a", "x")]);
    let sum: u32 = archive[512..1024].iter().map(|byte| u32::from(*byte)).sum();
    let own: u32 = archive[660..668].iter().map(|byte| u32::from(*byte)).sum();
    let binary = u64::from(sum - own + 8 * 32) | 1 << 63;
    archive[660..668].copy_from_slice(&binary.to_be_bytes());
    check(
        &archive,
        "the archive has a bad header at byte 512: its checksum is wrong",
    );
}

#[test]
fn headers_that_readers_understand_in_different_ways() {
    let second = |header: &mut Block, expected: &str| {
        let archive = tar(&[dir("d"), header.done()]);
        check(
            &archive,
            &format!("the archive has a bad header at byte 512: {expected}"),
        );
    };
    let header = |at: usize, bytes: &[u8]| Block::new(b'0', b"a", 0).put(at, bytes).clone();
    second(&mut header(257, b"ustar\0\0\0"), "its format is unknown");
    let mut v7_with_prefix = header(257, &[0; 8]);
    second(v7_with_prefix.put(345, b"p"), "its format is unknown");
    second(&mut header(257, b"ustar\x0001"), "its format is unknown");
    second(&mut header(508, b"tar\0"), "its format is unknown");
    second(
        &mut header(345, b"p\0x"),
        "its prefix goes on after its end",
    );
    second(
        &mut header(157, b"t\0x"),
        "its link name goes on after its end",
    );
    second(&mut header(124, b"            "), "its size is no number");
    second(&mut header(124, b"-0000000001\0"), "its size is no number");
    second(
        &mut header(124, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
        "its size is no number",
    );
    second(
        &mut header(124, b"\x80\0\0\x01\0\0\0\0\0\0\0\0"),
        "its size is no number",
    );
    second(&mut header(100, b"rwxr-xr-"), "its mode is no number");
    second(
        header(345, b"../../../out").gnu(),
        "its access or change time is no number",
    );
    check(
        &tar(&[header(345, b"../p").done()]),
        "the archive's entry `../p/a` climbs with `..`",
    );
    check(&tar(&[header(345, b"p").done()]), "p/, p/a=");
    let mut archive = tar(&[dir("d"), file("a", "x")]);
    archive[512] = b'b';
    check(
        &archive,
        "the archive has a bad header at byte 512: its checksum is wrong",
    );
    archive[0] = b'b';
    check(&archive, "the archive is no tar archive");
}

#[test]
fn archives_that_end_too_early_or_too_late() {
    let whole = tar(&[file("a", "x")]);
    let cut = "the archive is cut: it stops before its end";
    for length in [0, 1, 511, 512, 513, 1023, 1024, 1025, 1536, 1537, 2047] {
        check(&whole[..length], cut);
    }
    check(&whole, "a=x");
    check(&tar(&[]), "");
    check(&[&whole[..], &[0; 9000]].concat(), "a=x");
    check(
        &[&whole[..], &whole].concat(),
        "the archive goes on after its end",
    );
    check(
        &[&whole[..], b"x"].concat(),
        "the archive goes on after its end",
    );
    check(
        &[&[0; 512], &whole[..]].concat(),
        "the archive has a block of zeros that is not its end",
    );
    let huge = Block::new(b'0', b"a", 0o77_777_777).done();
    check(&[&huge[..], &[0; 4096]].concat(), cut);
    check(&[&long(b'L', "a")[..512], &[b'a'; 100]].concat(), cut);
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
    check(&[b'x'; 600], "the archive is no tar archive");
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
    let endless = Block::new(b'x', b"x", 1 << 40).done();
    check(
        &endless,
        "the archive describes one entry with more than 1048576 bytes",
    );
    let wide = "a".repeat(600_000);
    check(
        &tar(&[long(b'L', &wide), long(b'K', &wide)]),
        "the archive describes one entry with more than 1048576 bytes",
    );
    let zeros = vec![0; 17 << 20];
    check(
        &zeros,
        "the archive has more than 16777216 bytes of zeros after its end",
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
fn what_is_there_already_is_not_followed_and_directories_are_kept() {
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
