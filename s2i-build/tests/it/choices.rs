//! Which image builds a source where the request leaves it open, and what its result is called.

use std::sync::Mutex;

use insta::assert_snapshot;
use s2i_build::{
    BuildError, BuildFailure, CancelToken, Notice, Outcome, build,
    event::{Event, EventSink},
    facts::SourceFacts,
    plan::{ChoiceReason, PlanError, ResultName},
    request::{BuildRequest, Builder, PreviousRequest, PullPolicy},
};
use s2i_core::{ErrorChain, label};
use s2i_testkit::{FixedSource, SOURCES, ScriptedEngine, write_source};
use tempfile::TempDir;

/// An engine with the usual builders, a builder of others, an image that s2i has made, and one that is
/// no builder.
fn engine() -> ScriptedEngine {
    let engine = ScriptedEngine::new();
    for name in ["s2i/go", "s2i/node", "s2i/binary", "other/builder"] {
        engine.add_image(name, |config| config.user = "1001".into());
    }
    engine.add_image("old-builder", |config| {
        config.user = "1001".into();
        config.labels.clear();
        config.env = vec!["STI_SCRIPTS_URL=image:///scripts".into()];
    });
    engine.add_image("app", |config| {
        let builder = "docker.io/s2i/go:latest".to_owned();
        config.labels.insert(label::BUILD_IMAGE.into(), builder);
    });
    engine.add_image("debian", |config| {
        config.user = "1001".into();
        config.labels.clear();
    });
    engine
}

fn request(builder: Builder) -> BuildRequest {
    let mut request = BuildRequest::new("app".parse().unwrap(), "replaced".parse().unwrap());
    request.builder = builder;
    request.builder_pull = PullPolicy::Never;
    request
}

fn either(name: &str) -> BuildRequest {
    request(Builder::Either(name.parse().unwrap()))
}

/// Keeps the reasons of choices.
#[derive(Default)]
struct Notices(Mutex<Vec<String>>);

impl EventSink for Notices {
    fn event(&self, event: Event) {
        if let Event::Notice(Notice::BuilderChosen { reason, .. }) = event {
            self.0.lock().unwrap().push(shown(&reason));
        }
    }
}

fn shown(reason: &ChoiceReason) -> String {
    match reason {
        ChoiceReason::Named => "named".into(),
        ChoiceReason::OnlyImage => "the only image".into(),
        ChoiceReason::PublishedImage => "of a registry".into(),
        ChoiceReason::Detected {
            source,
            result: None,
        } => source.to_string(),
        ChoiceReason::Detected {
            source,
            result: Some(ResultName { name, reason }),
        } => format!("{source}; {name}: {reason:?}"),
    }
}

/// Builds a source that has these files.
fn run(
    engine: &ScriptedEngine,
    request: &BuildRequest,
    files: &str,
) -> (Result<Outcome, BuildFailure>, Vec<String>) {
    let root = TempDir::new().unwrap();
    write_source(root.path(), files).unwrap();
    let source = FixedSource {
        root: root.path().into(),
        facts: SourceFacts::default(),
    };
    let (notices, cancel) = (Notices::default(), CancelToken::default());
    let built = pollster::block_on(build(engine, &source, request, &notices, &cancel));
    (built, notices.0.into_inner().unwrap())
}

/// Returns the builder, the name of the result and the notice, or the error with its hint.
fn chosen(request: &BuildRequest, files: &str) -> String {
    match run(&engine(), request, files) {
        (Ok(outcome), notices) => {
            let tag = outcome.tag.map_or("none".into(), |tag| tag.to_string());
            format!(
                "by {}, called {tag}: {}",
                outcome.builder,
                notices.join(", ")
            )
        }
        (Err(failed), _) => {
            let hint = match &failed.error {
                BuildError::Plan(err) => err.hint(),
                _ => None,
            };
            let hint = hint.map_or(String::new(), |hint| format!(" | {hint}"));
            format!("{}{hint}", ErrorChain(&failed.error))
        }
    }
}

#[test]
fn builder_is_detected_from_the_source() {
    let asked = request(Builder::Detected);
    assert_snapshot!(chosen(&asked, "go.mod main.go"), @"by s2i/go, called none: the source has a go.mod");
    assert_snapshot!(chosen(&asked, "package.json index.html go.mod"), @"by s2i/go, called none: the source has a go.mod, which comes before a package.json and an index.html");
    assert_snapshot!(chosen(&asked, "package.json"), @"by s2i/node, called none: the source has a package.json");
    assert_snapshot!(chosen(&asked, "README.md"), @"no builder image can be picked: at its top, the source has none of these: a `go.mod`, `go.work`, `Gopkg.toml`, `glide.yaml`, `Godeps` or file of Go (for s2i/go); a `package.json` or `server.js`, or, without an `index.html`, an `app.js`, `main.js` or `index.js` (for s2i/node); a program for Linux, an archive or an `index.html` (for s2i/binary) | name one, with `s2i build SOURCE BUILDER TAG`, or the directory of the application, with --context-dir");
}

