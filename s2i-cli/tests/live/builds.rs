//! Plain builds: the files and the config of the image.

use s2i_core::label;

use crate::{
    containers,
    harness::live,
    images::{Recipe, SCRIPTS},
    process::Stream,
};

#[test]
fn directory_is_built_into_an_image_that_runs() {
    let Some(live) = live() else { return };
    let source = live.source(&[("page", "hello\n"), ("sub/dir/file", "text")]);
    let done = live.build(&[], &source).succeeds();
    done.says("==> assemble").says(&live.image("app"));
    let config = live.config("app");
    assert_eq!(config.cmd.unwrap(), [format!("{SCRIPTS}/run")]);
    assert_eq!(config.entrypoint.unwrap_or_default(), [""; 0]);
    assert_eq!(config.user.as_deref(), Some("1001:0"));
    assert_eq!(config.working_dir.as_deref(), Some("/app"));
    let ran = containers::run(&live, &[&format!("{SCRIPTS}/run"), "one two", "3"]);
    assert_eq!(ran.stdout, "one two\n3\nrun ended\n");
    assert_eq!(ran.code, 0);
}

/// Values that quoting on the way would spoil.
const AWKWARD: [(&str, &str); 5] = [
    ("spaces", "two  words "),
    ("quotes", "\"double\" and 'single'"),
    ("dollars", "$HOME ${PATH} $(id)"),
    ("backslashes", "back\\slash \\n \\\\"),
    ("lines", "first\nsecond \"third\"\n"),
];

#[test]
fn labels_and_variables_of_the_builder_are_preserved() {
    let Some(live) = live() else { return };
    let mut recipe = Recipe::builder();
    recipe.labels.extend(AWKWARD);
    recipe.env.push("QUOTED=a \"b\" 'c' $d \\e");
    let builder = live.load("awkward", &recipe);
    let source = live.source(&[("file", "text")]);
    let description = "what it \"is\" & $does";
    let options = ["--description", description, "-n", "my app"];
    live.build_with(&builder, &options, source).succeeds();
    let config = live.config("app");
    let labels = config.labels.unwrap();
    let made = [
        (label::DESCRIPTION, description),
        (label::DISPLAY_NAME, "my app"),
    ];
    for (name, value) in AWKWARD.iter().chain(&made) {
        assert_eq!(
            labels.get(*name).map(String::as_str),
            Some(*value),
            "{name}"
        );
    }
    let image = labels[label::BUILD_IMAGE].clone();
    assert_eq!(image, format!("docker.io/{builder}:latest"));
    let env = config.env.unwrap();
    let quoted = "QUOTED=a \"b\" 'c' $d \\e".to_owned();
    assert!(env.contains(&quoted), "{env:?}");
    assert_eq!(config.exposed_ports.unwrap_or_default(), ["8080/tcp"]);
}

#[test]
fn source_is_kept_on_request() {
    let Some(live) = live() else { return };
    let source = live.source(&[("file", "text"), ("dir/other", "text")]);
    live.build(&["--keep-source"], &source).succeeds();
    let layer = live.engine.last_layer(&live.image("app"), &live.path(""));
    for name in ["tmp/src/file", "tmp/src/dir/other", "app/dir/other"] {
        let file = layer.get(name).expect(name);
        assert_eq!((file.uid, file.gid, file.size), (1001, 0, 4), "{name}");
    }
}

#[test]
fn image_without_a_name_is_known_by_its_id() {
    let Some(live) = live() else { return };
    let source = live.source(&[("file", "text")]);
    let mut args = live.build_args(live.builder(), &["--progress", "json"], source.as_os_str());
    args.retain(|arg| *arg != *live.image("app"));
    let done = live.s2i(args).succeeds();
    let built: serde_json::Value =
        serde_json::from_str(done.stream(Stream::Stdout).last().unwrap()).unwrap();
    assert_eq!(built["image"], serde_json::Value::Null);
    let id = built["id"].as_str().unwrap();
    assert!(live.engine.image(id).is_some(), "{id}");
    live.engine.remove_image(id).unwrap();
}
