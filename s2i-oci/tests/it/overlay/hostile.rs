//! Layers that want something else than to be unpacked.
//!
//! Each is unpacked beside a tree whose names, modes, owners, contents and times must stay the same.

use std::io::{self, Read};

use s2i_oci::overlay::{Dialect, Limits, UnpackError, unpack};

use super::{
    raw::{Block, device, dir, file, hard_link, link, long, padded, pax, record, tar, typed},
    sandbox::{Sandbox, chain, is_skipped},
};

/// Unpacks and compares the refusal, or else what is in the tree afterwards.
#[track_caller]
fn check(layer: &[u8], expected: &str) {
    check_limited(layer, &Limits::default(), expected);
}

#[track_caller]
fn check_limited(layer: &[u8], limits: &Limits, expected: &str) {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.outcome(layer, limits), expected);
    sandbox.assert_untouched();
}

/// Like [`check`], for layers with the absolute path of the tree that must not change.
#[track_caller]
fn check_outside(layer: impl Fn(&str) -> Vec<u8>, expected: &str) {
    let sandbox = Sandbox::new();
    let outside = sandbox.outside();
    let outcome = sandbox.outcome(&layer(&outside), &Limits::default());
    sandbox.assert_untouched();
    let outside = outside.trim_start_matches('/');
    let first = outside.find('/').map_or(outside, |end| &outside[..end]);
    let shown = outcome.replace(outside, "OUTSIDE");
    let is_parent = |part: &&str| part.starts_with(first) && part.ends_with('/');
    let shown: Vec<_> = shown.split(", ").filter(|part| !is_parent(part)).collect();
    assert_eq!(shown.join(", "), expected);
}

#[test]
fn names_that_climb() {
    if is_skipped() {
        return;
    }
    for name in [
        "../outside/secret",
        "a/../../../outside/secret",
        "/../outside/secret",
        "a/..",
        "..",
        "../treetop/x",
        "a/../b",
    ] {
        let expected = format!("the layer's entry `{name}` climbs with `..`");
        check(&tar(&[file(name, "x")]), &expected);
        check(&tar(&[link(name, "x")]), &expected);
        check(&tar(&[dir(name)]), &expected);
        check(&tar(&[file("a", "x"), hard_link(name, "a")]), &expected);
        check(&tar(&[pax(&[("path", name)]), file("a", "x")]), &expected);
        check(&tar(&[long(b'L', name), file("a", "x")]), &expected);
        check(&tar(&[device(b'3', name, 1, 3)]), &expected);
    }
    let split = Block::new(b'0', b"x", 0).put(345, b"../outside").done();
    check(
        &tar(&[split]),
        "the layer's entry `../outside/x` climbs with `..`",
    );
}

#[test]
fn absolute_names_stay_in_the_tree() {
    if is_skipped() {
        return;
    }
    check_outside(
        |outside| {
            tar(&[
                pax(&[("path", &format!("{outside}/secret"))]),
                file("a", "x"),
            ])
        },
        "OUTSIDE/, OUTSIDE/secret=x",
    );
    check_outside(
        |outside| tar(&[long(b'L', format!("//{outside}/private/")), dir("a")]),
        "OUTSIDE/, OUTSIDE/private/",
    );
    check(&tar(&[dir("/"), file("/a", "x")]), "a=x");
    check(&tar(&[file("C:\\x", "x")]), "C:\\x=x");
}

#[test]
fn names_that_are_none() {
    if is_skipped() {
        return;
    }
    check(&tar(&[file("", "x")]), "the layer's entry `` has no name");
    for name in [".", "./.", "/", "//./"] {
        let expected = format!("the layer's entry `{name}` is no directory and names the root");
        if !name.ends_with('/') {
            check(&tar(&[file(name, "x")]), &expected);
            check(&tar(&[link(name, "x")]), &expected);
        }
    }
    let slash = "the layer's entry `a/` is no directory and has a name that ends with a slash";
    check(&tar(&[file("a/", "x")]), slash);
    check(&tar(&[link("a/", "x")]), slash);
    check(&tar(&[device(b'4', "a/", 1, 1)]), slash);
}

