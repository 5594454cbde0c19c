//! Archives in every form that readers could take in different ways.

use std::{fs, path::Path};

use super::seal::sealed;
use crate::overlay::raw::{
    Block, device, dir, file, hard_link, link, long, padded, pax, record, tar, typed,
};

/// The number of damaged archives.
const DAMAGED: u64 = 600;

/// Names and archives: written by hand, damaged ones of these, and the corpora of the fuzz targets.
pub(super) fn all() -> Vec<(String, Vec<u8>)> {
    let by_hand = [
        plain(),
        v7(),
        names(),
        numbers(),
        records(),
        odd_records(),
        long_names(),
        sparse(),
        odd_sparse(),
        sparse_in_records(),
        ends(),
    ];
    let mut all: Vec<_> = by_hand
        .into_iter()
        .flatten()
        .map(|(name, archive)| (name.to_owned(), archive))
        .collect();
    let seeds = all.len() as u64;
    for number in 0..DAMAGED {
        let mut random = Random(number);
        let (seed, archive) = &all[usize::try_from(random.below(seeds)).unwrap()];
        let damaged = damage(archive, &mut random);
        all.push((format!("damaged-{number}-{seed}"), damaged));
    }
    for target in ["archive", "layer"] {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../fuzz/corpus")
            .join(target);
        for entry in fs::read_dir(corpus).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            all.push((
                format!("{target}-{name}"),
                sealed(&fs::read(&path).unwrap()),
            ));
        }
    }
    all
}

