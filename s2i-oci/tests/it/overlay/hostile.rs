//! Layers that want something else than to be unpacked.
//!
//! Each is unpacked beside a tree whose names, modes, owners, contents and times must stay the same.

use std::io::{self, Read, Write};

use flate2::{Compression, write::GzEncoder};
use s2i_oci::overlay::{Dialect, Limits, UnpackError, unpack};

use super::{
    malformed,
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
fn malformed_layers_are_refused_before_anything_is_created() {
    if is_skipped() {
        return;
    }
    for (layer, expected) in malformed::archives() {
        check(&layer, &expected.replacen("the archive", "the layer", 1));
    }
}

#[test]
fn parent_components_are_refused() {
    if is_skipped() {
        return;
    }
    for name in [
        "a/../../../outside/secret",
        "/../outside/secret",
        "../treeer/x",
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
fn trailing_slash_is_refused_except_on_directories() {
    if is_skipped() {
        return;
    }
    check(
        &tar(&[device(b'4', "a/", 1, 1)]),
        "the layer's entry `a/` is not a directory and has a name that ends with a slash",
    );
}

#[test]
fn long_and_deep_names_are_refused() {
    if is_skipped() {
        return;
    }
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
fn global_and_repeated_attributes_are_refused() {
    if is_skipped() {
        return;
    }
    let attribute = record("SCHILY.xattr.user.a", "b");
    check(
        &tar(&[typed(b'g', "g", &attribute), file("a", "x")]),
        "the layer sets the PAX record `SCHILY.xattr` for all entries",
    );
    check(
        &tar(&[typed(b'x', "x", attribute.repeat(2)), file("a", "x")]),
        "the layer has the PAX record `SCHILY.xattr` twice for one entry",
    );
}

#[test]
fn writes_through_links_stay_in_the_tree() {
    if is_skipped() {
        return;
    }
    let outside = "OUTSIDE/, OUTSIDE/secret=x";
    check_outside(
        |outside| tar(&[long(b'K', outside), link("z", "x"), file("z/secret", "x")]),
        &format!("{outside}, z->/OUTSIDE"),
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
fn loops_and_files_are_refused_as_parents() {
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
        "the layer's entry `l/x` lies below `f`, which is not a directory",
    );
    check(
        &tar(&[file("f", "x"), file("f/x", "x")]),
        "the layer's entry `f/x` lies below `f`, which is not a directory",
    );
    check(
        &tar(&[device(b'6', "f", 0, 0), file("f/x", "x")]),
        "the layer's entry `f/x` lies below `f`, which is not a directory",
    );
}

#[test]
fn hard_links_out_of_the_layer_are_refused() {
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
fn invalid_whiteouts_are_refused() {
    if is_skipped() {
        return;
    }
    for name in [".wh.", ".wh..", ".wh...", "d/.wh...", "d/.wh."] {
        let expected =
            format!("the layer's entry `{name}` is a whiteout without the name of a file");
        check(&tar(&[file("d/a", "x"), file(name, "")]), &expected);
    }
    check(
        &tar(&[dir(".wh./")]),
        "the layer's entry `.wh./` is a whiteout without the name of a file",
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
        assert!(
            outcome.ends_with("is a whiteout, but not a file"),
            "{outcome}"
        );
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
            "the layer's entry `a` is the device {major}/{minor}, which is not a valid number"
        );
        check(&tar(&[device(b'3', "a", major, minor)]), &expected);
    }
}

#[test]
fn only_empty_directories_are_replaced() {
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
fn sparse_maps_must_fit() {
    if is_skipped() {
        return;
    }
    let broken = "the layer's entry `a` is a sparse file with a map that can't be read";
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
        broken,
    );
    check(
        &map(b"00000000001\x0000000000001\0", b"00000000001\0"),
        broken,
    );
    check(
        &map(b"-0000000001\x0000000000001\0", b"00000000001\0"),
        broken,
    );
    check(&map(b"00000000000\x0000000000001\0", b""), broken);
    let posix = Block::new(b'S', b"a", 0).done();
    check(&tar(&[posix]), broken);
}

#[test]
fn ambiguous_sparse_maps_are_refused() {
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

#[test]
fn v7_headers_without_a_mode_are_accepted() {
    if is_skipped() {
        return;
    }
    let header = |at, length| Block::new(b'0', b"a", 0).put(at, &[0; 8][..length]).done();
    check(&tar(&[dir("d"), header(257, 8)]), "a=, d/");
    check(&tar(&[dir("d"), header(100, 8)]), "a=, d/");
}

#[test]
fn layer_ends_with_zeros_or_with_the_stream() {
    if is_skipped() {
        return;
    }
    let whole = tar(&[file("a", "x")]);
    for length in [1024, 1536, 2048] {
        check(&whole[..length], "a=x");
    }
    check(&[&whole[..], &[0; 9000]].concat(), "a=x");
    check(&[], "");
    check(
        b"\xfd7zXZ\0\0",
        "the layer is compressed with xz; it must be plain tar, or compressed with gzip or zstd",
    );
    check(
        b"BZh91AY&SY",
        "the layer is compressed with bzip2; it must be plain tar, or compressed with gzip or zstd",
    );
}

#[test]
fn bombs_are_refused() {
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
    let mut bomb = GzEncoder::new(Vec::new(), Compression::fast());
    bomb.write_all(&vec![0; 3_000_000]).unwrap();
    check_limited(&bomb.finish().unwrap(), &limits, bytes);
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
    let mut map = Block::new(b'S', b"a", 0);
    map.gnu().put(386, &[b'0'; 96]).put(482, b"\x01");
    let mut map = map.put(483, b"00000000000\0").done();
    map.extend([[b'0'; 504].as_slice(), &[1; 8]].concat().repeat(2049));
    check(&map, described);
}

#[test]
fn stream_error_is_not_a_refusal() {
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
