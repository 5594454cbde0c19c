//! Archives that are no good, and those that are meant ill.

use std::{
    cell::Cell,
    io::{self, Read, Write},
    os::unix::fs::MetadataExt,
};

use s2i_core::{
    archive::ArchiveFault,
    bounds::{Limit, Limits},
    image::ImageConfig,
};
use s2i_oci::{
    Digest,
    manifest::{self, Descriptor, Index, MANIFEST},
    store::{ImportFault, StoreError},
};
use tar::{EntryType, Header};

use super::{
    archives::{Layout, Tar, config, docker_archive, layer},
    scene::{Scene, chain, gzip, zstd},
};
use crate::overlay::raw;

/// Returns the fault of an archive as text.
#[track_caller]
fn refused(archive: &[u8]) -> String {
    let scene = Scene::new();
    let err = scene.store.import(&mut &*archive).unwrap_err();
    assert_eq!(scene.names("work").len(), 0);
    assert_eq!(scene.names("blobs/sha256").len(), 0);
    assert!(scene.store.list().unwrap().is_empty());
    chain(&err)
}

#[test]
fn archives_without_images_are_refused() {
    let not_tar = "the archive is not a tar archive";
    let cut = "the archive is cut: it stops before its end";
    assert_eq!(refused(b""), cut);
    assert_eq!(refused(&gzip(b"hello")), cut);
    assert_eq!(refused(&[b'x'; 2000]), not_tar);
    assert_eq!(refused(&gzip(&[b'x'; 2000])), not_tar);
    assert_eq!(
        refused(b"BZh91AY&SY"),
        "the archive is compressed with bzip2; it must be tar, plain or compressed with gzip or zstd"
    );
    let no_image = "the archive has no image: it has neither an `index.json` nor a `manifest.json` that names one";
    assert_eq!(refused(&layer("a")), no_image);
    assert_eq!(refused(&Layout::default().end(Vec::new())), no_image);
    assert_eq!(
        refused(&Tar::default().file("manifest.json", b"[]").end()),
        no_image
    );
    assert_eq!(
        refused(&Tar::default().file("manifest.json", b"[").end()),
        "the archive has a `manifest.json` that can't be read: EOF while parsing a list at line 1 column 1"
    );
    let whole = docker_archive(&[(&config("amd64", &[]), &[], &[])]);
    for length in [whole.len() - 1024, whole.len() - 512, 700] {
        assert_eq!(refused(&whole[..length]), cut);
    }
    assert_eq!(
        refused(&[&whole[..], b"more"].concat()),
        "the archive goes on after its end"
    );
    let half = gzip(&whole);
    assert!(refused(&half[..half.len() / 2]).starts_with("can't read the archive: "));
    let mut broken = whole;
    broken[1024 + 200] ^= 1;
    assert_eq!(
        refused(&broken),
        "the archive has a bad header at byte 1024: its checksum is wrong"
    );
}

#[test]
fn ambiguous_archives_are_refused() {
    let two_sizes = [raw::pax(&[("size", "0")]), raw::file("a", "x")].concat();
    let two_names = [raw::pax(&[("path", "b")]), raw::long(b'L', "c")].concat();
    let sparse = [raw::pax(&[("GNU.sparse.name", "b")]), raw::file("a", "x")].concat();
    let of_all = raw::typed(b'g', "g", raw::record("path", b"b"));
    for (part, fault) in [
        (
            two_sizes,
            "has the entry `a`, which has two sizes: 1 bytes in its header and 0 in its PAX record",
        ),
        (
            [two_names, raw::file("a", "x")].concat(),
            "has the entry `b`, which is named twice",
        ),
        (
            sparse,
            "has the entry `a`, which is a sparse file in a PAX format, which can't be unpacked",
        ),
        (
            [of_all, raw::file("a", "x")].concat(),
            "sets the PAX record `path` for all entries",
        ),
        (
            raw::typed(b'S', "a", "x"),
            "has the entry `a`, which is a sparse file, which can't be unpacked",
        ),
        (
            raw::typed(b'2', "a", "x"),
            "has the entry `a`, which is not a file and has 1 bytes of contents",
        ),
        (
            raw::long(b'L', "a"),
            "ends with the description of an entry that is not there",
        ),
    ] {
        let archive = raw::tar(&[raw::file("first", ""), part]);
        assert_eq!(refused(&archive), format!("the archive {fault}"));
    }
}

