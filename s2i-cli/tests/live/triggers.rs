//! Builders with `ONBUILD` triggers. The API of Podman does not show them.

use s2i_core::label;
use serde_json::json;

use crate::{
    harness::{Live, live},
    images::{Entry, Recipe},
    process::Done,
};

/// A builder without scripts, whose `/bin/sh` performs a line of the test program.
fn recipe(triggers: &[&str]) -> Recipe {
    let mut recipe = Recipe::builder().with("bin/sh", Entry::Program);
    recipe.labels.remove(label::SCRIPTS_URL);
    recipe.other.insert("OnBuild", json!(triggers));
    recipe
}

/// A test on an engine that shows triggers.
fn live_with_triggers() -> Option<Live> {
    live().filter(|live| !live.engine.is_podman())
}

fn build(live: &Live, recipe: &Recipe, options: &[&str], files: &[(&str, &str)]) -> Done {
    let builder = live.load("triggers", recipe);
    let source = live.source(files);
    live.build_with(&builder, options, source)
}

#[test]
fn triggers_of_the_builder_make_the_result() {
    let Some(live) = live_with_triggers() else {
        return;
    };
    let mut recipe = recipe(&[
        "ARG ADDED=default",
        "ENV GREETING=hello WHERE=/work",
        "WORKDIR $WHERE",
        "COPY data/*.txt ./",
        "COPY --chown=1001:0 . mine/",
        "RUN show-env GREETING",
        "RUN show-env ADDED",
        "RUN show-cwd",
        "RUN show-id",
        "RUN write mine/made text",
        "LABEL team=builder kept=yes",
        "EXPOSE 9090",
        "USER 1002",
        r#"RUN ["/bin/sh", "-c", "show-id"]"#,
    ]);
    recipe.entrypoint = vec!["/usr/libexec/s2i/run"];
    let options = ["-e", "ADDED=1", "--label", "team=a", "--exclude", "secret"];
    let files = [
        ("data/a.txt", "a"),
        ("data/b.md", "b"),
        ("data/c.txt", "c"),
        ("secret", "secret"),
    ];
    let done = build(&live, &recipe, &options, &files).succeeds();
    done.says("==> triggers")
        .says("GREETING=Some(\"hello\")")
        .says("ADDED=Some(\"1\")")
        .says("cwd=/work")
        .says("Uid: 1001 1001 1001 1001")
        .says("Uid: 1002 1002 1002 1002");
    let config = live.config("app");
    let labels = config.labels.unwrap();
    assert_eq!(
        (labels["team"].as_str(), labels["kept"].as_str()),
        ("a", "yes")
    );
    assert_eq!(config.user.as_deref(), Some("1002"));
    assert_eq!(config.working_dir.as_deref(), Some("/work"));
    assert_eq!(config.entrypoint.unwrap(), ["/usr/libexec/s2i/run"]);
    assert!(
        config
            .exposed_ports
            .unwrap()
            .contains(&"9090/tcp".to_owned())
    );
    let env = config.env.unwrap();
    assert!(env.contains(&"GREETING=hello".to_owned()), "{env:?}");
    assert!(env.contains(&"ADDED=1".to_owned()), "{env:?}");
    assert_eq!(config.on_build.unwrap_or_default(), [""; 0]);
    let layer = live.engine.last_layer(&live.image("app"), &live.path(""));
    for (name, uid) in [
        ("work/a.txt", 0),
        ("work/c.txt", 0),
        ("work/mine/data/b.md", 1001),
        ("work/mine/made", 1001),
    ] {
        let file = layer.get(name).expect(name);
        assert_eq!((file.uid, file.gid), (uid, 0), "{name}");
    }
    for name in ["work/b.md", "work/mine/secret", "tmp/src"] {
        assert!(!layer.contains_key(name), "{name}");
    }
    live.engine.remove_image(&live.image("app")).unwrap();
    live.nothing_left();
}

/// The source may have an `assemble` at its top, and the command is an executable file there.
#[test]
fn assemble_and_command_of_the_source_follow_the_triggers() {
    let Some(live) = live_with_triggers() else {
        return;
    };
    let recipe = recipe(&["WORKDIR /app", "COPY --chown=1001:0 . ."]);
    let files = [
        ("assemble", "show-cwd\nshow-list /app\nwrite made text"),
        ("start.sh", "print started"),
    ];
    build(&live, &recipe, &[], &files)
        .ends_with(11)
        .says("there is no command for the result")
        .never_says("==> start");
    let source = live.path("source");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(source.join("start.sh"), mode).unwrap();
    let builder = live.image("triggers");
    live.build_with(&builder, &[], &source)
        .succeeds()
        .says("==> assemble")
        .says("cwd=/app")
        .says("\"start.sh\"");
    assert_eq!(live.config("app").cmd.unwrap(), ["/app/start.sh"]);
    let layer = live.engine.last_layer(&live.image("app"), &live.path(""));
    assert!(layer.contains_key("app/made"));
}

#[test]
fn failed_trigger_leaves_nothing() {
    let Some(live) = live_with_triggers() else {
        return;
    };
    let mut recipe = recipe(&["COPY . /app/", "RUN print before", "RUN exit 7"]);
    recipe.entrypoint = vec!["/usr/libexec/s2i/run"];
    build(&live, &recipe, &[], &[("file", "text")])
        .ends_with(4)
        .says("before")
        .says("`ONBUILD RUN exit 7` of")
        .says("failed with status 7");
    live.nothing_left();
}

/// A name is looked up in the container, where a trigger may have made it.
#[test]
fn users_of_triggers_are_checked() {
    let Some(live) = live_with_triggers() else {
        return;
    };
    let mut recipe = recipe(&[
        "USER 0",
        "RUN write-lines /etc/passwd app:x:1003:0::/app:/none",
        "USER app",
        "RUN show-id",
    ])
    .with("etc/group", Entry::Text(0o644, ""));
    recipe.entrypoint = vec!["/usr/libexec/s2i/run"];
    let files = [("file", "text")];
    build(&live, &recipe, &[], &files)
        .succeeds()
        .says("runs as root of its container: a trigger of the image")
        .says("Uid: 1003 1003 1003 1003");
    live.engine.remove_image(&live.image("app")).unwrap();
    build(&live, &recipe, &["--allowed-uids", "1-"], &files)
        .ends_with(15)
        .says("would run as uid 0 in a container of")
        .never_says("==> start");
    build(&live, &recipe, &["--allowed-uids", "0-1002"], &files)
        .ends_with(15)
        .says("`ONBUILD RUN show-id` would run as uid 1003 in a container of")
        .never_says("Uid:");
    live.nothing_left();
}

#[test]
fn blocked_triggers_are_refused_before_the_start() {
    let Some(live) = live_with_triggers() else {
        return;
    };
    build(
        &live,
        &recipe(&["RUN print x"]),
        &["--block-onbuild"],
        &[("file", "")],
    )
    .ends_with(18)
    .says("has ONBUILD triggers, and --block-onbuild is given")
    .never_says("==> start");
    live.nothing_left();
}
