//! Real Go applications with the images `s2i/go` and `s2i/go-runtime`.

use std::{
    fs,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    containers,
    harness::{Live, has_network, skip},
    images::SCRIPTS,
    kit,
};

const BUILDER: &str = "s2i/go";
const RUNTIME: &str = "s2i/go-runtime";

/// A live test with the images; without them there is none.
fn go() -> Option<Live> {
    kit::with(&[BUILDER, RUNTIME])
}

fn sample(name: &str) -> PathBuf {
    kit::sample("go", name)
}

/// What the image has beside the application's own program, in bytes.
fn above_the_program(live: &Live, program: &str) -> u64 {
    let layers = live.engine.layers(&live.image("app"), &live.path(""));
    let all: u64 = layers
        .iter()
        .flat_map(|layer| layer.values())
        .map(|file| file.size)
        .sum();
    all - layers.last().unwrap()[program].size
}

#[test]
fn vendored_dependencies_need_no_network() {
    let Some(live) = go() else { return };
    let options = [
        "--network",
        "none",
        "--assemble-user",
        kit::random_user(&live),
    ];
    live.build_with(BUILDER, &options, sample("vendored"))
        .succeeds();
    let run = format!("{SCRIPTS}/run");
    let ran = containers::run(&live, &[&run, "https://example.com/"]);
    assert_eq!(
        ran.stdout.trim_end(),
        "dd2c1780-811a-5296-81c5-178a0ef488bc"
    );
    assert_eq!(ran.code, 0);
}

#[test]
fn arguments_reach_the_application_and_its_status_comes_back() {
    let Some(live) = go() else { return };
    live.build_with(BUILDER, &["--network", "none"], sample("plain"))
        .succeeds();
    let run = format!("{SCRIPTS}/run");
    let ran = containers::run(&live, &[&run, "exit=3", "two words", ""]);
    assert_eq!(ran.stdout, "exit=3\ntwo words\n\n");
    assert_eq!(ran.code, 3);
}

#[test]
fn a_compile_error_is_the_compilers_own() {
    let Some(live) = go() else { return };
    live.build_with(BUILDER, &["--network", "none"], sample("broken"))
        .ends_with(4)
        .says("main.go:5")
        .says("undefinedOnPurpose")
        .says("failed with status 13");
    live.nothing_left();
}

#[test]
fn a_program_that_needs_c_is_named() {
    let Some(live) = go() else { return };
    live.build_with(BUILDER, &["--network", "none"], sample("cgo"))
        .ends_with(4)
        .says("cgo is needed")
        .says("example.org/cgo");
    live.nothing_left();
}

#[test]
fn tests_that_fail_end_the_build() {
    let Some(live) = kit::with(&["s2i/go:test"]) else {
        return;
    };
    let source = live.path("tested");
    let copied = Command::new("cp")
        .arg("-r")
        .arg(sample("tested"))
        .arg(&source)
        .status();
    assert!(copied.unwrap().success());
    let options = ["--copy", "--network", "none", "-e", "GO_TEST=true"];
    live.build_with("s2i/go:test", &options, &source).succeeds();
    let main = source.join("main.go");
    let code = fs::read_to_string(&main).unwrap();
    fs::write(main, code.replace("{ return \"hello", "{ return \"bye")).unwrap();
    live.build_with("s2i/go:test", &options, &source)
        .ends_with(4)
        .says("TestText");
}

#[test]
fn a_web_application_in_the_runtime_image_is_its_program_and_little_more() {
    let Some(live) = go() else { return };
    let options = ["--network", "none", "--runtime-image", RUNTIME];
    live.build_with(BUILDER, &options, sample("web")).succeeds();
    let layer = live.engine.last_layer(&live.image("app"), &live.path(""));
    let programs: Vec<_> = layer
        .iter()
        .filter(|(name, file)| name.starts_with("opt/app-root/bin/") && file.size > 0)
        .collect();
    let [(program, file)] = programs[..] else {
        panic!("{programs:?}")
    };
    assert_eq!(file.mode & 0o111, 0o111);
    let above = above_the_program(&live, program);
    assert!(above <= 2_500_000, "{above} bytes");
    if !has_network() {
        return skip("containers of this engine have no network");
    }
    let server = containers::serve(&live);
    let page = server.get("/", "");
    let greeting = "hello from s2i, version 1.0, built with go";
    assert!(page.starts_with(greeting), "{page}");
    assert_eq!(server.get("/healthz", ""), "ok\n");
    let start = Instant::now();
    let code = server.stop();
    let took = start.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(code, 0);
}
