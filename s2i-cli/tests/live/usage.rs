//! `s2i usage`.

use serde_json::{Value, json};

use crate::{
    harness::{Live, live},
    images::{Entry, Recipe},
    kit,
    process::{Done, Stream},
};

/// A builder with a `usage` that does this; without a text, it prints its arguments.
fn builder(live: &Live, instructions: Option<&'static str>) -> String {
    let recipe = Recipe::builder().with("usr/libexec/s2i/usage", Entry::Program);
    live.load(
        "usage",
        &match instructions {
            Some(text) => recipe.with("usage-instructions", Entry::Text(0o644, text)),
            None => recipe,
        },
    )
}

/// Standard output as one value.
fn answer(done: &Done) -> Value {
    serde_json::from_str(&done.stream(Stream::Stdout).join("\n")).unwrap()
}

#[test]
fn output_of_the_script_is_the_answer() {
    let Some(live) = live() else { return };
    let instructions = "print how to use it\neprint beside it\nshow-id\nshow-cwd\nshow-env A\nshow-env FROM_IMAGE\nwrite /tmp/x y";
    let builder = builder(&live, Some(instructions));
    let done = live
        .s2i(["usage", &builder, "-e", "A=b", "-p", "never"])
        .succeeds();
    let stdout = done.stream(Stream::Stdout);
    assert_eq!(stdout[0], "how to use it");
    for line in ["cwd=/app", "A=Some(\"b\")", "FROM_IMAGE=Some(\"builder\")"] {
        assert!(stdout.contains(&line), "{stdout:?}");
    }
    assert!(
        stdout.iter().any(|line| line.contains("1001")),
        "{stdout:?}"
    );
    assert_eq!(done.stream(Stream::Stderr), ["beside it"]);
    live.nothing_left();
}

#[test]
fn json_answer_is_always_an_object() {
    let Some(live) = live() else { return };
    let builder = self::builder(&live, None);
    let done = live.s2i(["usage", "--json", &builder]).succeeds();
    assert_eq!(answer(&done), json!({"text": "usage --json\n"}));
    let knows = self::builder(&live, Some("print {\"knows\":\nprint [1]}"));
    let done = live.s2i(["usage", "--json", &knows]).succeeds();
    assert_eq!(answer(&done), json!({"knows": [1]}));
    // As events, the answer is one of them.
    let done = live
        .s2i(["--progress", "json", "usage", &builder])
        .succeeds();
    let last: Value = serde_json::from_str(done.stream(Stream::Stdout).last().unwrap()).unwrap();
    assert_eq!(
        (&last["event"], &last["image"]),
        (&json!("usage"), &json!(builder))
    );
    live.nothing_left();
}

#[test]
fn failed_script_is_reported_with_its_output() {
    let Some(live) = live() else { return };
    let builder = builder(&live, Some("print so far\nexit 3"));
    let done = live.s2i(["usage", "--json", &builder]).ends_with(4);
    assert_eq!(done.stream(Stream::Stdout), [""; 0]);
    done.says("so far")
        .says("`usage` of")
        .says("failed with status 3")
        .says("not every script supports --json");
    live.nothing_left();
}

#[test]
fn image_without_usage_is_reported() {
    let Some(live) = live() else { return };
    let mut plain = Recipe::builder();
    plain.labels.clear();
    let plain = live.load("plain", &plain);
    live.s2i(["usage", &plain])
        .ends_with(11)
        .says("has no script `usage`: it has no label `io.openshift.s2i.scripts-url`")
        .says("hint: name an image that builds from source");
    let runtime = live.load("runtime", &Recipe::runtime());
    live.s2i(["usage", &runtime])
        .ends_with(11)
        .says("there is no `/usr/libexec/s2i/usage`")
        .says("hint: is it a builder image");
    let missing = live.image("missing");
    live.s2i(["usage", "-p", "never", &missing])
        .ends_with(21)
        .says(&format!("the image `{missing}` is not in the engine"));
    live.nothing_left();
}

#[test]
fn stopped_usage_leaves_nothing() {
    let Some(live) = live() else { return };
    let builder = builder(&live, Some("eprint ready\nsleep 60"));
    let running = live.spawn(["usage", &builder]);
    running.wait_for("ready");
    running.signal(rustix::process::Signal::INT);
    running.finish().ends_with(130).says("stopped by Ctrl-C");
    live.nothing_left();
}

#[test]
fn own_images_answer_people_and_programs() {
    let Some(live) = kit::with(&["s2i/go", "s2i/go-runtime"]) else {
        return;
    };
    live.s2i(["usage", "s2i/go"])
        .succeeds()
        .says("source-to-image builder for Go")
        .says("Sample invocation");
    let done = live.s2i(["usage", "--json", "s2i/go"]).succeeds();
    let answer = answer(&done);
    assert_eq!(answer["image"], "go");
    let groups = answer["groups"].as_array().unwrap().iter();
    let variables = groups.flat_map(|group| group["variables"].as_array().unwrap());
    assert!(variables.into_iter().any(|one| one["name"] == "GO_TAGS"));
    live.s2i(["usage", "s2i/go-runtime"])
        .succeeds()
        .says("source-to-image runtime image");
}
