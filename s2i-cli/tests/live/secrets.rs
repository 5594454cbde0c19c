//! Variables that only `assemble` gets: no file and no output of a build has their values.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Read},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    thread,
    time::{Duration, UNIX_EPOCH},
};

use flate2::bufread::GzDecoder;
use s2i_core::label;

use crate::{
    harness::{Live, live, live_alone, live_native},
    images::Recipe,
    process::{Done, Running},
};

/// Given with `-e`, and named by the builder's label.
const TOKEN: &str = "9d1f3b5a7c2e4608MARKERONE4a6c8e0";
/// Given with `--secret`, from a variable of the caller.
const KEY: &str = "0f2e4d6c8b1a3957MARKERTWO7b5d3f1";
/// The second line of a file, given with `--secret`.
const LINE: &str = "5e7a9c1d3f2b4860MARKERTHREE2c4e6";

/// No secret, and found where one could be.
const KEPT: &str = "2b4d6f8a0c1e3957OPENLY9b7d5f3a1c";

/// Files that are larger hold no notes of `s2i`.
const LARGE: u64 = 8 << 20;

const SHOW: &str = "show-env NPM_TOKEN\nshow-env KEPT\nshow-env KEY\nshow-env CERTIFICATE\n";

fn builder(live: &Live) -> String {
    let recipe = Recipe::builder().label(label::BUILD_VARIABLES, "NPM_TOKEN npm_config_//*");
    live.load("named", &recipe)
}

/// Builds with a secret of every source, with all log messages.
fn build(live: &Live, builder: &str, options: &[&str], lines: &str) -> Done {
    let source = live.instructions(lines);
    fs::write(live.path("certificate"), format!("begin\n{LINE}\n")).unwrap();
    let (token, kept) = (format!("NPM_TOKEN={TOKEN}"), format!("KEPT={KEPT}"));
    let mut all = vec!["--loglevel", "5", "-e", &token, "-e", &kept];
    all.extend(["--secret", "id=KEY,env=CALLERS_KEY"]);
    all.extend(["--secret", "id=CERTIFICATE,src=certificate"]);
    all.extend(options);
    let mut command = live.command();
    command
        .env("CALLERS_KEY", KEY)
        .args(live.engine.options())
        .args(live.build_args(builder, &all, source.as_os_str()));
    let done = Running::start(&mut command).finish();
    [TOKEN, KEY, LINE].into_iter().fold(done, Done::never_says)
}

#[test]
fn assemble_gets_secrets_and_nothing_stores_them() {
    let Some(live) = live() else { return };
    let builder = builder(&live);
    for style in ["plain", "json"] {
        let options = ["--no-cache", "--progress", style];
        let quote = if style == "json" { "\\\"" } else { "\"" };
        build(&live, &builder, &options, SHOW)
            .succeeds()
            .says(&format!("NPM_TOKEN=Some({quote}[redacted]{quote})"))
            .says("assemble alone gets these variables, the image does not: NPM_TOKEN")
            .says(&format!("KEY=Some({quote}[redacted]{quote})"))
            .says(&format!("KEPT=Some({quote}{KEPT}{quote})"));
        nothing_has_them(&live);
    }
    let image = live.engine.image(&live.image("app")).unwrap();
    let env = image.config.unwrap().env.unwrap();
    assert!(env.contains(&format!("KEPT={KEPT}")), "{env:?}");
    for name in ["NPM_TOKEN", "KEY", "CERTIFICATE"] {
        assert!(!env.iter().any(|entry| entry.starts_with(name)), "{env:?}");
    }
}

#[test]
fn failed_build_does_not_reveal_secrets() {
    // Its source has the secrets, and other tests search the store for them.
    let Some(live) = live_alone() else { return };
    let builder = builder(&live);
    let lines = format!("{SHOW}eprint {TOKEN}{KEY}\nexit 3");
    build(&live, &builder, &[], &lines)
        .ends_with(4)
        .says("[redacted][redacted]");
    live.nothing_left();
}

