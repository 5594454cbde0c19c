//! The output of a build: for people, as events for programs, and as a plan.

use s2i_build::plan::BuildPlan;

use crate::{
    daemon::{Endpoint, Knobs},
    scene::{BUILD, Scene},
};

#[test]
fn build_reports_its_phases_to_people() {
    let Some(scene) = Scene::with_builds(Knobs::default()) else {
        return;
    };
    let done = scene.s2i(&BUILD).ends_with(0);
    let (stderr, times) = done.stderr.split_once("time ").unwrap();
    let stderr = without_seconds(stderr);
    insta::assert_snapshot!(stderr, @"
    ==> source
    source: the files in app
    source took … s
    ==> images
    pulling s2i/go
    images took … s
    ==> start
    start took … s
    ==> upload
    upload took … s
    ==> assemble
    building
    a warning
    assemble took … s
    ==> clean
    clean took … s
    ==> commit
    commit took … s
    image  web
    id     sha256:1111111111111111111111111111111111111111111111111111111111111111
    size   4.24 kB
    ");
    let (times, last) = times.split_once('\n').unwrap();
    assert!(times.contains(" s (source "), "{times}");
    assert_eq!(last, "Build completed successfully\n");
    assert_eq!(done.stdout, "web\n");
    let quiet = scene.s2i(&[&BUILD[..], &["--quiet"]].concat());
    let quiet = quiet.ends_with(0).stderr;
    assert!(quiet.contains("a warning\n") && !quiet.contains("building"));
}

/// Returns the lines with an ellipsis in place of the time that a phase took.
fn without_seconds(text: &str) -> String {
    let line = |line: &str| match line.split_once(" took ") {
        Some((phase, time)) if time.ends_with(" s") => format!("{phase} took … s\n"),
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

#[test]
fn build_reports_its_phases_to_programs() {
    let Some(scene) = Scene::with_builds(Knobs::default()) else {
        return;
    };
    let done = scene.s2i(&[&BUILD[..], &["--progress", "json"]].concat());
    let done = done.ends_with(0);
    assert_eq!(done.stderr, "");
    let events: Vec<_> = done.events().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(events.join("\n"), @r#"
    {"event":"phase-started","phase":"source"}
    {"event":"notice","kind":"source-directory","location":"app","text":"source: the files in app"}
    {"event":"phase-ended","milliseconds":0,"phase":"source"}
    {"event":"phase-started","phase":"images"}
    {"event":"notice","image":"s2i/go","kind":"pulling","text":"pulling s2i/go"}
    {"event":"progress","text":"latest: Pulling from s2i/go"}
    {"event":"progress","text":"Status: Downloaded newer image"}
    {"event":"phase-ended","milliseconds":0,"phase":"images","stage":"PullImages","step":"PullBuilderImage"}
    {"event":"phase-started","phase":"start"}
    {"event":"phase-ended","milliseconds":0,"phase":"start"}
    {"event":"phase-started","phase":"upload"}
    {"bytes":3072,"event":"transfer-ended","kind":"upload"}
    {"event":"phase-ended","milliseconds":0,"phase":"upload"}
    {"event":"phase-started","phase":"assemble"}
    {"event":"output","line":"building","stream":"stdout"}
    {"event":"output","line":"a warning","stream":"stderr"}
    {"event":"phase-ended","milliseconds":0,"phase":"assemble","stage":"Assemble","step":"AssembleBuildScripts"}
    {"event":"phase-started","phase":"clean"}
    {"event":"phase-ended","milliseconds":0,"phase":"clean"}
    {"event":"phase-started","phase":"commit"}
    {"event":"phase-ended","milliseconds":0,"phase":"commit","stage":"CommitContainer","step":"CommitContainer"}
    {"builder":"s2i/go","event":"built","id":"sha256:1111111111111111111111111111111111111111111111111111111111111111","image":"web","phases":[{"milliseconds":0,"phase":"source"},{"milliseconds":0,"phase":"images"},{"milliseconds":0,"phase":"start"},{"milliseconds":0,"phase":"upload"},{"milliseconds":0,"phase":"assemble"},{"milliseconds":0,"phase":"clean"},{"milliseconds":0,"phase":"commit"}],"size":4242}
    "#);
}

#[test]
fn usage_is_the_answer_of_the_script() {
    let Some(scene) = Scene::with_builds(Knobs::default()) else {
        return;
    };
    let done = scene.s2i(&["usage", "s2i/go"]).ends_with(0);
    assert_eq!(done.stdout, "building\n");
    let done = scene.s2i(&["usage", "s2i/go", "--json"]).ends_with(0);
    insta::assert_snapshot!(done.stdout, @r#"
    {
      "text": "building\n"
    }
    "#);
}

#[test]
fn failure_is_the_last_event() {
    let scene = Scene::with_engine(Knobs::default());
    let args = ["tag", "missing", "other", "--progress", "json"];
    let done = scene.s2i(&args).ends_with(21);
    insta::assert_snapshot!(done.stdout, @r#"{"cleanup":null,"event":"failed","exit_code":21,"hint":"put it there, for example with `s2i load -i FILE`, or allow to pull `missing` with --pull-policy","message":"the image `missing` is not in the engine"}"#);
    insta::assert_snapshot!(done.stderr, @"
    error: the image `missing` is not in the engine
    hint: put it there, for example with `s2i load -i FILE`, or allow to pull `missing` with --pull-policy
    ");
}

#[test]
fn dry_run_prints_the_plan_and_starts_nothing() {
    let scene = Scene::with_engine(Knobs::default());
    let options = ["--secret", "id=TOKEN,env=PATH", "--dry-run"];
    let done = scene.s2i(&[&BUILD[..], &options].concat()).ends_with(0);
    for line in [
        "stage build from builder ",
        "  copy source into /tmp/src",
        "    secrets TOKEN",
    ] {
        assert!(done.stdout.contains(line), "{}", done.stdout);
    }
    let done = scene.s2i(&[&BUILD[..], &["--dry-run=json"]].concat());
    let plan: BuildPlan = serde_json::from_str(&done.ends_with(0).stdout).unwrap();
    assert_eq!(plan.outputs[0].name, Some("web".parse().unwrap()));
    let events = scene
        .s2i(&[&BUILD[..], &["--dry-run=json", "--progress", "json"]].concat())
        .ends_with(0)
        .events();
    let planned = events.last().unwrap();
    assert_eq!(planned["event"], "planned");
    assert_eq!(planned["plan"], serde_json::to_value(plan).unwrap());
    assert_eq!(scene.daemon().count(Endpoint::Create), 0);
}

#[test]
fn variables_of_the_source_are_bounded() {
    let scene = Scene::with_engine(Knobs::default());
    let plan = [&BUILD[..], &["--dry-run"]].concat();
    let lines: Vec<_> = (0..80_000).map(|number| format!("V{number}=x")).collect();
    scene.write("app/.s2i/environment", &lines.join("\n"));
    scene
        .s2i(&plan)
        .ends_with(18)
        .warns("`.s2i/environment` has 80000 variables; at most 4096 are taken");
    scene.write("app/.s2i/environment", &"no variable\n".repeat(80_000));
    let done = scene.s2i(&plan).ends_with(0);
    assert!(done.stderr.lines().count() < 100);
    done.warns("79980 more lines are not NAME=VALUE and were skipped");
}

/// The work on a layer is one transfer after another, by the words of the engine.
#[test]
fn transfers_are_events_for_programs() {
    let scene = Scene::with_engine(Knobs {
        pull: vec![
            "{\"status\":\"Pulling fs layer\",\"progressDetail\":{},\"id\":\"a\"}\r\n",
            "{\"status\":\"Downloading\",\"progressDetail\":{\"current\":3,\"total\":9},\"id\":\"a\"}\r\n",
            "{\"status\":\"Downloading\",\"progressDetail\":{\"current\":2,\"total\":4},\"id\":\"b\"}\r\n",
            "{\"status\":\"Downloading\",\"progressDetail\":{\"current\":9,\"total\":9},\"id\":\"a\"}\r\n",
            "{\"status\":\"Extracting\",\"progressDetail\":{\"current\":7,\"total\":9},\"id\":\"a\"}\r\n",
            "{\"status\":\"Extracting\",\"progressDetail\":{\"current\":1},\"id\":\"a\"}\r\n",
        ],
        ..Knobs::default()
    });
    let args = ["pull", "s2i/go", "--progress", "json"];
    let events = scene.s2i(&args).ends_with(0).events();
    let events: Vec<_> = events[1..].iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(events.join("\n"), @r#"
    {"event":"progress","text":"a: Pulling fs layer"}
    {"bytes":9,"event":"transfer-ended","kind":"pull","layer":"a","status":"Downloading","total":9}
    {"bytes":7,"event":"transfer-ended","kind":"pull","layer":"a","status":"Extracting","total":9}
    {"event":"progress","text":"a: Extracting"}
    {"bytes":2,"event":"transfer-ended","kind":"pull","layer":"b","status":"Downloading","total":4}
    {"event":"pulled","id":"sha256:2222222222222222222222222222222222222222222222222222222222222222","image":"s2i/go"}
    "#);
}