#[test]
fn inconsistent_images_are_refused() {
    let content = layer("a");
    let right = config("amd64", &[&content]);
    let wrong = |config: &ImageConfig, layers: &[Vec<u8>]| {
        refused(&docker_archive(&[(config, &[], layers)]))
    };
    assert_eq!(
        wrong(&right, &[]),
        "the image is inconsistent: its manifest has 0 layers, but its config 1"
    );
    assert_eq!(
        wrong(&right, &[content.clone(), content.clone()]),
        "the image is inconsistent: its manifest has 2 layers, but its config 1"
    );
    let other = layer("b");
    assert_eq!(
        wrong(&right, std::slice::from_ref(&other)),
        format!(
            "the archive has the layer {} where the config has {}",
            Digest::of(&other),
            Digest::of(&content)
        )
    );
    let bad_name = |tag| {
        refused(&docker_archive(&[(
            &right,
            &[tag],
            std::slice::from_ref(&content),
        )]))
    };
    assert!(bad_name("Upper").starts_with("the archive has an invalid name of an image: `Upper`"));
    let digest = format!("a@{}", Digest::of(b""));
    assert!(bad_name(&digest).ends_with("but no image can be given a name with a digest"));

    let json = |text: &[u8]| {
        Tar::default()
            .file("c", text)
            .file("manifest.json", br#"[{"Config":"c"}]"#)
            .end()
    };
    assert!(
        refused(&json(b"[]")).starts_with("the image is inconsistent: its config can't be read: ")
    );
    assert_eq!(
        refused(&json(&vec![b' '; (4 << 20) + 1])),
        "the archive has more than 4194304 bytes in `c`"
    );
    assert_eq!(
        refused(
            &Tar::default()
                .file("manifest.json", br#"[{"Config":"c"}]"#)
                .end()
        ),
        "the archive names the file `c`, but does not have it"
    );
}

#[test]
fn inconsistent_layouts_are_refused() {
    let digest = Digest::of(b"missing");
    let mut missing = Descriptor::of(MANIFEST, b"missing");
    let nothing = format!("the archive names the blob {digest}, but has nothing with this digest");
    assert_eq!(
        refused(&Layout::default().end(vec![missing.clone()])),
        nothing
    );
    // A blob under a name that is not its own.
    let mut layout = Layout::default();
    layout.blobs.insert(digest, b"something else".to_vec());
    assert_eq!(refused(&layout.end(vec![missing.clone()])), nothing);
    let mut layout = Layout::default();
    layout.blob(MANIFEST, b"missing");
    missing.size = 1;
    assert_eq!(
        refused(&layout.end(vec![missing])),
        format!("the archive has the blob {digest} with 7 bytes, but lists it with 1")
    );

    let mut layout = Layout::default();
    let mut index = layout.image("amd64", "deep");
    for _ in 0..6 {
        index = layout.index(vec![index]);
    }
    assert_eq!(
        refused(&layout.end(vec![index])),
        "the archive has more than 4 indexes in each other"
    );

    let mut layout = Layout::default();
    let both = br#"{"schemaVersion":2,"layers":[],"manifests":[]}"#;
    let both = layout.blob(manifest::INDEX, both);
    let text = refused(&layout.end(vec![both]));
    assert!(
        text.ends_with("has the field `layers`, which makes its type ambiguous"),
        "{text}"
    );

    let mut layout = Layout::default();
    let artifact = layout.blob("application/vnd.example", b"{}");
    let text = refused(&layout.end(vec![artifact]));
    assert!(
        text.ends_with(
            "has the media type `application/vnd.example`, which is not that of an image"
        ),
        "{text}"
    );

    let index = Index::new(vec![Descriptor::of(MANIFEST, b""); 1001]);
    let index = serde_json::to_vec(&index).unwrap();
    let many = Tar::default().file("index.json", &index).end();
    assert_eq!(refused(&many), "the archive names more than 1000 images");
}

#[test]
fn members_do_not_leave_the_archive() {
    let with = |tar: Tar| refused(&tar.file("manifest.json", br#"[{"Config":"c"}]"#).end());
    for name in ["../c", "a/../../c", "/c"] {
        let expected = format!("the archive has a member with the name `{name}`");
        assert_eq!(with(Tar::default().file(name, b"{}")), expected);
    }
    let nowhere = "the archive has a link `c` that does not lead to a file";
    for target in ["c", "missing", "/etc/hostname", "../../etc/hostname"] {
        assert_eq!(
            with(Tar::default().link(EntryType::Symlink, "c", target)),
            nowhere
        );
    }
    let mut circle = Tar::default();
    for (from, to) in [("c", "d"), ("d", "e"), ("e", "c")] {
        circle = circle.link(EntryType::Symlink, from, to);
    }
    assert_eq!(with(circle), nowhere);
    let twice = Tar::default()
        .file("a", b"1")
        .file("./a", b"1")
        .file("a", b"2");
    assert_eq!(
        with(twice),
        "the archive has two different members with the name `a`"
    );
    let devices = Tar::default()
        .link(EntryType::Block, "c", "")
        .link(EntryType::Fifo, "d", "");
    assert_eq!(
        with(devices),
        "the archive names the file `c`, but does not have it"
    );
}

/// An endless archive, of which nothing may be kept in memory.
struct Endless {
    block: Vec<u8>,
    given: u64,
}

impl Read for Endless {
    fn read(&mut self, mut buffer: &mut [u8]) -> io::Result<usize> {
        let at = usize::try_from(self.given % self.block.len() as u64).unwrap();
        let written = buffer.write(&self.block[at..])?;
        self.given += written as u64;
        Ok(written)
    }
}

#[test]
fn bombs_are_refused_early() {
    let scene = Scene::new();
    let refuse = |block: Vec<u8>, most: u64| {
        let mut endless = Endless { block, given: 0 };
        let err = scene.store.import(&mut endless).unwrap_err();
        assert!(endless.given < most, "{} bytes were read", endless.given);
        assert_eq!(scene.names("work").len(), 0);
        match err {
            StoreError::Import(fault) => fault,
            other => panic!("{other:?}"),
        }
    };
    let members = Tar::default().link(EntryType::Directory, "d/", "").0;
    assert_eq!(refuse(members, 100_000_000), ImportFault::Members(100_000));
    for kind in [
        EntryType::GNULongName,
        EntryType::GNULongLink,
        EntryType::XHeader,
    ] {
        let mut header = Header::new_gnu();
        header.set_size(1 << 40);
        header.set_entry_type(kind);
        header.set_cksum();
        assert_eq!(
            refuse(header.as_bytes().to_vec(), 1_000_000),
            ImportFault::Archive(ArchiveFault::Description(1 << 20))
        );
    }
}

#[test]
fn bytes_without_output_count_against_the_limit() {
    let scene = Scene::new();
    let most = 1_000_000;
    let store = scene.store.with_limits(Limits {
        bytes: most,
        ..Limits::default()
    });
    let skipped = b"\x50\x2a\x4d\x18\x01\0\0\0x".to_vec();
    for block in [gzip(b""), zstd(b""), skipped] {
        let mut endless = Endless { block, given: 0 };
        // Else it would never end.
        let mut archive = Read::by_ref(&mut endless).take(20 * most);
        let err = store.import(&mut archive).unwrap_err();
        assert_eq!(chain(&err), "the archive is longer than 1000000 bytes");
        assert_eq!(err.limit(), Some(Limit::Bytes));
        assert!(endless.given < 2 * most, "{}", endless.given);
        assert_eq!(scene.names("work").len(), 0);
    }
}

#[test]
fn failed_check_ends_input_without_output() {
    let scene = Scene::new();
    let store = scene
        .store
        .checked(|| Err(io::Error::other("everything stops")));
    let mut endless = Endless {
        block: gzip(b""),
        given: 0,
    };
    let mut archive = Read::by_ref(&mut endless).take(20_000_000);
    let err = store.import(&mut archive).unwrap_err();
    assert!(chain(&err).ends_with("everything stops"), "{}", chain(&err));
    assert_eq!(endless.given, 0);
}

/// A run of bytes that need not lie in memory.
fn run(byte: u8, count: u64) -> impl Read {
    io::repeat(byte).take(count)
}

/// The header of a file.
fn header(name: &str, size: u64) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_size(size);
    header.set_cksum();
    header.as_bytes().to_vec()
}

#[test]
fn limits_apply_to_the_whole_archive() {
    let scene = Scene::new();
    let content = layer("a");
    let archive = docker_archive(&[(&config("amd64", &[&content]), &["a"], &[content])]);
    let import = |bytes, entries| {
        let limits = Limits {
            bytes,
            entries,
            ..Limits::default()
        };
        let store = scene.store.with_limits(limits);
        let imported = store.import(&mut &*gzip(&archive));
        assert_eq!(scene.names("work").len(), 0);
        imported.map_or_else(|err| (chain(&err), err.limit()), |_| (String::new(), None))
    };
    let whole = archive.len() as u64;
    assert_eq!(
        import(whole / 2, 7),
        (
            format!(
                "the archive holds more than {} bytes when it is decompressed",
                whole / 2
            ),
            Some(Limit::Bytes)
        )
    );
    assert_eq!(
        import(whole, 6),
        (
            "the archive holds more than 6 entries".into(),
            Some(Limit::Entries)
        )
    );
    assert_eq!(scene.names("blobs/sha256").len(), 0);
    assert_eq!(import(whole, 7), (String::new(), None));
    // A member with a larger announced size is not read at all.
    let bomb = header("layer.tar", 1 << 40);
    let err = scene.store.import(&mut &*bomb).unwrap_err();
    assert_eq!(
        chain(&err),
        "the archive holds more than 68719476736 bytes when it is decompressed"
    );
}

/// The disk that the working directories of a store take, in bytes.
fn disk(scene: &Scene) -> u64 {
    let work = scene.store.root().join("work");
    let mut dirs = vec![work];
    let mut blocks = 0;
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => dirs.push(entry.path()),
                Ok(metadata) => blocks += metadata.blocks(),
                Err(_) => {}
            }
        }
    }
    blocks * 512
}

