//! What the writer makes of a directory.

use std::{
    ffi::{CString, OsStr},
    fs::{self, File, Permissions},
    io::{self, Write},
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, symlink},
        net::UnixListener,
    },
    path::Path,
    process::Command,
};

use cap_std::{ambient_authority, fs::Dir};
use s2i_core::{
    ErrorChain, OpenDir, Times,
    archive::{
        Keep, KeptTimes, Limits, TreeDirectory, TreeFile, TreeOptions, TreeSink, Writer, Written,
        stat_tree, walk_tree, write_tree,
    },
    ignore::{DEFAULT_EXCLUDE, Filter},
};
use tempfile::TempDir;

use crate::sandbox::{Sandbox, outcome};

fn open(root: &Path) -> OpenDir {
    OpenDir::open(root).unwrap()
}

fn options(filter: &Filter) -> TreeOptions<'_> {
    TreeOptions {
        filter,
        mtime: 1_700_000_000,
        keep: Keep::default(),
        prefix: "",
    }
}

/// A small source tree with a bit of everything.
fn source() -> TempDir {
    let temp = TempDir::new().unwrap();
    let root = temp.path();
    for dir in ["a", "a/empty", "docs", ".git", "a.d"] {
        fs::create_dir(root.join(dir)).unwrap();
    }
    for (file, mode) in [
        ("a/run", 0o701),
        ("a/plain", 0o600),
        ("a.txt", 0o666),
        ("docs/a.md", 0o644),
        ("docs/keep.md", 0o4755),
        (".git/config", 0o644),
    ] {
        fs::write(root.join(file), file).unwrap();
        fs::set_permissions(root.join(file), Permissions::from_mode(mode)).unwrap();
    }
    fs::hard_link(root.join("a/plain"), root.join("a/same")).unwrap();
    symlink("/etc/passwd", root.join("absolute")).unwrap();
    symlink("a", root.join("link")).unwrap();
    temp
}

/// Lists what is in an archive of our own, with the modes.
fn list(archive: &[u8]) -> Vec<String> {
    let mut archive = tar::Archive::new(archive);
    let entries = archive.entries().unwrap().map(|entry| {
        let entry = entry.unwrap();
        let header = entry.header();
        assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
        assert_eq!(
            (
                header.username_bytes().unwrap(),
                header.groupname_bytes().unwrap()
            ),
            (&b""[..], &b""[..])
        );
        assert_eq!(header.mtime().unwrap(), 1_700_000_000);
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let target = entry
            .link_name_bytes()
            .map(|target| format!(" -> {}", String::from_utf8_lossy(&target)));
        format!(
            "{:o} {name}{}",
            header.mode().unwrap(),
            target.unwrap_or_default()
        )
    });
    entries.collect()
}

#[test]
fn files_keep_their_permissions_and_times_if_they_are_to() {
    let temp = TempDir::new().unwrap();
    let root = temp.path();
    fs::create_dir(root.join("d")).unwrap();
    for (name, mode, seconds) in [
        ("d/secret", 0o600, 1_000),
        ("late", 0o644, 3_000),
        ("setuid", 0o4711, 2_000),
    ] {
        let file = File::create(root.join(name)).unwrap();
        file.set_permissions(fs::Permissions::from_mode(mode))
            .unwrap();
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        file.set_modified(time).unwrap();
    }
    fs::set_permissions(root.join("d"), fs::Permissions::from_mode(0o1750)).unwrap();
    symlink("late", root.join("link")).unwrap();
    let filter = Filter::default();
    let times = Times {
        new: 2_500,
        latest: Some(2_500),
    };
    let options = TreeOptions {
        filter: &filter,
        mtime: times.new,
        keep: Keep {
            modes: true,
            times: Some(KeptTimes {
                times,
                started: None,
            }),
            directory_times: false,
        },
        prefix: "",
    };
    let mut out = Vec::new();
    write_tree(&open(root), &options, &mut out).unwrap();
    let mut archive = tar::Archive::new(&out[..]);
    let entries = archive.entries().unwrap().map(|entry| {
        let entry = entry.unwrap();
        let (mode, time) = (entry.header().mode(), entry.header().mtime());
        let path = entry.path().unwrap().display().to_string();
        format!("{:o} {} {path}", mode.unwrap(), time.unwrap())
    });
    assert_eq!(
        entries.collect::<Vec<_>>(),
        [
            "750 2500 d",
            "600 1000 d/secret",
            "644 2500 late",
            "777 2500 link",
            "711 2000 setuid",
        ]
    );
}