#[test]
fn another_token_does_not_invalidate_the_cache() {
    let Some(live) = live_native("a daemon has no build cache") else {
        return;
    };
    let builder = builder(&live);
    let source = live.instructions("show-env NPM_TOKEN");
    let app = live.image("app");
    let with = |token: &str| {
        let mut args = vec!["build", "-e", token, "--network", "none"];
        args.extend([source.to_str().unwrap(), &builder, &app]);
        live.s2i(args).succeeds()
    };
    live.engine.give(&live.path(""));
    wait_until_settled(&source.join("instructions"));
    with("NPM_TOKEN=first-token").says("[redacted]");
    with("NPM_TOKEN=other-token")
        .says("nothing has changed")
        .never_says("[redacted]");
}

/// Waits until a file is older than the seconds in which a source counts as changing, and is always built.
fn wait_until_settled(file: &Path) {
    let changed = fs::metadata(file).unwrap().ctime();
    let seconds = || UNIX_EPOCH.elapsed().unwrap().as_secs();
    while seconds() < u64::try_from(changed).unwrap() + 2 {
        thread::sleep(Duration::from_millis(20));
    }
}

/// Fails if a secret is found, or if the public value is not.
fn nothing_has_them(live: &Live) {
    nothing_holds(live, &[TOKEN, KEY, LINE], KEPT, &[live.path("certificate")]);
}

/// Looks at the image `app` in the form of an archive, at the list of images, at the files of the store and
/// at those of the test, of which some were given with secrets in them. `kept` is no secret, and found.
pub(crate) fn nothing_holds(live: &Live, secrets: &[&str], kept: &str, given: &[PathBuf]) {
    let image = live.image("app");
    let config = serde_json::to_string(&live.engine.image(&image)).unwrap();
    for secret in secrets {
        assert!(!config.contains(secret), "{config}");
        live.s2i(["images"]).succeeds().never_says(secret);
    }
    let archive = live.path("app.tar");
    let to = archive.to_str().unwrap();
    live.s2i(["export", &image, "-o", to]).succeeds();
    let mut file = tar::Archive::new(BufReader::new(File::open(&archive).unwrap()));
    let mut found = false;
    for entry in file.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        let bytes = content(&mut entry);
        assert!(!holds(&bytes, secrets), "{name} of the image");
        found |= holds(&bytes, &[kept]);
    }
    assert!(found, "not even what is kept is found");
    fs::remove_file(archive).unwrap();
    let places = if live.engine.is_native() {
        vec![live.path(""), PathBuf::from(&live.engine.options()[3])]
    } else {
        vec![live.path("")]
    };
    for file in places.iter().flat_map(|place| files(place)) {
        let is_given = given.contains(&file);
        // Others use the store as well, and their files come and go.
        let bytes = fs::read(&file).unwrap_or_default();
        let has = holds(&bytes, secrets);
        assert_eq!(has, is_given, "{}", file.display());
    }
}

/// Everything of a member of an archive, which may be compressed itself.
fn content(entry: &mut impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut entry = BufReader::new(entry);
    if entry.fill_buf().unwrap().starts_with(&[0x1f, 0x8b]) {
        GzDecoder::new(entry).read_to_end(&mut bytes).unwrap();
    } else {
        entry.read_to_end(&mut bytes).unwrap();
    }
    bytes
}

fn holds(bytes: &[u8], texts: &[&str]) -> bool {
    let has = |text: &&str| {
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    texts.iter().any(has)
}

/// The files below a directory that are not too large.
fn files(place: &Path) -> Vec<PathBuf> {
    let Ok(data) = fs::symlink_metadata(place) else {
        return Vec::new();
    };
    if data.is_file() && data.len() < LARGE {
        return vec![place.to_owned()];
    }
    let children = fs::read_dir(place).into_iter().flatten().flatten();
    children.flat_map(|child| files(&child.path())).collect()
}