#[test]
fn names_with_nul_bytes() {
    if is_skipped() {
        return;
    }
    let mut header = Block::new(b'0', b"a\0../../x", 0);
    check(&tar(&[header.done()]), "the layer is no tar archive");
    check(
        &tar(&[dir("d"), header.done()]),
        "the layer has a bad header at byte 512: its name goes on after its end",
    );
    check(
        &tar(&[pax(&[("path", "a\0b")]), file("c", "x")]),
        "the layer has a PAX header that can't be read",
    );
    check(
        &tar(&[long(b'L', "a\0b"), file("c", "x")]),
        "the layer has a long name with a NUL byte in it",
    );
    check(
        &tar(&[typed(b'L', "l", "a"), file("c", "x")]),
        "the layer has a long name without an end",
    );
    check(
        &tar(&[pax(&[("linkpath", "a\0b")]), link("c", "x")]),
        "the layer has a PAX header that can't be read",
    );
    check(
        &tar(&[link("c", "a\0b"), file("c", "x")]),
        "the layer is no tar archive",
    );
}

#[test]
fn names_that_are_long_or_deep() {
    if is_skipped() {
        return;
    }
    for length in [4096, 100_000] {
        let name = "n/".repeat(length / 2);
        let shown = format!("{}…", "n/".repeat(60));
        let expected = format!("the layer's entry `{shown}` has a name of more than 4095 bytes");
        check(&tar(&[long(b'L', &name), dir("a")]), &expected);
        check(&tar(&[pax(&[("path", &name)]), dir("a")]), &expected);
    }
    let name = "n".repeat(256);
    let expected = format!(
        "the layer's entry `{}…` has a component of more than 255 bytes in its name",
        &name[..120]
    );
    check(&tar(&[pax(&[("path", &name)]), file("a", "x")]), &expected);
    let target = "t".repeat(4096);
    check(
        &tar(&[long(b'K', &target), link("a", "x")]),
        "the layer's entry `a` is a link whose target has more than 4095 bytes",
    );
    let deep = "d/".repeat(201);
    let expected = format!(
        "the layer's entry `{}…` is more than 200 directories deep",
        &deep[..120]
    );
    check(&tar(&[long(b'L', &deep), dir("a")]), &expected);
    let sandbox = Sandbox::new();
    let tree = sandbox.tree(&tar(&[long(b'L', "d/".repeat(200)), dir("a")]));
    assert_eq!(tree.len(), 201);
    // Links may not lead deeper either.
    let name = "d/".repeat(150);
    let climb = [
        [long(b'K', &name), link("l", "x")].concat(),
        [long(b'L', format!("l/{name}")), dir("a")].concat(),
    ];
    let expected = format!(
        "the layer's entry `l/{}…` is more than 200 directories deep",
        &name[..118]
    );
    check(&tar(&climb), &expected);
}

#[test]
fn names_and_sizes_that_are_told_twice() {
    if is_skipped() {
        return;
    }
    let sized = |size: &str| tar(&[pax(&[("size", size)]), file("a", "x")]);
    let two = "the layer's entry `a` has two sizes: 1 bytes in its header and";
    check(&sized("0"), &format!("{two} 0 in its PAX record"));
    check(&sized("513"), &format!("{two} 513 in its PAX record"));
    check(&sized("1"), "a=x");
    check(
        &sized("-1"),
        "the layer has a PAX header that can't be read",
    );
    check(
        &tar(&[pax(&[("path", "b")]), long(b'L', "c"), file("a", "x")]),
        "the layer's entry `a` is named twice"
            .replace("`a`", "`b`")
            .as_str(),
    );
    check(
        &tar(&[long(b'L', "b"), long(b'L', "c"), file("a", "x")]),
        "the layer describes one entry twice",
    );
    check(
        &tar(&[pax(&[("path", "b"), ("path", "c")]), file("a", "x")]),
        "the layer has the PAX record `path` twice for one entry",
    );
    check(
        &tar(&[pax(&[("path", "b")])]),
        "the layer ends with the description of an entry that is not there",
    );
    for (key, value) in [
        ("path", "b"),
        ("size", "0"),
        ("uid", "0"),
        ("SCHILY.xattr.user.a", "b"),
    ] {
        let global = typed(b'g', "g", record(key, value.as_bytes()));
        let key = if key.starts_with("SCHILY") {
            "SCHILY.xattr"
        } else {
            key
        };
        let expected = format!("the layer sets the PAX record `{key}` for all entries");
        check(&tar(&[global, file("a", "x")]), &expected);
    }
    // What other readers take for contents, or for the next header.
    let smuggled = typed(b'5', "d", tar(&[file("hidden", "x")]));
    check(
        &tar(&[smuggled]),
        "the layer's entry `d` is no file and has 2048 bytes of contents",
    );
    check(
        &tar(&[file("a", "x"), typed(b'1', "b", "x")]),
        "the layer's entry `b` is no file and has 1 bytes of contents",
    );
}

