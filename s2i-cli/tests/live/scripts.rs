//! Scripts: who they run as, what they see, and what of their output arrives how.

use std::{collections::BTreeMap, time::Duration};

use rustix::process::Signal;
use s2i_core::label;
use serde_json::Value;

use crate::{
    harness::{Live, live, skip},
    images::{Entry, Recipe},
    process::Stream,
};

/// Builds and returns the owner of `/app/made` in the image.
fn owner_of_made(live: &Live, builder: &str, options: &[&str]) -> (u64, u64) {
    let source = live.instructions("show-id\nwrite /app/made by assemble");
    let done = live.build_with(builder, options, source).succeeds();
    done.says("NoNewPrivs: 1").says("CapEff: 0000000000000000");
    let layer = live.engine.last_layer(&live.image("app"), &live.path(""));
    let made = &layer["app/made"];
    (made.uid, made.gid)
}

#[test]
fn assemble_runs_as_the_user_of_the_image() {
    let Some(live) = live() else { return };
    assert_eq!(owner_of_made(&live, live.builder(), &[]), (1001, 0));
}

#[test]
fn assemble_runs_as_a_uid_without_a_name() {
    let Some(live) = live() else { return };
    if !live.has_user(1_000_620_000) {
        return skip("an ordinary user has no such high numbers to give");
    }
    let user = ["--assemble-user", "1000620000:0"];
    assert_eq!(
        owner_of_made(&live, live.builder(), &user),
        (1_000_620_000, 0)
    );
}

#[test]
fn assemble_runs_as_a_user_with_a_name() {
    let Some(live) = live() else { return };
    let passwd = "root:x:0:0::/root:/none\ndefault:x:1001:0::/app:/none\n";
    let mut recipe = Recipe::builder().with("etc/passwd", Entry::Text(0o644, passwd));
    recipe.user = "default";
    let builder = live.load("named", &recipe);
    assert_eq!(owner_of_made(&live, &builder, &[]), (1001, 0));
    let source = live.instructions("show-env HOME");
    live.build_with(&builder, &[], source)
        .succeeds()
        .says("HOME=Some(\"/app\")");
}

#[test]
fn assemble_runs_as_the_user_of_the_label() {
    let Some(live) = live() else { return };
    let recipe = Recipe::builder().label(label::ASSEMBLE_USER, "1002:0");
    let builder = live.load("label", &recipe);
    assert_eq!(owner_of_made(&live, &builder, &[]), (1002, 0));
}

#[test]
fn assemble_can_run_as_root() {
    let Some(live) = live() else { return };
    let source = live.instructions("show-id\nwrite /usr/new by root");
    live.build(&["--assemble-user", "0"], source)
        .succeeds()
        .says("Uid: 0 0 0 0");
    let layer = live.engine.last_layer(&live.image("app"), &live.path(""));
    assert_eq!((layer["usr/new"].uid, layer["usr/new"].gid), (0, 0));
    let config = live.engine.image(&live.image("app")).unwrap().config;
    assert_eq!(
        config.unwrap().user.as_deref(),
        Some("1001:0"),
        "the image keeps its user"
    );
}

/// Values that quoting on the way would spoil.
const AWKWARD: [&str; 6] = [
    "two  words",
    "\"double\" and 'single'",
    "$HOME ${PATH} $(id) `id`",
    "back\\slash \\n \\\\",
    "a=b = c",
    "ünï ☃ #no comment",
];

