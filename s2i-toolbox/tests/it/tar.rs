//! Archives, against the archiver of a distribution.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    process::Command,
};

use crate::bench::{Bench, Ran, run};

/// A tree with everything that archives of ours can have.
fn tree(bench: &Bench) {
    let at = |name: &str| bench.work().join(name);
    fs::create_dir_all(at("t/d/e")).unwrap();
    fs::write(at("t/a"), "a").unwrap();
    fs::write(at("t/d/program"), "p").unwrap();
    fs::write(at("t/d/e/b.log"), vec![7; 10_000]).unwrap();
    fs::write(at(&format!("t/d/{}", "long".repeat(40))), "l").unwrap();
    symlink("../a", at("t/d/link")).unwrap();
    for (name, mode) in [
        ("t", 0o755),
        ("t/d", 0o2775),
        ("t/d/program", 0o755),
        ("t/a", 0o640),
    ] {
        fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).unwrap();
    }
}

fn ours(bench: &Bench, line: &str, input: &[u8]) -> (Ran, Vec<u8>) {
    let mut command = bench.tool("tar");
    let file = bench.work().join("stdin");
    fs::write(&file, input).unwrap();
    command.args(line.split_whitespace());
    let output = command
        .stdin(fs::File::open(&file).unwrap())
        .output()
        .unwrap();
    fs::remove_file(file).unwrap();
    let bytes = output.stdout.clone();
    (output.into(), bytes)
}

fn theirs(bench: &Bench, line: &str) -> Ran {
    let mut command = Command::new("tar");
    run(
        command
            .args(line.split_whitespace())
            .current_dir(bench.work()),
        b"",
    )
}

#[track_caller]
fn succeed(ran: &Ran) {
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
}

/// Names, types, modes and contents below a directory, sorted.
fn listing(bench: &Bench, directory: &str) -> String {
    let script = format!(
        "cd {directory} && find . -printf '%P %y %m %l %s\\n' | grep -v ' d .* ' ; find . -type d -printf '%P %m\\n'; find . -type f -exec cat {{}} + | cksum"
    );
    let mut command = Command::new("/bin/sh");
    let ran = run(
        command
            .args(["-c", &format!("({script}) | LC_ALL=C sort")])
            .current_dir(bench.work()),
        b"",
    );
    assert_eq!(ran.status, Some(0), "{ran:?}");
    ran.stdout
}

#[test]
fn what_we_write_others_read_and_what_they_write_we_read() {
    for (create, extract) in [
        ("cf", "xf"),
        ("czf", "xzf"),
        ("-c -f", "-x -f"),
        ("-czf", "-xf"),
    ] {
        let bench = Bench::new();
        tree(&bench);
        let expected = listing(&bench, "t").replace(" 2775", " 775");
        succeed(&ours(&bench, &format!("{create} ours.tar -C t ."), b"").0);
        succeed(&theirs(&bench, &format!("{create} theirs.tar -C t .")));
        for directory in ["one", "two"] {
            fs::create_dir(bench.work().join(directory)).unwrap();
        }
        succeed(&theirs(&bench, &format!("{extract} ours.tar -p -C one")));
        succeed(&ours(&bench, &format!("{extract} theirs.tar -C two"), b"").0);
        let theirs = listing(&bench, "one").replace(" 2775", " 775");
        assert_eq!(theirs, expected, "{create}");
        assert_eq!(listing(&bench, "two"), expected, "{extract}");
    }
}

