//! Split builds: a builder makes artifacts, a slim image gets them.

use crate::{
    containers,
    harness::{Live, SOURCE_TIME, has_network, live, skip},
    images::{Entry, Recipe, SCRIPTS},
    process::Done,
};

/// Builds with the usual builder and a runtime image of this recipe.
fn build(live: &Live, recipe: &Recipe, options: &[&str], lines: &str) -> Done {
    let runtime = live.load("runtime", recipe);
    let options = [&["--runtime-image", &runtime], options].concat();
    live.build(&options, live.instructions(lines))
}

#[test]
fn label_of_the_runtime_image_selects_the_artifacts() {
    let Some(live) = live() else { return };
    let lines = "make-dir /app/bin\nwrite /app/bin/program text\nmode /app/bin/program 0755\n\
        write /app/page hello from the runtime image\nmode /app/page 0640\nlink /app/link page\n";
    build(&live, &Recipe::runtime(), &[], lines)
        .succeeds()
        .says("==> artifacts")
        .says("assemble-runtime in /srv");
    let config = live.config("app");
    let env = config.env.unwrap();
    assert!(env.contains(&"FROM_IMAGE=runtime".to_owned()), "{env:?}");
    assert_eq!(config.cmd.unwrap(), [format!("{SCRIPTS}/run")]);
    assert_eq!(config.working_dir.as_deref(), Some("/srv"));
    let layers = live.engine.layers(&live.image("app"), &live.path(""));
    let layer = layers.last().unwrap();
    let mode = |name: &str| layer[name].mode & 0o777;
    assert_eq!(mode("srv/app/bin/program") & 0o111, 0o111);
    assert_eq!(mode("srv/app/page") & 0o111, 0);
    assert_eq!(layer["srv/app/link"].target.as_deref(), Some("page"));
    let file = &layer["srv/app/page"];
    assert_eq!((file.uid, file.gid, file.mtime), (1001, 0, SOURCE_TIME));
    let assemble = "usr/libexec/s2i/assemble";
    assert!(layers.iter().all(|layer| !layer.contains_key(assemble)));
}

#[test]
fn runtime_image_serves_the_files_of_the_builder() {
    let Some(live) = live() else { return };
    if !has_network() {
        return skip("containers of this engine have no network");
    }
    build(&live, &Recipe::runtime(), &[], "write /app/page served").succeeds();
    let server = containers::serve(&live);
    assert_eq!(server.get("/", ""), "served");
}

#[test]
fn artifacts_of_the_option_are_copied() {
    let Some(live) = live() else { return };
    let recipe = Recipe::runtime();
    let options = ["--runtime-artifact", "/app/page:static/pages;/app/other"];
    build(
        &live,
        &recipe,
        &options,
        "write /app/page x\nwrite /app/other y\nwrite /app/not z",
    )
    .succeeds();
    let layer = live.engine.last_layer(&live.image("app"), &live.path(""));
    assert!(layer.contains_key("srv/static/pages/page"), "{layer:?}");
    assert!(layer.contains_key("srv/other"), "{layer:?}");
    assert!(!layer.contains_key("srv/app"), "{layer:?}");
}

#[test]
fn missing_artifact_is_reported() {
    let Some(live) = live() else { return };
    let options = ["-a", "/app/nothing"];
    build(&live, &Recipe::runtime(), &options, "write /app/page x")
        .ends_with(24)
        .says("there is no `/app/nothing` to take");
    live.nothing_left();
}

#[test]
fn assemble_runtime_is_optional_and_its_failure_counts() {
    let Some(live) = live() else { return };
    let recipe = Recipe::runtime().without("usr/libexec/s2i/assemble-runtime");
    build(&live, &recipe, &[], "write /app/page x").succeeds();
    let lines = "write /app/page x\nwrite /app/runtime-instructions exit 9";
    build(&live, &Recipe::runtime(), &[], lines)
        .ends_with(4)
        .says("`assemble-runtime` of")
        .says("failed with status 9");
    live.nothing_left();
}

#[test]
fn assemble_runtime_has_its_own_user() {
    let Some(live) = live() else { return };
    let lines = "write /app/page x\nwrite /app/runtime-instructions show-id";
    build(
        &live,
        &Recipe::runtime(),
        &["--assemble-runtime-user", "1002:0"],
        lines,
    )
    .succeeds()
    .says("Uid: 1002 1002 1002 1002");
    let layer = live.engine.last_layer(&live.image("app"), &live.path(""));
    assert_eq!(
        (layer["srv/app/page"].uid, layer["srv/app/page"].gid),
        (1002, 0)
    );
}

#[test]
fn ctrl_c_in_the_second_container_removes_both() {
    let Some(live) = live() else { return };
    let recipe = Recipe::runtime().with("usr/bin/assemble", Entry::Program);
    let runtime = live.load("runtime", &recipe);
    let source = live.instructions("write /app/runtime-instructions sleep 60");
    let running = live.start_build(&["--runtime-image", &runtime], source);
    running.wait_for("assemble-runtime in /srv");
    running.signal(rustix::process::Signal::INT);
    running.finish().ends_with(130);
    live.nothing_left();
}
