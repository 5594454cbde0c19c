//! Archives that are refused for their headers alone, whatever kind of archive they are read as.

use super::raw::{Block, device, dir, file, hard_link, link, long, pax, record, seal, tar, typed};

/// Archives, and the errors about them.
pub(crate) fn archives() -> Vec<(Vec<u8>, String)> {
    let mut archives = Vec::new();
    for (group, prefix) in [
        (names(), "the archive's entry "),
        (names_of_links_and_in_two_places(), "the archive's entry "),
        (described_twice(), "the archive "),
        (sizes(), "the archive's entry "),
        (values(), "the archive "),
        (types(), "the archive's entry "),
        (ends(), "the archive "),
        (headers(), "the archive has a bad header at byte 512: "),
    ] {
        let whole = |(archive, fault)| (archive, format!("{prefix}{fault}"));
        archives.extend(group.into_iter().map(whole));
    }
    archives
}

type Faults = Vec<(Vec<u8>, String)>;

fn with_text(faults: Vec<(Vec<u8>, &str)>) -> Faults {
    let owned = |(archive, fault): (_, &str)| (archive, fault.to_owned());
    faults.into_iter().map(owned).collect()
}

fn names() -> Faults {
    let mut faults = Vec::new();
    for name in ["../outside/secret", "a/../../x", "a/..", "..", "a/../b"] {
        let fault = format!("`{name}` climbs with `..`");
        for archive in [
            tar(&[file(name, "x")]),
            tar(&[link(name, "x")]),
            tar(&[dir(name)]),
            tar(&[file("a", "x"), hard_link(name, "a")]),
            tar(&[pax(&[("path", name)]), file("a", "x")]),
            tar(&[long(b'L', name), file("a", "x")]),
        ] {
            faults.push((archive, fault.clone()));
        }
    }
    let (long_name, shown) = ("n/".repeat(2048), "n/".repeat(60));
    let too_long = format!("`{shown}…` has a name of more than 4095 bytes");
    faults.push((tar(&[long(b'L', &long_name), dir("a")]), too_long.clone()));
    faults.push((tar(&[pax(&[("path", &long_name)]), dir("a")]), too_long));
    faults.push((
        tar(&[long(b'L', &long_name[..402]), dir("a")]),
        format!("`{shown}…` is more than 200 directories deep"),
    ));
    let part = "n".repeat(256);
    faults.push((
        tar(&[long(b'L', &part), file("a", "x")]),
        format!(
            "`{}…` has a component of more than 255 bytes in its name",
            &part[..120]
        ),
    ));
    faults.extend(with_text(vec![
        (tar(&[file("", "x")]), "`` has no name"),
        (tar(&[long(b'L', ""), file("c", "x")]), "`` has no name"),
        (
            tar(&[file(".", "x")]),
            "`.` is not a directory and names the root",
        ),
        (
            tar(&[link("./.", "x")]),
            "`./.` is not a directory and names the root",
        ),
        (
            tar(&[file("a/", "x")]),
            "`a/` is not a directory and has a name that ends with a slash",
        ),
        (
            tar(&[link("a/", "x")]),
            "`a/` is not a directory and has a name that ends with a slash",
        ),
        (
            tar(&[Block::new(b'0', b"x", 0).put(345, b"../outside").done()]),
            "`../outside/x` climbs with `..`",
        ),
    ]));
    faults
}

fn names_of_links_and_in_two_places() -> Faults {
    let long_target = "t/".repeat(2048);
    with_text(vec![
        (tar(&[link("a", "")]), "`a` is a link without a target"),
        (tar(&[hard_link("a", "")]), "`a` is a link without a target"),
        (
            tar(&[long(b'K', &long_target), link("a", "x")]),
            "`a` is a link whose target has more than 4095 bytes",
        ),
        (
            tar(&[pax(&[("path", "a")]), long(b'L', "b"), file("c", "x")]),
            "`a` is named twice",
        ),
        (
            tar(&[pax(&[("linkpath", "a")]), long(b'K', "b"), link("c", "x")]),
            "`c` is named twice",
        ),
    ])
}

