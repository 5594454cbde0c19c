//! Asking an image what it is for: what is planned, and what it does to an engine.

use std::sync::Mutex;

use insta::assert_snapshot;
use s2i_build::{
    BuildError, BuildFailure, CancelToken, EngineError, Interrupt,
    event::{Event, EventSink, Output},
    facts::ImageFacts,
    plan,
    request::{PullPolicy, UsageRequest},
    usage,
};
use s2i_core::{
    ErrorChain, Script, UidRanges,
    image::{ContainerConfig, Platform},
    label,
    wire::{Exit, FailureKind},
};
use s2i_testkit::ScriptedEngine;

fn request() -> UsageRequest {
    UsageRequest {
        image: "s2i/go".parse().unwrap(),
        pull: PullPolicy::Never,
        env: Vec::new(),
        allowed_uids: UidRanges::default(),
        json: false,
    }
}

fn image(change: impl FnOnce(&mut ContainerConfig)) -> ImageFacts {
    let mut config = ContainerConfig {
        env: vec!["PATH=/bin".into(), "LANG=C".into()],
        user: "1001".into(),
        working_dir: "/opt/app-root/src".into(),
        ..ContainerConfig::default()
    };
    let labels = &mut config.labels;
    labels.insert(label::SCRIPTS_URL.into(), "image:///usr/libexec/s2i".into());
    // It is for builds.
    labels.insert(label::ASSEMBLE_USER.into(), "0".into());
    change(&mut config);
    ImageFacts {
        name: "s2i/go".parse().unwrap(),
        id: "sha256:go".into(),
        digest: None,
        platform: Platform::linux("amd64"),
        config,
    }
}

fn planned(request: &UsageRequest, image: &ImageFacts) -> String {
    match plan::usage(request, image) {
        Ok(plan) => plan.to_string(),
        Err(err) => format!("{}\nhint: {:?}", ErrorChain(&err), err.hint()),
    }
}