#[test]
fn variables_are_exact_and_the_command_line_takes_precedence() {
    let Some(live) = live() else { return };
    let names: Vec<_> = (0..AWKWARD.len()).map(|n| format!("AWKWARD{n}")).collect();
    let options: Vec<_> = names
        .iter()
        .zip(AWKWARD)
        .map(|(name, value)| format!("--env={name}={value}"))
        .chain(["--env=BOTH=flag".to_owned(), "--env=EMPTY=".to_owned()])
        .collect();
    let options: Vec<_> = options.iter().map(String::as_str).collect();
    let names = names.iter().map(String::as_str);
    let names = names.chain([
        "FROM_IMAGE",
        "FROM_SOURCE",
        "BOTH",
        "EMPTY",
        "SOURCE_DATE_EPOCH",
    ]);
    let instructions = names.fold(String::new(), |text, name| text + "show-env " + name + "\n");
    let source = live.source(&[
        ("instructions", &instructions),
        (".s2i/environment", "FROM_SOURCE=source\nBOTH=source\n"),
    ]);
    let mut done = live.build(&options, source).succeeds();
    for (number, value) in AWKWARD.iter().enumerate() {
        done = done.says(&format!("AWKWARD{number}={:?}", Some(value)));
    }
    done.says("FROM_IMAGE=Some(\"builder\")")
        .says("FROM_SOURCE=Some(\"source\")")
        .says("BOTH=Some(\"flag\")")
        .says("EMPTY=Some(\"\")")
        .says("SOURCE_DATE_EPOCH=Some(\"315532801\")");
    let config = live.config("app");
    let env = config.env.unwrap();
    let env: BTreeMap<_, _> = env
        .iter()
        .filter_map(|entry| entry.split_once('='))
        .collect();
    let mut expected: BTreeMap<_, _> = AWKWARD.into_iter().enumerate().collect();
    expected.retain(|number, value| env.get(format!("AWKWARD{number}").as_str()) != Some(value));
    assert!(expected.is_empty(), "{expected:?} not in {env:?}");
    let others = [
        ("FROM_IMAGE", "builder"),
        ("FROM_SOURCE", "source"),
        ("BOTH", "flag"),
        ("EMPTY", ""),
        ("PATH", "/usr/bin:/bin"),
    ];
    for (name, value) in &others {
        assert_eq!(env.get(name), Some(value), "{name}");
    }
    assert!(!env.contains_key("SOURCE_DATE_EPOCH"));
}

#[test]
fn variables_of_a_file_take_precedence_over_options() {
    let Some(live) = live() else { return };
    let file = live.path("variables");
    std::fs::write(&file, "# comment\nA=file\nB=file\n").unwrap();
    let source = live.instructions("show-env A\nshow-env B\nshow-env C");
    let options = ["-e", "A=flag", "-e", "C=flag", "-E", "variables"];
    live.build(&options, source)
        .succeeds()
        .says("A=Some(\"file\")")
        .says("B=Some(\"file\")")
        .says("C=Some(\"flag\")");
}

#[test]
fn container_is_confined() {
    let Some(live) = live() else { return };
    let Some(api) = live.engine.api() else {
        return skip("the embedded engine shows no containers");
    };
    let source = live.instructions("show-env SECRET\nprint ready\nsleep 60");
    let options = ["-e", "SECRET=hunter2", "--network", "none"];
    let running = live.start_build(&options, source);
    running.wait_for("ready");
    let container = api.container(&live.container());
    let shown = serde_json::to_string(&container).unwrap();
    assert!(!shown.contains("hunter2"), "{shown}");
    let config = container.config.unwrap();
    assert_eq!(config.user.as_deref(), Some("0:0"));
    assert_eq!(config.tty, Some(false));
    let host = container.host_config.unwrap();
    assert_eq!(host.network_mode.as_deref(), Some("none"));
    assert_eq!(host.privileged, Some(false));
    assert_eq!(host.auto_remove, Some(true));
    assert_eq!(host.binds.unwrap_or_default(), [""; 0]);
    assert_eq!(container.mounts.unwrap_or_default(), []);
    assert_eq!(host.log_config.unwrap().typ.as_deref(), Some("none"));
    let options = host.security_opt.unwrap_or_default();
    assert!(
        options
            .iter()
            .any(|option| option.starts_with("no-new-privileges")),
        "{options:?}"
    );
    if !live.engine.is_podman() {
        let mut added = host.cap_add.unwrap();
        added.sort();
        let expected = [
            "CHOWN",
            "DAC_OVERRIDE",
            "FOWNER",
            "KILL",
            "SETGID",
            "SETUID",
        ];
        let added: Vec<_> = added
            .iter()
            .map(|cap| cap.trim_start_matches("CAP_"))
            .collect();
        assert_eq!(added, expected);
        assert_eq!(host.cap_drop.unwrap(), ["ALL"]);
    }
    running.signal(Signal::INT);
    running.finish().ends_with(130);
    live.nothing_left();
}

#[test]
fn network_none_has_no_network() {
    let Some(live) = live() else { return };
    let source = live.instructions("net-down\nprint silence");
    live.build(&["--network", "none"], source)
        .succeeds()
        .says("silence");
}