#[test]
fn writes_through_links_stay_in_the_tree() {
    if is_skipped() {
        return;
    }
    let outside = "OUTSIDE/, OUTSIDE/secret=x";
    check_outside(
        |outside| tar(&[long(b'K', outside), link("l", "x"), file("l/secret", "x")]),
        &format!("l->/OUTSIDE, {outside}"),
    );
    check(
        &tar(&[link("l", "../../outside"), file("l/secret", "x")]),
        "l->../../outside, outside/, outside/secret=x",
    );
    check(
        &tar(&[link("l", "/"), link("l/m", ".."), file("l/m/l/secret", "x")]),
        "l->/, m->.., secret=x",
    );
    // The link itself is replaced, not what it leads to.
    check(
        &tar(&[link("l", "../../outside/secret"), file("l", "x")]),
        "l=x",
    );
    check(
        &tar(&[link("l", "../../outside"), dir("l"), file("l/secret", "x")]),
        "l/, l/secret=x",
    );
    check(
        &tar(&[
            link("l", "../../outside"),
            Block::new(b'5', b"l", 0).mode(0o777).done(),
        ]),
        "l/",
    );
    check(
        &tar(&[link("l", "../../outside"), device(b'3', "l/secret", 1, 3)]),
        "l->../../outside, outside/, outside/secret c1/3",
    );
    check(
        &tar(&[link("l", "../../outside"), file("l/.wh.secret", "")]),
        "l->../../outside, outside/, outside/secret removed",
    );
    check(
        &tar(&[link("l", "../../outside"), file("l/.wh..wh..opq", "")]),
        "l->../../outside, outside/!",
    );
}

#[test]
fn links_that_lead_nowhere() {
    if is_skipped() {
        return;
    }
    check(
        &tar(&[link("l", "l"), file("l/x", "x")]),
        "the layer's entry `l/x` lies below more than 40 symbolic links",
    );
    check(
        &tar(&[link("a", "b/x"), link("b", "a/y"), file("a/x", "x")]),
        "the layer's entry `a/x` lies below more than 40 symbolic links",
    );
    check(
        &tar(&[file("f", "x"), link("l", "f"), file("l/x", "x")]),
        "the layer's entry `l/x` lies below `f`, which is no directory",
    );
    check(
        &tar(&[file("f", "x"), file("f/x", "x")]),
        "the layer's entry `f/x` lies below `f`, which is no directory",
    );
    check(
        &tar(&[device(b'6', "f", 0, 0), file("f/x", "x")]),
        "the layer's entry `f/x` lies below `f`, which is no directory",
    );
}

