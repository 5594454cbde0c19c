//! `s2i create`.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

use crate::shell::{s2i, stderr, stdout};

/// The files and their permission bits with the usual umask.
const FILES: [(&str, u32); 10] = [
    ("Dockerfile", 0o600),
    ("Makefile", 0o600),
    ("README.md", 0o600),
    ("s2i/bin/assemble", 0o755),
    ("s2i/bin/run", 0o755),
    ("s2i/bin/save-artifacts", 0o755),
    ("s2i/bin/usage", 0o755),
    (".s2i/bin/assemble", 0o755),
    ("test/run", 0o700),
    ("test/test-app/index.html", 0o600),
];

const IMAGE: &str = "localhost:5000/team/builder:1";

fn create(dir: &Path, image: &str, destination: &str) -> Output {
    s2i(dir, &["create", image, destination])
}

/// Returns the regular files below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn skeleton() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let output = create(dir.path(), IMAGE, ".");
    assert!(output.status.success(), "{}", stderr(&output));
    dir
}

#[test]
fn skeleton_has_all_files_with_their_modes() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new("sh")
        .args(["-c", "umask 022; exec \"$0\" create team/builder new/dir"])
        .arg(env!("CARGO_BIN_EXE_s2i"))
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stderr(&output), "");
    let root = dir.path().join("new/dir");
    let listed: String = FILES
        .iter()
        .map(|(path, _)| root.join(path).display().to_string() + "\n")
        .collect();
    assert_eq!(stdout(&output), listed);
    let mut expected = FILES.map(|(path, _)| root.join(path));
    expected.sort();
    assert_eq!(files(&root), expected);
    for (path, mode) in FILES {
        let found = fs::metadata(root.join(path)).unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode, "{path}: {found:o}");
    }
}

#[test]
fn image_name_replaces_every_placeholder() {
    let dir = skeleton();
    for file in files(dir.path()) {
        let text = fs::read_to_string(&file).unwrap();
        assert!(!text.contains("@IMAGE@"), "{}", file.display());
    }
    let usage = Command::new(dir.path().join("s2i/bin/usage"));
    let output = { usage }.output().unwrap();
    assert!(stdout(&output).contains("Sample invocation"));
    assert!(stdout(&output).contains(&format!("s2i build SOURCE {IMAGE} my-app\n")));
    let makefile = fs::read_to_string(dir.path().join("Makefile")).unwrap();
    assert!(makefile.contains(&format!("\nIMAGE = {IMAGE}\n")));
}

#[test]
fn scripts_are_accepted_by_their_shells() {
    let dir = skeleton();
    for (path, mode) in FILES {
        if mode & 0o100 == 0 {
            continue;
        }
        let text = fs::read_to_string(dir.path().join(path)).unwrap();
        let first = text.lines().next().unwrap_or_default();
        let shell = first.strip_prefix("#!").expect("a script");
        let mut check = Command::new(shell);
        let output = check.arg("-n").arg(dir.path().join(path)).output().unwrap();
        assert!(output.status.success(), "{path}: {}", stderr(&output));
    }
}

#[test]
fn existing_files_are_kept_with_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let (readme, run) = (dir.path().join("README.md"), dir.path().join("test/run"));
    fs::write(&readme, "mine").unwrap();
    fs::create_dir(dir.path().join("test")).unwrap();
    symlink("elsewhere", &run).unwrap();
    let output = create(dir.path(), IMAGE, ".");
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(fs::read_to_string(&readme).unwrap(), "mine");
    assert_eq!(fs::read_link(&run).unwrap(), Path::new("elsewhere"));
    assert!(!dir.path().join("test/elsewhere").exists());
    let warnings = stderr(&output);
    assert_eq!(warnings.lines().count(), 2, "{warnings}");
    assert!(warnings.contains("README.md: exists and is kept as it is"));
    assert_eq!(stdout(&output).lines().count(), FILES.len() - 2);
    assert!(dir.path().join("Dockerfile").exists());
}

#[test]
fn second_run_creates_nothing() {
    let dir = skeleton();
    let output = create(dir.path(), "other", ".");
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stdout(&output), "");
    let usage = fs::read_to_string(dir.path().join("s2i/bin/usage")).unwrap();
    assert!(usage.contains(IMAGE));
}

#[test]
fn destination_that_is_no_directory_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    for destination in ["file", "file/below"] {
        let output = create(dir.path(), IMAGE, destination);
        assert_eq!(output.status.code(), Some(2));
        let message = stderr(&output);
        assert!(message.starts_with("error: can't write `"), "{message}");
        assert_eq!(stdout(&output), "");
    }
    assert_eq!(files(dir.path()), [dir.path().join("file")]);
}

#[test]
fn invalid_arguments_create_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let digest = format!("builder@sha256:{}", "0".repeat(64));
    for args in [
        &["create"][..],
        &["create", "builder"],
        &["create", "Builder", "dir"],
        &["create", &digest, "dir"],
    ] {
        let output = s2i(dir.path(), args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(stderr(&output).starts_with("error: "), "{args:?}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn json_lists_the_created_files() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("Makefile"), "").unwrap();
    let args = ["create", IMAGE, ".", "--progress", "json"];
    let output = s2i(dir.path(), &args);
    let lines = stdout(&output);
    let events: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let [warning, created] = &events[..] else {
        panic!("{lines}")
    };
    assert_eq!(warning["event"], "warning");
    assert_eq!(created["event"], "created");
    let files = created["files"].as_array().unwrap();
    assert_eq!(files.len(), FILES.len() - 1);
    assert!(!files.contains(&"Makefile".into()));
}