fn described_twice() -> Faults {
    let mut faults = with_text(vec![
        (
            tar(&[pax(&[]), pax(&[]), file("c", "x")]),
            "describes one entry twice",
        ),
        (
            tar(&[long(b'L', "a"), long(b'L', "b"), file("c", "x")]),
            "describes one entry twice",
        ),
        (
            tar(&[pax(&[("path", "a"), ("path", "b")]), file("c", "x")]),
            "has the PAX record `path` twice for one entry",
        ),
        (
            tar(&[long(b'L', "a")]),
            "ends with the description of an entry that is not there",
        ),
        (
            tar(&[pax(&[("path", "b")])]),
            "ends with the description of an entry that is not there",
        ),
        (
            tar(&[pax(&[]), typed(b'g', "g", ""), file("a", "x")]),
            "ends with the description of an entry that is not there",
        ),
    ]);
    for (key, value) in [("path", "b"), ("size", "0"), ("uid", "0"), ("mtime", "1")] {
        let all = typed(b'g', "g", record(key, value));
        let fault = format!("sets the PAX record `{key}` for all entries");
        faults.push((tar(&[all, file("a", "x")]), fault));
    }
    faults
}

fn sizes() -> Faults {
    let inner = tar(&[file("../smuggled", "x")]);
    let carrier = |size: &str| {
        let header = Block::new(b'0', b"a", inner.len() as u64).done();
        tar(&[pax(&[("size", size)]), header, inner.clone()])
    };
    let two = "`a` has two sizes: 2048 bytes in its header and";
    let mut faults: Faults = ["0", "512", "2049"]
        .map(|size| (carrier(size), format!("{two} {size} in its PAX record")))
        .into();
    faults.extend(with_text(vec![
        (
            tar(&[pax(&[("size", "1024")]), dir("a")]),
            "`a` has two sizes: 0 bytes in its header and 1024 in its PAX record",
        ),
        (
            tar(&[typed(b'5', "d", &inner)]),
            "`d` is not a file and has 2048 bytes of contents",
        ),
        (
            tar(&[
                Block::new(b'2', b"l", 1).put(157, b"t").done(),
                inner.clone(),
            ]),
            "`l` is not a file and has 1 bytes of contents",
        ),
        (
            tar(&[file("0", ""), typed(b'1', "a", "x")]),
            "`a` is not a file and has 1 bytes of contents",
        ),
    ]));
    faults
}

fn values() -> Faults {
    let unreadable = "has a PAX header that can't be read";
    let mut faults = Vec::new();
    for (key, value) in [
        ("path", ""),
        ("path", "a\0b"),
        ("linkpath", "a\0b"),
        ("size", "-1"),
        ("uid", "root"),
        ("mtime", "1e5"),
        ("atime", ""),
        ("uname", "a\0b"),
    ] {
        let archive = tar(&[pax(&[(key, value)]), file("a", "x")]);
        faults.push((archive, unreadable.to_owned()));
    }
    let wide = "a".repeat(600_000);
    let large = "describes one entry with more than 1048576 bytes";
    faults.extend(with_text(vec![
        (
            tar(&[long(b'L', "a\0b"), file("c", "x")]),
            "has a long name with a NUL byte in it",
        ),
        (
            tar(&[typed(b'L', "l", "a"), file("c", "x")]),
            "has a long name without an end",
        ),
        (Block::new(b'x', b"x", 1 << 40).done(), large),
        (tar(&[long(b'L', &wide), long(b'K', &wide)]), large),
    ]));
    faults
}

fn types() -> Faults {
    let mut faults = Vec::new();
    for (flag, shown) in [
        (b'7', '7'),
        (b'D', 'D'),
        (b'M', 'M'),
        (b'N', 'N'),
        (b'V', 'V'),
        (b'X', 'X'),
        (b'Z', 'Z'),
        (0xff, 'ÿ'),
    ] {
        let fault = format!("`a` is of the unknown type '{shown}'");
        faults.push((tar(&[typed(flag, "a", "x")]), fault));
    }
    for key in ["GNU.sparse.major", "GNU.sparse.map", "SCHILY.realsize"] {
        let fault = "`a` is a sparse file in a PAX format, which can't be unpacked";
        let archive = tar(&[pax(&[(key, "1")]), file("a", "x")]);
        faults.push((archive, fault.to_owned()));
    }
    for (key, value, what) in [
        ("uid", "4294967295", "user"),
        ("gid", "99999999999", "group"),
    ] {
        let fault = format!("`a` belongs to the {what} {value}, which is not a valid number");
        let archive = tar(&[pax(&[(key, value)]), file("a", "x")]);
        faults.push((archive, fault));
    }
    faults
}

