//! Inputs without an end: they are rejected at a limit, in as little memory as a small input.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::FileExt as _,
    path::PathBuf,
    time::Duration,
};

use rustix::process::Signal;

use crate::{
    harness::{Live, live, live_native, live_native_alone},
    process::Running,
};

/// More memory than `s2i` takes for a small build or archive of any kind, in KiB.
const SMALL: u64 = 64 * 1024;

/// The time limit of a cleanup.
const PROMPT: Duration = Duration::from_secs(10);

/// A test of the embedded engine, which alone reads what `assemble` leaves.
fn native() -> Option<Live> {
    live_native("a daemon reads it in its own way")
}

/// A configuration file.
fn config(live: &Live, text: &str) -> PathBuf {
    let file = live.path("config.toml");
    fs::write(&file, text).unwrap();
    file
}

#[test]
fn sparse_gibibyte_is_packed_in_little_memory() {
    let Some(live) = native() else { return };
    let source = live.instructions("write-hole /app/big 1073741824");
    let done = live.build(&[], source).succeeds();
    assert!(done.peak_kib < SMALL, "{} KiB", done.peak_kib);
    let layer = live.engine.last_layer(&live.image("app"), &live.path(""));
    assert_eq!(layer["app/big"].size, 1 << 30);
}

#[test]
fn many_files_are_packed_in_little_memory() {
    let Some(live) = native() else { return };
    let peak = |files: u64| {
        let source = live.instructions(&format!("make-files /app/files {files}"));
        live.build(&["--no-cache"], source).succeeds().peak_kib * 1024
    };
    let (few, many) = (peak(1000), peak(300_000));
    let each = many.saturating_sub(few) / 299_000;
    assert!(each < 160, "{each} bytes an entry");
}

#[test]
fn sparse_terabyte_is_rejected() {
    let Some(live) = native() else { return };
    let source = live.instructions("write-hole /app/big 1099511627776");
    live.build(&[], source)
        .ends_with(6)
        .says("`app/big` of the layer brings it to more than 68719476736 bytes")
        .says("raise `bytes` in the table [limits]");
    live.nothing_left();
}

#[test]
fn configured_limits_apply_to_the_built_layer() {
    let Some(live) = native() else { return };
    let build = |limits: &str, lines: &str| {
        let source = live.instructions(lines);
        let args = live.build_args(live.builder(), &["--no-cache"], source.as_ref());
        let mut command = live.command();
        command.env("S2I_CONFIG", config(&live, limits));
        command.args(live.engine.options()).args(args);
        Running::start(&mut command).finish()
    };
    // The builder's own layers were unpacked before.
    let files = "make-artifacts 100 1";
    build("", files).succeeds();
    build("[limits]\nentries = 1000", files).succeeds();
    build("[limits]\nentries = 50", files)
        .ends_with(6)
        .says("brings it to more than 50 entries")
        .says("raise `entries` in the table [limits]");
    build("[limits]\nbytes = 100000", "write-hole /app/big 100000")
        .ends_with(6)
        .says("`app/big` of the layer brings it to more than 100000 bytes");
    build("[limits]\nbytes = 110000", "write-hole /app/big 100000").succeeds();
}

/// Its archive would be 60 GiB of zeros, which take minutes.
#[test]
fn ctrl_c_stops_a_large_commit() {
    let Some(live) = native() else { return };
    let source = live.instructions("write-hole /app/big 64424509440");
    let running = live.start_build(&[], source);
    let commit = running.wait_for("==> commit");
    running.signal(Signal::INT);
    let done = running.finish().ends_with(130);
    let took = done.ended - commit;
    assert!(took < PROMPT, "{took:?}");
    live.nothing_left();
}

/// The text of a server, here of a program in the place of SSH.
#[test]
fn messages_of_git_are_bounded() {
    let Some(live) = live() else { return };
    let args = live.build_args(
        live.builder(),
        &[],
        "ssh://git@server.invalid/app.git".as_ref(),
    );
    let mut command = live.command();
    let flood = "yes remote: a flood of words | head -c 200000000 >&2; false";
    command.env("GIT_SSH_COMMAND", flood);
    command.args(live.engine.options()).args(args);
    let done = Running::start(&mut command).finish();
    let shown: usize = done.lines.iter().map(|line| line.text.len()).sum();
    assert!(shown < 16 * 1024, "{shown} bytes");
    assert!(done.peak_kib < SMALL, "{} KiB", done.peak_kib);
    done.ends_with(8).says("flood of words");
    live.nothing_left();
}

/// The header of a file in an archive.
fn header(name: &str, size: u64) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_path(name).unwrap();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    header
}

#[test]
fn archive_of_zeros_is_read_in_little_memory() {
    let Some(live) = live_native_alone("a daemon has its own limits") else {
        return;
    };
    let size = 2 << 30;
    let archive = File::create(live.path("zeros.tar")).unwrap();
    // A layer with a file of zeros, in an archive that names no image.
    for (at, name, size) in [(0, "layer.tar", size), (512, "zeros", size - 1536)] {
        archive
            .write_all_at(header(name, size).as_bytes(), at)
            .unwrap();
    }
    archive.set_len(512 + size + 1024).unwrap();
    let done = live.s2i(["load", "-i", "zeros.tar"]);
    assert!(done.peak_kib < SMALL, "{} KiB", done.peak_kib);
    done.ends_with(22).says("has no image");
}

#[test]
fn image_archive_has_the_limits_of_a_layer() {
    let Some(live) = live_native_alone("a daemon has its own limits") else {
        return;
    };
    let mut archive = flate2::write::GzEncoder::new(
        File::create(live.path("bomb.tar.gz")).unwrap(),
        flate2::Compression::fast(),
    );
    archive
        .write_all(header("layer.tar", 100 << 30).as_bytes())
        .unwrap();
    archive.finish().unwrap();
    live.s2i(["load", "-i", "bomb.tar.gz"])
        .ends_with(22)
        .says("holds more than 68719476736 bytes when it is decompressed")
        .says("raise `bytes` in the table [limits]");
}
