//! Images as s2i sees them.

use s2i_build::{
    facts::CommitFacts,
    inspect::{Inspection, Use, inspect, saved_name},
    plan::plan,
    ports::ImageDescription,
};
use s2i_core::{image::ContainerConfig, label};

use crate::plans::{facts, image, request, with_runtime};

fn description(name: &str, change: impl FnOnce(&mut ContainerConfig)) -> ImageDescription {
    ImageDescription {
        facts: image(name, change),
        names: [format!("docker.io/{name}:latest")].into(),
        created: Some(315_532_801),
        size: Some(4242),
        layers: Vec::new(),
    }
}

fn inspected(change: impl FnOnce(&mut ContainerConfig)) -> Inspection {
    inspect(description("s2i/go", change), None)
}

fn remarks(purpose: &Use) -> (bool, String) {
    (purpose.possible, purpose.remarks.join("; "))
}

#[test]
fn builder_has_scripts_and_no_build() {
    let found = inspected(|config| {
        let labels = &mut config.labels;
        labels.insert(label::DESTINATION_DEPRECATED.into(), "/opt/s2i".into());
        labels.insert(label::BUILD_VARIABLES.into(), "TOKEN npm_*".into());
    });
    let settings = &found.settings;
    assert_eq!(
        [
            &settings.scripts_url,
            &settings.destination,
            &settings.build_variables
        ]
        .map(|value| value.as_deref().unwrap()),
        ["image:///usr/libexec/s2i", "/opt/s2i", "TOKEN npm_*"]
    );
    assert_eq!(settings.deprecated.len(), 1);
    assert_eq!(found.created.as_deref(), Some("1980-01-01T00:00:01Z"));
    assert_eq!(found.build, None);
    assert_eq!(remarks(&found.uses.builder), (true, String::new()));
    assert_eq!(
        remarks(&found.uses.runtime),
        (
            true,
            "it has no label `io.openshift.s2i.assemble-input-files`, so --runtime-artifact has to name the artifacts"
                .into()
        )
    );
    assert_eq!(
        remarks(&found.uses.rebuild),
        (
            false,
            "it has no label `io.openshift.s2i.build.image`; \
             it has no label `io.openshift.s2i.build.source-location`"
                .into()
        )
    );
}

/// The reasons are those for which a plan is refused.
#[test]
fn use_that_a_plan_refuses_is_not_possible() {
    let file = |config: &mut ContainerConfig| {
        let labels = &mut config.labels;
        labels.insert(label::SCRIPTS_URL.into(), "file:///etc".into());
    };
    let found = inspected(file);
    assert!(!found.uses.builder.possible, "{found:?}");
    assert!(found.uses.runtime.possible);
    let mut facts = facts();
    file(&mut facts.builder.config);
    assert!(plan(&request(), &facts).is_err());
    let triggers = |config: &mut ContainerConfig| config.on_build = vec!["RUN x".into()];
    let found = inspected(triggers);
    assert!(found.uses.builder.possible, "{found:?}");
    assert!(!found.uses.runtime.possible);
    let mut windows = description("s2i/go", |_| ());
    windows.facts.platform.os = "windows".into();
    let found = inspect(windows, None);
    assert_eq!(
        remarks(&found.uses.builder),
        (false, "it is for windows".into())
    );
}

/// The labels of a plan are read as the facts that they were made of.
#[test]
fn result_names_its_build() {
    let (request, mut facts) = with_runtime("/opt/app-root/bin", None);
    let digest = format!("sha256:{}", "1".repeat(64));
    facts.runtime.as_mut().unwrap().digest = Some(digest.clone());
    facts.source.location = "/src/app".into();
    facts.source.repository = Some("https://example.org/app".into());
    facts.source.commit = Some(CommitFacts {
        id: "0123".into(),
        reference: "main".into(),
        tag: Some("v1".into()),
        ..CommitFacts::default()
    });
    let planned = plan(&request, &facts).unwrap().plan;
    let base = &facts.runtime.as_ref().unwrap().config;
    let config = planned.outputs[0].config.applied_to(base);
    let result = description("web", |own| *own = config);
    let saved = saved_name(&result.facts).unwrap();
    assert_eq!(saved.to_string(), "web:latest-build");
    let found = inspect(result, Some(&saved));
    let build = found.build.unwrap();
    assert_eq!(build.builder, "docker.io/s2i/go:latest");
    assert_eq!(build.builder_digest, None);
    assert_eq!(
        build.runtime.as_deref(),
        Some("docker.io/s2i/go-runtime:latest")
    );
    assert_eq!(build.runtime_digest, Some(digest));
    assert_eq!(build.source.as_deref(), Some("/src/app"));
    assert_eq!(build.repository.as_deref(), Some("https://example.org/app"));
    assert_eq!(build.saved.as_deref(), Some("web:latest-build"));
    assert_eq!(build.version.as_deref(), Some("v1"));
    let commit = build.commit.unwrap();
    assert_eq!(
        (&*commit.id, commit.reference.as_deref()),
        ("0123", Some("main"))
    );
    assert!(found.uses.rebuild.possible);
    assert_eq!(saved_name(&image("s2i/go", |_| ())), None);
}
