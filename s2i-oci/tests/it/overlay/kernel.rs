//! What overlayfs makes of the trees, as root and in a user namespace.

use std::{
    env, fs,
    path::Path,
    process::{Command, Output},
};

use s2i_oci::overlay::{Dialect, Limits, pack, unpack};

use super::{
    raw::{Block, device, dir, file, tar},
    sandbox::is_skipped,
    trees::{Kind, read, show},
};
use crate::scratch;

/// The variable that the test sets when it starts itself in a user namespace.
const INNER: &str = "S2I_TEST_IN_USER_NAMESPACE";

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    output
}

/// Unpacks layers, the lowest first, and lists what an overlay of them shows.
fn shown(dir: &Path, dialect: Dialect, options: &str, layers: &[Vec<u8>]) -> String {
    let mut lower = Vec::new();
    for (index, layer) in layers.iter().enumerate() {
        let tree = dir.join(index.to_string());
        fs::create_dir(&tree).unwrap();
        unpack(&mut layer.as_slice(), &tree, dialect, &Limits::default()).unwrap();
        lower.insert(0, tree.to_str().unwrap().to_owned());
    }
    let merged = dir.join("merged");
    fs::create_dir(&merged).unwrap();
    let script =
        "mount -t overlay overlay -o \"$1\" \"$2\" && cd \"$2\" && find . -mindepth 1 | sort";
    let options = format!("lowerdir={}{options}", lower.join(":"));
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-ec", script, "sh", &options])
        .arg(merged);
    let listing = String::from_utf8(run(&mut command).stdout).unwrap();
    listing.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn layers() -> Vec<Vec<u8>> {
    vec![
        tar(&[
            file("a", "1"),
            file("b", "1"),
            file("d/x", "1"),
            file("e/x", "1"),
            file("g/x", "1"),
        ]),
        tar(&[
            file(".wh.a", ""),
            file("d/y", "2"),
            file("d/.wh..wh..opq", ""),
            file("e/.wh.x", ""),
            file("g/y", "2"),
            file(".wh.g", ""),
        ]),
        tar(&[file("h", "3"), dir("e"), file("e/z", "3")]),
    ]
}

const MERGED: &str = "./b ./d ./d/y ./e ./e/z ./g ./g/y ./h";

fn can(arguments: &[&str]) -> bool {
    let output = Command::new("unshare").args(arguments).arg("true").output();
    let can = output.is_ok_and(|output| output.status.success());
    if !can {
        eprintln!(
            "SKIPPED: `unshare {}` does not work here",
            arguments.join(" ")
        );
    }
    can
}

#[test]
fn overlayfs_shows_the_merged_layers() {
    if is_skipped() || Dialect::of_this_process() != Dialect::Trusted || !can(&["--mount"]) {
        return;
    }
    let temp = scratch::dir();
    assert_eq!(shown(temp.path(), Dialect::Trusted, "", &layers()), MERGED);
}

#[test]
fn user_namespace_has_its_own_dialect_and_no_devices() {
    const NAME: &str = "overlay::kernel::user_namespace_has_its_own_dialect_and_no_devices";
    if let Some(dir) = env::var_os(INNER) {
        return inside(dir.as_ref());
    }
    let arguments = ["--user", "--map-root-user", "--mount"];
    if !can(&arguments) {
        return;
    }
    let temp = scratch::dir();
    let output = Command::new("unshare")
        .args(arguments)
        .arg(env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(INNER, temp.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

fn inside(dir: &Path) {
    let dialect = Dialect::of_this_process();
    assert_eq!(dialect, Dialect::User);
    assert_eq!(shown(dir, dialect, ",userxattr", &layers()), MERGED);

    let tree = dir.join("tree");
    fs::create_dir(&tree).unwrap();
    let unmapped = Block::new(b'0', b"unmapped", 0)
        .mode(0o6755)
        .owner(33, 33)
        .done();
    let own = Block::new(b'0', b"own", 0).mode(0o6755).done();
    let layer = tar(&[
        device(b'3', "null", 1, 3),
        file("replaced", "x"),
        device(b'4', "replaced", 8, 0),
        device(b'6', "fifo", 0, 0),
        unmapped,
        own,
        file(".wh.gone", ""),
    ]);
    unpack(&mut layer.as_slice(), &tree, dialect, &Limits::default()).unwrap();
    let found = read(&tree);
    assert_eq!(show(&found), "fifo|, gone removed, own=, unmapped=");
    let node = &found[&b"unmapped"[..]];
    assert_eq!((node.owner, node.mode), ((0, 0), 0o755));
    assert_eq!(found[&b"own"[..]].mode, 0o6755);
    assert_eq!(found[&b"gone"[..]].kind, Kind::Character(0, 0));
    let (_, size) = pack(&tree, dialect, None, &mut Vec::new()).unwrap();
    assert_eq!(size.files, 4);
}
