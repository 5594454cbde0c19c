//! Variables that only `assemble` gets: where they are in a plan, and where they are not.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use s2i_build::{
    BuildContext, CancelToken, build,
    event::Progress,
    execute::{Materials, execute},
    facts::{Facts, ImageFacts, SourceFacts},
    plan::{BuildPlan, PlannedBuild, plan},
    request::{BuildRequest, PreviousRequest, PullPolicy, RuntimeRequest},
    source::Fetched,
};
use s2i_core::{
    EnvVar, Secret,
    image::{ContainerConfig, Platform},
    label,
};
use s2i_testkit::{FixedSource, ScriptedEngine};

/// What must be nowhere.
const VALUE: &str = "0123456789abcdef0123456789abcdef";

const NAMED: &str = "NPM_TOKEN, npm_config_//*";

fn label_it(config: &mut ContainerConfig) {
    let labels = [
        (label::SCRIPTS_URL, "image:///usr/libexec/s2i"),
        (label::BUILD_VARIABLES, NAMED),
        (label::ASSEMBLE_INPUT_FILES, "/opt/app-root/bin"),
    ];
    let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
    config.labels.extend(labels);
    config.env = vec!["PATH=/bin".into()];
    config.working_dir = "/opt/app-root".into();
}

fn image(name: &str) -> ImageFacts {
    let mut config = ContainerConfig::default();
    label_it(&mut config);
    ImageFacts {
        name: name.parse().unwrap(),
        id: format!("sha256:{name}"),
        digest: None,
        platform: Platform::linux("amd64"),
        config,
    }
}

fn variable(name: &str, value: &str) -> EnvVar {
    EnvVar::new(name, value).unwrap()
}

fn secret(name: &str, value: &str) -> Secret {
    variable(name, value).into()
}

fn request() -> BuildRequest {
    let mut request = BuildRequest::new("app".parse().unwrap(), "s2i/node".parse().unwrap());
    request.tag = Some("web".parse().unwrap());
    request
}

fn facts() -> Facts {
    Facts {
        builder: image("s2i/node"),
        runtime: None,
        previous: None,
        has_cached_artifacts: false,
        tagged: None,
        other_tagged: Vec::new(),
        scripts: Vec::new(),
        trigger_files: BTreeMap::new(),
        source: SourceFacts {
            location: "app".into(),
            fingerprint: Some("source".into()),
            ..SourceFacts::default()
        },
    }
}

/// The names of the secrets of a build, and of the variables of its result.
fn names(planned: &PlannedBuild, base: &ImageFacts) -> [Vec<String>; 2] {
    let BuildPlan {
        stages, outputs, ..
    } = &planned.plan;
    let assemble = stages[0].runs().next().unwrap();
    let kept = outputs[0].config.applied_to(&base.config).env;
    let name = |entry: &String| entry.split_once('=').unwrap().0.to_owned();
    [assemble.secrets.clone(), kept.iter().map(name).collect()]
}

/// The key of the plan of a request.
fn key_of(request: &BuildRequest) -> String {
    let planned = plan(request, &facts()).unwrap();
    planned.plan.key(&planned.secrets).unwrap()
}

#[test]
fn variables_reach_only_their_scripts() {
    let all = [
        "NPM_TOKEN",
        "npm_config_//example.org/:_authToken",
        "HTTPS_PROXY",
        "OTHER",
    ];
    let login = format!("http://me:{VALUE}@proxy.example.org:3128");
    for (env, source, secrets, expected, kept) in [
        // What the builder's label names, in any spelling.
        (&all[..2], &[][..], &[][..], &all[..2], &[][..]),
        (&["npm_token"], &[], &[], &["npm_token"], &[]),
        (&[], &all[..1], &[], &all[..1], &[]),
        // What the user calls a secret; with the same name it wins, and nothing of the name stays.
        (&[], &[], &all[3..], &all[3..], &[]),
        (&all[3..], &all[3..], &all[3..], &all[3..], &[]),
        (&all[..1], &[], &all[..1], &all[..1], &[]),
        (&all[3..], &["X"], &all[..1], &all[..1], &["X", "OTHER"]),
        // A proxy with a login.
        (&all[2..3], &[], &[], &all[2..3], &[]),
        (&["PATH"], &[], &[], &[], &[]),
    ] {
        let (mut request, mut facts) = (request(), facts());
        let of = |name: &&str| match *name {
            "HTTPS_PROXY" => variable(name, &login),
            name => variable(name, VALUE),
        };
        request.env = env.iter().map(of).collect();
        request.secrets = secrets
            .iter()
            .map(|name| secret(name, "of-the-user"))
            .collect();
        facts.source.environment = source.iter().map(of).collect();
        let planned = plan(&request, &facts).unwrap();
        let kept: Vec<_> = ["PATH"].iter().chain(kept).copied().collect();
        assert_eq!(
            names(&planned, &facts.builder),
            [expected, &kept[..]],
            "{env:?} {source:?} {secrets:?}"
        );
        let is_users = |secret: &Secret| {
            secrets.contains(&secret.name()) == (secret.reveal().value() == "of-the-user")
        };
        assert!(planned.secrets.iter().all(is_users));
    }
}

#[test]
fn proxy_without_a_login_is_kept() {
    let mut request = request();
    request.env = vec![variable("HTTPS_PROXY", "http://proxy.example.org:3128")];
    let planned = plan(&request, &facts()).unwrap();
    let names = names(&planned, &facts().builder);
    assert_eq!(names, [vec![], vec!["PATH", "HTTPS_PROXY"]]);
}