#[test]
fn json_separates_the_streams() {
    let Some(live) = live() else { return };
    let source = live.instructions("print to out\neprint to err\nlines 300");
    let done = live.build(&["--progress", "json"], source).succeeds();
    let events: Vec<Value> = done
        .stream(Stream::Stdout)
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let lines = |stream: &str| {
        let outputs = events
            .iter()
            .filter(|event| event["event"] == "output" && event["stream"] == stream);
        outputs
            .map(|event| event["line"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let numbered = |name: &str| {
        (1..=300)
            .map(|number| format!("{name} {number}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        lines("stdout"),
        [vec!["to out".to_owned()], numbered("out")].concat()
    );
    assert_eq!(
        lines("stderr"),
        [vec!["to err".to_owned()], numbered("err")].concat()
    );
    let built = events.last().unwrap();
    assert_eq!(built["event"], "built");
    assert_eq!(built["image"], live.image("app").as_str());
    let image = live.engine.image(&live.image("app")).unwrap();
    let same_id = |text: &str| text.trim_start_matches("sha256:").to_owned();
    assert_eq!(
        same_id(built["id"].as_str().unwrap()),
        same_id(&image.id.unwrap())
    );
}

#[test]
fn background_process_does_not_delay_the_end() {
    let Some(live) = live() else { return };
    let source = live.instructions("orphan 100\nprint done");
    let running = live.start_build(&[], source);
    let done_at = running.wait_for("done");
    let done = running.finish().succeeds();
    let waited = done.ended - done_at;
    assert!(waited < Duration::from_secs(30), "{waited:?}");
}

#[test]
fn missing_working_directory_is_created() {
    let Some(live) = live() else { return };
    let mut recipe = Recipe::builder();
    recipe.working_dir = "/not/there";
    let builder = live.load("workdir", &recipe);
    let source = live.instructions("show-cwd");
    live.build_with(&builder, &[], source)
        .succeeds()
        .says("cwd=/not/there");
}

#[test]
fn image_without_tmp_can_build() {
    let Some(live) = live() else { return };
    let builder = live.load("no-tmp", &Recipe::builder().without("tmp"));
    let source = live.source(&[("page", "hello")]);
    live.build_with(&builder, &[], source).succeeds();
    let layer = live.engine.last_layer(&live.image("app"), &live.path(""));
    assert!(layer.contains_key("app/page"), "{layer:?}");
    assert!(!layer.contains_key("tmp"), "{layer:?}");
}

#[test]
fn source_is_uploaded_to_the_directory_of_the_label() {
    let Some(live) = live() else { return };
    let mut recipe = Recipe::builder()
        .label(label::DESTINATION, "/opt/build")
        .with("opt/build", Entry::Directory(0o775));
    recipe.env.push("TEST_SOURCE=/opt/build/src");
    let builder = live.load("destination", &recipe);
    let source =
        live.instructions("must-not-exist /tmp/src\nshow-list /opt/build/src\nprint found");
    live.build_with(&builder, &[], source)
        .succeeds()
        .says("\"instructions\"")
        .says("found");
    let layer = live.engine.last_layer(&live.image("app"), &live.path(""));
    assert!(!layer.contains_key("opt/build/src"), "{layer:?}");
}

#[test]
fn scripts_of_the_source_take_precedence() {
    let Some(live) = live() else { return };
    let builder = live.load(
        "assistant",
        &Recipe::builder().with("usr/bin/run", Entry::Program),
    );
    let source = live.source(&[
        ("instructions", "print still assembled"),
        (".s2i/bin/run", "#!/usr/bin/run\n"),
    ]);
    live.build_with(&builder, &[], source)
        .succeeds()
        .says("still assembled");
    let config = live.engine.image(&live.image("app")).unwrap().config;
    assert_eq!(config.unwrap().cmd.unwrap(), ["/tmp/scripts/run"]);
    let layer = live.engine.last_layer(&live.image("app"), &live.path(""));
    assert_eq!(layer["tmp/scripts/run"].mode, 0o755);
    assert!(!layer.contains_key("tmp/scripts/assemble"));
    let ran = crate::containers::run(&live, &[]);
    assert!(ran.stdout.ends_with("run ended\n"), "{}", ran.stdout);
}
