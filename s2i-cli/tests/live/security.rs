//! Sources, scripts and images that mean harm.

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt as _, process::Command, time::Duration};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::{
    harness::{live, live_native, skip},
    images::{Entry, Recipe},
    process::{Running, Stream},
};

#[test]
fn pipe_in_the_source_is_rejected() {
    let Some(live) = live() else { return };
    let source = live.source(&[("file", "text")]);
    mknodat(CWD, source.join("pipe"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    live.build(&[], &source).ends_with(24).says("pipe");
    live.nothing_left();
}

/// Runs the program in its arguments as on a kernel that has no Landlock: a filter refuses the call that begins
/// with it (444) as unknown.
const WITHOUT_LANDLOCK: &str = r#"
    my @filter = ([0x20, 0, 0, 0], [0x15, 0, 1, 444], [0x06, 0, 0, 0x00050000 | 38], [0x06, 0, 0, 0x7fff0000]);
    my $filter = join "", map pack("S C C L", @$_), @filter;
    my $program = pack("S x6 P", scalar @filter, $filter);
    syscall(157, 22, 2, $program) == 0 or die "no filter: $!";
    exec @ARGV or die "$ARGV[0]: $!";"#;

#[test]
fn missing_landlock_is_warned_of_once() {
    let Some(live) = live_native("it is about the embedded engine") else {
        return;
    };
    if !rustix::process::geteuid().is_root() || !cfg!(target_arch = "x86_64") {
        return skip("filters of system calls are made by root here, for one kind of processor");
    }
    let source = live.instructions("copy /app");
    let build = |network: &str| {
        let mut options = live.engine.options();
        let build = ["build", "--incremental", "--no-cache", "--network", network];
        options.extend(build.map(Into::into));
        options.extend([
            source.clone().into(),
            live.builder().into(),
            live.image("app").into(),
        ]);
        let command = live.command();
        let mut filtered = Command::new("perl");
        filtered.args(["-e", WITHOUT_LANDLOCK]);
        filtered
            .arg(command.get_program())
            .args(command.get_args())
            .args(options);
        filtered.current_dir(live.path("")).env_clear();
        let variables = command.get_envs();
        filtered.envs(variables.filter_map(|(name, value)| Some((name, value?))));
        let done = Running::start(&mut filtered).finish().succeeds();
        let warnings = done.lines.iter().map(|line| line.text.matches("Landlock"));
        warnings.flatten().count()
    };
    // The second one has two containers, for it begins with the artifacts of the first.
    assert_eq!(["none", "host", "host"].map(build), [0, 1, 1]);
}

#[test]
fn links_of_the_source_are_not_followed() {
    let Some(live) = live() else { return };
    let source = live.source(&[("instructions", "copy /app\nshow-list /app")]);
    for (name, target) in [("loop", "loop"), ("up", ".."), ("outside", "/etc/hostname")] {
        std::os::unix::fs::symlink(target, source.join(name)).unwrap();
    }
    let done = live.build(&[], &source);
    if done.status.code() == Some(24) {
        // Refusing a link that leads out of the source is as good as carrying it as a link.
        done.says("outside");
        return live.nothing_left();
    }
    done.succeeds();
    let layer = live.engine.last_layer(&live.image("app"), &live.path(""));
    assert_eq!(layer["app/loop"].target.as_deref(), Some("loop"));
    assert_eq!(
        layer["app/outside"].target.as_deref(),
        Some("/etc/hostname")
    );
}

#[test]
fn file_names_of_any_bytes_are_preserved() {
    let Some(live) = live() else { return };
    let source = live.source(&[("instructions", "show-list /tmp/src")]);
    let names: [&[u8]; 4] = [b"new\nline", b"not\xffutf8", b"-rf", b" space "];
    for name in names {
        fs::write(source.join(OsStr::from_bytes(name)), "text").unwrap();
    }
    live.build(&["--exclude", ""], &source)
        .succeeds()
        .says(r#""new\nline""#)
        .says(r#""not\xFFutf8""#)
        .says(r#""-rf""#)
        .says(r#"" space ""#);
}

#[test]
fn endless_line_does_not_fill_the_memory() {
    let Some(live) = live() else { return };
    let bytes = 4 << 20;
    let lines = format!("print before\nbig-line {bytes}\nprint after");
    let done = live.build(&[], live.instructions(&lines)).succeeds();
    let shown: usize = done
        .stream(Stream::Stderr)
        .iter()
        .filter(|line| line.starts_with("xxx"))
        .map(|line| line.len())
        .sum();
    assert_eq!(shown, bytes);
    assert!(done.peak_kib < 64 * 1024, "{} KiB", done.peak_kib);
    done.says("after");
}

#[test]
fn control_sequences_are_removed() {
    let Some(live) = live() else { return };
    let done = live.build(&[], live.instructions("escapes")).succeeds();
    assert!(done.lines.iter().all(|line| !line.text.contains('\u{1b}')));
    assert!(done.lines.iter().all(|line| !line.text.contains('\u{7}')));
    done.says("red").says("after");
}

#[test]
fn link_in_the_image_does_not_redirect_the_source() {
    let Some(live) = live() else { return };
    let recipe = Recipe::builder().with("tmp/src", Entry::Link("/app"));
    let builder = live.load("astray", &recipe);
    let source = live.source(&[("file", "text")]);
    let done = live.build_with(&builder, &[], source);
    done.ends_with(24).says("`/tmp/src` is a link");
    live.nothing_left();
}

#[test]
fn flood_of_processes_ends_with_the_script() {
    let Some(live) = live() else { return };
    let lines = "orphan 600\n".repeat(50) + "print flooded";
    let running = live.start_build(&[], live.instructions(&lines));
    let flooded = running.wait_for("flooded");
    let done = running.finish().succeeds();
    let took = done.ended - flooded;
    assert!(took < Duration::from_secs(30), "{took:?}");
}

/// The source was looked at by then, and is not read yet.
#[test]
fn directory_that_replaces_the_source_is_not_read() {
    let Some(live) = live() else { return };
    for round in 0..3 {
        let source = live.source(&[("ctx/instructions", "copy /app\nshow-list /tmp/src")]);
        let outside = live.path(&format!("outside-{round}"));
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("secret"), "secret").unwrap();
        fs::write(outside.join("instructions"), "show-list /tmp/src").unwrap();
        let running = live.start_build(&["--copy", "--context-dir", "ctx"], &source);
        running.wait_for("==> images");
        fs::rename(source.join("ctx"), source.join("away")).unwrap();
        std::os::unix::fs::symlink(&outside, source.join("ctx")).unwrap();
        running
            .finish()
            .succeeds()
            .says("\"instructions\"")
            .never_says("\"secret\"");
        fs::remove_dir_all(&source).unwrap();
    }
}