/// A request with a value in every place where one may be, and its facts.
fn everywhere() -> (BuildRequest, Facts) {
    let (mut request, mut facts) = (request(), facts());
    request.env = vec![
        variable("NPM_TOKEN", VALUE),
        variable(
            "HTTP_PROXY",
            &format!("http://me:{VALUE}@proxy.example.org"),
        ),
    ];
    request.secrets = vec![secret("OTHER", VALUE)];
    facts.source.environment = vec![variable("npm_config_//x", VALUE)];
    request.runtime = Some(RuntimeRequest {
        image: "s2i/node-runtime".parse().unwrap(),
        pull: PullPolicy::default(),
        artifacts: Vec::new(),
    });
    facts.runtime = Some(image("s2i/node-runtime"));
    let name = "web-before".parse().unwrap();
    let previous = PreviousRequest::of(&name, false, PullPolicy::default());
    request.previous = Some(previous.unwrap());
    facts.previous = Some(image("web-before"));
    (request, facts)
}

#[test]
fn no_form_of_a_plan_shows_a_value() {
    let (request, facts) = everywhere();
    let PlannedBuild { plan, secrets } = plan(&request, &facts).unwrap();
    let json = serde_json::to_string(&plan).unwrap();
    for shown in [
        plan.to_string(),
        format!("{plan:?}"),
        format!("{request:?} {secrets:?}"),
        json,
    ] {
        assert!(!shown.contains(VALUE), "{shown}");
        assert!(
            shown.contains("NPM_TOKEN") && shown.contains("OTHER"),
            "{shown}"
        );
    }
    assert!(
        plan.to_string()
            .contains("    secrets npm_config_//x NPM_TOKEN HTTP_PROXY OTHER\n")
    );
}

#[test]
fn the_key_of_a_build_has_names_and_no_values() {
    let with = |env: &[(&str, &str)], secrets: &[(&str, &str)]| {
        let mut request = request();
        request.env = env
            .iter()
            .map(|(name, value)| variable(name, value))
            .collect();
        request.secrets = secrets
            .iter()
            .map(|(name, value)| secret(name, value))
            .collect();
        key_of(&request)
    };
    let keys = [
        with(&[], &[]),
        with(&[("NPM_TOKEN", "a")], &[]),
        with(&[], &[("OTHER", "a")]),
        with(&[("OTHER", "a")], &[]),
        with(&[("OTHER", "b")], &[]),
    ];
    assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
    assert_eq!(with(&[("NPM_TOKEN", "b")], &[]), keys[1]);
    assert_eq!(with(&[], &[("NPM_TOKEN", "b")]), keys[1]);
    assert_eq!(with(&[], &[("OTHER", "b")]), keys[2]);
}

/// A login gives access to a server, and the server decides about the result.
#[test]
fn the_key_of_a_build_has_addresses_without_logins() {
    let key = |value: &str| {
        let mut request = request();
        request.env = vec![variable("GOPROXY", value)];
        key_of(&request)
    };
    let first = key("https://me:one@a.example/,https://b.example");
    assert_eq!(key("https://you:other@a.example/,https://b.example"), first);
    for other in [
        "https://me:one@other.example/,https://b.example",
        "https://me:one@a.example/path,https://b.example",
        "https://me:one@a.example/,https://other.example",
        "http://me:one@a.example/,https://b.example",
    ] {
        assert_ne!(key(other), first, "{other}");
    }
}

/// A plan may have been read from a file, by a program that lacks its secrets.
#[test]
fn plan_without_its_secrets_or_certificates_is_not_started() {
    let engine = ScriptedEngine::new();
    engine.add_image("s2i/node", label_it);
    let mut request = request();
    request.secrets = vec![secret("TOKEN", VALUE)];
    request.trust = Some("PEM".into());
    let PlannedBuild { plan, secrets } = plan(&request, &facts()).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/plan");
    let source = Fetched::from_parts(&root, SourceFacts::default()).unwrap();
    let (progress, cancel) = (Progress::new(&()), CancelToken::default());
    let context = BuildContext::new(&progress, &cancel);
    for (secrets, trust, expected) in [
        (
            &secrets[..0],
            Some("PEM"),
            "the plan uses the secret `TOKEN`",
        ),
        (&secrets, None, "the plan uses certificates with the digest"),
        (
            &secrets,
            Some("other"),
            "the plan uses certificates with the digest",
        ),
    ] {
        let materials = Materials {
            injections: &[],
            source: &source,
            secrets,
            trust,
            scripts: &[],
            artifacts: None,
        };
        let failed = pollster::block_on(execute(&engine, &plan, &materials, context));
        let message = failed.unwrap_err().to_string();
        assert!(message.starts_with(expected), "{message}");
    }
    assert_eq!(engine.journal(), "");
}

#[test]
fn of_all_programs_only_assemble_gets_secrets() {
    let engine = ScriptedEngine::new();
    for name in ["s2i/node", "s2i/node-runtime", "web-before"] {
        engine.add_image(name, label_it);
    }
    let (request, facts) = everywhere();
    let source = FixedSource {
        root: Path::new(env!("CARGO_MANIFEST_DIR")).join("src/plan"),
        facts: facts.source,
    };
    let cancel = CancelToken::default();
    pollster::block_on(build(&engine, &source, &request, &(), &cancel)).unwrap();
    let programs = engine.model().programs.clone();
    let seen = programs.iter().map(|program| {
        let has = |variable: &EnvVar| variable.value().contains(VALUE);
        let in_env = program.env.iter().any(has);
        (
            program.argv[0].rsplit('/').next().unwrap(),
            program.secrets.len(),
            in_env,
        )
    });
    let expected = [
        ("save-artifacts", 0, false),
        ("assemble", 4, false),
        ("assemble-runtime", 0, false),
    ];
    assert_eq!(seen.collect::<Vec<_>>(), expected);
}