#[test]
fn hard_links_to_elsewhere() {
    if is_skipped() {
        return;
    }
    let missing = |target: &str| {
        format!(
            "the layer's entry `h` is a hard link to `{target}`, which is not before it in the layer"
        )
    };
    for target in ["a", "/etc/passwd", "d/a", ".wh.x", "x"] {
        check(
            &tar(&[file(".wh.x", ""), hard_link("h", target)]),
            &missing(target),
        );
    }
    check(&tar(&[hard_link("h", "h")]), &missing("h"));
    check(
        &tar(&[hard_link("h", "../outside/secret")]),
        "the layer's entry `h` is a hard link to `../outside/secret`, which climbs with `..`",
    );
    for target in ["../../outside", "/OUTSIDE"] {
        check_outside(
            |outside| {
                let target = target.replace("/OUTSIDE", outside);
                tar(&[
                    [long(b'K', target), link("l", "x")].concat(),
                    hard_link("h", "l/secret"),
                    file("h", "x"),
                ])
            },
            &missing("l/secret"),
        );
    }
    check(
        &tar(&[file("f", "x"), hard_link("h", "f/x")]),
        &missing("f/x"),
    );
    check(
        &tar(&[dir("d"), hard_link("h", "d/")]),
        "the layer's entry `h` is a hard link to `d/`, which is a directory",
    );
    check(
        &tar(&[hard_link("h", "/")]),
        "the layer's entry `h` is a hard link to `/`, which is a directory",
    );
    // A hard link to a link is the link itself, so writing to its name does not write through it.
    check(
        &tar(&[
            link("l", "../../outside/secret"),
            hard_link("h", "l"),
            file("h", "x"),
        ]),
        "h=x, l->../../outside/secret",
    );
}

#[test]
fn whiteouts_with_tricks() {
    if is_skipped() {
        return;
    }
    for name in [".wh.", ".wh..", ".wh...", "d/.wh...", "d/.wh."] {
        let expected = format!("the layer's entry `{name}` is a whiteout of no file");
        check(&tar(&[file("d/a", "x"), file(name, "")]), &expected);
    }
    check(
        &tar(&[dir(".wh./")]),
        "the layer's entry `.wh./` is a whiteout of no file",
    );
    check(
        &tar(&[file(".wh.../secret", "")]),
        "the layer's entry `.wh.../secret` lies below a whiteout",
    );
    check(
        &tar(&[file(".wh.d/../x", "")]),
        "the layer's entry `.wh.d/../x` climbs with `..`",
    );
    for entry in [
        dir(".wh.a/"),
        link(".wh.a", "x"),
        device(b'3', ".wh.a", 1, 3),
        link(".wh..wh..opq", "x"),
    ] {
        let outcome = Sandbox::new().outcome(&tar(&[entry]), &Limits::default());
        assert!(outcome.ends_with("is a whiteout, but no file"), "{outcome}");
    }
    check(
        &tar(&[link("l", "../../outside/secret"), file(".wh.l", "")]),
        "l->../../outside/secret",
    );
    check(
        &tar(&[
            link("l", "../../outside/private"),
            file(".wh.l", ""),
            file("l/.wh..wh..opq", ""),
        ]),
        "l->../../outside/private, outside/, outside/private/!",
    );
    // Devices that overlayfs takes for whiteouts, also after the kernel cut their numbers.
    for (major, minor) in [(0, 0), (4096, 0), (0, 1 << 20)] {
        let expected = format!(
            "the layer's entry `a` is the device {major}/{minor}, which is no valid number"
        );
        check(&tar(&[device(b'3', "a", major, minor)]), &expected);
    }
}

#[test]
fn things_over_directories() {
    if is_skipped() {
        return;
    }
    let full = [dir("d"), file("d/a", "x")].concat();
    let expected = "the layer's entry `d` would replace a directory that is not empty";
    for entry in [
        file("d", "x"),
        link("d", "x"),
        device(b'3', "d", 1, 3),
        device(b'6', "d", 0, 0),
    ] {
        check(&tar(&[full.clone(), entry]), expected);
    }
    check(&tar(&[full, file("f", "x"), hard_link("d", "f")]), expected);
}

