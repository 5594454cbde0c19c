//! What two builds must have in common to have the same key: everything that decides about the result.

use std::{collections::BTreeSet, process::Command, thread, time::Duration};

use s2i_build::{
    CancelToken, build,
    plan::Submodules,
    request::{
        ArtifactCache, AssembleRuntime, BuildRequest, Builder, Builders, ContainerOptions, Limits,
        Network, OnBuild, PreviousRequest, PullPolicy, RuntimeRequest, SourceRequest,
    },
    source::LocalAndGit,
};
use s2i_core::{EnvVar, Secret, image::ContainerConfig, mapping::MappingList};
use s2i_testkit::ScriptedEngine;

use crate::{
    documents::{container_options, injection},
    place::Place,
};

/// What a change of an option does to the key.
#[derive(Clone, Copy)]
enum Effect {
    /// It is another one.
    Other,
    /// There is none: the build is always done.
    None,
    /// Nothing, because this can't change the result.
    Same(#[expect(dead_code, reason = "it is for the reader of the table")] &'static str),
}

use Effect::{Other, Same};

/// The field, how it is changed, and what that does.
type Case = (&'static str, fn(&mut BuildRequest, &Place), Effect);

/// The names of all fields of a type. A field that is not named does not compile.
macro_rules! fields {
    ($type:ident { $($field:ident),* $(,)? }) => {{
        let _ = |$type { $($field: _),* }: $type| ();
        [$(stringify!($field)),*]
    }};
}

const REQUEST: &[Case] = &[
    (
        "source",
        |request, place| {
            request.source.location = format!("{}#v1", place.path("app").display())
                .parse()
                .unwrap();
        },
        Other,
    ),
    (
        "builder",
        |request, _| request.builder = Builder::Named("other".parse().unwrap()),
        Other,
    ),
    (
        "builder",
        |request, _| request.builder = Builder::Detected,
        Same("the image is in the key, not the way to it"),
    ),
    (
        "builders",
        |request, _| {
            request.builders = Builders {
                go: "other".parse().unwrap(),
                ..Builders::default()
            }
        },
        Same("the image that was picked is in the key"),
    ),
    (
        "builder_pull",
        |request, _| request.builder_pull = PullPolicy::Never,
        Same("the image is in the key by its id"),
    ),
    (
        "tag",
        |request, _| request.tag = Some("other-tag".parse().unwrap()),
        Other,
    ),
    ("tag", |request, _| request.tag = None, Other),
    (
        "other_tags",
        |request, _| request.other_tags = vec!["web:2".parse().unwrap()],
        Same("an image from the cache can get any name"),
    ),
    ("runtime", |request, _| split(request), Other),
    (
        "previous",
        |request, _| request.previous = Some(previous("not-there")),
        Other,
    ),
    (
        "previous",
        |request, _| request.previous = Some(previous("before")),
        Effect::None,
    ),
    (
        "assemble_env",
        |request, _| request.assemble_env = vec![EnvVar::new("JOB", "1").unwrap()],
        Other,
    ),
    (
        "artifact_cache",
        |request, place| {
            request.artifact_cache = Some(ArtifactCache::new(place.path("cache")));
        },
        Effect::None,
    ),
    (
        "assemble_runtime",
        |request, _| request.assemble_runtime = AssembleRuntime::Omit,
        Same("it is about runtime images"),
    ),
    (
        "env",
        |request, _| request.env = vec![EnvVar::new("A", "1").unwrap()],
        Other,
    ),
    (
        "secrets",
        |request, _| request.secrets = vec![secret("TOKEN", "value")],
        Other,
    ),
    (
        "secrets",
        |request, _| request.secrets = vec![secret("TOKEN", "https://me:pw@server/")],
        Other,
    ),
    (
        "trust",
        |request, _| request.trust = Some("certificate".into()),
        Other,
    ),
    (
        "injections",
        |request, _| request.injections = vec![injection("x")],
        Other,
    ),
    (
        "container",
        |request, _| request.container = container_options(),
        Effect::None,
    ),
    (
        "container",
        |request, _| {
            request.container = ContainerOptions {
                mounts: Vec::new(),
                ..container_options()
            }
        },
        Other,
    ),
    (
        "labels",
        |request, _| request.labels = [("team".into(), "a".into())].into(),
        Other,
    ),
    (
        "network",
        |request, _| request.network = Network::None,
        Other,
    ),
    (
        "limits",
        |request, _| {
            request.limits = Limits {
                memory: Some(1 << 30),
                ..Limits::default()
            }
        },
        Other,
    ),
    (
        "limits",
        |request, _| {
            request.limits = Limits {
                cpu_millis: Some(500),
                ..Limits::default()
            }
        },
        Other,
    ),
    (
        "limits",
        |request, _| {
            request.limits = Limits {
                pids: Some(50),
                ..Limits::default()
            }
        },
        Other,
    ),
    (
        "scripts_url",
        |request, _| request.scripts_url = Some("image:///opt/scripts".parse().unwrap()),
        Other,
    ),
    (
        "names_places",
        |request, _| request.names_places = true,
        Same("there is neither a URL nor a destination to name"),
    ),
    (
        "destination",
        |request, _| request.destination = Some("/opt".parse().unwrap()),
        Other,
    ),
    (
        "assemble_user",
        |request, _| request.assemble_user = Some("1002".into()),
        Other,
    ),
    (
        "assemble_runtime_user",
        |request, _| request.assemble_runtime_user = Some("1002".into()),
        Same("there is no such script in this build; in a split build it matters"),
    ),
    (
        "on_build",
        |request, _| request.on_build = OnBuild::Refuse,
        Same("it refuses a build and changes none"),
    ),
    (
        "allowed_uids",
        |request, _| request.allowed_uids = "0-".parse().unwrap(),
        Other,
    ),
    (
        "application_name",
        |request, _| request.application_name = Some("Shop".into()),
        Other,
    ),
    (
        "description",
        |request, _| request.description = Some("It sells".into()),
        Other,
    ),
    (
        "keep_source",
        |request, _| request.keep_source = true,
        Other,
    ),
    (
        "no_cache",
        |request, _| request.no_cache = true,
        Effect::None,
    ),
    (
        "epoch",
        |request, _| request.epoch = Some(1_000_000_000),
        Other,
    ),
];

const SOURCE: &[Case] = &[
    (
        "location",
        |request, place| {
            request.source.location = format!("file://{}", place.path("copy").display())
                .parse()
                .unwrap();
        },
        Other,
    ),
    (
        "git_ref",
        |request, _| request.source.git_ref = Some("v1".into()),
        Other,
    ),
    (
        "context_dir",
        |request, _| request.source.context_dir = Some("sub".into()),
        Other,
    ),
    ("copy", |request, _| request.source.copy = true, Other),
    (
        "submodules",
        |request, _| request.source.submodules = Submodules::Ignore,
        Same("there are none"),
    ),
    (
        "exclude",
        |request, _| request.source.exclude = r"\.key$".into(),
        Other,
    ),
    (
        "exclude",
        |request, _| request.source.exclude.push_str("|^nothing$"),
        Same("it leaves out nothing more"),
    ),
    (
        "excluded_dirs",
        |request, place| request.source.excluded_dirs = vec![place.path("app/sub")],
        Same("a checkout has nothing of another directory"),
    ),
];

/// The same for the files of a directory.
const FILES: &[Case] = &[
    (
        "location",
        |request, place| {
            request.source.location = place.path("copy").to_str().unwrap().parse().unwrap();
        },
        Other,
    ),
    (
        "context_dir",
        |request, _| request.source.context_dir = Some("sub".into()),
        Other,
    ),
    (
        "exclude",
        |request, _| request.source.exclude = r"\.key$".into(),
        Other,
    ),
    (
        "excluded_dirs",
        |request, place| request.source.excluded_dirs = vec![place.path("app/sub")],
        Other,
    ),
    (
        "excluded_dirs",
        |request, place| request.source.excluded_dirs = vec![place.path("tmp")],
        Same("it is not in the source"),
    ),
];

const RUNTIME: &[Case] = &[
    (
        "image",
        |request, _| request.runtime.as_mut().unwrap().image = "other".parse().unwrap(),
        Other,
    ),
    (
        "pull",
        |request, _| request.runtime.as_mut().unwrap().pull = PullPolicy::Never,
        Same("the image is in the key by its id"),
    ),
    (
        "artifacts",
        |request, _| {
            request.runtime.as_mut().unwrap().artifacts =
                "/app:bin".parse::<MappingList>().unwrap().0;
        },
        Other,
    ),
];

fn previous(image: &str) -> PreviousRequest {
    PreviousRequest::of(&image.parse().unwrap(), false, PullPolicy::Never).unwrap()
}

fn secret(name: &str, value: &str) -> Secret {
    EnvVar::new(name, value).unwrap().into()
}

fn split(request: &mut BuildRequest) {
    request.runtime = Some(RuntimeRequest {
        image: "runtime".parse().unwrap(),
        pull: PullPolicy::default(),
        artifacts: "/app".parse::<MappingList>().unwrap().0,
    });
}

/// A repository with two states, and a directory with the same files.
fn place() -> Place {
    let place = Place::new();
    for name in ["go.mod", "sub/main.go", "secret.key"] {
        place.write(name, "one\n");
        place.write(&format!("../copy/{name}"), "one\n");
    }
    place.git(&["init", "-q"]);
    place.commit();
    place.git(&["tag", "v1"]);
    place.write("go.mod", "two\n");
    place.commit();
    place
}

fn request(place: &Place) -> BuildRequest {
    let source = place.request();
    let mut request = BuildRequest::new(source.location.clone(), "s2i/go".parse().unwrap());
    request.tag = Some("web".parse().unwrap());
    request
}

fn engine(change: impl FnOnce(&mut ContainerConfig)) -> ScriptedEngine {
    let engine = ScriptedEngine::new();
    engine.add_image("s2i/go", change);
    for name in ["other", "runtime", "before"] {
        engine.add_image(name, |_| ());
    }
    engine.model().cache.get_or_insert_default();
    engine
}

fn key_of(engine: &ScriptedEngine, source: &LocalAndGit, request: &BuildRequest) -> Option<String> {
    let cancel = CancelToken::default();
    pollster::block_on(build(engine, source, request, &(), &cancel)).unwrap();
    engine
        .model()
        .cache
        .iter()
        .flatten()
        .next_back()
        .map(|(key, _)| key.clone())
}

fn key(place: &Place, request: &BuildRequest) -> Option<String> {
    key_of(&engine(|_| ()), &place.source(), request)
}

#[track_caller]
fn check(place: &Place, base: &BuildRequest, fields: &[&str], cases: &[Case]) {
    let first = key(place, base).unwrap();
    assert_eq!(key(place, base).unwrap(), first);
    let named: BTreeSet<_> = cases.iter().map(|(field, ..)| *field).collect();
    assert_eq!(named, fields.iter().copied().collect());
    for (number, (field, change, effect)) in cases.iter().enumerate() {
        let mut request = base.clone();
        change(&mut request, place);
        let found = key(place, &request);
        match effect {
            Effect::Other => assert!(found.is_some_and(|key| key != first), "{number} {field}"),
            Effect::None => assert_eq!(found, None, "{number} {field}"),
            Effect::Same(_) => assert_eq!(found.as_deref(), Some(&first[..]), "{number} {field}"),
        }
    }
}

#[test]
fn every_option_changes_the_key_or_can_not_matter() {
    let place = place();
    let request = request(&place);
    let fields = fields!(BuildRequest {
        source,
        builder,
        builders,
        builder_pull,
        tag,
        other_tags,
        runtime,
        previous,
        artifact_cache,
        assemble_runtime,
        env,
        assemble_env,
        secrets,
        trust,
        injections,
        container,
        labels,
        network,
        limits,
        scripts_url,
        names_places,
        destination,
        assemble_user,
        assemble_runtime_user,
        allowed_uids,
        on_build,
        application_name,
        description,
        keep_source,
        no_cache,
        epoch,
    });
    check(&place, &request, &fields, REQUEST);
    let fields = fields!(SourceRequest {
        location,
        git_ref,
        context_dir,
        copy,
        submodules,
        exclude,
        excluded_dirs,
    });
    thread::sleep(Duration::from_secs(2));
    check(&place, &request, &fields, SOURCE);
}

#[test]
fn every_option_of_a_split_build_changes_the_key_or_can_not_matter() {
    let place = place();
    let mut request = request(&place);
    split(&mut request);
    let fields = fields!(RuntimeRequest {
        image,
        pull,
        artifacts
    });
    check(&place, &request, &fields, RUNTIME);
    let first = key(&place, &request);
    request.assemble_runtime_user = Some("1002".into());
    assert_ne!(key(&place, &request), first);
}

#[test]
fn file_rules_change_the_key() {
    let place = place();
    thread::sleep(Duration::from_secs(2));
    let mut request = request(&place);
    request.source.copy = true;
    let fields = ["location", "context_dir", "exclude", "excluded_dirs"];
    check(&place, &request, &fields, FILES);
}

#[test]
fn an_ignore_file_changes_the_key() {
    let place = place();
    let request = request(&place);
    let mut keys = BTreeSet::from([key(&place, &request)]);
    for text in ["*.key\n", "*.key\n!secret.key\n"] {
        place.write(".s2iignore", text);
        place.commit();
        keys.insert(key(&place, &request));
    }
    assert_eq!(keys.len(), 3);
}

#[test]
fn the_images_and_the_configuration_of_git_change_the_key() {
    let place = place();
    let request = request(&place);
    let first = key(&place, &request);
    let changed = engine(|config| config.env = vec!["A=1".into()]);
    assert_ne!(key_of(&changed, &place.source(), &request), first);
    // A setting of the user that changes the files of a checkout.
    let source = LocalAndGit {
        git: || {
            let mut git = Command::new("git");
            git.args(["-c", "core.autocrlf=true"]);
            git
        },
        ..place.source()
    };
    assert_ne!(key_of(&engine(|_| ()), &source, &request), first);
}
