//! The plan as a document: it is read as it was written, and nothing else is.

use std::path::Path;

use proptest::prelude::*;
use s2i_build::{
    facts::Facts,
    plan::{BuildPlan, PlannedBuild, plan},
    request::{BuildRequest, ContainerOptions, Injection, Limits, Network},
    scripts::ScriptSet,
};
use s2i_core::{EnvVar, Script, ScriptsUrl, label, mapping::Mapping};
use serde_json::{Value, json};

use crate::plans::{facts, incremental, request, with_runtime};

/// The plan of a build that has everything.
fn whole() -> BuildPlan {
    let (mut request, mut facts) = with_runtime("/opt/app-root/bin:bin;/etc/app", None);
    incremental(&mut request, &mut facts);
    request.other_tags = vec!["web:2".parse().unwrap()];
    request.trust = Some("PEM".into());
    request.injections = vec![injection("keys")];
    request.container = container_options();
    request.labels = [("team".into(), "a".into())].into();
    request.secrets = vec![EnvVar::new("TOKEN", "value").unwrap().into()];
    request.env = vec![EnvVar::new("A", "b").unwrap()];
    request.assemble_user = Some("1001:0".into());
    request.allowed_uids = "1-".parse().unwrap();
    request.limits.pids = Some(100);
    facts.source.scripts = Script::ALL.into();
    fetched(&mut request, &mut facts);
    for image in [&mut facts.builder, facts.previous.as_mut().unwrap()] {
        let labels = &mut image.config.labels;
        labels.insert(label::ARTIFACTS.into(), "/opt/cache".into());
    }
    planned(plan(&request, &facts).unwrap())
}

/// A URL has one of the scripts.
fn fetched(request: &mut BuildRequest, facts: &mut Facts) {
    let url: ScriptsUrl = "https://example.org/s2i".parse().unwrap();
    request.scripts_url = Some(url.clone());
    let files = [(Script::Usage, b"#!/bin/sh".to_vec())].into();
    facts.scripts = vec![ScriptSet { url, files }];
}

fn planned(PlannedBuild { plan, .. }: PlannedBuild) -> BuildPlan {
    plan
}

/// This file, injected into a container.
pub(crate) fn injection(destination: &str) -> Injection {
    let mapping = Mapping {
        source: "tests/it/main.rs".into(),
        destination: destination.into(),
    };
    Injection::read(&mapping, Path::new(env!("CARGO_MANIFEST_DIR")))
        .unwrap()
        .0
}

pub(crate) fn container_options() -> ContainerOptions {
    ContainerOptions {
        mounts: vec!["/cache:/root/.m2:ro,z".parse().unwrap()],
        hosts: vec!["db:10.0.0.1".parse().unwrap()],
        without_capabilities: vec!["CHOWN".parse().unwrap()],
        security: vec!["seccomp=unconfined".into()],
    }
}

fn round_trip(plan: &BuildPlan) -> BuildPlan {
    serde_json::from_str(&serde_json::to_string(plan).unwrap()).unwrap()
}

fn some_network() -> impl Strategy<Value = Network> {
    prop_oneof![
        Just(Network::Default),
        Just(Network::None),
        Just(Network::Host),
        "[a-z]{1,8}".prop_map(Network::Named),
    ]
}

proptest! {
    #[test]
    fn plan_survives_being_written_and_read(
        values in proptest::collection::vec(("[A-Z_]{1,6}", "[^\\x00]{0,12}"), 0..4),
        secrets in proptest::collection::vec("[A-Z_]{1,6}", 0..3),
        scripts in proptest::sample::subsequence(Script::ALL.to_vec(), 0..=5),
        (network, memory, epoch) in (some_network(), any::<Option<u64>>(), any::<Option<u64>>()),
        (has_runtime, is_incremental, has_trust) in any::<(bool, bool, bool)>(),
        (has_injection, has_options, has_url) in any::<(bool, bool, bool)>(),
        (user, uids) in (proptest::option::of("[a-z0-9:]{1,8}"), "([0-9]{1,4}-)?"),
    ) {
        let (mut request, mut facts) = if has_runtime {
            with_runtime("/opt/app-root/bin:bin", None)
        } else {
            (request(), facts())
        };
        if is_incremental {
            incremental(&mut request, &mut facts);
        }
        request.env = values.iter().map(|(name, value)| EnvVar::new(name, value).unwrap()).collect();
        request.secrets = secrets.iter().map(|name| EnvVar::new(name, "x").unwrap().into()).collect();
        request.trust = has_trust.then(|| "PEM".into());
        if has_injection {
            request.injections = vec![injection("."), injection("/etc/x")];
        }
        if has_options {
            request.container = container_options();
        }
        request.network = network;
        request.limits = Limits { memory, ..Limits::default() };
        request.epoch = epoch;
        request.assemble_user = user;
        request.allowed_uids = uids.parse().unwrap();
        facts.source.scripts = scripts.into_iter().collect();
        if has_url {
            fetched(&mut request, &mut facts);
        }
        let Ok(planned) = plan(&request, &facts) else { return Ok(()) };
        prop_assert_eq!(round_trip(&planned.plan), planned.plan.clone());
        prop_assert_eq!(planned.plan.check_references(), Ok(()));
    }
}