#[track_caller]
fn check(ignore_file: &str, prefix: &str, expected: &[&str]) {
    let temp = source();
    let (filter, _) = Filter::excluding(DEFAULT_EXCLUDE)
        .unwrap()
        .with_ignore_file("f", ignore_file)
        .unwrap();
    let mut out = Vec::new();
    let written = write_tree(
        &open(temp.path()),
        &TreeOptions {
            prefix,
            ..options(&filter)
        },
        &mut out,
    )
    .unwrap();
    assert_eq!(list(&out), expected);
    assert_eq!(written.entries, expected.len() as u64);
}

/// The error of writing this tree, without the tree's own path.
#[track_caller]
fn check_error(prepare: impl Fn(&Path), expected: &str) {
    let temp = TempDir::new().unwrap();
    let root = open(temp.path());
    prepare(temp.path());
    let mut out = Vec::new();
    let err = write_tree(&root, &options(&Filter::default()), &mut out).unwrap_err();
    let shown = ErrorChain(&err)
        .to_string()
        .replace(temp.path().to_str().unwrap(), "ROOT");
    assert_eq!(shown, expected);
    assert!(!out.ends_with(&[0; 1024]), "a failed archive looks whole");
}

#[test]
fn entries_are_sorted_and_normalised() {
    let docs = ["755 docs", "644 docs/a.md", "755 docs/keep.md"];
    let a = [
        "755 a",
        "755 a/empty",
        "644 a/plain",
        "755 a/run",
        "644 a/same",
        "755 a.d",
        "644 a.txt",
    ];
    let links = ["777 absolute -> /etc/passwd"];
    check(
        "",
        "",
        &[&a[..], &links, &docs, &["777 link -> a"]].concat(),
    );
}

#[test]
fn an_ignored_directory_comes_with_what_is_rescued_in_it() {
    check(
        "docs\n!docs/keep.md\na*\n!a/empty",
        "",
        &[
            "755 a",
            "755 a/empty",
            "755 docs",
            "755 docs/keep.md",
            "777 link -> a",
        ],
    );
    check("docs\n!nothing\na*", "", &["777 link -> a"]);
    check("*", "", &[]);
}

#[test]
fn a_prefix_is_put_above_everything() {
    check(
        "*\n!a.txt",
        "up/src/",
        &["755 up", "755 up/src", "644 up/src/a.txt"],
    );
    check("*", "/up//src", &["755 up", "755 up/src"]);
}

#[test]
fn hard_links_become_files() {
    let temp = source();
    let mut out = Vec::new();
    write_tree(&open(temp.path()), &options(&Filter::default()), &mut out).unwrap();
    let sandbox = Sandbox::new();
    sandbox.unpack(&out, &Limits::default()).unwrap();
    assert_eq!(fs::read(sandbox.jail().join("a/same")).unwrap(), b"a/plain");
    assert_eq!(
        fs::read(sandbox.jail().join("a/plain")).unwrap(),
        b"a/plain"
    );
}

#[test]
fn special_files_are_rejected_without_waiting() {
    let what = |what: &str| format!("`ROOT/d/x` is {what}, which can't go into a container");
    let in_dir = |root: &Path| {
        fs::create_dir(root.join("d")).unwrap();
        root.join("d/x")
    };
    check_error(|root| make_node(&in_dir(root), "p"), &what("a FIFO"));
    check_error(
        |root| drop(UnixListener::bind(in_dir(root)).unwrap()),
        &what("a socket"),
    );
}

#[test]
fn a_special_file_that_is_left_out_does_no_harm() {
    let temp = TempDir::new().unwrap();
    make_node(&temp.path().join("x"), "p");
    let (filter, _) = Filter::default().with_ignore_file("f", "x").unwrap();
    assert_eq!(
        write_tree(&open(temp.path()), &options(&filter), &mut Vec::new()).unwrap(),
        Written::default()
    );
}

