//! Files, directories and options that containers of a build have and results do not.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
};

use crate::harness::{Live, live, live_native, skip};

const TOKEN: &str = "4e6a8c0d2b1f3759INJECTED8d6b4f2a0c";

/// Makes a directory with a token and a tool on this machine.
fn keys(live: &Live) {
    let dir = live.path("keys");
    fs::create_dir_all(dir.join("sub")).unwrap();
    fs::write(dir.join("sub/token"), format!("{TOKEN}\n")).unwrap();
    std::os::unix::fs::symlink("sub/token", dir.join("token")).unwrap();
    std::os::unix::fs::symlink("nowhere", dir.join("lost")).unwrap();
    live.engine.give(&live.path(""));
}

#[test]
fn injected_files_exist_for_assemble_alone() {
    let Some(live) = live() else { return };
    keys(&live);
    let source = live.instructions(
        "show-file /keys/token\nshow-file one\nwrite /app/page done\nshow-list /keys",
    );
    for style in ["plain", "json"] {
        let options = ["--loglevel", "5", "--no-cache", "--progress", style];
        let mut all = options.to_vec();
        all.extend(["-i", "keys:/keys;keys/sub/token:one"]);
        live.build(&all, &source)
            .succeeds()
            .says("[redacted]")
            .says("is a link to a file that does not exist")
            .never_says(TOKEN);
        let layer = live.engine.last_layer(&live.image("app"), &live.path(""));
        assert!(layer.contains_key("app/page"), "{layer:?}");
        for name in layer.keys() {
            assert!(!name.contains("keys") && !name.ends_with("one"), "{name}");
        }
    }
}

#[test]
fn copied_content_of_injected_files_fails_the_build() {
    let Some(live) = live() else { return };
    keys(&live);
    // The working directory is `/`.
    fs::write(live.path("copied"), TOKEN).unwrap();
    let lines = format!("write /app/leak before-{TOKEN}-after");
    let source = live.instructions(&lines);
    live.build(&["-i", "copied:/etc/one"], &source)
        .ends_with(6)
        .says("`/app/leak` has the content of the injected file `/etc/one`");
    assert!(live.engine.image(&live.image("app")).is_none());
    live.nothing_left();
}

#[test]
fn bad_injections_are_errors_before_the_script_runs() {
    let Some(live) = live() else { return };
    keys(&live);
    let source = live.instructions("print RAN");
    for (inject, code, why) in [
        ("absent:/opt", 2, "can't read `"),
        (
            "keys:/no/such/directory",
            24,
            "the directory above it does not exist",
        ),
        ("keys:../x", 18, "has a `..` in it"),
        ("keys:/x*", 2, "there are no wildcards"),
    ] {
        live.build(&["-i", inject], &source)
            .ends_with(code)
            .says(why)
            .never_says("RAN");
    }
    live.nothing_left();
}