/// Calls `visit` with a path to each object of a document.
fn objects(value: &Value, path: &str, visit: &mut impl FnMut(&str)) {
    if value.is_object() {
        visit(path);
    }
    let members = value.as_object().into_iter().flatten();
    let members = members.map(|(name, value)| (name.replace('~', "~0").replace('/', "~1"), value));
    let items = value.as_array().into_iter().flatten().enumerate();
    let items = items.map(|(index, value)| (index.to_string(), value));
    for (name, value) in members.chain(items) {
        objects(value, &format!("{path}/{name}"), visit);
    }
}

/// But for maps, and the config of an image, which keeps what others have put into it.
#[test]
fn unknown_fields_and_versions_are_refused() {
    let document = json!(whole());
    let mut refused = 0;
    objects(&document, "", &mut |path| {
        let is_open = path.contains("/images/") && path.contains("/config");
        if is_open
            || path.ends_with("/labels")
            || path.ends_with("/files")
            || path.ends_with("/platform")
        {
            return;
        }
        let mut changed = document.clone();
        changed.pointer_mut(path).unwrap()["unknown"] = json!(1);
        let read = serde_json::from_value::<BuildPlan>(changed);
        assert!(read.is_err(), "{path}");
        refused += 1;
    });
    assert!(refused > 25, "{refused}");
    let mut newer = document;
    newer["version"] = json!(2);
    let err = serde_json::from_value::<BuildPlan>(newer).unwrap_err();
    assert_eq!(
        err.to_string(),
        "the plan has version 2; this s2i reads version 1"
    );
}

#[test]
fn references_that_lead_nowhere_are_refused() {
    let document = json!(whole());
    for (path, value, expected) in [
        (
            "/inputs/images/runtime",
            json!(null),
            "the stage `runtime` starts from the image `runtime`, which is not among the inputs",
        ),
        (
            "/inputs/trust",
            json!(null),
            "the stage `build` copies certificates, and there are none among the inputs",
        ),
        (
            "/inputs/secrets",
            json!([]),
            "the stage `build` uses the secret `TOKEN`, which is not among the inputs",
        ),
        (
            "/outputs/1/stage",
            json!("runtime"),
            "the plan has two outputs of the stage `runtime`",
        ),
        (
            "/stages/0/steps",
            json!([
                document["stages"][0]["steps"][0],
                document["stages"][0]["steps"][0]
            ]),
            "the standard output of the stage `previous` is copied, so it can only run one program",
        ),
        (
            "/stages/1/steps/1",
            document["stages"][1]["steps"][0].clone(),
            "the stage `build` copies the standard output of more than one stage",
        ),
        (
            "/inputs/scripts",
            json!([]),
            "the stage `build` copies scripts of `https://example.org/s2i` that are not among the inputs",
        ),
        ("/outputs", json!([]), "the plan has no output"),
        (
            "/outputs/0/stage",
            json!("previous"),
            "an output is made of the stage `previous`, which leaves no container",
        ),
        (
            "/stages/2/steps/0/copy/from/stage/name",
            json!("runtime"),
            "the stage `runtime` copies from the stage `runtime`, which does not come before it",
        ),
        (
            "/stages/0/steps",
            json!([]),
            "the stage `previous` runs no program",
        ),
        (
            "/stages/2/name",
            json!("build"),
            "the plan has two stages `build`",
        ),
    ] {
        let mut changed = document.clone();
        *changed.pointer_mut(path).unwrap() = value;
        let plan: BuildPlan = serde_json::from_value(changed).unwrap();
        let err = plan.check_references().unwrap_err();
        assert_eq!(err.to_string(), expected, "{path}");
    }
    assert_eq!(whole().check_references(), Ok(()));
}

/// `UPDATE_SCHEMA=1 cargo test -p s2i-build schema` writes it.
#[test]
fn schema_in_the_documentation_is_that_of_the_types() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/plan.schema.json");
    let schema = format!("{:#}\n", json!(schemars::schema_for!(BuildPlan)));
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(path, &schema).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap();
    assert_eq!(found, schema, "write it again with UPDATE_SCHEMA=1");
}

#[test]
fn plan_fits_its_schema() {
    let schema = json!(schemars::schema_for!(BuildPlan));
    let validator = jsonschema::validator_for(&schema).unwrap();
    let document = json!(whole());
    let errors: Vec<_> = validator
        .iter_errors(&document)
        .map(|err| format!("{}: {err}", err.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let mut changed = document;
    changed["stages"][0]["from"] = json!("nothing");
    assert!(!validator.is_valid(&changed));
}