fn make_node(path: &Path, kind: &str) {
    let path = CString::new(path.as_os_str().as_bytes()).unwrap();
    let status = Command::new("mknod")
        .arg(OsStr::from_bytes(path.as_bytes()))
        .arg(kind)
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn unreadable_files_are_named() {
    check_error(
        |root| fs::remove_dir(root).unwrap(),
        "can't read `ROOT`: entity not found",
    );
    check_error(
        |root| fs::write(root.join("a\\b"), "").unwrap(),
        "`a\\b` has a backslash in its name",
    );
    let is_all_readable = |path: &Path| {
        fs::set_permissions(path, Permissions::from_mode(0o0)).unwrap();
        File::open(path).is_ok()
    };
    let probe = TempDir::new().unwrap();
    if is_all_readable(probe.path()) {
        return;
    }
    check_error(
        |root| {
            fs::write(root.join("f"), "").unwrap();
            fs::set_permissions(root.join("f"), Permissions::from_mode(0o0)).unwrap();
        },
        "can't read `ROOT/f`: Permission denied (os error 13)",
    );
}

/// Gives a file of the tree another size as soon as something of the archive comes out.
struct Resizer<'a>(&'a Path, u64);

impl Write for Resizer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        File::options().write(true).open(self.0)?.set_len(self.1)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::Error::other("a failed archive was ended"))
    }
}

#[track_caller]
fn check_resized(size: u64, expected: &str) {
    let temp = TempDir::new().unwrap();
    let file = temp.path().join("file");
    File::create(&file).unwrap().set_len(4 << 20).unwrap();
    let err = write_tree(
        &open(temp.path()),
        &options(&Filter::default()),
        &mut Resizer(&file, size),
    )
    .unwrap_err();
    assert_eq!(
        err.to_string()
            .replace(temp.path().to_str().unwrap(), "ROOT"),
        expected
    );
}

#[test]
fn a_file_that_changes_while_it_is_read_is_refused() {
    check_resized(1 << 20, "`file` ended after 1048576 of 4194304 bytes");
    check_resized(5 << 20, "`ROOT/file` grew while it was read");
}

/// Takes nothing but files, which it copies.
struct Copies<'a> {
    into: &'a Path,
    go_on: &'a mut dyn FnMut(u64) -> io::Result<()>,
}

impl TreeSink for Copies<'_> {
    fn directory(&mut self, _: &[u8], _: TreeDirectory) -> io::Result<()> {
        Ok(())
    }

    fn symlink(&mut self, _: &[u8], _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn file(&mut self, _: &[u8], file: TreeFile) -> io::Result<()> {
        file.copy_to(&mut File::create(self.into)?, self.go_on)
    }
}

