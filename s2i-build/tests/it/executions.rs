//! What an executor does to an engine.

use std::{path::Path, sync::Mutex};

use insta::assert_snapshot;
use s2i_build::{
    BuildError, BuildFailure, CancelToken, Interrupt, Notice, Outcome, build,
    event::{Event, EventSink},
    facts::SourceFacts,
    plan::PlanError,
    request::{BuildRequest, PreviousRequest, PullPolicy, RuntimeRequest},
};
use s2i_core::{
    IMAGE_METADATA_FILE, Script, label,
    wire::{Exit, FailureKind},
};
use s2i_testkit::{FixedSource, ScriptedEngine};

fn engine() -> ScriptedEngine {
    let engine = ScriptedEngine::new();
    engine.add_image("s2i/go", |config| config.user = "1001".into());
    engine.add_image("web", |config| config.user = "1001".into());
    engine.add_image("web:latest-build", |config| config.user = "1001".into());
    engine.add_image("s2i/go-runtime", |config| {
        config.working_dir = "/opt/app-root".into();
        config.labels.insert(
            label::ASSEMBLE_INPUT_FILES.into(),
            "/opt/app-root/bin".into(),
        );
    });
    engine
}

fn plain() -> BuildRequest {
    let mut request = BuildRequest::new("app".parse().unwrap(), "s2i/go".parse().unwrap());
    request.tag = Some("web".parse().unwrap());
    request
}

fn split() -> BuildRequest {
    let mut request = plain();
    request.runtime = Some(RuntimeRequest {
        image: "s2i/go-runtime".parse().unwrap(),
        pull: PullPolicy::default(),
        artifacts: Vec::new(),
    });
    request
}

fn incremental() -> BuildRequest {
    let mut request = plain();
    let previous = PreviousRequest::of(&"web".parse().unwrap(), false, PullPolicy::default());
    request.previous = Some(previous.unwrap());
    request
}

/// A split build that begins with what the builder's container of the one before has saved.
fn split_incremental() -> BuildRequest {
    let mut request = split();
    let tag = request.tag.as_ref().unwrap();
    request.previous = Some(PreviousRequest::of(tag, true, PullPolicy::default()).unwrap());
    request
}

fn run(
    engine: &ScriptedEngine,
    request: &BuildRequest,
    cancel: &CancelToken,
) -> Result<Outcome, BuildFailure> {
    pollster::block_on(build(engine, &source(), request, &(), cancel))
}

fn run_with(
    engine: &ScriptedEngine,
    request: &BuildRequest,
    sink: &dyn EventSink,
) -> Result<Outcome, BuildFailure> {
    let cancel = CancelToken::default();
    pollster::block_on(build(engine, &source(), request, sink, &cancel))
}

fn source() -> FixedSource {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/plan");
    let facts = SourceFacts {
        location: "app".into(),
        ..SourceFacts::default()
    };
    FixedSource { root, facts }
}