#[test]
fn the_script_of_the_image_runs_as_its_user_without_network() {
    assert_snapshot!(planned(&request(), &image(|_| ())), @r#"
    container of s2i/go (sha256:go), as "1001", network none
      run ["/usr/libexec/s2i/usage"] in /opt/app-root/src
    "#);
    let asked = UsageRequest {
        env: vec!["LANG=de".parse().unwrap(), "GO_TAGS=x".parse().unwrap()],
        json: true,
        ..request()
    };
    assert_snapshot!(planned(&asked, &image(|_| ())), @r#"
    container of s2i/go (sha256:go), as "1001", network none
      run ["/usr/libexec/s2i/usage", "--json"] in /opt/app-root/src
        env LANG GO_TAGS
    "#);
}

#[test]
fn an_image_without_scripts_is_refused() {
    let plain = image(|config| config.labels.clear());
    assert_snapshot!(planned(&request(), &plain), @r#"
    the image `s2i/go` has no script `usage`: it has no label `io.openshift.s2i.scripts-url`
    hint: Some("name an image that builds from source; its scripts and that label make it one")
    "#);
    let far = image(|config| {
        let labels = &mut config.labels;
        labels.insert(label::SCRIPTS_URL.into(), "https://example.org/".into());
    });
    assert_snapshot!(planned(&request(), &far), @r#"
    there is no script `usage` at `https://example.org`, which the label of the image `s2i/go` names
    hint: Some("put it there")
    "#);
}

#[test]
fn a_user_that_is_not_allowed_is_refused() {
    let mut request = request();
    request.allowed_uids = "1-".parse().unwrap();
    assert_snapshot!(planned(&request, &image(|config| config.user.clear())), @r#"
    `usage` would run as uid 0 in a container of `s2i/go`, and allowed are 1-: the image `s2i/go` has no USER
    hint: Some("allow this number with --allowed-uids")
    "#);
    let engine = engine();
    engine.model().users.insert("toor".into(), 0);
    engine.add_image("s2i/go", |config| config.user = "toor".into());
    let failed = pollster::block_on(usage(&engine, &request, &(), &CancelToken::default()));
    let failed = failed.unwrap_err();
    assert!(matches!(failed.error, BuildError::User(_)), "{failed:?}");
    assert!(!engine.journal().contains("exec"), "{}", engine.journal());
    assert_eq!(engine.live_containers(), 0);
}

fn engine() -> ScriptedEngine {
    let engine = ScriptedEngine::new();
    engine.add_image("s2i/go", |config| config.user = "1001".into());
    engine
}

fn run(
    engine: &ScriptedEngine,
    events: &dyn EventSink,
    cancel: &CancelToken,
) -> Result<String, BuildFailure> {
    let answer = pollster::block_on(usage(engine, &request(), events, cancel));
    answer.map(|answer| String::from_utf8(answer).unwrap())
}

/// Records the events beside the result.
#[derive(Default)]
struct Recorder(Mutex<Vec<String>>);

impl EventSink for Recorder {
    fn event(&self, event: Event) {
        let text = match event {
            Event::Output(Output::Stdout, piece) => String::from_utf8(piece).unwrap(),
            Event::Warning(problem) => format!("warning: {problem}"),
            _ => return,
        };
        self.0.lock().unwrap().push(text);
    }
}

#[test]
fn usage_returns_only_standard_output() {
    let (engine, recorder) = (engine(), Recorder::default());
    let answer = run(&engine, &recorder, &CancelToken::default()).unwrap();
    assert_eq!(answer, "hello from the script\n");
    assert_eq!(*recorder.0.lock().unwrap(), [""; 0]);
    assert_snapshot!(engine.journal(), @r#"
    resolve s2i/go
    start s2i/go
    exec /usr/libexec/s2i/usage
    discard s2i/go
    "#);
    assert_eq!(
        (engine.live_containers(), engine.tags()),
        (0, Vec::<String>::new())
    );
}

#[test]
fn output_of_a_failing_script_is_sent() {
    let (engine, recorder) = (engine(), Recorder::default());
    engine.model().exits.insert("s2i/go".into(), Exit::Code(3));
    let failed = run(&engine, &recorder, &CancelToken::default()).unwrap_err();
    let is_it = matches!(
        failed.error,
        BuildError::Script {
            script: plan::Command::Script(Script::Usage),
            exit: Exit::Code(3),
            ..
        }
    );
    assert!(is_it, "{failed:?}");
    assert_eq!(*recorder.0.lock().unwrap(), ["hello from the script\n"]);
    assert_eq!(engine.live_containers(), 0);
}

#[test]
fn missing_script_is_an_error() {
    let engine = engine();
    engine
        .model()
        .refusals
        .insert("s2i/go".into(), FailureKind::NotFound);
    let failed = run(&engine, &(), &CancelToken::default()).unwrap_err();
    let is_it = matches!(
        &failed.error,
        BuildError::Engine(EngineError::Container { failure, .. }) if failure.kind == FailureKind::NotFound
    );
    assert!(is_it, "{failed:?}");
    assert_eq!(engine.live_containers(), 0);
}

#[test]
fn nothing_is_left_behind_whatever_fails() {
    let whole = engine();
    run(&whole, &(), &CancelToken::default()).unwrap();
    let journal = whole.journal();
    for (number, name) in journal.lines().enumerate() {
        let (engine, recorder) = (engine(), Recorder::default());
        engine.fail_at(number);
        let answer = run(&engine, &recorder, &CancelToken::default());
        if name.starts_with("discard") {
            answer.unwrap();
            assert_eq!(engine.live_containers(), 1);
            assert!(recorder.0.lock().unwrap()[0].starts_with("warning: cleanup"));
        } else {
            assert!(answer.unwrap_err().cleanup.is_none(), "{name}");
            assert_eq!(engine.live_containers(), 0, "{name}");
        }
        let (engine, cancel) = (self::engine(), CancelToken::default());
        engine.cancel_at(number, &cancel);
        if let Err(failed) = run(&engine, &(), &cancel) {
            assert_eq!(failed.error.interrupt(), Some(Interrupt::Interrupted));
        }
        assert_eq!(engine.live_containers(), 0, "{name}");
    }
}
