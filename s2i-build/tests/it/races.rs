//! A source that changes while it is built.

use std::{
    fs,
    os::unix::fs::{chown, symlink},
    path::Path,
    process::Command,
    sync::Mutex,
    thread,
    time::Duration,
};

use s2i_build::{
    BuildContext, BuildError, BuildFailure, CancelToken, EngineError, Outcome, SourceError, build,
    event::{Event, EventSink, Phase, Progress},
    ports::SourceReader as _,
    request::{BuildRequest, SourceRequest},
    source::LocalAndGit,
};
use s2i_testkit::ScriptedEngine;

use crate::place::{Place, git, listed};

/// Longer than a change has to be ago for a source to be known again.
const SETTLED: Duration = Duration::from_secs(2);

/// Does something at the first event of a kind, before the build goes on.
struct At<'a> {
    is_it: fn(&Event) -> bool,
    actions: Mutex<Vec<Box<dyn FnOnce() + Send + 'a>>>,
}

impl<'a> At<'a> {
    fn new(is_it: fn(&Event) -> bool, action: impl FnOnce() + Send + 'a) -> Self {
        Self {
            is_it,
            actions: Mutex::new(vec![Box::new(action)]),
        }
    }
}

impl EventSink for At<'_> {
    fn event(&self, event: Event) {
        if (self.is_it)(&event) {
            let action = self.actions.lock().unwrap().pop();
            if let Some(action) = action {
                action();
            }
        }
    }
}

/// Both of two.
struct Both<'a>(At<'a>, At<'a>);

impl EventSink for Both<'_> {
    fn event(&self, event: Event) {
        self.0.event(event.clone());
        self.1.event(event);
    }
}

const IMAGES: fn(&Event) -> bool = |event| matches!(event, Event::PhaseStarted(Phase::Images));
const START: fn(&Event) -> bool = |event| matches!(event, Event::PhaseStarted(Phase::Start));
const COMMIT: fn(&Event) -> bool = |event| matches!(event, Event::PhaseStarted(Phase::Commit));
const NOTICE: fn(&Event) -> bool = |event| matches!(event, Event::Notice(_));

fn engine(copies: bool) -> ScriptedEngine {
    let engine = ScriptedEngine::new();
    engine.add_image("s2i/go", |_| ());
    engine.model().cache.get_or_insert_default();
    if copies {
        engine.model().copies_sources = true;
    }
    engine
}

fn request(source: SourceRequest) -> BuildRequest {
    let mut request = BuildRequest::new(source.location.clone(), "s2i/go".parse().unwrap());
    request.source = source;
    request.tag = Some("web".parse().unwrap());
    request
}

fn run(
    place: &Place,
    engine: &ScriptedEngine,
    source: SourceRequest,
    events: &dyn EventSink,
) -> Result<Outcome, BuildFailure> {
    let cancel = CancelToken::default();
    pollster::block_on(build(
        engine,
        &place.source(),
        &request(source),
        events,
        &cancel,
    ))
}

/// Returns the number of uploads and of entries in the build cache.
fn counts(engine: &ScriptedEngine) -> (usize, usize) {
    let model = engine.model();
    (model.trees.len(), model.cache.iter().flatten().count())
}

fn last_tree(engine: &ScriptedEngine) -> String {
    listed(engine.model().trees.last().unwrap())
}

fn quiet<'a>() -> At<'a> {
    At::new(|_| false, || ())
}

/// Puts another directory in the place of one, as a link or as itself.
fn replace(dir: &Path, other: &Path, by_link: bool) {
    fs::rename(dir, dir.with_extension("away")).unwrap();
    if by_link {
        symlink(other, dir).unwrap();
    } else {
        fs::rename(other, dir).unwrap();
    }
}

#[test]
fn another_directory_in_the_place_of_the_source_is_not_built() {
    for (event, copies, by_link, context_dir) in [
        (IMAGES, false, true, None),
        (IMAGES, true, false, None),
        (START, true, true, None),
        (IMAGES, false, true, Some("ctx")),
        (IMAGES, true, true, Some("ctx")),
        (START, true, false, Some("ctx")),
        (START, false, true, Some("deep/ctx")),
    ] {
        let place = Place::new();
        for dir in ["", "ctx/", "deep/ctx/"] {
            place.write(&format!("{dir}main"), "good");
        }
        fs::create_dir(place.path("outside")).unwrap();
        fs::write(place.path("outside/main"), "secret").unwrap();
        let source = SourceRequest {
            context_dir: context_dir.map(str::to_owned),
            ..place.request()
        };
        let root = place.path("app").join(context_dir.unwrap_or_default());
        // Without the slash of an empty context directory.
        let root: std::path::PathBuf = root.components().collect();
        let engine = engine(copies);
        let swap = At::new(event, || replace(&root, &place.path("outside"), by_link));
        run(&place, &engine, source, &swap).unwrap();
        let tree = last_tree(&engine);
        assert!(tree.contains("main=good"), "{tree}");
        assert!(!tree.contains("secret"), "{tree}");
    }
}

#[test]
fn a_source_that_goes_away_fails_the_build() {
    for copies in [false, true] {
        let place = Place::new();
        place.write("main", "good");
        let gone = At::new(START, || fs::remove_dir_all(place.path("app")).unwrap());
        let failed = run(&place, &engine(copies), place.request(), &gone).unwrap_err();
        let error = &failed.error;
        assert!(
            matches!(error, BuildError::Engine(EngineError::Input { .. })),
            "{error}"
        );
    }
}

