//! The output of `save-artifacts`, and its use in the next build.

use std::{fs, process::Stdio};

use cap_std::{ambient_authority, fs::Dir};
use s2i_core::{
    Script,
    archive::{Limits, unpack},
};

use crate::image::Image;

/// Unpacks an archive as s2i does, below a directory of the image.
pub(crate) fn restore(mut archive: &[u8], image: &Image, name: &str) {
    fs::create_dir_all(image.path(name)).unwrap();
    let directory = Dir::open_ambient_dir(image.path(name), ambient_authority()).unwrap();
    unpack(&mut archive, &directory, &Limits::default()).unwrap();
}

#[test]
fn next_build_uses_the_kept_caches() {
    let source = |image: Image| {
        image
            .source("go.mod", "module m\n\ngo 1.24\n")
            .source("main.go", "package main\n\nfunc main() { println(1) }\n")
            .env("S2I_KEEP_CACHE", "true")
    };
    let Some(first) = Image::with_go() else {
        return;
    };
    let first = source(first);
    let text = first.assemble();
    assert!(!text.contains("Restoring"), "{text}");
    let names = first.list("app-root/cache");
    let build = names
        .iter()
        .find(|name| name.starts_with("build-go1."))
        .unwrap();
    let build = format!("app-root/cache/{build}/00");
    assert!(first.path(&build).is_dir());
    assert_eq!(first.mode(&build) & 0o070, 0o070);

    let saved = first.script(Script::SaveArtifacts, &[]);
    assert_eq!((saved.code, saved.stderr.as_str()), (Some(0), ""));
    let again = first.script(Script::SaveArtifacts, &[]);
    assert!(
        saved.stdout == again.stdout,
        "the same caches give different archives"
    );

    // If the cache were restored at another level, Go would compile its runtime again.
    let second = source(Image::with_go().unwrap()).env("GOFLAGS", "-x");
    restore(&saved.stdout, &second, "tmp/artifacts");
    let outcome = second.script(Script::Assemble, &[]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(
        outcome.text().contains("---> Restoring build artifacts\n"),
        "{}",
        outcome.text()
    );
    assert!(outcome.stderr.contains("/link"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("/compile"), "{}", outcome.stderr);
    assert!(second.list("tmp/artifacts").is_empty());
    assert!(
        second
            .list("app-root/cache")
            .iter()
            .all(|name| name.starts_with("build") || name.starts_with("mod"))
    );
}

#[test]
fn artifacts_help_a_build_that_keeps_nothing() {
    let Some(image) = Image::with_go() else {
        return;
    };
    let image = image
        .source(
            "go.mod",
            "module m\n\ngo 1.24\n\nrequire example.com/x v1.0.0\n",
        )
        .source("go.sum", "")
        .source(
            "main.go",
            "package main\n\nimport \"example.com/x\"\n\nfunc main() { println(x.X) }\n",
        )
        .env("GOFLAGS", "-mod=mod")
        .env("GOSUMDB", "off");
    let module = "module example.com/x\n\ngo 1.24\n";
    image.write(
        "tmp/artifacts/mod/example.com/x@v1.0.0/x.go",
        "package x\n\nconst X = 42\n",
    );
    image.write("tmp/artifacts/mod/example.com/x@v1.0.0/go.mod", module);
    let download = "tmp/artifacts/mod/cache/download/example.com/x/@v/v1.0.0";
    image.write(&format!("{download}.mod"), module);
    image.write(&format!("{download}.info"), "{\"Version\":\"v1.0.0\"}");
    image.write(
        &format!("{download}.ziphash"),
        "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    );
    image.write(&format!("{download}.zip"), "");
    image.assemble();
    assert_eq!(image.list("app-root"), ["bin", "bin/m"]);
    assert_eq!(image.script(Script::Run, &[]).stderr, "42\n");
}

#[test]
fn image_without_caches_has_an_empty_archive_and_a_note() {
    let image = Image::new();
    let saved = image.script(Script::SaveArtifacts, &[]);
    assert_eq!(saved.code, Some(0));
    assert_eq!(saved.stdout, [0; 1024]);
    assert!(
        saved
            .stderr
            .contains("builds with --incremental or S2I_KEEP_CACHE=true keep caches"),
        "{}",
        saved.stderr
    );
}

#[test]
fn failed_save_is_not_a_complete_archive() {
    let image = Image::new();
    image.write("app-root/cache/mod/a", "first");
    image.write("app-root/cache/mod/b\\c", "a name that the reader refuses");
    let saved = image.script(Script::SaveArtifacts, &[]);
    assert_eq!(saved.code, Some(14));
    assert!(
        !saved.stdout.ends_with(&[0; 1024]),
        "the archive has an end"
    );
    assert!(
        saved.stderr.starts_with("save-artifacts: cannot save `"),
        "{}",
        saved.stderr
    );

    fs::remove_file(image.path("app-root/cache/mod/b\\c")).unwrap();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let status = image
        .command(Script::SaveArtifacts, &[])
        .stdout(full)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(14));
}
