//! Defects of the Go tool that are none of ours, as far as no scenario shows them.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
};

use s2i_core::label;

use super::fixture;
use crate::{
    containers,
    harness::{Live, live, skip},
    images::{Entry, Recipe},
    process::Stream,
    repository::serve_files,
};

/// B-5: a script that is a link to a file of the machine changes nothing there, and is not run.
#[test]
fn script_that_links_out_of_the_source_harms_no_file() {
    let Some(live) = live() else { return };
    let builder = live.load("baked", &fixture::baked());
    let precious = live.path("precious");
    fs::write(&precious, "#!/usr/bin/interpret\nprint from the machine\n").unwrap();
    fs::set_permissions(&precious, fs::Permissions::from_mode(0o600)).unwrap();
    let root = live.source(&[(".s2i/bin/run", "#!/usr/bin/interpret\n")]);
    symlink(&precious, root.join(".s2i/bin/assemble")).unwrap();
    fixture::build(&live, &builder, &[], &root).never_says("from the machine");
    let mode = fs::metadata(&precious).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// A link between two scripts of the source stays one, which the Go tool breaks.
#[test]
fn script_that_links_to_another_works() {
    let Some(live) = live() else { return };
    let builder = live.load("baked", &fixture::baked());
    let root = live.source(&[("file", "text")]);
    let script = "#!/usr/bin/interpret\nprint one script for both\n";
    fixture::script(&root.join(".s2i/bin"), "common", script);
    symlink("common", root.join(".s2i/bin/assemble")).unwrap();
    fixture::build(&live, &builder, &[], &root)
        .succeeds()
        .says("one script for both");
}

/// B-11: what a failing script prints is no reason to build in another way.
#[test]
fn message_about_a_missing_tar_does_not_change_the_build() {
    let Some(live) = live() else { return };
    let source = live.instructions("eprint sh: tar: not found\nexit 9");
    let done = live.build(&[], source).ends_with(4);
    let times = done
        .lines
        .iter()
        .filter(|line| line.text.contains("tar: not found"));
    assert_eq!(times.count(), 1);
    done.says("status 9");
    live.nothing_left();
}

/// B-18: an artifact that only its owner may execute is still executable.
#[test]
fn artifacts_keep_the_mode_of_their_owner() {
    let Some(live) = live() else { return };
    let runtime = live.load("runtime", &Recipe::runtime());
    let source = live.instructions("write /app/tool text\nmode /app/tool 700");
    live.build(&["--runtime-image", &runtime], source)
        .succeeds();
    let layer = live.engine.last_layer(&live.image("app"), &live.path(""));
    assert_eq!(layer["srv/app/tool"].mode & 0o700, 0o700);
}

/// B-21: a script that ends before it has read anything is reported by its status.
#[test]
fn script_that_ends_at_once_is_reported_by_its_status() {
    let Some(live) = live() else { return };
    let source = live.source(&[
        ("instructions", "exit 42"),
        ("large", &"x".repeat(5_000_000)),
    ]);
    live.build(&[], source)
        .ends_with(4)
        .says("status 42")
        .never_says("pipe");
}

/// B-28: scripts and command lie where the label of the image wants them.
#[test]
fn scripts_lie_in_the_destination_of_the_label() {
    let Some(live) = live() else { return };
    let recipe = fixture::bare()
        .label(label::DESTINATION, "/opt/build")
        .with("opt/build", Entry::Directory(0o775));
    let builder = live.load("elsewhere", &recipe);
    let root = live.source(&[("file", "text")]);
    for name in ["assemble", "run"] {
        let script = format!("#!/usr/bin/interpret\nprint custom {name}\n");
        fixture::script(&root.join(".s2i/bin"), name, &script);
    }
    fixture::build(&live, &builder, &[], &root)
        .succeeds()
        .says("custom assemble");
    let config = live.engine.image(&live.image("app")).unwrap().config;
    assert_eq!(config.unwrap().cmd.unwrap(), ["/opt/build/scripts/run"]);
    assert_eq!(containers::run(&live, &[]).stdout, "custom run\n");
}

/// B-38: a server that sends scripts without end is not listened to for ever.
#[test]
fn script_of_a_server_has_a_bound() {
    let Some(live) = live() else { return };
    let builder = live.load("bare", &fixture::bare());
    let dir = fixture::scripts(&live);
    let huge = fs::File::create(dir.join("assemble")).unwrap();
    huge.set_len(200_000_000).unwrap();
    let url = format!("{}/scripts", serve_files(&live.path("")));
    let done = fixture::build(
        &live,
        &builder,
        &["--scripts-url", &url],
        &fixture::source(&live),
    );
    assert!(matches!(done.status.code(), Some(1..=99)));
    done.says("assemble");
    live.nothing_left();
}

/// B-40: a name that can't be is refused before `assemble` has done its work.
#[test]
fn impossible_name_is_refused_before_anything_starts() {
    let Some(live) = live() else { return };
    let digest = format!("app@sha256:{}", "0".repeat(64));
    let source = live.instructions("print assembled");
    for name in [&*digest, "Upper/Case", "with space"] {
        let args = [
            "build",
            "--copy",
            source.to_str().unwrap(),
            live.builder(),
            name,
        ];
        let done = live.s2i(args);
        assert!(matches!(done.status.code(), Some(1..=99)), "{name}");
        done.never_says("assembled");
    }
}

/// B-44: the output of a script has the indentation that the script gave it.
#[test]
fn output_keeps_its_indentation() {
    let Some(live) = live() else { return };
    let source = live.instructions("print     indented  \nprint \tby a tab");
    let done = live.build(&[], source).succeeds();
    let has = |line: &str| done.lines.iter().any(|own| own.text == line);
    assert!(has("    indented  ") && has("\tby a tab"));
}

/// B-48: a line of any length in `.s2i/environment` does not hide the lines after it.
#[test]
fn long_line_of_the_environment_hides_no_other() {
    let Some(live) = live() else { return };
    if live.engine.is_podman() {
        return skip(
            "Podman takes the variables of an image as a part of an address, which it limits",
        );
    }
    let environment = format!("LONG={}\nAFTER=there\n", "x".repeat(70_000));
    let source = live.source(&[
        ("instructions", "show-env AFTER"),
        (".s2i/environment", &environment),
    ]);
    let done = live.build(&[], source).succeeds();
    done.says("AFTER=Some(\"there\")");
}

/// B-33: a pull that fails is not made up for by the image that happens to be there.
#[test]
fn failed_pull_does_not_fall_back_to_an_old_image() {
    let Some(live) = live() else { return };
    let stale = "127.0.0.1:9/s2i-test/stale:1";
    live.s2i(["tag", live.builder(), stale]).succeeds();
    let source = live.instructions("print assembled");
    let done = live.build_with(stale, &["-p", "always"], source);
    live.engine.remove_image(stale).unwrap();
    done.ends_with(21).never_says("assembled");
    live.nothing_left();
}

/// Events of a build, as JSON.
fn events(live: &Live, lines: &str, code: i32) -> String {
    let source = live.instructions(lines);
    let done = live.build(&["--progress", "json"], source).ends_with(code);
    done.stream(Stream::Stdout).join("\n")
}

/// B-34: a reason of failure belongs to a failure, and has the name that the Go tool gives it.
#[test]
fn reason_of_failure_is_that_of_a_failure() {
    let Some(live) = live() else { return };
    let failed = events(&live, "exit 3", 4);
    assert!(failed.contains("\"AssembleFailed\""), "{failed}");
    let built = events(&live, "print assembled", 0);
    assert!(!built.contains("Failed\""), "{built}");
    for stage in ["PullImages", "Assemble", "CommitContainer"] {
        assert!(
            built.contains(&format!("\"{stage}\"")),
            "no {stage} in {built}"
        );
    }
}