#[test]
fn entries_that_do_not_exist_on_linux() {
    if is_skipped() {
        return;
    }
    check(
        &tar(&[pax(&[("uid", "4294967295")]), file("a", "x")]),
        "the layer's entry `a` belongs to the user 4294967295, which is no valid number",
    );
    check(
        &tar(&[pax(&[("gid", "99999999999")]), file("a", "x")]),
        "the layer's entry `a` belongs to the group 99999999999, which is no valid number",
    );
    for (kind, shown) in [(b'7', "'7'"), (b'D', "'D'"), (b'V', "'V'"), (0xff, "'ÿ'")] {
        let expected = format!("the layer's entry `a` is of the unknown type {shown}");
        check(&tar(&[typed(kind, "a", "x")]), &expected);
    }
    check(
        &tar(&[link("a", "")]),
        "the layer's entry `a` is a link without a target",
    );
    let sparse = "the layer's entry `a` is a sparse file";
    for key in ["GNU.sparse.major", "GNU.sparse.map", "SCHILY.realsize"] {
        let layer = tar(&[pax(&[(key, "1")]), file("a", "x")]);
        check(
            &layer,
            &format!("{sparse} in a PAX format, which can't be unpacked"),
        );
    }
    let broken = format!("{sparse} with a map that can't be read");
    let map = |field: &[u8], size: &[u8]| {
        let mut header = Block::new(b'S', b"a", 1);
        let header = header.gnu().put(386, field).put(483, size).done();
        tar(&[header, padded(b"x")])
    };
    check(
        &map(b"00000000000\x0000000000001\0", b"00000000001\0"),
        "a=x",
    );
    check(
        &map(b"00000000000\x0000000000002\0", b"00000000002\0"),
        &broken,
    );
    check(
        &map(b"00000000001\x0000000000001\0", b"00000000001\0"),
        &broken,
    );
    check(
        &map(b"-0000000001\x0000000000001\0", b"00000000001\0"),
        &broken,
    );
    check(&map(b"00000000000\x0000000000001\0", b""), &broken);
    let posix = Block::new(b'S', b"a", 0).done();
    check(&tar(&[posix]), &broken);
}

#[test]
fn maps_that_other_readers_end_elsewhere() {
    if is_skipped() {
        return;
    }
    let broken = "the layer's entry `a` is a sparse file with a map that can't be read";
    // Some readers end the map at the first unused field, and take any mark for that of a longer map.
    let part = b"00000000000\x0000000000001\0";
    for (at, bytes) in [
        (386 + 48, &part[..]),
        (482, b"\x01"),
        (482, b"\x02"),
        (482, b"1"),
    ] {
        let mut header = Block::new(b'S', b"a", 1);
        header.gnu().put(386, part).put(483, b"00000000001\0");
        check(&tar(&[header.put(at, bytes).done(), padded(b"x")]), broken);
    }
}

/// Checks what is said of a header after a good one.
#[track_caller]
fn second(header: &mut Block, fault: &str) {
    let expected = format!("the layer has a bad header at byte 512: {fault}");
    check(&tar(&[dir("d"), header.done()]), &expected);
}

#[test]
fn headers_that_readers_disagree_about() {
    if is_skipped() {
        return;
    }
    let header = |at: usize, bytes: &[u8]| Block::new(b'0', b"a", 0).put(at, bytes).clone();
    // Without a magic it is of the V7 format, which has nothing there.
    let no_magic = header(257, &[0; 8]);
    let mut v7 = no_magic.clone();
    check(&tar(&[dir("d"), v7.done()]), "a=, d/");
    for (at, bytes) in [(265, &b"root"[..]), (345, b"p"), (508, b"tar"), (156, b"6")] {
        let mut odd = no_magic.clone();
        second(odd.put(at, bytes), "its format is unknown");
    }
    second(&mut header(257, b"ustar\x0001"), "its format is unknown");
    second(&mut header(508, b"tar\0"), "its format is unknown");
    second(
        &mut header(345, b"p\0x"),
        "its prefix goes on after its end",
    );
    second(&mut header(124, b"            "), "its size is no number");
    second(&mut header(124, b"-0000000001\0"), "its size is no number");
    second(&mut header(124, &[0xff; 12]), "its size is no number");
    second(&mut header(100, b"rwxr-xr-"), "its mode is no number");
    second(&mut header(108, b"root\0\0\0\0"), "its user is no number");
    second(
        &mut header(136, b"yesterday\0\0\0"),
        "its time is no number",
    );
    second(
        header(345, b"../../../out").gnu(),
        "its access or change time is no number",
    );
    let mut layer = tar(&[dir("d"), file("a", "x")]);
    layer[512] = b'b';
    check(
        &layer,
        "the layer has a bad header at byte 512: its checksum is wrong",
    );
    layer[0] = b'b';
    check(&layer, "the layer is no tar archive");
}