#[test]
fn a_plain_build_is_one_container() {
    let engine = engine();
    run(&engine, &plain(), &CancelToken::default()).unwrap();
    assert_snapshot!(engine.journal(), @r#"
    resolve s2i/go
    resolve web:latest
    start s2i/go
    unpack into /tmp/src
    exec /usr/libexec/s2i/assemble
    commit s2i/go
    discard s2i/go
    "#);
    assert_eq!(
        (engine.live_containers(), engine.tags()),
        (0, vec!["web".to_owned()])
    );
}

/// Labels win over those of the build, and their size is checked as well. The outcome of the build has them.
#[test]
fn labels_that_scripts_leave_are_in_the_image() {
    let engine = engine();
    let write = |text: &str| {
        let files = &mut engine.model().files;
        files.insert(IMAGE_METADATA_FILE.into(), text.into());
    };
    write(r#"{"labels": [{"team": "blue"}, {"io.k8s.display-name": "Shop"}]}"#);
    let outcome = run(&engine, &plain(), &CancelToken::default()).unwrap();
    let labels = engine.model().labels.pop().unwrap();
    assert_eq!(labels["team"], "blue");
    assert_eq!(labels[label::DISPLAY_NAME], "Shop");
    assert_eq!(outcome.labels, labels);
    for (text, expected) in [
        (
            "{}".to_owned(),
            "the labels in `/tmp/.s2i/image_metadata.json` of the container can't be used",
        ),
        (
            format!(
                r#"{{"labels": [{{"a": "{}"}}]}}"#,
                "x".repeat(label::SIZE_LIMIT)
            ),
            "the labels in `/tmp/.s2i/image_metadata.json` of the container can't be used",
        ),
    ] {
        write(&text);
        let failure = run(&engine, &plain(), &CancelToken::default()).unwrap_err();
        assert_eq!(failure.error.to_string(), expected);
        assert_eq!(engine.live_containers(), 0);
    }
    assert_eq!(engine.model().labels.len(), 0);
}

/// The trial of the entry point has a container of its own.
#[test]
fn unusable_labels_end_a_build_before_the_trial_of_the_entry_point() {
    let engine = ScriptedEngine::new();
    engine.add_image("s2i/go", |config| {
        config.user = "1001".into();
        config.entrypoint = vec!["/tini".into()];
    });
    let starts = || engine.journal().matches("start s2i/go\n").count();
    let files = |text: Option<&str>| {
        let entry = text.map(|text| (IMAGE_METADATA_FILE.to_owned(), text.into()));
        engine.model().files = entry.into_iter().collect();
    };
    files(Some("{}"));
    run(&engine, &plain(), &CancelToken::default()).unwrap_err();
    assert_eq!((starts(), engine.live_containers()), (1, 0));
    files(Some(r#"{"labels": [{"team": "blue"}]}"#));
    run(&engine, &plain(), &CancelToken::default()).unwrap();
    assert_eq!((starts(), engine.live_containers()), (3, 0));
    assert_eq!(engine.model().labels.pop().unwrap()["team"], "blue");
}

#[test]
fn a_split_build_drops_the_builder_before_it_commits() {
    let engine = engine();
    run(&engine, &split(), &CancelToken::default()).unwrap();
    assert_snapshot!(engine.journal(), @r#"
    resolve s2i/go
    resolve s2i/go-runtime
    resolve web:latest
    start s2i/go
    unpack into /tmp/src
    exec /usr/libexec/s2i/assemble
    start s2i/go-runtime
    read /opt/app-root/bin as bin
    unpack into /opt/app-root
    exec /usr/libexec/s2i/assemble-runtime
    discard s2i/go
    commit s2i/go-runtime
    discard s2i/go-runtime
    "#);
    assert_eq!(engine.live_containers(), 0);
}

/// The source goes through no archive then, and everything else does as ever.
#[test]
fn an_engine_that_copies_the_source_gets_no_archive_of_it() {
    let engine = engine();
    engine.model().copies_sources = true;
    let mut request = split_incremental();
    request.trust = Some("certificates".into());
    run(&engine, &request, &CancelToken::default()).unwrap();
    assert_snapshot!(engine.journal(), @r#"
    resolve s2i/go
    resolve s2i/go-runtime
    resolve web:latest-build
    resolve web:latest
    start s2i/go
    copy the source to /tmp/src
    start web:latest-build
    stream /usr/libexec/s2i/save-artifacts
    unpack into /tmp/artifacts
    discard web:latest-build
    unpack into /tmp/trust
    exec /usr/libexec/s2i/assemble
    start s2i/go-runtime
    read /opt/app-root/bin as bin
    unpack into /opt/app-root
    exec /usr/libexec/s2i/assemble-runtime
    commit s2i/go
    discard s2i/go
    commit s2i/go-runtime
    discard s2i/go-runtime
    name web:latest-build
    "#);
    assert_eq!(engine.live_containers(), 0);
}

/// Returns an engine whose images of these names have the label for artifacts.
fn with_artifacts(labels: &[&str]) -> ScriptedEngine {
    let engine = engine();
    for name in labels {
        engine.add_image(name, |config| {
            let value = "/opt/app-root/cache".into();
            config.labels.insert(label::ARTIFACTS.into(), value);
        });
    }
    engine
}

/// Mounted artifacts are neither written nor read.
#[test]
fn mounted_artifacts_need_no_second_container() {
    let journal = |engine: &ScriptedEngine| {
        run(engine, &incremental(), &CancelToken::default()).unwrap();
        assert_eq!(engine.live_containers(), 0);
        engine.journal()
    };
    let engine = with_artifacts(&["s2i/go", "web"]);
    assert!(journal(&engine).contains("stream"));
    let engine = with_artifacts(&["s2i/go", "web"]);
    engine.model().mounts_artifacts = true;
    assert_snapshot!(journal(&engine), @r#"
    resolve s2i/go
    resolve web
    resolve web:latest
    start s2i/go
    unpack into /tmp/src
    exec /usr/libexec/s2i/assemble
    commit s2i/go
    discard s2i/go
    "#);
    for label in ["s2i/go", "web"] {
        let engine = with_artifacts(&[label]);
        engine.model().mounts_artifacts = true;
        assert!(journal(&engine).contains("stream"), "{label}");
    }
}

#[test]
fn artifacts_that_can_not_be_mounted_are_streamed() {
    let (engine, sink) = (with_artifacts(&["s2i/go", "web"]), Warnings::default());
    engine.model().mounts_artifacts = true;
    let start = 3;
    engine.fail_at(start);
    run_with(&engine, &incremental(), &sink).unwrap();
    let (journal, warnings) = (engine.journal(), sink.0.lock().unwrap().join("\n"));
    let expected = "start s2i/go\nstart s2i/go\nstart web\nstream";
    assert!(journal.contains(expected), "{journal}");
    assert!(
        warnings.contains("artifacts can't be mounted"),
        "{warnings}"
    );
    assert_eq!(engine.live_containers(), 0);
}

/// What is wrong with the source is not about artifacts, and would be wrong again.
#[test]
fn uncopied_source_fails_a_build_with_mounted_artifacts() {
    let (engine, sink) = (with_artifacts(&["s2i/go", "web"]), Warnings::default());
    engine.model().mounts_artifacts = true;
    engine.model().copies_sources = true;
    let copy = 4;
    engine.fail_at(copy);
    let failed = run_with(&engine, &incremental(), &sink).unwrap_err();
    let journal = engine.journal();
    assert!(
        journal.ends_with("copy the source to /tmp/src\n"),
        "{journal}"
    );
    assert!(sink.0.lock().unwrap().is_empty(), "{failed:?}");
    assert_eq!(engine.live_containers(), 0);
}

/// Neither name changes before both images are there.
#[test]
fn an_incremental_split_build_keeps_the_builders_container_beside_the_result() {
    let engine = engine();
    run(&engine, &split_incremental(), &CancelToken::default()).unwrap();
    assert_snapshot!(engine.journal(), @r#"
    resolve s2i/go
    resolve s2i/go-runtime
    resolve web:latest-build
    resolve web:latest
    start s2i/go
    start web:latest-build
    stream /usr/libexec/s2i/save-artifacts
    unpack into /tmp/artifacts
    discard web:latest-build
    unpack into /tmp/src
    exec /usr/libexec/s2i/assemble
    start s2i/go-runtime
    read /opt/app-root/bin as bin
    unpack into /opt/app-root
    exec /usr/libexec/s2i/assemble-runtime
    commit s2i/go
    discard s2i/go
    commit s2i/go-runtime
    discard s2i/go-runtime
    name web:latest-build
    "#);
    assert_eq!((engine.live_containers(), engine.model().unnamed), (0, 0));
    assert_eq!(engine.tags(), ["web", "web:latest-build"]);
}

/// Artifacts go from one container straight into the other, before anything else does.
#[test]
fn incremental_build_streams_from_the_previous_image() {
    let engine = engine();
    run(&engine, &incremental(), &CancelToken::default()).unwrap();
    assert_snapshot!(engine.journal(), @r#"
    resolve s2i/go
    resolve web
    resolve web:latest
    start s2i/go
    start web
    stream /usr/libexec/s2i/save-artifacts
    unpack into /tmp/artifacts
    discard web
    unpack into /tmp/src
    exec /usr/libexec/s2i/assemble
    commit s2i/go
    discard s2i/go
    "#);
    assert_eq!(engine.live_containers(), 0);
}

/// Whatever goes wrong with the artifacts, the build is done, in a container that has seen none of them.
#[test]
fn missing_artifacts_make_a_clean_build() {
    let whole = engine();
    run(&whole, &incremental(), &CancelToken::default()).unwrap();
    let names: Vec<String> = whole.journal().lines().map(str::to_owned).collect();
    for step in ["start web", "stream", "unpack into /tmp/artifacts"] {
        let (engine, sink) = (engine(), Warnings::default());
        let number = names.iter().position(|name| name.starts_with(step));
        engine.fail_at(number.unwrap());
        run_with(&engine, &incremental(), &sink).unwrap();
        let (journal, warnings) = (engine.journal(), sink.0.lock().unwrap());
        let fresh = journal.rfind("start s2i/go").unwrap();
        assert!(fresh > 0, "{step}: {journal}");
        assert!(!journal[fresh..].contains("artifacts"), "{step}: {journal}");
        assert!(
            warnings[0].contains("a clean build"),
            "{step}: {warnings:?}"
        );
        assert_eq!((engine.live_containers(), engine.tags().len()), (0, 1));
    }
}

#[test]
fn the_first_incremental_build_is_a_clean_one() {
    let engine = engine();
    let mut request = incremental();
    request.previous.as_mut().unwrap().image = "nowhere".parse().unwrap();
    run(&engine, &request, &CancelToken::default()).unwrap();
    assert_eq!(engine.journal().matches("start").count(), 1);
}

#[test]
fn an_optional_script_may_be_missing_but_not_broken() {
    for (kind, expected) in [
        (FailureKind::NotFound, true),
        (FailureKind::NotExecutable, false),
        (FailureKind::Os, false),
    ] {
        let engine = engine();
        engine
            .model()
            .refusals
            .insert("s2i/go-runtime".into(), kind);
        let built = run(&engine, &split(), &CancelToken::default());
        assert_eq!(built.is_ok(), expected, "{kind:?}");
        assert_eq!(engine.live_containers(), 0, "{kind:?}");
    }
}

#[test]
fn failing_script_is_reported_and_nothing_is_committed() {
    for (image, script) in [
        ("s2i/go", Script::Assemble),
        ("s2i/go-runtime", Script::AssembleRuntime),
    ] {
        let engine = engine();
        engine.model().exits.insert(image.into(), Exit::Code(3));
        let failed = run(&engine, &split(), &CancelToken::default()).unwrap_err();
        assert!(
            matches!(failed.error, BuildError::Script { script: ref s, exit: Exit::Code(3), .. } if *s == script)
        );
        assert_eq!(
            failed.error.to_string(),
            format!("`{script}` of `{image}` failed with status 3")
        );
        assert_eq!((engine.live_containers(), engine.tags().len()), (0, 0));
    }
}

/// Fails every operation in turn. Whatever fails, no container stays; if it is a removal itself, what
/// was built is kept, with a warning.
#[test]
fn nothing_is_left_behind_whatever_fails() {
    let copying = || {
        let engine = engine();
        engine.model().copies_sources = true;
        engine
    };
    let engines: [fn() -> ScriptedEngine; 2] = [engine, copying];
    let requests = [plain(), split()];
    for (engine, request) in engines
        .iter()
        .flat_map(|engine| requests.iter().map(move |request| (engine, request)))
    {
        let whole = engine();
        run(&whole, request, &CancelToken::default()).unwrap();
        let names: Vec<String> = whole.journal().lines().map(str::to_owned).collect();
        assert!(names.len() >= 5);
        for (number, name) in names.iter().enumerate() {
            let (engine, sink) = (engine(), Warnings::default());
            engine.fail_at(number);
            let built = run_with(&engine, request, &sink);
            if name.starts_with("discard") {
                built.unwrap();
                assert_eq!(
                    (engine.live_containers(), engine.tags().len()),
                    (1, 1),
                    "{name}"
                );
                assert_eq!(sink.0.lock().unwrap().len(), 1, "{name}");
            } else {
                let failed = built.unwrap_err();
                assert_eq!(engine.live_containers(), 0, "{name}: {}", engine.journal());
                assert!(failed.cleanup.is_none(), "{name}");
                assert!(engine.tags().is_empty(), "{name}");
            }
        }
    }
}

/// The same where two images are made: either both names change or none does, and what has no name goes.
/// A name that can't be given costs the artifacts and not the result.
#[test]
fn an_incremental_split_build_leaves_both_names_or_none() {
    let whole = engine();
    run(&whole, &split_incremental(), &CancelToken::default()).unwrap();
    let names: Vec<String> = whole.journal().lines().map(str::to_owned).collect();
    for (number, name) in names.iter().enumerate() {
        let (engine, sink) = (engine(), Warnings::default());
        engine.fail_at(number);
        let built = run_with(&engine, &split_incremental(), &sink);
        let (journal, warnings) = (engine.journal(), sink.0.lock().unwrap().join("\n"));
        assert_eq!(engine.model().unnamed, 0, "{name}: {journal}");
        let left = usize::from(name.starts_with("discard"));
        assert_eq!(engine.live_containers(), left, "{name}: {journal}");
        let names = match &name[..] {
            // The old name means the old image.
            "name web:latest-build" => 1,
            _ if built.is_ok() => 2,
            _ => 0,
        };
        assert_eq!(engine.tags().len(), names, "{name}: {journal}");
        let is_told = built.is_err() || !warnings.is_empty() || name.ends_with("web:latest-build");
        assert!(is_told, "{name}: {warnings}");
        if let Err(failed) = built {
            assert!(failed.cleanup.is_none(), "{name}");
        }
    }
}

#[test]
fn leftover_unnamed_image_is_reported() {
    let engine = engine();
    // The commit of the result, and what removes the other image then.
    engine.fail_at(17);
    engine.fail_at(19);
    let failed = run(&engine, &split_incremental(), &CancelToken::default()).unwrap_err();
    let journal = engine.journal();
    assert!(
        journal.ends_with("remove-committed sha256:made\n"),
        "{journal}"
    );
    assert!(failed.cleanup.is_some(), "{journal}");
}

/// Returns the outcome and the notices of a build with this user of the builder, this option and these allowed numbers.
fn as_user(user: &str, option: Option<&str>, allowed: &str) -> (ScriptedEngine, String) {
    let engine = engine();
    for (name, uid) in [("root", 0), ("toor", 0), ("app", 1001)] {
        engine.model().users.insert(name.into(), uid);
    }
    engine.add_image("s2i/go", |config| config.user = user.into());
    let mut request = plain();
    request.assemble_user = option.map(str::to_owned);
    request.allowed_uids = allowed.parse().unwrap();
    let notices = Notices::default();
    let end = match run_with(&engine, &request, &notices) {
        Ok(_) => notices.0.into_inner().unwrap().join("\n"),
        Err(failed) => {
            let is_refusal = matches!(
                failed.error,
                BuildError::User(_) | BuildError::Plan(PlanError::User(_))
            );
            assert!(is_refusal, "{failed:?}");
            failed.error.to_string()
        }
    };
    (engine, end)
}

/// The number counts, whatever text it comes from.
#[test]
fn script_as_root_is_noticed() {
    for (user, option, expected) in [
        ("1001", None, ""),
        ("app", None, ""),
        ("0", Some("1001:0"), ""),
        ("", None, "the image `s2i/go` has no USER"),
        (":", None, "the image `s2i/go` has USER `:`"),
        ("0", None, "the image `s2i/go` has USER `0`"),
        ("00:1001", None, "the image `s2i/go` has USER `00:1001`"),
        ("+0", None, "the image `s2i/go` has USER `+0`"),
        (
            "root",
            None,
            "the image `s2i/go` has USER `root`, by its table of users",
        ),
        (
            "toor:app",
            None,
            "the image `s2i/go` has USER `toor:app`, by its table of users",
        ),
        ("1001", Some("0"), "--assemble-user is `0`"),
        (
            "1001",
            Some("toor"),
            "--assemble-user is `toor`, by its table of users",
        ),
    ] {
        let (_, notices) = as_user(user, option, "");
        let expected = match expected {
            "" => String::new(),
            reason => format!("assemble: {reason}"),
        };
        assert_eq!(notices, expected, "{user} {option:?}");
    }
}

/// Nothing of an image runs, and nothing goes into its container, before its user is known to be allowed.
#[test]
fn a_user_that_is_not_allowed_ends_the_build_before_anything_runs() {
    for (user, option, allowed, uid) in [
        ("", None, "1-", 0),
        ("toor", None, "1-", 0),
        ("root:1001", None, "1-65535", 0),
        ("app", None, "2000-", 1001),
        ("1001", Some("app:0"), "0,2000-", 1001),
        ("1001", Some("0"), "1-", 0),
    ] {
        let (engine, end) = as_user(user, option, allowed);
        let start = format!(
            "`assemble` would run as uid {uid} in a container of `s2i/go`, and allowed are "
        );
        assert!(end.starts_with(&start), "{user} {option:?}: {end}");
        let (live, tags) = (engine.live_containers(), engine.tags());
        assert_eq!((live, tags.len()), (0, 0), "{user} {option:?}");
        let journal = engine.journal();
        let went_in = ["unpack", "exec", "stream"].map(|step| journal.contains(step));
        assert_eq!(went_in, [false; 3], "{user} {option:?}: {journal}");
    }
    for (user, option, allowed) in [
        ("app", None, "1-"),
        ("root", None, "0"),
        ("root", Some("app"), "1001"),
        ("0", Some("1001:0"), "1-"),
        ("", None, ",,"),
    ] {
        let (engine, _) = as_user(user, option, allowed);
        assert_eq!(engine.tags(), ["web"], "{user} {option:?} {allowed}");
    }
}

/// Each container has its own user, and the one before may be root's although this builder is not.
#[test]
fn users_of_all_images_are_checked() {
    for (image, script) in [
        ("s2i/go-runtime", "assemble-runtime"),
        ("web:latest-build", "save-artifacts"),
    ] {
        for user in ["", "toor"] {
            let engine = engine();
            engine.model().users.insert("toor".into(), 0);
            engine.add_image("s2i/go-runtime", |config| {
                config.user = "1001".into();
                let label = label::ASSEMBLE_INPUT_FILES.into();
                config.labels.insert(label, "/opt/app-root/bin".into());
            });
            let mut request = split_incremental();
            request.allowed_uids = "1-".parse().unwrap();
            let cancel = CancelToken::default();
            run(&engine, &request, &cancel).unwrap();
            let known = engine.model().images[image].config.clone();
            engine.add_image(image, |config| {
                *config = known;
                config.user = user.into();
            });
            let before = engine.journal().len();
            let failed = run(&engine, &request, &cancel).unwrap_err();
            let expected = format!("`{script}` would run as uid 0 in a container of `{image}`");
            let error = failed.error.to_string();
            assert!(error.starts_with(&expected), "{user}: {error}");
            assert_eq!(engine.live_containers(), 0);
            let journal = &engine.journal()[before..];
            assert!(!journal.contains(&format!("/{script}")), "{journal}");
            assert!(!journal.contains("commit"), "{journal}");
        }
    }
}

#[test]
fn a_container_of_a_refused_user_that_stays_is_reported() {
    let engine = engine();
    engine.model().users.insert("toor".into(), 0);
    engine.add_image("s2i/go", |config| config.user = "toor".into());
    let mut request = plain();
    request.allowed_uids = "1-".parse().unwrap();
    let discard = 3;
    engine.fail_at(discard);
    let failed = run(&engine, &request, &CancelToken::default()).unwrap_err();
    assert!(matches!(failed.error, BuildError::User(_)), "{failed:?}");
    assert!(failed.cleanup.is_some(), "{}", engine.journal());
}

/// The name of a builder that was given in another way is not taken from it.
#[test]
fn a_result_does_not_take_another_name_of_an_image_that_it_is_built_from() {
    for image in ["s2i/go", "s2i/go-runtime"] {
        let engine = engine();
        engine.add_name(image, "victim/image:1");
        let mut request = split();
        request.tag = Some("victim/image:1".parse().unwrap());
        let failed = run(&engine, &request, &CancelToken::default()).unwrap_err();
        let is_it = matches!(failed.error, BuildError::Plan(PlanError::TagIsInput(_)));
        assert!(is_it, "{failed:?}");
        assert!(!engine.journal().contains("start"), "{}", engine.journal());
    }
    // A result that is built again has the name already.
    let engine = engine();
    engine.add_name("web", "web:latest");
    run(&engine, &plain(), &CancelToken::default()).unwrap();
    assert_eq!(engine.tags(), ["web"]);
}

/// Keeps the scripts that run as root, and the reasons.
#[derive(Default)]
struct Notices(Mutex<Vec<String>>);

impl EventSink for Notices {
    fn event(&self, event: Event) {
        if let Event::Notice(Notice::RunsAsRoot { script, user, .. }) = event {
            self.0.lock().unwrap().push(format!("{script}: {user}"));
        }
    }
}

/// Keeps the warnings.
#[derive(Default)]
struct Warnings(Mutex<Vec<String>>);

impl EventSink for Warnings {
    fn event(&self, event: Event) {
        if let Event::Warning(problem) = event {
            self.0.lock().unwrap().push(problem.to_string());
        }
    }
}

/// The failure of a script and that of the removal after it are both in the error.
#[test]
fn build_and_cleanup_failures_are_reported() {
    let engine = engine();
    engine.model().exits.insert("s2i/go".into(), Exit::Code(1));
    let discard = 5;
    engine.fail_at(discard);
    let failed = run(&engine, &plain(), &CancelToken::default()).unwrap_err();
    assert!(matches!(failed.error, BuildError::Script { .. }));
    assert!(failed.cleanup.is_some(), "{}", engine.journal());
}

#[test]
fn interrupt_leaves_nothing_and_keeps_its_reason() {
    for request in [split(), split_incremental()] {
        let whole = engine();
        run(&whole, &request, &CancelToken::default()).unwrap();
        let journal = whole.journal();
        let last = journal.rfind("\ncommit").unwrap() + 1;
        let until_commit = journal[..last].lines().count();
        for (number, name) in journal.lines().enumerate() {
            let (engine, cancel) = (engine(), CancelToken::default());
            engine.cancel_at(number, &cancel);
            match run(&engine, &request, &cancel) {
                Err(failed) => {
                    let reason = failed.error.interrupt();
                    assert_eq!(reason, Some(Interrupt::Interrupted), "{name}");
                    assert!(engine.tags().is_empty(), "{name}");
                }
                // Nothing is left to interrupt when the image is there.
                Ok(_) => assert!(number > until_commit, "{name}"),
            }
            let left = (engine.live_containers(), engine.model().unnamed);
            assert_eq!(left, (0, 0), "{name}: {}", engine.journal());
        }
    }
}