/// Looks at the disk when the archive is read as far as here.
struct Look<'s>(&'s Scene, &'s Cell<u64>);

impl Read for Look<'_> {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.1.set(disk(self.0));
        Ok(0)
    }
}

#[test]
fn zeros_and_unneeded_members_take_no_disk() {
    const SIZE: u64 = 200 << 20;
    let scene = Scene::new();
    let end = || vec![0; 1024];
    let used = Cell::new(u64::MAX);
    // The first two blocks of a layer, and zeros.
    let zeros = [header("layer.tar", SIZE), header("zeros", SIZE)].concat();
    let mut archive = (&*zeros)
        .chain(run(0, SIZE - 512))
        .chain(Look(&scene, &used))
        .chain(io::Cursor::new(end()));
    let err = scene.store.import(&mut archive).unwrap_err();
    assert!(matches!(err, StoreError::Import(ImportFault::NoImage)));
    assert!(used.get() < 1 << 20, "{} bytes", used.get());
    let junk = header("junk", SIZE);
    let mut archive = (&*junk)
        .chain(run(b'x', SIZE))
        .chain(Look(&scene, &used))
        .chain(io::Cursor::new(end()));
    let err = scene.store.import(&mut archive).unwrap_err();
    assert!(matches!(err, StoreError::Import(ImportFault::NoImage)));
    assert!(used.get() < 1 << 20, "{} bytes", used.get());
    assert_eq!(scene.names("work").len(), 0);
}
