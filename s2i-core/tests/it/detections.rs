//! The kinds of source, by the entries of real directories.

use std::{fs, os::unix::fs::symlink};

use s2i_core::{
    OpenDir,
    detect::{ArchiveFormat, detect, read},
};
use s2i_testkit::{SOURCES, write_source};

#[test]
fn root_entries_decide_the_kinds_of_a_source() {
    for (entries, expected) in SOURCES {
        let root = tempfile::tempdir().unwrap();
        write_source(root.path(), entries).unwrap();
        let root = read(&OpenDir::open(root.path()).unwrap(), |_| false).unwrap();
        let found = detect(&root);
        assert!(
            found.is_sorted_by_key(|detection| detection.kind),
            "{entries}"
        );
        let found: Vec<_> = found
            .iter()
            .map(|detection| format!("{:?} {}", detection.kind, detection.name))
            .collect();
        assert_eq!(found.join(", "), *expected, "{entries}");
    }
}

#[test]
fn excluded_entries_and_links_out_of_the_root_do_not_count() {
    let root = tempfile::tempdir().unwrap();
    write_source(root.path(), "go.mod package.json sub/").unwrap();
    fs::write(root.path().join("sub/main.js"), "").unwrap();
    symlink("sub/main.js", root.path().join("main.js")).unwrap();
    symlink("/etc/passwd", root.path().join("go.work")).unwrap();
    symlink("nowhere", root.path().join("main.go")).unwrap();
    let root = OpenDir::open(root.path()).unwrap();
    let root = read(&root, |name| name == "go.mod").unwrap();
    let names: Vec<_> = root.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["main.js", "package.json", "sub"]);
    let heads: Vec<_> = root.iter().map(|entry| entry.head.as_deref()).collect();
    assert_eq!(heads, [Some(&b""[..]), Some(b"text"), None]);
}

#[test]
fn tar_archive_is_one_whatever_its_first_member_is_called() {
    let mut head = [0; 512];
    head[..2].copy_from_slice(b"MZ");
    head[257..262].copy_from_slice(b"ustar");
    assert_eq!(
        ArchiveFormat::of("app.tar", &head),
        Some(ArchiveFormat::Tar)
    );
    assert_eq!(ArchiveFormat::of("app.exe", &head), None);
}