#[test]
fn streams_and_components() {
    let bench = Bench::new();
    tree(&bench);
    let (ran, archive) = ours(&bench, "-c --exclude=*.log t", b"");
    assert_eq!(ran.status, Some(0));
    fs::create_dir(bench.work().join("x")).unwrap();
    succeed(&ours(&bench, "-x -C x --strip-components=2 -f -", &archive).0);
    let mut names: Vec<_> = fs::read_dir(bench.work().join("x"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["e", "link", &"long".repeat(40), "program"]);
    let (ran, _) = ours(&bench, "-xf - -C x t/d/program", &archive);
    succeed(&ran);
    assert!(bench.work().join("x/t/d/program").exists() && !bench.work().join("x/t/a").exists());
}

#[test]
fn listings_are_those_of_others() {
    let bench = Bench::new();
    tree(&bench);
    succeed(&theirs(&bench, "-czf a.tar t"));
    let archive = fs::read(bench.work().join("a.tar")).unwrap();
    let (ours, _) = ours(&bench, "tf -", &archive);
    assert_eq!(ours.stdout, theirs(&bench, "tzf a.tar").stdout);
    assert_eq!(ours.stdout.lines().next(), Some("t/"));
    let long = theirs(&bench, "tvzf a.tar --numeric-owner --utc").stdout;
    let mut command = bench.tool("tar");
    let ran = run(command.args(["-tvf", "a.tar"]), b"");
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(squeezed(&ran.stdout), squeezed(&long.replace("rws", "rwx")));
}

#[test]
fn the_same_tree_gives_the_same_archive() {
    let bench = Bench::new();
    tree(&bench);
    let line = "-c --owner=0 --group=0 --mtime=@1 --sort=name t";
    let (ran, one) = ours(&bench, line, b"");
    assert_eq!(ran.status, Some(0));
    fs::write(bench.work().join("t/a"), "a").unwrap();
    assert_eq!(ours(&bench, line, b"").1, one);
}

#[test]
fn an_archive_is_not_in_itself() {
    let bench = Bench::new();
    tree(&bench);
    let (ran, _) = ours(&bench, "-cf t/x.tar t", b"");
    assert_eq!(ran.status, Some(0));
    let (list, _) = ours(&bench, "-tf t/x.tar", b"");
    assert!(
        !list.stdout.contains("x.tar") && list.stdout.contains("t/a\n"),
        "{list:?}"
    );
}

#[test]
fn nothing_gets_out_and_what_is_missing_is_told() {
    let bench = Bench::new();
    tree(&bench);
    fs::create_dir(bench.work().join("x")).unwrap();
    succeed(&theirs(&bench, "-cPf up.tar -C t/d ../a"));
    let (ran, _) = ours(&bench, "-xf up.tar -C x", b"");
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""));
    assert_eq!(
        ran.stderr,
        "tar: the archive's entry `../a` climbs with `..`\n"
    );
    assert!(!bench.work().join("a").exists());
    let (ran, _) = ours(&bench, "-xf up.tar nothing", b"");
    assert_eq!(ran.stderr, "tar: there is no `nothing` in the archive\n");
    let (ran, _) = ours(&bench, "-xf missing.tar", b"");
    assert_eq!(ran.status, Some(2));
    assert!(
        ran.stderr.starts_with("tar: can't open `missing.tar`"),
        "{ran:?}"
    );
    let (ran, _) = ours(&bench, "-cf a.tar missing", b"");
    assert_eq!(ran.status, Some(2));
    let (ran, archive) = ours(&bench, "-c ../here/t/a", b"");
    assert_eq!((ran.status, archive.len()), (Some(0), 2048));
}

#[test]
fn root_keeps_owners_unless_told_otherwise() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can give files away");
        return;
    }
    let bench = Bench::new();
    tree(&bench);
    std::os::unix::fs::chown(bench.work().join("t/a"), Some(1234), Some(2345)).unwrap();
    let (_, archive) = ours(&bench, "-c t/a", b"");
    for (line, owner) in [
        ("-x -C x", (1234, 2345)),
        ("-x -C x --no-same-owner", (0, 0)),
        ("-xo -C x", (0, 0)),
        ("-x -C x --same-owner", (1234, 2345)),
    ] {
        fs::create_dir(bench.work().join("x")).unwrap();
        succeed(&ours(&bench, line, &archive).0);
        let meta = fs::metadata(bench.work().join("x/t/a")).unwrap();
        assert_eq!((meta.uid(), meta.gid()), owner, "{line}");
        fs::remove_dir_all(bench.work().join("x")).unwrap();
    }
}