#[test]
fn layers_that_end_too_early_or_too_late() {
    if is_skipped() {
        return;
    }
    let whole = tar(&[file("a", "x")]);
    for length in [1, 511, 513, 1023, 1025, 1537, 2047] {
        check(
            &whole[..length],
            "the layer is cut: it stops before its end",
        );
    }
    check(&[&whole[..], &[0; 9000]].concat(), "a=x");
    let late = "the layer goes on after its end";
    check(&[&whole[..], &whole].concat(), late);
    check(&[&whole[..], b"x"].concat(), late);
    check(
        &[&[0; 512], &whole[..]].concat(),
        "the layer has a block of zeros that is not its end",
    );
    check(
        b"\xfd7zXZ\0\0",
        "the layer is compressed with xz; it must be plain tar, or compressed with gzip or zstd",
    );
    check(&[b'x'; 600], "the layer is no tar archive");
}

#[test]
fn bombs() {
    if is_skipped() {
        return;
    }
    let limits = Limits {
        bytes: 8000,
        entries: 3,
        depth: 5,
        ..Limits::default()
    };
    let bytes = "the layer holds more than 8000 bytes";
    let huge = Block::new(b'0', b"a", 8001).done();
    check_limited(&huge, &limits, bytes);
    check_limited(&vec![0; 8001], &limits, bytes);
    check_limited(&tar(&[file("a", &"x".repeat(8000))]), &limits, bytes);
    let wraps = Block::new(b'0', b"a", 0)
        .gnu()
        .put(124, b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff")
        .done();
    check_limited(&tar(&[file("a", "x"), wraps]), &limits, bytes);
    // A hole is large without being in the archive.
    let hole = Block::new(b'S', b"a", 0)
        .gnu()
        .put(483, b"00000017501\0")
        .done();
    check_limited(&tar(&[hole]), &limits, bytes);
    let entries = "the layer holds more than 3 entries";
    let many: Vec<_> = (0..4).map(|n| file(n.to_string(), "")).collect();
    check_limited(&tar(&many), &limits, entries);
    check_limited(&tar(&vec![typed(b'g', "g", ""); 4]), &limits, entries);
    check_limited(&tar(&[file("a/b/c/d/e", "")]), &limits, entries);
    check_limited(
        &tar(&[dir("a/b/c/d/e/f")]),
        &limits,
        "the layer's entry `a/b/c/d/e/f` is more than 5 directories deep",
    );
    let described = "the layer describes one entry with more than 1048576 bytes";
    check(&Block::new(b'x', b"x", 1 << 30).done(), described);
    let wide = "a".repeat(600_000);
    check(&tar(&[long(b'L', &wide), long(b'K', &wide)]), described);
    let mut map = Block::new(b'S', b"a", 0);
    map.gnu().put(386, &[b'0'; 96]).put(482, b"\x01");
    let mut map = map.put(483, b"00000000000\0").done();
    map.extend([[b'0'; 504].as_slice(), &[1; 8]].concat().repeat(2049));
    check(&map, described);
}

#[test]
fn a_stream_that_fails_is_no_refusal() {
    struct Broken;

    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the cable is out"))
        }
    }

    if is_skipped() {
        return;
    }
    let sandbox = Sandbox::new();
    let start = [dir("d"), file("d/a", "x")].concat();
    let mut stream = start.chain(Broken);
    let result = unpack(
        &mut stream,
        &sandbox.path(),
        sandbox.dialect,
        &Limits::default(),
    );
    let err = result.unwrap_err();
    assert!(!err.is_refusal());
    assert_eq!(chain(&err), "the layer can't be read: the cable is out");

    let nowhere = "/nonexistent".as_ref();
    let result = unpack(&mut io::empty(), nowhere, Dialect::User, &Limits::default());
    assert!(matches!(result, Err(UnpackError::Directory { .. })));
}