#[test]
fn first_kind_of_a_source_picks_the_builder() {
    for (entries, kinds) in SOURCES {
        let (built, _) = run(&engine(), &request(Builder::Detected), entries);
        match (kinds.split(' ').next().unwrap_or_default(), built) {
            ("", Err(failed)) => {
                assert!(matches!(
                    failed.error,
                    BuildError::Plan(PlanError::NoBuilder)
                ));
            }
            (kind, Ok(outcome)) => {
                let builder = format!("s2i/{}", kind.to_lowercase());
                assert_eq!(outcome.builder.to_string(), builder, "{entries}");
            }
            (kind, Err(failed)) => panic!("{entries} is for {kind}: {}", failed.error),
        }
    }
}

#[test]
fn single_name_is_the_builder_if_it_is_one() {
    let builder = "other/builder, called none: the only image";
    assert_eq!(
        chosen(&either("other/builder"), "go.mod"),
        format!("by {builder}")
    );
    // The files of the source do not matter then.
    assert_eq!(
        chosen(&either("other/builder"), ""),
        format!("by {builder}")
    );
    assert!(chosen(&either("old-builder"), "").starts_with("by old-builder, called none"));
    for (name, why) in [("new", "NoSuchImage"), ("app", "MadeByS2i")] {
        let expected = format!("by s2i/go, called {name}: the source has a go.mod; {name}: {why}");
        assert_eq!(chosen(&either(name), "go.mod"), expected);
    }
    // Nothing pulls in this engine.
    let missing = "the image `team/builder` is not in the engine";
    assert_eq!(chosen(&either("team/builder"), "go.mod"), missing);
    assert_snapshot!(chosen(&either("debian"), "go.mod"), @"`debian` is neither a builder nor an image that s2i has built | to give its name to the result, name the builder too: `s2i build SOURCE BUILDER debian`");
}

#[test]
fn an_incremental_build_needs_a_name() {
    let incremental = |name: &str| {
        let mut request = either(name);
        let name = name.parse().unwrap();
        request.previous = PreviousRequest::of(&name, false, PullPolicy::Never).ok();
        request
    };
    assert!(chosen(&incremental("app"), "go.mod").starts_with("by s2i/go, called app"));
    let (refused, _) = run(&engine(), &incremental("other/builder"), "go.mod");
    assert!(matches!(
        refused.unwrap_err().error,
        BuildError::Plan(PlanError::NoTag)
    ));
}

#[test]
fn detected_builder_can_be_configured() {
    let mut asked = request(Builder::Detected);
    asked.builders.go = "other/builder".parse().unwrap();
    assert!(chosen(&asked, "go.mod").starts_with("by other/builder"));
    asked.builders.go = "nowhere".parse().unwrap();
    assert_snapshot!(chosen(&asked, "main.go"), @"there is no builder image `nowhere`, which was picked because the source has the Go file main.go: the image `nowhere` is not in the engine");
}

/// The name of the result may be that of an image, but not of the one that it is built from.
#[test]
fn the_result_does_not_replace_its_builder() {
    let engine = ScriptedEngine::new();
    engine.add_image("s2i/go", |config| {
        config.labels.insert(label::BUILD_IMAGE.into(), "x".into());
    });
    let (refused, _) = run(&engine, &either("s2i/go"), "go.mod");
    assert!(matches!(
        refused.unwrap_err().error,
        BuildError::Plan(PlanError::TagIsInput(_))
    ));
}

/// What is asked of the engine, and that an image that the engine has is not pulled to find out.
#[test]
fn failing_engine_fails_the_choice() {
    let whole = engine();
    run(&whole, &either("new"), "go.mod").0.unwrap();
    assert_snapshot!(whole.journal(), @r#"
    resolve new
    resolve s2i/go
    resolve new:latest
    start s2i/go
    unpack into /tmp/src
    exec /usr/libexec/s2i/assemble
    commit s2i/go
    discard s2i/go
    "#);
    let engine = engine();
    engine.fail_at(0);
    let (failed, _) = run(&engine, &either("new"), "go.mod");
    assert!(matches!(failed.unwrap_err().error, BuildError::Engine(_)));
    assert_eq!(engine.journal().lines().count(), 1);
}
