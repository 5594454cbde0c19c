//! Files into the container and out of it.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

use cap_std::{ambient_authority, fs::Dir};
use s2i_core::{
    Times,
    archive::{self, Limits, Writer},
    wire::{Answer, FailureKind, Kind, MAX_PAYLOAD, ReadItem, Request, Trailer},
};

use crate::agent::{Agent, archive, me, shell, unpack};

const TIMES: Times = Times {
    new: 1_700_000_000,
    latest: Some(1_000_000_000),
};

fn item(path: &Path, name: &str) -> ReadItem {
    ReadItem {
        path: path.display().to_string().parse().unwrap(),
        name: name.into(),
    }
}

#[test]
fn files_go_in() {
    let dir = tempfile::tempdir().unwrap();
    let into = dir.path().join("a/b");
    let mut agent = Agent::start();
    let large = vec![b'x'; 3 * MAX_PAYLOAD + 17];
    let archive = archive(&[("bin/tool", b"#!/bin/sh\necho tool\n"), ("large", &large)]);
    let heard = agent.unpack(&into.display().to_string(), &me(), &archive);
    let bytes = archive.len() as u64;
    assert!(matches!(heard.answer(), Answer::Unpacked(Trailer { bytes: b, .. }) if b == bytes));
    assert_eq!(fs::read(into.join("large")).unwrap().len(), large.len());
    let tool = into.join("bin/tool").display().to_string();
    assert_eq!(agent.ask(&shell(&tool)).stdout(), "tool\n");
}

/// The refusal comes while the archive is still on its way.
#[test]
fn a_hostile_archive_is_refused_at_once_and_the_conversation_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let into = dir.path().join("into");
    let outside = dir.path().join("evil");
    let mut hostile = Writer::new(Vec::new(), 0);
    hostile.symlink("link", "..").unwrap();
    hostile
        .file("link/evil", 0o644, 4, &mut &b"evil"[..])
        .unwrap();
    let hostile = hostile.finish().unwrap().0;
    let mut agent = Agent::start();
    agent.request(&unpack(&into.display().to_string(), &me()));
    agent.say(Kind::Data, &hostile);
    let failure = agent.listen().failure();
    assert_eq!(failure.kind, FailureKind::BadArchive, "{failure:?}");
    assert!(failure.message.contains("link/evil"), "{failure:?}");
    assert!(!outside.exists());
    // What is left of it is passed over.
    agent.say(Kind::Data, &[1; 5000]);
    agent.end(hostile.len() + 5000);
    assert_eq!(agent.ask(&shell("echo on")).stdout(), "on\n");
}

#[test]
fn a_compressed_archive_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let into = dir.path().display().to_string();
    let heard = Agent::start().unpack(&into, &me(), b"\x1f\x8b\x08\0\0\0\0\0\0\x03");
    assert_eq!(heard.failure().kind, FailureKind::BadArchive);
}

#[test]
fn archive_that_differs_from_its_trailer_is_rejected() {
    let dir = tempfile::tempdir().unwrap();
    let archive = archive(&[("file", b"content")]);
    let mut agent = Agent::start();
    agent.request(&unpack(&dir.path().display().to_string(), &me()));
    agent.say(Kind::Data, &archive);
    agent.end(archive.len() + 512);
    let failure = agent.listen().failure();
    assert_eq!(failure.kind, FailureKind::Os);
    assert!(
        failure.message.ends_with("unexpected end of file"),
        "{failure:?}"
    );
}

#[test]
fn file_in_place_of_the_directory_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    fs::write(&path, "").unwrap();
    let heard = Agent::start().unpack(&path.display().to_string(), &me(), &archive(&[]));
    assert_eq!(heard.failure().kind, FailureKind::Os);
}

#[test]
fn files_directories_and_links_come_out() {
    let dir = tempfile::tempdir().unwrap();
    let from = dir.path();
    fs::create_dir_all(from.join("tree/sub")).unwrap();
    fs::write(from.join("tree/sub/one"), "1").unwrap();
    symlink("sub/one", from.join("tree/link")).unwrap();
    fs::write(from.join("tool"), "run").unwrap();
    fs::set_permissions(from.join("tool"), fs::Permissions::from_mode(0o700)).unwrap();
    symlink("tool", from.join("named")).unwrap();
    for (name, time) in [("old", 7), ("late", 1_100_000_000)] {
        let file = fs::File::create(from.join("tree").join(name)).unwrap();
        let time = UNIX_EPOCH + Duration::from_secs(time);
        file.set_modified(time).unwrap();
    }
    // Everything else is newer than the agent.
    let mut agent = Agent::start();
    for name in ["tree/sub/one", "tool"] {
        let text = fs::read(from.join(name)).unwrap();
        fs::write(from.join(name), text).unwrap();
    }
    let items = vec![
        item(&from.join("tree"), "out/tree"),
        item(&from.join("tool"), "out/tool"),
        item(&from.join("named"), "out/named"),
    ];
    let heard = agent.ask(&Request::Read {
        keep_modes: false,
        items,
        times: TIMES,
        user: me(),
    });
    assert_eq!(heard.answer(), Answer::Read);
    let trailer = heard.trailer.as_ref().unwrap();
    assert_eq!(trailer.bytes, heard.data.len() as u64);
    let back = tempfile::tempdir().unwrap();
    let into = Dir::open_ambient_dir(back.path(), ambient_authority()).unwrap();
    let unpacked = archive::unpack(&mut &heard.data[..], &into, &Limits::default()).unwrap();
    assert_eq!(unpacked.entries, trailer.entries);
    let back = back.path().join("out");
    assert_eq!(fs::read(back.join("tree/sub/one")).unwrap(), b"1");
    assert_eq!(
        fs::read_link(back.join("tree/link")).unwrap(),
        Path::new("sub/one")
    );
    assert_eq!(fs::read(back.join("named")).unwrap(), b"run");
    for (name, time) in [
        ("tree", 1_700_000_000),
        ("tree/sub/one", 1_700_000_000),
        ("tool", 1_700_000_000),
        ("tree/old", 7),
        ("tree/late", 1_000_000_000),
    ] {
        let found = fs::metadata(back.join(name)).unwrap().modified().unwrap();
        assert_eq!(found, UNIX_EPOCH + Duration::from_secs(time), "{name}");
    }
    assert_eq!(
        fs::metadata(back.join("tool"))
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o755
    );
}

#[test]
fn missing_files_are_not_streamed() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("there"), "").unwrap();
    let absent = dir.path().join("absent");
    let items = vec![
        item(&dir.path().join("there"), "there"),
        item(&absent, "absent"),
    ];
    let mut agent = Agent::start();
    let heard = agent.ask(&Request::Read {
        keep_modes: false,
        items,
        times: TIMES,
        user: me(),
    });
    let failure = heard.failure();
    assert_eq!(failure.kind, FailureKind::NoArtifact);
    assert_eq!(
        failure.message,
        format!("there is no `{}` to take", absent.display())
    );
    assert!(heard.data.is_empty() && heard.trailer.is_none());
    assert_eq!(agent.ask(&shell("echo on")).stdout(), "on\n");
}