type Named = Vec<(&'static str, Vec<u8>)>;

fn plain() -> Named {
    let mode = |mode| Block::new(b'0', b"a", 0).mode(mode).done();
    vec![
        (
            "all-kinds",
            tar(&[
                dir("d/"),
                file("d/a", "hello"),
                link("d/l", "../a b"),
                hard_link("h", "d/a"),
                device(b'3', "null", 1, 3),
                device(b'4', "disk", 8, 0),
                typed(b'6', "fifo", ""),
            ]),
        ),
        (
            "files",
            tar(&[dir("d"), file("d/a", "hello"), file("b", &"x".repeat(1000))]),
        ),
        (
            "modes",
            tar(&[
                mode(0o7777),
                mode(0o1644),
                mode(0o2751),
                mode(0),
                mode(0o4700),
            ]),
        ),
        ("file-type-in-mode", tar(&[mode(0o100_644)])),
        ("twice", tar(&[file("a", "1"), file("a", "22")])),
        ("old-type", tar(&[typed(0, "a", "x"), typed(0, "d/", "")])),
        ("contiguous", tar(&[typed(b'7', "a", "x")])),
        (
            "unknown-type",
            tar(&[typed(b'Z', "a", "x"), file("b", "y")]),
        ),
        ("label", tar(&[typed(b'V', "volume", ""), file("b", "y")])),
        ("dump", tar(&[typed(b'D', "d/", "Yb\0"), file("b", "y")])),
        (
            "solaris",
            tar(&[typed(b'X', "x", "10 path=b\n"), file("a", "y")]),
        ),
        (
            "link-with-contents",
            tar(&[typed(b'2', "l", "x"), file("b", "y")]),
        ),
        (
            "hard-link-with-contents",
            tar(&[file("a", "x"), typed(b'1', "h", "x"), file("b", "y")]),
        ),
        (
            "directory-with-contents",
            tar(&[typed(b'5', "d", "x"), file("b", "y")]),
        ),
        (
            "device-with-contents",
            tar(&[typed(b'3', "n", "x"), file("b", "y")]),
        ),
    ]
}

/// Headers without a magic.
fn v7() -> Named {
    let old = |kind, name: &str, size| {
        let mut header = Block::new(kind, name.as_bytes(), size);
        header.put(257, &[0; 8]).clone()
    };
    let with_a = |kind, at, bytes: &[u8]| {
        let content = padded(b"abc");
        let header = old(kind, "a", 3).put(at, bytes).done();
        tar(&[header, content, old(b'0', "b", 0).done()])
    };
    let devices = b"0000000\x000000000\0";
    vec![
        (
            "v7-all-kinds",
            tar(&[
                old(b'5', "d/", 0).mode(0o755).put(329, devices).done(),
                old(0, "e/", 0).mode(0o755).done(),
                old(0, "d/a", 5).put(329, devices).done(),
                padded(b"hello"),
                old(b'0', "b", 0).done(),
                old(b'2', "d/l", 0).put(157, b"../b").done(),
                old(b'1', "h", 0).put(157, b"d/a").done(),
            ]),
        ),
        (
            "v7-among-others",
            tar(&[file("a", "x"), old(b'0', "b", 0).done(), dir("d")]),
        ),
        ("v7-full-name", tar(&[old(0, &"n".repeat(100), 0).done()])),
        ("v7-fifo", tar(&[old(b'6', "fifo", 0).done()])),
        (
            "v7-device",
            tar(&[old(b'3', "null", 0).device(1, 3).done()]),
        ),
        ("v7-sparse", with_a(b'S', 345, &[0])),
        ("v7-long-name", with_a(b'L', 345, &[0])),
        ("v7-records", with_a(b'x', 345, &[0])),
        ("v7-label", tar(&[old(b'V', "volume", 0).done()])),
        (
            "v7-size",
            with_a(b'0', 124, b"\x80\0\0\0\0\0\0\0\0\0\0\x03"),
        ),
        ("v7-prefix", with_a(b'0', 345, b"prefix")),
        ("v7-end", with_a(b'0', 508, b"tar\0")),
        ("v7-owner", with_a(b'0', 265, b"root\0")),
        ("v7-odd-device", with_a(b'0', 329, b"x")),
        ("v7-half-magic", with_a(b'0', 257, b"ustar")),
        ("v7-version", with_a(b'0', 263, b"00")),
    ]
}

fn names() -> Named {
    let at = |at, bytes: &[u8]| Block::new(b'0', b"a", 0).put(at, bytes).done();
    vec![
        ("prefix", tar(&[at(345, b"pre/fix")])),
        ("prefix-slash", tar(&[at(345, b"pre/")])),
        ("prefix-rest", tar(&[at(345, b"pre\0x")])),
        ("name-rest", tar(&[Block::new(b'0', b"a\0b", 0).done()])),
        ("full-name", tar(&[file("n".repeat(100), "x")])),
        ("slash", tar(&[file("a/", "")])),
        (
            "bytes",
            tar(&[file(b"\xff\xc3 \n\\\"", "x"), link("l", "a -> b link to c")]),
        ),
        (
            "gnu-prefix",
            tar(&[Block::new(b'0', b"a", 0).gnu().put(345, b"prefix").done()]),
        ),
        (
            "gnu-times",
            tar(&[Block::new(b'0', b"a", 0)
                .gnu()
                .put(345, b"00000001750\x0000000001750")
                .done()]),
        ),
        (
            "gnu-times-negative",
            tar(&[Block::new(b'0', b"a", 0)
                .gnu()
                .put(345, &[[0xff; 12], [0xff; 12]].concat())
                .done()]),
        ),
        (
            "gnu-times-left-out",
            tar(&[Block::new(b'0', b"a", 0).gnu().put(345, &[b' '; 24]).done()]),
        ),
        (
            "gnu-times-huge",
            tar(&[Block::new(b'0', b"a", 0)
                .gnu()
                .put(345, b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff")
                .done()]),
        ),
        ("star", tar(&[at(508, b"tar\0")])),
        (
            "star-times",
            tar(&[at(476, b"00000001750 00000001750 \0\0\0\0\0\0\0\0tar\0")]),
        ),
        ("version", tar(&[at(263, b"  ")])),
        ("no-magic", tar(&[at(257, &[0; 8])])),
        (
            "target-rest",
            tar(&[Block::new(b'2', b"l", 0).put(157, b"a\0b").done()]),
        ),
        ("target-of-file", tar(&[at(157, b"target")])),
    ]
}

fn numbers() -> Named {
    let size = |bytes: &[u8]| {
        let mut header = Block::new(b'0', b"a", 0);
        let header = header.gnu().put(124, bytes).done();
        tar(&[header, padded(b"abc"), file("b", "y")])
    };
    let at = |at, bytes: &[u8]| {
        tar(&[
            Block::new(b'0', b"a", 0).put(at, bytes).done(),
            file("b", "y"),
        ])
    };
    // The sum of the bytes as a binary number.
    let mut binary_sum = Block::new(b'0', b"a", 0).done();
    binary_sum[148..156].copy_from_slice(b"        ");
    let sum: u32 = binary_sum.iter().map(|byte| u32::from(*byte)).sum();
    binary_sum[148..152].copy_from_slice(&[0x80, 0, 0, 0]);
    binary_sum[152..156].copy_from_slice(&sum.to_be_bytes());
    vec![
        ("size-binary", size(b"\x80\0\0\0\0\0\0\0\0\0\0\x03")),
        ("size-binary-high", size(b"\x80\0\0\x01\0\0\0\0\0\0\0\x03")),
        ("size-binary-mark", size(b"\xc0\0\0\0\0\0\0\0\0\0\0\x03")),
        ("size-negative", size(&[0xff; 12])),
        ("size-minus", size(b"-0000000003\0")),
        ("size-plus", size(b"+0000000003\0")),
        ("size-spaces", size(b"   3 \0\0\0\0\0\0\0")),
        ("size-tab", size(b"\t0000000003\0")),
        ("size-nul-before", size(b"\x000000000003\0")),
        ("size-two", size(b"3 \x00600\0\0\0\0\0\0")),
        ("size-eight", size(b"00000000008\0")),
        ("size-twelve", size(b"000000000003")),
        ("size-blank", size(&[0; 12])),
        ("size-hex", size(b"0x3\0\0\0\0\0\0\0\0\0")),
        ("size-base64", size(b"+D\0\0\0\0\0\0\0\0\0\0")),
        ("mode-blank", at(100, &[0; 8])),
        ("mode-binary", at(100, b"\x80\0\0\0\0\0\x01\xa4")),
        ("mode-text", at(100, b"rw-r--r-")),
        ("owner-blank", at(108, &[b' '; 16])),
        ("owner-large", at(108, b"\x80\0\0\x01\0\0\0\0")),
        ("owner-text", at(108, b"nobody\0\0")),
        (
            "time-negative",
            at(136, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe"),
        ),
        (
            "time-large",
            at(136, b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"),
        ),
        ("time-text", at(136, b"yesterday\0\0\0")),
        ("device-text", at(329, b"devices\0")),
        ("sum-binary", tar(&[file("b", "y"), binary_sum])),
    ]
}

/// These headers, an entry that they describe, and another one.
fn described(parts: &[Vec<u8>]) -> Vec<u8> {
    tar(&[parts.concat(), file("a", "abc"), file("b", "y")])
}

fn records() -> Named {
    vec![
        (
            "pax-name",
            described(&[pax(&[("path", "päx"), ("comment", "c")])]),
        ),
        ("pax-same-size", described(&[pax(&[("size", "3")])])),
        ("pax-smaller", described(&[pax(&[("size", "0")])])),
        ("pax-larger", described(&[pax(&[("size", "1027")])])),
        (
            "pax-sizes",
            described(&[pax(&[("size", "3"), ("size", "0")])]),
        ),
        ("pax-minus", described(&[pax(&[("size", "-3")])])),
        ("pax-plus", described(&[pax(&[("size", "+3")])])),
        ("pax-zero", described(&[pax(&[("size", "0003")])])),
        ("pax-huge", described(&[pax(&[("size", "8589934592")])])),
        (
            "pax-of-directory",
            tar(&[pax(&[("size", "512")]), dir("d"), file("b", "y")]),
        ),
        (
            "pax-target",
            tar(&[pax(&[("linkpath", "t t")]), link("l", "x"), file("b", "y")]),
        ),
    ]
}

fn odd_records() -> Named {
    let nul = |key: &str| typed(b'x', "x", record(key, b"a\0b"));
    vec![
        ("pax-empty", described(&[pax(&[("path", "")])])),
        ("pax-nul", described(&[nul("path")])),
        ("pax-nul-owner", described(&[nul("uname")])),
        ("pax-nul-comment", described(&[nul("comment")])),
        (
            "pax-times",
            described(&[pax(&[
                ("mtime", "-12.25"),
                ("atime", "1"),
                ("ctime", "2.5"),
            ])]),
        ),
        ("pax-bad-time", described(&[pax(&[("atime", "1e5")])])),
        (
            "pax-owners",
            described(&[pax(&[("uid", "4294967296"), ("gid", "7")])]),
        ),
        ("pax-bad-owner", described(&[pax(&[("uid", "root")])])),
        (
            "pax-twice",
            described(&[pax(&[("path", "x")]), pax(&[("comment", "c")])]),
        ),
        (
            "pax-of-long",
            described(&[pax(&[("size", "3")]), long(b'L', "name")]),
        ),
        (
            "pax-and-long",
            described(&[pax(&[("path", "x")]), long(b'L', "y")]),
        ),
        (
            "pax-rest",
            described(&[typed(b'x', "x", "10 path=x\nrest")]),
        ),
        (
            "pax-length",
            described(&[typed(b'x', "x", "010 path=x\n11 path=y\n")]),
        ),
        ("pax-equals", described(&[pax(&[("path", "x=y=z")])])),
    ]
}

fn long_names() -> Named {
    let all = |key: &str, value: &str| typed(b'g', "g", record(key, value.as_bytes()));
    let mut split = long(b'L', "name");
    split[512 + 6] = b'x';
    vec![
        ("global", described(&[all("comment", "a commit")])),
        ("global-name", described(&[all("path", "x")])),
        ("global-size", described(&[all("size", "0")])),
        ("global-time", described(&[all("mtime", "1")])),
        (
            "global-between",
            described(&[pax(&[("path", "x")]), all("comment", "c")]),
        ),
        (
            "global-after-long",
            described(&[long(b'L', "name"), all("comment", "c")]),
        ),
        ("long", tar(&[long(b'L', "n".repeat(300)), file("a", "x")])),
        (
            "long-target",
            tar(&[long(b'K', "t/".repeat(100)), link("l", "x")]),
        ),
        ("long-twice", described(&[long(b'L', "x"), long(b'L', "y")])),
        ("long-split", described(&[split])),
        ("long-open", described(&[typed(b'L', "x", "name")])),
        ("long-empty", described(&[typed(b'L', "x", "")])),
        ("long-dangling", tar(&[file("a", "x"), long(b'L', "name")])),
        ("long-binary-size", {
            let mut block = Block::new(b'L', b"././@LongLink", 0);
            let block = block.gnu().put(124, b"\x80\0\0\0\0\0\0\0\0\0\0\x05").done();
            described(&[block, padded(b"name\0")])
        }),
    ]
}

/// A sparse file in GNU's own format.
fn holes(parts: &[(u64, u64)], size: u64, data: usize, marks: &[(usize, u8)]) -> Vec<u8> {
    let map = |block: &mut Block, start: usize, parts: &[(u64, u64)]| {
        for (index, (offset, length)) in parts.iter().enumerate() {
            let text = format!("{offset:011o}\0{length:011o}\0");
            block.put(start + 24 * index, text.as_bytes());
        }
    };
    let mut header = Block::new(b'S', b"s", data as u64);
    header.gnu();
    map(&mut header, 386, &parts[..parts.len().min(4)]);
    header.put(483, format!("{size:011o}\0").as_bytes());
    let is_extended = parts.len() > 4;
    header.put(482, &[u8::from(is_extended)]);
    for (at, byte) in marks {
        header.put(*at, &[*byte]);
    }
    let mut archive = header.done();
    if is_extended {
        let mut rest = [0; 512];
        for (index, (offset, length)) in parts[4..].iter().enumerate() {
            let text = format!("{offset:011o}\0{length:011o}\0");
            rest[24 * index..24 * index + 24].copy_from_slice(text.as_bytes());
        }
        archive.extend(rest);
    }
    archive.extend(padded(&vec![b'x'; data]));
    tar(&[archive, file("b", "y")])
}

fn sparse() -> Named {
    vec![
        ("sparse", holes(&[(0, 512), (4096, 5)], 5000, 517, &[])),
        ("sparse-empty", holes(&[], 5000, 0, &[])),
        (
            "sparse-end",
            holes(&[(1024, 512), (5000, 0)], 5000, 512, &[]),
        ),
        (
            "sparse-full",
            holes(
                &[(0, 512), (1024, 512), (2048, 512), (4096, 1)],
                5000,
                1537,
                &[],
            ),
        ),
        (
            "sparse-extended",
            holes(
                &[(0, 512), (1024, 512), (2048, 512), (4096, 512), (8192, 7)],
                9000,
                2055,
                &[],
            ),
        ),
    ]
}

fn odd_sparse() -> Named {
    vec![
        ("sparse-odd-mark", {
            let parts = [(0, 512), (1024, 512), (2048, 512), (4096, 512)];
            holes(&parts, 9000, 2048, &[(482, 2)])
        }),
        (
            "sparse-gap",
            holes(
                &[(0, 512), (1024, 512), (2048, 512)],
                9000,
                1536,
                &[(386 + 24, 0)],
            ),
        ),
        ("sparse-half", {
            holes(
                &[(0, 512), (1024, 512), (2048, 512)],
                9000,
                1536,
                &[(386 + 24 + 12, 0)],
            )
        }),
        (
            "sparse-announced",
            holes(&[(0, 512)], 9000, 512, &[(482, 1)]),
        ),
        (
            "sparse-unaligned",
            holes(&[(0, 5), (1024, 5)], 5000, 10, &[]),
        ),
        (
            "sparse-overlap",
            holes(&[(0, 512), (256, 512)], 5000, 1024, &[]),
        ),
        (
            "sparse-unordered",
            holes(&[(1024, 512), (0, 512)], 5000, 1024, &[]),
        ),
        (
            "sparse-short",
            holes(&[(0, 512), (1024, 512)], 1025, 1024, &[]),
        ),
        (
            "sparse-missing",
            holes(&[(0, 512), (1024, 512)], 5000, 512, &[]),
        ),
        ("sparse-more", holes(&[(0, 512)], 5000, 1024, &[])),
    ]
}

fn sparse_in_records() -> Named {
    let in_pax = |records: &[(&str, &str)], content: &str| {
        tar(&[pax(records), file("a", content), file("b", "y")])
    };
    vec![
        (
            "sparse-pax-1.0",
            in_pax(
                &[
                    ("GNU.sparse.major", "1"),
                    ("GNU.sparse.minor", "0"),
                    ("GNU.sparse.name", "other"),
                    ("GNU.sparse.realsize", "3"),
                ],
                "1\n0\n3\n",
            ),
        ),
        (
            "sparse-pax-0.1",
            in_pax(
                &[("GNU.sparse.map", "0,3"), ("GNU.sparse.size", "9")],
                "abc",
            ),
        ),
        ("sparse-star", in_pax(&[("SCHILY.realsize", "9")], "abc")),
    ]
}

fn ends() -> Named {
    let one = || file("a", "x");
    let two = [tar(&[one()]), tar(&[file("b", "y")])].concat();
    vec![
        ("end-none", one()),
        ("end-lone", [one(), vec![0; 512]].concat()),
        (
            "end-between",
            [one(), vec![0; 512], tar(&[file("b", "y")])].concat(),
        ),
        ("end-padding", [tar(&[one()]), vec![0; 9000]].concat()),
        ("end-glued", two),
        ("end-garbage", [tar(&[one()]), b"garbage".to_vec()].concat()),
        (
            "end-cut-header",
            [tar(&[one()])[..1024].to_vec(), vec![b'b'; 100]].concat(),
        ),
        ("end-cut-contents", one()[..513].to_vec()),
        ("end-cut-zeros", tar(&[one()])[..1024 + 600].to_vec()),
        ("empty", tar(&[])),
        ("nothing", Vec::new()),
    ]
}

/// Numbers that look like random ones and are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % end
    }

    fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length.max(1) as u64)).unwrap()
    }
}

/// One to three changes in the fields of headers, whose checksums are right afterwards.
fn damage(archive: &[u8], random: &mut Random) -> Vec<u8> {
    /// Mode, owner, size, type, magic, device, prefix or times, sparse map and its mark.
    const FIELDS: [(usize, usize); 10] = [
        (0, 4),
        (100, 8),
        (108, 16),
        (124, 12),
        (136, 12),
        (156, 1),
        (257, 8),
        (329, 16),
        (345, 41),
        (386, 109),
    ];
    const BYTES: &[u8] = b"\0 01237/x\xff\x80\x01SLKxg25";
    let mut damaged = archive.to_vec();
    let blocks = damaged.len() / 512;
    if blocks == 0 {
        return damaged;
    }
    for _ in 0..=random.below(3) {
        let block = 512 * random.index(blocks);
        let (start, length) = FIELDS[random.index(FIELDS.len())];
        let at = block + start + random.index(length);
        damaged[at] = BYTES[random.index(BYTES.len())];
    }
    sealed(&damaged)
}
