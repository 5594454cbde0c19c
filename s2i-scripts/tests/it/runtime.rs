//! The artifacts that `assemble` leaves for a runtime image, which `assemble-runtime` only checks.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
};

use s2i_core::Script;

use crate::{binary, image::Image};

/// Everything of a file that a layer has: path, mode, time in seconds and nanoseconds, target or content.
type Entry = (String, u32, (i64, i64), Vec<u8>);

/// Returns the files of the directories that runtime images take.
fn artifacts(image: &Image) -> Vec<Entry> {
    let names = ["app-root/bin", "app-root/src"].into_iter();
    let names = names.filter(|name| image.path(name).exists());
    let names = names.flat_map(|name| {
        let below = image.list(name).into_iter();
        let below = below.map(move |path| format!("{name}/{path}"));
        std::iter::once(name.to_owned()).chain(below)
    });
    let entries = names.map(|name| {
        let path = image.path(&name);
        let data = fs::symlink_metadata(&path).unwrap();
        let content = if data.is_symlink() {
            let target = fs::read_link(&path).unwrap();
            target.to_str().unwrap().as_bytes().to_vec()
        } else if data.is_file() {
            fs::read(&path).unwrap()
        } else {
            Vec::new()
        };
        let time = (data.mtime(), data.mtime_nsec());
        (name, data.mode(), time, content)
    });
    entries.collect()
}

/// Builds the source, and runs `assemble-runtime` on the result, which must change nothing.
#[track_caller]
fn check(image: &Image) {
    image.assemble();
    let left = artifacts(image);
    assert!(left.len() > 1, "{left:?}");
    let outcome = image.script(Script::AssembleRuntime, &[]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    assert_eq!(artifacts(image), left);
}

#[test]
fn assemble_runtime_changes_no_program_of_go() {
    let Some(image) = Image::with_go() else {
        return;
    };
    check(&image.sample("go/procfile"));
}

#[test]
fn assemble_runtime_changes_no_packed_program() {
    let (machine, _) = binary::current();
    for others in [
        &[][..],
        &[("Procfile", "web: app\n")],
        &[("Procfile", "web: app\n"), ("data/a.txt", "a")],
    ] {
        let image = Image::new().binary("app", machine);
        let image = others
            .iter()
            .fold(image, |image, (name, text)| image.source(name, text));
        check(&image);
    }
}

#[test]
fn assemble_runtime_changes_no_site_and_no_application_for_node() {
    check(&Image::new().sample("node/html"));
    let Some(image) = Image::with_node() else {
        return;
    };
    let image = image
        .source("package.json", r#"{"name":"sample","version":"1.0.0"}"#)
        .source("lib/part.js", "module.exports = 1")
        .source("server.js", "require('./lib/part.js')");
    for (name, mode) in [("lib", 0o700), ("lib/part.js", 0o600)] {
        let path = image.path("tmp/src").join(name);
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
    check(&image);
}