#[test]
fn volumes_are_mounted_and_not_part_of_the_result() {
    let Some(live) = live() else { return };
    let data = live.path("data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("input"), "from the host\n").unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o777)).unwrap();
    live.engine.give(&data);
    let source =
        live.instructions("show-file /data/input\nwrite /data/output made\nwrite /app/page x");
    live.build(&["-v", "./data:/data:z"], &source)
        .succeeds()
        .says("from the host");
    assert_eq!(fs::read_to_string(data.join("output")).unwrap(), "made");
    let layer = live.engine.last_layer(&live.image("app"), &live.path(""));
    assert!(!layer.contains_key("data/input") && layer.contains_key("app/page"));

    let source = live.instructions("must-not-write /data/input");
    live.build(&["-v", "./data:/data:ro"], &source).succeeds();
    live.build(&["-v", "./data:/proc/x"], &source)
        .ends_with(2)
        .says("nothing can be mounted at `/proc/x`");
    live.build(&["-v", "./data:/x", "-v", "./data:/x/"], &source)
        .ends_with(18)
        .says("two volumes can't be mounted at `/x`");
    live.nothing_left();
}

/// In the embedded engine of an ordinary user, root of the container is that user.
#[test]
fn volumes_are_files_directories_and_links_of_the_user() {
    let Some(live) = live() else { return };
    for name in ["own", "inner"] {
        fs::create_dir(live.path(name)).unwrap();
    }
    fs::write(live.path("one"), "a file\n").unwrap();
    fs::write(live.path("inner/two"), "below another volume\n").unwrap();
    std::os::unix::fs::symlink("own", live.path("link")).unwrap();
    fs::set_permissions(live.path("own"), fs::Permissions::from_mode(0o700)).unwrap();
    live.engine.give(&live.path(""));
    let source = live.instructions(
        "show-file /etc/one.conf\nshow-file /made/here/sub/two\nshow-file /made/here/etc/one\nwrite /made/here/out x\nwrite /app/page x",
    );
    let options = ["--assemble-user", "0", "-v", "./one:/etc/one.conf:ro"];
    let volumes = ["-v", "./inner:/made/here/sub", "-v", "./link:/made/here"];
    let file = ["-v", "./one:/made/here/etc/one"];
    live.build(&[&options[..], &volumes, &file].concat(), &source)
        .succeeds()
        .says("a file")
        .says("below another volume");
    let owner = |path: &str| live.path(path).metadata().unwrap().uid();
    // The mount points of the other two are made in the directory, as Docker does.
    for made in ["own/out", "own/sub", "own/etc/one"] {
        assert_eq!(owner(made), owner("own"), "{made}");
    }
    let layer = live.engine.last_layer(&live.image("app"), &live.path(""));
    // Docker and Podman leave the mount points that the image lacks.
    for (name, file) in &layer {
        let is_mount_point = name.contains("one.conf") || name.starts_with("made");
        let is_left = !live.engine.is_native() && file.size == 0 && name != "made/here/sub";
        assert!(!is_mount_point || is_left, "{name}");
    }
}

#[test]
fn volumes_that_an_ordinary_user_cannot_mount_are_errors() {
    let Some(live) = live_native("its daemon is root") else {
        return;
    };
    if std::env::var_os("S2I_TEST_USER").is_none() {
        return skip("an ordinary user runs it");
    }
    // Its owner is the user of the tests, who alone may read it.
    let theirs = tempfile::tempdir().unwrap();
    fs::create_dir(theirs.path().join("below")).unwrap();
    fs::set_permissions(theirs.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let dir = theirs.path().display();
    let source = live.instructions("print RAN");
    live.build(&["-v", &format!("{dir}/below:/data")], &source)
        .ends_with(22)
        .says("this user can't reach it")
        .never_says("RAN");
    // The directory itself can be mounted, and keeps its rights.
    let source = live.instructions("must-not-write /data/x");
    let volume = format!("{dir}:/data");
    live.build(&["--assemble-user", "0", "-v", &volume], &source)
        .succeeds();
}

/// The directories of s2i in a container are removed before the commit; what is mounted below them is not.
#[test]
fn volumes_below_the_source_and_the_artifacts_are_kept() {
    let Some(live) = live() else { return };
    for name in ["cache", "src"] {
        fs::create_dir(live.path(name)).unwrap();
        fs::set_permissions(live.path(name), fs::Permissions::from_mode(0o777)).unwrap();
        fs::write(live.path(name).join("kept"), "kept").unwrap();
    }
    live.engine.give(&live.path(""));
    let source = live.instructions("show-file /tmp/artifacts/m2/kept\nshow-file /tmp/src/kept");
    let options = ["-v", "./cache:/tmp/artifacts/m2", "-v", "./src:/tmp/src"];
    live.build(&options, &source).succeeds();
    for name in ["cache", "src"] {
        let kept = fs::read_to_string(live.path(name).join("kept")).unwrap();
        assert_eq!(kept, "kept", "{name}");
    }
}

#[test]
fn hosts_labels_and_capabilities_are_set() {
    let Some(live) = live() else { return };
    let source = live.instructions("show-file /etc/hosts\nshow-id");
    let options = [
        "--add-host",
        "db.test:10.11.12.13",
        "--label",
        "team=a",
        "--label",
        "io.k8s.display-name=mine",
        "--cap-drop",
        "ALL",
        "--assemble-user",
        "0",
    ];
    live.build(&options, &source)
        .succeeds()
        .says("10.11.12.13\tdb.test")
        .says("CapEff: 0000000000000000");
    let labels = live.config("app").labels.unwrap();
    assert_eq!(labels["team"], "a");
    assert_eq!(labels["io.k8s.display-name"], "mine");
}

#[test]
fn options_that_the_engine_lacks_are_refused_before_anything_starts() {
    let Some(live) = live() else { return };
    if !live.engine.is_native() {
        return;
    }
    let source = live.instructions("print RAN");
    for (options, why) in [
        (["--security-opt", "seccomp=unconfined"], "can't be changed"),
        (["-v", "name:/data"], "it has no volumes with names"),
        (["-v", "/:/data:rshared"], "has the options `ro` and `rw`"),
        (
            ["-v", "/no/such:/data"],
            "it does not exist on this machine",
        ),
    ] {
        live.build(&options, &source)
            .ends_with(22)
            .says(why)
            .never_says("RAN");
    }
}