/// Copies a file of this size, which gets another one as soon as something is copied.
#[track_caller]
fn check_copy(size: u64, then: u64, expected: Result<Vec<u64>, &str>) {
    let (temp, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (path, into) = (temp.path().join("file"), other.path().join("copy"));
    let file = File::create(&path).unwrap();
    file.set_len(size).unwrap();
    let mut told = Vec::new();
    let mut go_on = |bytes| {
        told.push(bytes);
        file.set_len(then)
    };
    let mut sink = Copies {
        into: &into,
        go_on: &mut go_on,
    };
    let copied = walk_tree(
        &open(temp.path()),
        &Filter::default(),
        Keep::default(),
        &mut sink,
    );
    let copied = copied.map(|()| told).map_err(|err| {
        let shown = err.to_string();
        shown.replace(temp.path().to_str().unwrap(), "ROOT")
    });
    assert_eq!(copied, expected.map_err(str::to_owned));
    if copied.is_ok() {
        assert_eq!(into.metadata().unwrap().len(), size);
    }
}

#[test]
fn a_file_is_copied_in_pieces_and_as_it_was_when_it_was_opened() {
    check_copy(0, 0, Ok(vec![]));
    check_copy(7, 7, Ok(vec![7]));
    let (piece, more) = (32 << 20, 33 << 20);
    check_copy(more, more, Ok(vec![piece, 1 << 20]));
    check_copy(
        more,
        9,
        Err("`ROOT/file` ended after 33554432 of 34603008 bytes"),
    );
    check_copy(7, 8, Err("`ROOT/file` grew while it was read"));
}

#[test]
fn a_tree_that_would_fill_the_disk_is_refused() {
    let temp = TempDir::new().unwrap();
    let file = File::create(temp.path().join("hole")).unwrap();
    file.set_len((64 << 30) + 1).unwrap();
    let err = write_tree(
        &open(temp.path()),
        &options(&Filter::default()),
        &mut io::sink(),
    )
    .unwrap_err();
    assert_eq!(
        err.to_string(),
        "the tree holds more than 68719476736 bytes"
    );
}

/// Deeper than any path: it is made and removed from its deepest directory up.
#[test]
fn a_tree_that_is_too_deep_is_refused_by_every_walk() {
    const LEVELS: usize = 5000;
    let temp = TempDir::new().unwrap();
    let mut dir = Dir::open_ambient_dir(temp.path(), ambient_authority()).unwrap();
    for _ in 0..LEVELS {
        dir.create_dir("d").unwrap();
        dir = dir.open_dir("d").unwrap();
    }
    let root = open(temp.path());
    // These directories are left out, and are searched all the same.
    let (rescuing, _) = Filter::default().with_ignore_file("f", "d\n!x").unwrap();
    for filter in [Filter::default(), rescuing] {
        let walked = walk_tree(
            &root,
            &filter,
            Keep::default(),
            &mut Copies {
                into: temp.path(),
                go_on: &mut |_| Ok(()),
            },
        );
        let looked_at = stat_tree(&root, &filter, &mut |_, _| Ok(()));
        for err in [walked.unwrap_err(), looked_at.unwrap_err()] {
            let text = err.to_string();
            assert!(
                text.ends_with("` is more than 200 directories deep"),
                "{text}"
            );
        }
    }
    // Removing it from above would open all of them.
    drop(dir);
    let mut top = Dir::open_ambient_dir(temp.path(), ambient_authority()).unwrap();
    for _ in 0..LEVELS {
        top.rename("d", &top, "old").unwrap();
        if top.open_dir("old").unwrap().rename("d", &top, "d").is_err() {
            break;
        }
        top.remove_dir("old").unwrap();
    }
    top = Dir::open_ambient_dir(temp.path(), ambient_authority()).unwrap();
    top.remove_dir("old").unwrap();
}

#[test]
fn metadata_is_given_of_the_same_entries() {
    let temp = source();
    let root = open(temp.path());
    let (filter, _) = Filter::default()
        .with_ignore_file("f", "docs\n!docs/keep.md")
        .unwrap();
    let mut found = Vec::new();
    stat_tree(&root, &filter, &mut |path, meta| {
        let mark = match () {
            () if meta.is_dir() => "/",
            () if meta.is_symlink() => "@",
            () => "",
        };
        found.push(format!("{}{mark}", String::from_utf8_lossy(path)));
        Ok(())
    })
    .unwrap();
    let mut archive = Vec::new();
    write_tree(&root, &options(&filter), &mut archive).unwrap();
    let names = list(&archive);
    let names = names.iter().map(|line| line.split(' ').nth(1).unwrap());
    let plain = found.iter().map(|name| name.trim_end_matches(['/', '@']));
    assert!(plain.eq(names), "{found:?}");
    for name in ["docs/", "link@", "docs/keep.md"] {
        assert!(found.iter().any(|found| found == name), "{found:?}");
    }
}

#[test]
fn trees_can_be_joined_in_one_archive() {
    let temp = source();
    let (filter, _) = Filter::default()
        .with_ignore_file("f", "*\n!a.txt")
        .unwrap();
    let mut writer = Writer::new(Vec::new(), 1_700_000_000);
    writer
        .tree(
            &open(temp.path()),
            &TreeOptions {
                prefix: "one",
                ..options(&filter)
            },
        )
        .unwrap();
    writer.file("single", 0o640, 2, &mut &b"xy"[..]).unwrap();
    writer
        .tree(
            &open(temp.path()),
            &TreeOptions {
                prefix: "two",
                ..options(&filter)
            },
        )
        .unwrap();
    let (archive, written) = writer.finish().unwrap();
    assert_eq!(
        written,
        Written {
            entries: 5,
            bytes: 12
        }
    );
    assert_eq!(
        list(&archive),
        [
            "755 one",
            "644 one/a.txt",
            "640 single",
            "755 two",
            "644 two/a.txt"
        ]
    );
    let sandbox = Sandbox::new();
    let result = sandbox.unpack(&archive, &Limits::default());
    assert_eq!(
        outcome(&sandbox, &result),
        "one/, one/a.txt=a.txt, single=xy, two/, two/a.txt=a.txt"
    );
}
