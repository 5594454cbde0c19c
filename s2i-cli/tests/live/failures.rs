//! Failures: one clear message, an exit code, nothing left behind.

use serde_json::json;

use crate::{
    harness::{Live, live},
    images::{Entry, Recipe},
    process::Done,
};

/// Builds with a builder of this recipe.
fn build(live: &Live, recipe: &Recipe, options: &[&str]) -> Done {
    let builder = live.load("other", recipe);
    let source = live.source(&[("file", "text")]);
    live.build_with(&builder, options, source)
}

#[test]
fn status_of_the_script_is_reported() {
    let Some(live) = live() else { return };
    live.build(&[], live.instructions("print before\nexit 7"))
        .ends_with(4)
        .says("before")
        .says("`assemble` of")
        .says("failed with status 7");
    live.nothing_left();
}

#[test]
fn killed_script_is_reported() {
    let Some(live) = live() else { return };
    live.build(&[], live.instructions("kill-self 9"))
        .ends_with(4)
        .says("was killed by signal 9 (is there enough memory?)");
    live.nothing_left();
}

#[test]
fn script_that_can_not_be_executed_is_reported() {
    let Some(live) = live() else { return };
    let usual = Recipe::builder;
    let other = |mode, text| usual().with("usr/libexec/s2i/assemble", Entry::Text(mode, text));
    for (recipe, code, message) in [
        (
            other(0o644, "#!/bin/sh\n"),
            17,
            "`/usr/libexec/s2i/assemble` is not executable for the user `1001:0`",
        ),
        (
            other(0o755, "#!/bin/nowhere -e\n"),
            17,
            "its interpreter or loader `/bin/nowhere` is not in the image",
        ),
        (
            other(0o755, "echo hello\n"),
            17,
            "`/usr/libexec/s2i/assemble` is not a program",
        ),
        (
            usual().without("usr/libexec/s2i/assemble"),
            11,
            "there is no `/usr/libexec/s2i/assemble`",
        ),
    ] {
        build(&live, &recipe, &[])
            .ends_with(code)
            .says(message)
            .says("hint: ");
        live.nothing_left();
    }
}

#[test]
fn unknown_user_is_reported() {
    let Some(live) = live() else { return };
    let mut recipe = Recipe::builder();
    recipe.user = "unknown";
    build(&live, &recipe, &[])
        .ends_with(19)
        .says("the image has no user `unknown`")
        .says("hint: name a user by number");
    live.nothing_left();
}

#[test]
fn image_without_scripts_is_rejected_before_the_start() {
    let Some(live) = live() else { return };
    let mut recipe = Recipe::builder();
    recipe.labels.clear();
    build(&live, &recipe, &[])
        .ends_with(11)
        .says("has no label `io.openshift.s2i.scripts-url`")
        .never_says("==> start");
    live.nothing_left();
}

/// Other engines refuse such an archive, or take triggers in their usual form alone. The API of Podman does not show
/// triggers.
#[test]
fn unusable_images_are_rejected_before_the_start() {
    let Some(live) = live() else { return };
    let mut triggers = Recipe::builder();
    triggers
        .other
        .insert("OnBuild", json!(["RUN id", "COPY --from=x a b"]));
    let mut recipes = Vec::new();
    if !live.engine.is_podman() {
        recipes.push((triggers, "s2i does not support `COPY --from`"));
    }
    if live.engine.is_native() {
        let mut windows = Recipe::builder();
        windows.os = "windows";
        recipes.push((windows, "is for the operating system `windows`"));
        for value in [json!("RUN id"), json!({"0": "RUN id"}), json!([1])] {
            let mut triggers = Recipe::builder();
            triggers.other.insert("OnBuild", value);
            recipes.push((triggers, "is not an instruction that a trigger can be"));
        }
    }
    for (recipe, expected) in recipes {
        build(&live, &recipe, &[])
            .ends_with(18)
            .says(expected)
            .never_says("==> start");
        live.nothing_left();
    }
}

#[test]
fn image_without_its_run_script_is_not_committed() {
    let Some(live) = live() else { return };
    let recipe = Recipe::builder().without("usr/libexec/s2i/run");
    build(&live, &recipe, &[])
        .ends_with(6)
        .says("`/usr/libexec/s2i/run` would be the command of the image and is not there");
    live.nothing_left();
}

#[test]
fn missing_builder_is_reported() {
    let Some(live) = live() else { return };
    let source = live.source(&[("file", "text")]);
    let missing = live.image("missing");
    live.build_with(&missing, &["--pull-policy", "never"], &source)
        .ends_with(21)
        .says(&format!("the image `{missing}` is not in the engine"))
        .says("hint: ");
    // Nobody listens on this port.
    let missing = "127.0.0.1:9/missing:latest";
    live.build_with(missing, &[], &source)
        .ends_with(21)
        .says(&format!("can't pull the image `{missing}`"))
        .says("hint: ");
    live.nothing_left();
}

#[test]
fn removed_container_is_reported() {
    let Some(live) = live() else { return };
    let running = live.start_build(&[], live.instructions("print ready\nsleep 60"));
    running.wait_for("ready");
    live.engine.remove_container(&live.container());
    running
        .finish()
        .ends_with(23)
        .says("ended before its work was done")
        .says("hint: was it removed");
    live.nothing_left();
}

#[test]
fn killed_container_is_reported() {
    let Some(live) = live() else { return };
    let running = live.start_build(&[], live.instructions("print ready\nsleep 60"));
    running.wait_for("ready");
    live.engine.kill_container(&live.container());
    running
        .finish()
        .ends_with(23)
        .says("ended before its work was done");
    live.wait_until_no_container();
    live.nothing_left();
}