/// The good tree and another one change places while the build runs, and back at its end.
#[test]
fn result_of_another_tree_is_not_cached() {
    let place = Place::new();
    for path in ["main", "dir/main", "dir/other", "whole/main"] {
        place.write(path, "good");
    }
    for path in ["evil/main", "evil/other"] {
        place.write(&format!("../{path}"), "evil");
    }
    thread::sleep(SETTLED);
    let quiet = quiet();
    // A file, a directory, and the root itself.
    for (context_dir, path) in [
        (None, "main"),
        (None, "dir"),
        (Some("dir"), "main"),
        (Some("whole"), ""),
    ] {
        let source = SourceRequest {
            context_dir: context_dir.map(str::to_owned),
            ..place.request()
        };
        let own = place
            .path("app")
            .join(context_dir.unwrap_or_default())
            .join(path);
        let own: std::path::PathBuf = own.components().collect();
        let other = match path {
            "main" => place.path("evil/main"),
            _ => place.path("evil"),
        };
        let aside = place.path("aside");
        let swap = || {
            fs::rename(&own, &aside).unwrap();
            fs::rename(&other, &own).unwrap();
        };
        let back = || {
            fs::rename(&own, &other).unwrap();
            fs::rename(&aside, &own).unwrap();
        };
        let engine = engine(true);
        let attack = Both(At::new(START, swap), At::new(COMMIT, back));
        run(&place, &engine, source.clone(), &attack).unwrap();
        let poisoned = last_tree(&engine);
        assert_eq!(poisoned.contains("evil"), !path.is_empty(), "{own:?}");
        thread::sleep(SETTLED);
        // Either it is built again, or it was the good tree.
        run(&place, &engine, source, &quiet).unwrap();
        let tree = last_tree(&engine);
        assert!(tree.contains("good") && !tree.contains("evil"), "{tree}");
    }
}

#[test]
fn unchanged_source_is_not_built_again() {
    let place = Place::new();
    place.write("main", "good");
    thread::sleep(SETTLED);
    let (engine, quiet) = (engine(false), quiet());
    for _ in 0..2 {
        run(&place, &engine, place.request(), &quiet).unwrap();
    }
    assert_eq!(counts(&engine), (1, 1));
    // Another directory with the same files has another place and another inode.
    fs::rename(place.path("app"), place.path("other")).unwrap();
    place.write("main", "good");
    thread::sleep(SETTLED);
    run(&place, &engine, place.request(), &quiet).unwrap();
    assert_eq!(counts(&engine), (2, 2));
}

/// A place with two repositories, `app` and `other`.
fn two_repositories() -> Place {
    let place = Place::new();
    place.write("main", "good");
    place.write("../other/main", "secret");
    for dir in ["app", "other"] {
        for args in [
            &["init", "-q"][..],
            &["add", "-A"],
            &["commit", "-q", "-m", "x"],
        ] {
            git(&place.path(dir), args);
        }
    }
    place
}

/// Git opens the repository when s2i has looked at it.
#[test]
fn another_repository_in_the_place_of_the_source_is_not_built() {
    for by_link in [false, true] {
        let place = two_repositories();
        let other = place.path("other");
        let engine = engine(false);
        let swap = At::new(NOTICE, || replace(&place.path("app"), &other, by_link));
        run(&place, &engine, place.request(), &swap).unwrap();
        assert_eq!(last_tree(&engine), "main=good");
    }
}

/// How the repository becomes another one.
type Swap = fn(app: &Path, other: &Path);

const SWAPS: [Swap; 4] = [
    |app, other| replace(&app.join(".git"), &other.join(".git"), false),
    |app, other| replace(&app.join(".git"), &other.join(".git"), true),
    |app, _| {
        fs::rename(app.join(".git"), app.join("away")).unwrap();
        fs::write(app.join(".git"), "gitdir: ../other/.git\n").unwrap();
    },
    |app, _| {
        let named = "../../../other/.git/objects\n";
        fs::write(app.join(".git/objects/info/alternates"), named).unwrap();
    },
];

#[test]
fn another_repository_in_the_source_is_not_built() {
    for swap in SWAPS {
        let place = two_repositories();
        let (app, other) = (place.path("app"), place.path("other"));
        let engine = engine(false);
        let swap = At::new(NOTICE, || swap(&app, &other));
        let failed = run(&place, &engine, place.request(), &swap).unwrap_err();
        let BuildError::Source(SourceError::Io { path, source, .. }) = &failed.error else {
            panic!("{}", failed.error);
        };
        assert_eq!(*path, app.join(".git"));
        assert!(
            source.to_string().contains("another repository"),
            "{source}"
        );
        assert!(engine.model().trees.is_empty());
    }
}

/// Git that gives a repository to another user when it has fetched from it.
fn git_before_a_change_of_owner() -> Command {
    let script = r#"git "$@" || exit; case " $* " in *" fetch "*) chown 1001 . .git; esac"#;
    let mut command = Command::new("sh");
    command.args(["-c", script, "git"]);
    command
}

/// Only root can give files to another user.
#[test]
fn a_repository_that_another_user_has_meanwhile_is_refused() {
    let place = two_repositories();
    if chown(place.path("other"), Some(1001), None).is_err() {
        return;
    }
    let source = LocalAndGit {
        git: git_before_a_change_of_owner,
        ..place.source()
    };
    let (progress, cancel) = (Progress::new(&()), CancelToken::default());
    let request = place.request();
    let fetched = pollster::block_on(source.fetch(&request, BuildContext::new(&progress, &cancel)));
    let err = fetched.unwrap_err().to_string();
    assert!(err.contains("dubious ownership"), "{err}");
}
