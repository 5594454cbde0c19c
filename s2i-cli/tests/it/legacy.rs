//! Command lines of the Go `s2i`, as scripts have them.

use crate::{
    daemon::{Endpoint, Knobs},
    scene::Scene,
};

/// The image in the list of the model that has no name.
const PREVIOUS: &str = "sha256:4";

/// Everything that the Go tool accepts and that has no meaning here does not stop a build.
#[test]
fn command_lines_of_the_go_tool_are_accepted() {
    let scene = Scene::with_engine(Knobs::default());
    for name in ["web", "web:latest"] {
        scene.daemon().model().images.insert(name.into());
        scene.daemon().model().ids.insert(name.into(), PREVIOUS);
    }
    for line in [
        "build --incremental=true app s2i/go web",
        "build --incremental=true --rm --exclude= app s2i/go web",
        "--loglevel 0 build --keep-symlinks app s2i/go web --environment-file app/none",
        "build app --copy --keep-symlinks --env A=b --context-dir ./ s2i/go web",
        "build app s2i/go web latest --runtime-image s2i/go-runtime --runtime-artifact /app --copy",
        "--loglevel 0 --context-dir . build app s2i/go web -a /x --incremental-pull-policy never",
        "build app s2i/go web --dockercfg-path app/none --ignore-submodules --save-temp-dir -l /src",
    ] {
        scene.write("app/none", "");
        let mut args: Vec<_> = line.split(' ').collect();
        args.push("--dry-run");
        scene.s2i(&args).ends_with(0);
    }
    let args = ["build", "app", "s2i/go", "web", "-l", "/src", "--dry-run"];
    let done = scene.s2i(&args).ends_with(0);
    assert!(
        done.stdout.contains("copy source into /src/src"),
        "{done:?}"
    );
    done.warns("warning: --location: it is deprecated; use --destination");
}

/// A name with a `/` that the engine lacks is that of a builder in a registry.
#[test]
fn single_name_with_a_path_is_pulled_as_the_builder() {
    let scene = Scene::with_engine(Knobs::default());
    let args = ["build", "app", "s2i/go", "--dry-run"];
    let done = scene.s2i(&args).ends_with(0);
    done.warns("builder s2i/go: the engine has no image of this name, which is one of a registry")
        .warns("pulling s2i/go");
}

#[test]
fn previous_image_is_removed_after_an_incremental_build() {
    let Some(scene) = Scene::with_builds(Knobs::default()) else {
        return;
    };
    let build = ["build", "app", "s2i/go", "web", "--no-cache", "--rm"];
    for (options, removals) in [(&[][..], 0), (&["--incremental"][..], 1)] {
        scene.daemon().model().images.insert("web:latest".into());
        scene
            .daemon()
            .model()
            .ids
            .insert("web:latest".into(), PREVIOUS);
        scene.s2i(&[&build[..], options].concat()).ends_with(0);
        assert_eq!(scene.daemon().count(Endpoint::RemoveImage), removals);
    }
}