fn ends() -> Faults {
    let whole = tar(&[file("a", "x")]);
    let cut = "is cut: it stops before its end";
    let mut faults: Vec<_> = [1, 511, 513, 1023, 1025, 1537, 2047]
        .map(|length| (whole[..length].to_vec(), cut))
        .into();
    let huge = Block::new(b'0', b"a", 0o77_777_777).done();
    faults.extend([
        ([&huge[..], &[0; 4096]].concat(), cut),
        ([&long(b'L', "a")[..512], &[b'a'; 100]].concat(), cut),
        ([&whole[..], &whole].concat(), "goes on after its end"),
        ([&whole[..], b"x"].concat(), "goes on after its end"),
        (
            [&[0; 512], &whole[..]].concat(),
            "has a block of zeros that is not its end",
        ),
        (
            vec![0; 17 << 20],
            "has more than 16777216 bytes of zeros after its end",
        ),
        (vec![b'x'; 600], "is not a tar archive"),
        (
            tar(&[Block::new(b'0', b"a\0../../x", 0).done()]),
            "is not a tar archive",
        ),
        (tar(&[link("c", "a\0b")]), "is not a tar archive"),
    ]);
    with_text(faults)
}

/// Headers after a good one.
fn headers() -> Faults {
    let mut faults = Vec::new();
    let mut add = |header: &mut Block, fault: &str| {
        faults.push((tar(&[dir("d"), header.done()]), fault.to_owned()));
    };
    let header = |at: usize, bytes: &[u8]| Block::new(b'0', b"a", 0).put(at, bytes).clone();
    // Without a magic it is of the V7 format, which has nothing there.
    for (at, bytes) in [(265, &b"root"[..]), (345, b"p"), (508, b"tar"), (156, b"6")] {
        add(header(257, &[0; 8]).put(at, bytes), "its format is unknown");
    }
    for (at, bytes) in [
        (257, &b"ustar\0\0\0"[..]),
        (257, b"ustar\x0001"),
        (508, b"tar\0"),
    ] {
        add(&mut header(at, bytes), "its format is unknown");
    }
    for (at, bytes, what) in [
        (0, &b"a\0x"[..], "name"),
        (345, b"p\0x", "prefix"),
        (157, b"t\0x", "link name"),
    ] {
        let fault = format!("its {what} goes on after its end");
        add(&mut header(at, bytes), &fault);
    }
    for (at, bytes, what) in [
        (124, &b"            "[..], "size"),
        (124, b"-0000000001\0", "size"),
        (124, b"\t0000000001\0", "size"),
        (124, &[0xff; 12], "size"),
        (124, b"\x80\0\0\x01\0\0\0\0\0\0\0\0", "size"),
        (100, b"rwxr-xr-", "mode"),
        (108, b"root\0\0\0\0", "user"),
        (108, &[0xff; 8], "user"),
        (136, b"yesterday\0\0\0", "time"),
        (329, b"devices\0", "device number"),
    ] {
        add(
            &mut header(at, bytes),
            &format!("its {what} is not a number"),
        );
    }
    add(
        header(345, b"../../../out").gnu(),
        "its access or change time is not a number",
    );
    faults.extend(sums());
    faults
}

/// Headers with a sum that is wrong, or that only some readers take.
fn sums() -> Faults {
    let mut wrong = tar(&[dir("d"), device(b'6', "a", 0, 0)]);
    wrong[512] = b'b';
    let mut binary = tar(&[dir("d"), file("a", "x")]);
    let header = &mut binary[512..1024];
    seal(header);
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(&(u64::from(sum) | 1 << 63).to_be_bytes());
    [wrong, binary]
        .map(|archive| (archive, "its checksum is wrong".to_owned()))
        .into()
}
