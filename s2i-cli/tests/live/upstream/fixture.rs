//! A builder like that of the Go tool's own tests: its scripts leave a mark for everything that they find.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use s2i_core::label;

use crate::{
    containers,
    engine::Layer,
    harness::Live,
    images::{Entry, Recipe},
    process::Done,
};

/// The directory of the image in which the scripts leave their marks.
const MARKS: &str = "app";

/// The scripts of the fixture.
pub(super) const ASSEMBLE: &str = "#!/usr/bin/interpret
make-dir /app/src
copy /app/src
write /app/assemble-ran
if-exists /tmp/secret write /app/secret-delivered
if-exists /opt/app-root/src/secret write /app/relative-secret-delivered
if-exists /tmp/artifacts/save-artifacts-ran write /app/save-artifacts-ran
make-dir /tmp/.s2i
write /tmp/.s2i/image_metadata.json {\"labels\": [{\"colour\": \"blue\"}]}
";
pub(super) const RUN: &str = "#!/usr/bin/interpret
write /app/run-ran
print run ended
";
/// It begins with the source of the build before, and ends with zeros as GNU tar does.
pub(super) const SAVE: &str = "#!/usr/bin/interpret
write /tmp/src/save-artifacts-ran
write-archive /tmp/src
write-zeros 512
";

/// The image without scripts: it has no shell, no `tar` and no `env`.
pub(super) fn bare() -> Recipe {
    let mut recipe = Recipe::builder()
        .without("usr/libexec/s2i/assemble")
        .without("usr/libexec/s2i/run")
        .with("usr/bin/interpret", Entry::Program)
        .with("opt/app-root/src", Entry::Directory(0o775));
    recipe.user = "";
    recipe.working_dir = "/opt/app-root/src";
    recipe.labels.clear();
    recipe
}

/// The image with its scripts inside.
pub(super) fn baked() -> Recipe {
    bare()
        .label(label::SCRIPTS_URL, "image:///tmp/scripts/")
        .with("tmp/scripts/assemble", Entry::Text(0o755, ASSEMBLE))
        .with("tmp/scripts/run", Entry::Text(0o755, RUN))
        .with("tmp/scripts/save-artifacts", Entry::Text(0o755, SAVE))
}

/// Writes the scripts into a directory of the test.
pub(super) fn scripts(live: &Live) -> PathBuf {
    let dir = live.path("scripts");
    for (name, text) in [
        ("assemble", ASSEMBLE),
        ("run", RUN),
        ("save-artifacts", SAVE),
    ] {
        script(&dir, name, text);
    }
    dir
}

/// Writes a script.
pub(super) fn script(dir: &Path, name: &str, text: &str) {
    fs::create_dir_all(dir).unwrap();
    let path = dir.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The source of the fixture.
pub(super) fn source(live: &Live) -> PathBuf {
    live.source(&[("catalog.txt", "one\ntwo\n"), ("pages/index.html", "<p>")])
}

/// Builds the image `app`, with the files of the source, over the `app` that is there.
pub(super) fn build(live: &Live, builder: &str, options: &[&str], source: &Path) -> Done {
    let app = live.image("app");
    let id = || live.engine.image(&app)?.id;
    let before = id();
    let mut args = vec!["build", "--copy", "--network", "none"];
    args.extend(options);
    args.extend([source.to_str().unwrap(), builder, &app]);
    let done = live.s2i(args);
    // An image that loses its name to another one would stay; `--rm` may have removed it.
    if let Some(before) = before.filter(|before| Some(before) != id().as_ref()) {
        live.engine.remove_image(&before).unwrap();
    }
    done
}

/// The layer of `app`, with the marks of `assemble`.
#[track_caller]
pub(super) fn layer(live: &Live) -> Layer {
    let layer = live.engine.last_layer(&live.image("app"), &live.path(""));
    for name in ["assemble-ran", "src/catalog.txt", "src/pages/index.html"] {
        let name = format!("{MARKS}/{name}");
        assert!(layer.contains_key(&name), "no {name} in {layer:?}");
    }
    layer
}

/// Fails unless `app` was assembled by the scripts and runs with them.
#[track_caller]
pub(super) fn check_clean(live: &Live) {
    layer(live);
    let ran = containers::run(live, &[]);
    assert_eq!((ran.stdout.as_str(), ran.code), ("run ended\n", 0));
}
