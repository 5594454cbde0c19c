//! What is planned from which request and facts. Each case is one line of difference from the plain
//! build at the top.

use std::collections::BTreeMap;

use insta::assert_snapshot;
use s2i_build::{
    facts::{CommitFacts, Facts, ImageFacts, SourceFacts},
    plan::{CopySource, Entrypoint, PlannedBuild, StageName, plan},
    request::{BuildRequest, Limits, Network, PreviousRequest, PullPolicy, RuntimeRequest},
    scripts::ScriptSet,
};
use s2i_core::{
    EnvVar, Script, ScriptsUrl, Times,
    image::{ContainerConfig, Platform},
    label,
    mapping::MappingList,
    wire::Removal,
};

use crate::documents::{container_options, injection};

pub(crate) fn image(name: &str, change: impl FnOnce(&mut ContainerConfig)) -> ImageFacts {
    let mut config = ContainerConfig {
        env: vec!["PATH=/bin".into(), "LANG=C".into()],
        user: "1001".into(),
        working_dir: "/opt/app-root/src".into(),
        ..ContainerConfig::default()
    };
    config
        .labels
        .insert(label::SCRIPTS_URL.into(), "image:///usr/libexec/s2i".into());
    change(&mut config);
    ImageFacts {
        name: name.parse().unwrap(),
        id: format!("sha256:{name}"),
        digest: None,
        platform: Platform::linux("amd64"),
        config,
    }
}

pub(crate) fn request() -> BuildRequest {
    let mut request = BuildRequest::new("app".parse().unwrap(), "s2i/go".parse().unwrap());
    request.tag = Some("web:1".parse().unwrap());
    request
}

pub(crate) fn facts() -> Facts {
    let source = SourceFacts {
        location: "app".into(),
        fingerprint: Some("source".into()),
        ..SourceFacts::default()
    };
    Facts {
        builder: image("s2i/go", |_| ()),
        runtime: None,
        previous: None,
        has_cached_artifacts: false,
        tagged: None,
        other_tagged: Vec::new(),
        scripts: Vec::new(),
        trigger_files: BTreeMap::new(),
        source,
    }
}

/// The plan or the error, as people see it.
pub(crate) fn planned(request: &BuildRequest, facts: &Facts) -> String {
    match plan(request, facts) {
        Ok(planned) => planned.plan.to_string(),
        Err(err) => match err.hint() {
            Some(hint) => format!("{}\nhint: {hint}", s2i_core::ErrorChain(&err)),
            None => s2i_core::ErrorChain(&err).to_string(),
        },
    }
}

#[test]
fn images_are_named_by_digest_where_the_registry_has_one() {
    let digest = format!("sha256:{}", "1".repeat(64));
    for (name, expected) in [
        (
            "s2i/go",
            format!("s2i/go@{digest} (sha256:s2i/go, linux/amd64)"),
        ),
        (
            "s2i/go:1",
            format!("s2i/go:1@{digest} (sha256:s2i/go:1, linux/amd64)"),
        ),
    ] {
        let mut facts = facts();
        facts.builder = image(name, |_| {});
        facts.builder.digest = Some(digest.clone());
        let text = planned(&request(), &facts);
        assert!(text.contains(&expected), "{text}");
    }
}

#[test]
fn plain_build_has_one_stage() {
    assert_snapshot!(planned(&request(), &facts()), @r#"
    stage build from builder s2i/go (sha256:s2i/go, linux/amd64), as "1001", network default
      copy source into /tmp/src
      run ["/usr/libexec/s2i/assemble"] in /opt/app-root/src
        env SOURCE_DATE_EPOCH
    image web:1 from stage build, new files of 315532801
      remove /tmp/artifacts unless there is /usr/libexec/s2i/save-artifacts
      remove /tmp/trust
      remove /tmp/src unless there is /usr/libexec/s2i/save-artifacts
      require /usr/libexec/s2i/run
      cmd ["/usr/libexec/s2i/run"]
      label io.k8s.display-name=web:1
      label io.openshift.s2i.build.image=docker.io/s2i/go:latest
      label io.openshift.s2i.build.source-location=app
      label org.opencontainers.image.base.name=docker.io/s2i/go:latest
    "#);
}

#[test]
fn scripts_of_the_source_come_first_and_stay() {
    let mut facts = facts();
    facts.source.scripts.extend([Script::Run, Script::Assemble]);
    assert_snapshot!(planned(&request(), &facts), @r#"
    stage build from builder s2i/go (sha256:s2i/go, linux/amd64), as "1001", network default
      copy source into /tmp/src
      copy scripts assemble, run into /tmp/scripts
      run ["/tmp/scripts/assemble"] in /opt/app-root/src
        env SOURCE_DATE_EPOCH
    image web:1 from stage build, new files of 315532801
      remove /tmp/artifacts unless there is /usr/libexec/s2i/save-artifacts
      remove /tmp/trust
      remove /tmp/src unless there is /usr/libexec/s2i/save-artifacts
      require /tmp/scripts/run
      cmd ["/tmp/scripts/run"]
      label io.k8s.display-name=web:1
      label io.openshift.s2i.build.image=docker.io/s2i/go:latest
      label io.openshift.s2i.build.source-location=app
      label org.opencontainers.image.base.name=docker.io/s2i/go:latest
    "#);
}

/// A script at the requested URL, with its digest among the inputs.
#[test]
fn scripts_of_the_requested_url_come_before_those_of_the_source() {
    let (mut request, mut facts) = (request(), facts());
    let url: ScriptsUrl = "https://example.org/s2i".parse().unwrap();
    request.scripts_url = Some(url.clone());
    facts.source.scripts.extend([Script::Run, Script::Assemble]);
    let files = [(Script::Assemble, b"one".to_vec())].into();
    facts.scripts = vec![ScriptSet { url, files }];
    let text = planned(&request, &facts);
    assert!(text.contains("copy scripts run into /tmp/scripts\n  copy scripts assemble of https://example.org/s2i into /tmp/scripts\n"), "{text}");
    let PlannedBuild { plan: with, .. } = plan(&request, &facts).unwrap();
    assert_eq!(with.inputs.scripts[0].files.len(), 1);
    facts.scripts[0]
        .files
        .insert(Script::Assemble, b"two".to_vec());
    let PlannedBuild { plan: other, .. } = plan(&request, &facts).unwrap();
    assert_ne!(with.key(&[]), other.key(&[]));
    facts.scripts[0].files.clear();
    assert_snapshot!(planned(&request, &facts), @r"
    there are no scripts at `https://example.org/s2i`
    hint: it has to be the directory of the files `assemble`, `run` and `save-artifacts`
    ");
}

#[test]
fn scripts_of_a_requested_directory_of_the_image_replace_all_others() {
    let (mut request, mut facts) = (request(), facts());
    request.scripts_url = Some("image:///opt/scripts".parse().unwrap());
    facts.source.scripts.extend([Script::Run, Script::Assemble]);
    let text = planned(&request, &facts);
    assert!(text.contains("run [\"/opt/scripts/assemble\"]"), "{text}");
    assert!(
        text.contains("cmd [\"/opt/scripts/run\"]") && !text.contains("copy scripts"),
        "{text}"
    );
}

#[test]
fn label_may_name_a_server_and_no_directory_of_this_machine() {
    let (request, mut facts) = (request(), facts());
    let url = "http://example.org/s2i";
    let labels = &mut facts.builder.config.labels;
    labels.insert(label::SCRIPTS_URL.into(), url.into());
    facts.source.scripts.insert(Script::Run);
    assert_snapshot!(planned(&request, &facts), @r"
    there is no script `assemble` at `http://example.org/s2i`, which the label of the image `s2i/go` names
    hint: put the script `assemble` there, or into the source as .s2i/bin/assemble
    ");
    let files = [(Script::Assemble, Vec::new())].into();
    let url = url.parse().unwrap();
    facts.scripts = vec![ScriptSet { url, files }];
    let text = planned(&request, &facts);
    assert!(text.contains("run [\"/tmp/scripts/assemble\"]"), "{text}");
    let labels = &mut facts.builder.config.labels;
    labels.insert(label::SCRIPTS_URL.into(), "file:///etc".into());
    let text = planned(&request, &facts);
    assert!(
        text.starts_with("the label of the image `s2i/go` names `file:///etc`"),
        "{text}"
    );
}

#[test]
fn the_commit_dates_and_labels_the_image() {
    let mut facts = facts();
    facts.source.context_dir = Some("cmd".into());
    facts.source.repository = Some("https://example.org/app".into());
    facts.source.commit = Some(CommitFacts {
        id: "0123".into(),
        reference: "main".into(),
        author: "A <a@example.org>".into(),
        date: "Mon Jan 1 00:00:00 2024 +0000".into(),
        tag: Some("v1".into()),
        subject: "Start".into(),
        time: Some(1_704_067_200),
    });
    let mut request = request();
    request.description = Some("A web application".into());
    request.application_name = Some("web".into());
    assert_snapshot!(planned(&request, &facts), @r#"
    stage build from builder s2i/go (sha256:s2i/go, linux/amd64), as "1001", network default
      copy source into /tmp/src
      run ["/usr/libexec/s2i/assemble"] in /opt/app-root/src
        env SOURCE_DATE_EPOCH
    image web:1 from stage build, new files of 1704067200
      remove /tmp/artifacts unless there is /usr/libexec/s2i/save-artifacts
      remove /tmp/trust
      remove /tmp/src unless there is /usr/libexec/s2i/save-artifacts
      require /usr/libexec/s2i/run
      cmd ["/usr/libexec/s2i/run"]
      label io.k8s.description=A web application
      label io.k8s.display-name=web
      label io.openshift.s2i.build.commit.author=A <a@example.org>
      label io.openshift.s2i.build.commit.date=Mon Jan 1 00:00:00 2024 +0000
      label io.openshift.s2i.build.commit.id=0123
      label io.openshift.s2i.build.commit.message=Start
      label io.openshift.s2i.build.commit.ref=main
      label io.openshift.s2i.build.image=docker.io/s2i/go:latest
      label io.openshift.s2i.build.source-context-dir=cmd
      label io.openshift.s2i.build.source-location=app
      label org.opencontainers.image.base.name=docker.io/s2i/go:latest
      label org.opencontainers.image.created=2024-01-01T00:00:00Z
      label org.opencontainers.image.revision=0123
      label org.opencontainers.image.source=https://example.org/app
      label org.opencontainers.image.version=v1
    "#);
}

/// The digest is that of the base, which need not be the builder.
#[test]
fn labels_of_oci_describe_the_source_and_the_base() {
    let digest = |digit: &str| format!("sha256:{}", digit.repeat(64));
    let (request, mut facts) = with_runtime("/opt/app-root/bin", None);
    facts.builder.digest = Some(digest("1"));
    let labels = |request: &BuildRequest, facts: &Facts| {
        let planned = plan(request, facts).unwrap().plan;
        let labels = planned.outputs[0].config.labels.clone();
        let is_of_oci = |(name, _): &(String, String)| name.starts_with("org.");
        labels.into_iter().filter(is_of_oci).collect::<Vec<_>>()
    };
    let label =
        |name: &str, value: &str| (format!("org.opencontainers.image.{name}"), value.into());
    let base = [label("base.name", "docker.io/s2i/go-runtime:latest")];
    assert_eq!(labels(&request, &facts), base);
    facts.runtime.as_mut().unwrap().digest = Some(digest("2"));
    let base = [&[label("base.digest", &digest("2"))], &base[..]].concat();
    assert_eq!(labels(&request, &facts), base);
    // A time that nothing has is no label.
    facts.source.newest = Some(1_704_067_200);
    let created = |time| [&base[..], &[label("created", time)]].concat();
    assert_eq!(labels(&request, &facts), created("2024-01-01T00:00:00Z"));
    let mut early = request.clone();
    early.epoch = Some(1_000_000_000);
    assert_eq!(labels(&early, &facts), created("2001-09-09T01:46:40Z"));
}

/// An application does not have the source of its builder. Labels of the user win.
#[test]
fn labels_about_the_build_of_the_base_are_emptied() {
    let (mut request, mut facts) = (request(), facts());
    for name in label::OF_ONE_BUILD {
        let labels = &mut facts.builder.config.labels;
        labels.insert(name.into(), "of the builder".into());
    }
    let mine = (label::OCI_VERSION.to_owned(), "mine".to_owned());
    request.labels.extend([mine]);
    let planned = plan(&request, &facts).unwrap().plan;
    let base = &facts.builder.config;
    let labels = planned.outputs[0].config.applied_to(base).labels;
    let about_build = |name: &&str| !labels[*name].is_empty();
    let kept: Vec<_> = label::OF_ONE_BUILD
        .into_iter()
        .filter(about_build)
        .collect();
    assert_eq!(
        kept,
        [
            label::OCI_VERSION,
            label::OCI_BASE_NAME,
            label::BUILD_IMAGE,
            label::BUILD_SOURCE_LOCATION,
        ]
    );
    assert!(!labels.values().any(|value| value == "of the builder"));
    assert_eq!(labels[label::OCI_VERSION], "mine");
}

#[test]
fn no_other_name_of_the_result_is_that_of_an_input() {
    let (mut request, mut facts) = (request(), facts());
    request.other_tags = vec!["web:2".parse().unwrap(), "mirror/go".parse().unwrap()];
    let text = planned(&request, &facts);
    assert!(text.contains("image web:1 from stage build, new files of 315532801\n  also as web:2\n  also as mirror/go\n"), "{text}");
    facts.other_tagged = vec![ImageFacts {
        name: "mirror/go:latest".parse().unwrap(),
        ..facts.builder.clone()
    }];
    let text = planned(&request, &facts);
    assert!(
        text.starts_with("the result can't be called `mirror/go`"),
        "{text}"
    );
    request.other_tags = vec!["docker.io/s2i/go:latest".parse().unwrap()];
    let text = planned(&request, &facts);
    assert!(text.starts_with("the result can't be called"), "{text}");
}

#[test]
fn options_override_labels_and_the_source() {
    let mut facts = facts();
    facts.builder = image("s2i/go", |config| {
        config
            .labels
            .insert(label::DESTINATION.into(), "/opt/s2i".into());
        config
            .labels
            .insert(label::ASSEMBLE_USER.into(), "7".into());
    });
    facts.source.environment = vec!["A=source".parse().unwrap(), "LANG=source".parse().unwrap()];
    let mut request = request();
    request.env = vec![EnvVar::new("A", "flag").unwrap()];
    request.network = Network::None;
    request.keep_source = true;
    request.epoch = Some(1);
    assert_snapshot!(planned(&request, &facts), @r#"
    stage build from builder s2i/go (sha256:s2i/go, linux/amd64), as "7" by io.openshift.s2i.assemble-user, network none
      copy source into /opt/s2i/src
      run ["/usr/libexec/s2i/assemble"] in /opt/app-root/src
        env SOURCE_DATE_EPOCH A LANG
    image web:1 from stage build, new files of 1, none later than 1
      remove /opt/s2i/artifacts unless there is /usr/libexec/s2i/save-artifacts
      remove /opt/s2i/trust
      require /usr/libexec/s2i/run
      cmd ["/usr/libexec/s2i/run"]
      env A LANG
      label io.k8s.display-name=web:1
      label io.openshift.s2i.build.image=docker.io/s2i/go:latest
      label io.openshift.s2i.build.source-location=app
      label org.opencontainers.image.base.name=docker.io/s2i/go:latest
      label org.opencontainers.image.created=1970-01-01T00:00:01Z
    "#);
    request.destination = Some("/elsewhere".parse().unwrap());
    request.assemble_user = Some("1000620000:0".into());
    assert_snapshot!(planned(&request, &facts).lines().take(4).collect::<Vec<_>>().join("\n"), @r#"
    stage build from builder s2i/go (sha256:s2i/go, linux/amd64), as "1000620000:0" by --assemble-user, network none
      copy source into /elsewhere/src
      run ["/usr/libexec/s2i/assemble"] in /opt/app-root/src
        env SOURCE_DATE_EPOCH A LANG
    "#);
    let planned = plan(&request, &facts).unwrap();
    let env = result_env(&planned, &facts);
    assert_eq!(env, ["PATH=/bin", "LANG=source", "A=flag"]);
}

#[test]
fn certificates_are_for_assemble_alone_and_do_not_stay() {
    let mut request = request();
    request.trust = Some("PEM".into());
    let planned = plan(&request, &facts()).unwrap();
    let stage = &planned.plan.stages[0];
    let copy = stage.copies().last().unwrap();
    assert_eq!(copy.from, CopySource::Trust);
    assert_eq!(copy.into.as_str(), "/tmp/trust");
    let run = stage.runs().next().unwrap();
    let entries: Vec<_> = run.env.iter().map(EnvVar::to_entry).collect();
    assert!(
        entries.contains(&"SSL_CERT_DIR=/tmp/trust:/etc/ssl/certs".into()),
        "{entries:?}"
    );
    assert!(
        entries.contains(&"NODE_EXTRA_CA_CERTS=/tmp/trust/ca.pem".into()),
        "{entries:?}"
    );
    let removed = Removal::from(copy.into.clone());
    assert!(planned.plan.outputs[0].remove.contains(&removed));
    let env = result_env(&planned, &facts());
    assert_eq!(env, ["PATH=/bin", "LANG=C"]);
}

#[test]
fn entry_point_of_the_base_is_to_be_tried() {
    let mut facts = facts();
    let entrypoint = |facts: &Facts| {
        let planned = plan(&request(), facts).unwrap();
        let config = planned.plan.outputs[0].config.clone();
        let applied = config.applied_to(&facts.builder.config);
        (config.entrypoint, applied.entrypoint)
    };
    assert_eq!(entrypoint(&facts), (Entrypoint::Drop, Vec::new()));
    let tini = vec!["/tini".to_owned(), "--".to_owned()];
    facts.builder.config.entrypoint.clone_from(&tini);
    let kept = (Entrypoint::KeepIfItRunsArguments, tini);
    assert_eq!(entrypoint(&facts), kept);
}

#[test]
fn times_are_those_of_the_source_up_to_that_of_the_request() {
    let times = |commit: Option<u64>, newest: Option<u64>, epoch: Option<u64>| {
        let (mut request, mut facts) = (request(), facts());
        request.epoch = epoch;
        facts.source.newest = newest;
        facts.source.commit = commit.map(|time| CommitFacts {
            time: Some(time),
            ..CommitFacts::default()
        });
        let Times { new, latest } = plan(&request, &facts).unwrap().plan.times;
        (new, latest)
    };
    assert_eq!(times(None, Some(50), None), (50, None));
    assert_eq!(times(None, Some(50), Some(40)), (40, Some(40)));
    assert_eq!(times(None, Some(50), Some(60)), (50, Some(60)));
    assert_eq!(times(Some(70), None, None), (70, None));
    assert_eq!(times(Some(70), None, Some(60)), (60, Some(60)));
    assert_eq!(times(None, None, None), (315_532_801, None));
}

#[test]
fn source_and_artifacts_stay_for_a_script_that_may_read_them() {
    let unless = |request: &BuildRequest, facts: &Facts| {
        let planned = plan(request, facts).unwrap();
        let removed = planned.plan.outputs[0].remove.iter();
        let unless = removed.map(|removal| {
            let unless = removal.unless.as_ref();
            (removal.path.to_string(), unless.map(ToString::to_string))
        });
        unless.collect::<Vec<_>>()
    };
    let removed = |program: Option<&str>| {
        [("artifacts", program), ("trust", None), ("src", program)]
            .map(|(name, program)| (format!("/tmp/{name}"), program.map(Into::into)))
    };
    let (mut request, mut facts) = (request(), facts());
    let of_image = Some("/usr/libexec/s2i/save-artifacts");
    assert_eq!(unless(&request, &facts), removed(of_image));
    let labels = &mut facts.builder.config.labels;
    labels.insert(label::ARTIFACTS.into(), "/opt/cache".into());
    assert_eq!(unless(&request, &facts), removed(None));
    facts.source.scripts.insert(Script::SaveArtifacts);
    let uploaded = Some("/tmp/scripts/save-artifacts");
    assert_eq!(unless(&request, &facts), removed(uploaded));
    facts.source.scripts.clear();
    let url: ScriptsUrl = "https://example.org/s2i".parse().unwrap();
    request.scripts_url = Some(url.clone());
    let files = [(Script::SaveArtifacts, Vec::new())].into();
    facts.scripts = vec![ScriptSet { url, files }];
    assert_eq!(unless(&request, &facts), removed(uploaded));
}

#[test]
fn label_names_the_user_of_save_artifacts() {
    let (mut request, mut facts) = (request(), facts());
    incremental(&mut request, &mut facts);
    let previous = facts.previous.as_mut().unwrap();
    let labels = &mut previous.config.labels;
    labels.insert(label::ASSEMBLE_USER.into(), "7".into());
    let user = |request: &BuildRequest| {
        let planned = plan(request, &facts).unwrap();
        planned.plan.stages[0].user.name.clone()
    };
    assert_eq!(user(&request), "7");
    request.assemble_user = Some("8".into());
    assert_eq!(user(&request), "8");
}

/// The variables of the image that a plan makes of the builder.
fn result_env(planned: &PlannedBuild, facts: &Facts) -> Vec<String> {
    let changes = &planned.plan.outputs[0].config;
    changes.applied_to(&facts.builder.config).env
}

pub(crate) fn with_runtime(artifacts: &str, label: Option<&str>) -> (BuildRequest, Facts) {
    let (mut request, mut facts) = (request(), facts());
    request.runtime = Some(RuntimeRequest {
        image: "s2i/go-runtime".parse().unwrap(),
        pull: PullPolicy::default(),
        artifacts: artifacts.parse::<MappingList>().unwrap().0,
    });
    facts.runtime = Some(image("s2i/go-runtime", |config| {
        config.working_dir = "/opt/app-root".into();
        config
            .labels
            .extend(label.map(|label| (label::ASSEMBLE_INPUT_FILES.into(), label.into())));
    }));
    (request, facts)
}

#[test]
fn label_of_the_runtime_image_names_the_artifacts() {
    let (request, facts) = with_runtime("", Some("/opt/app-root/bin"));
    assert_snapshot!(planned(&request, &facts), @r#"
    stage build from builder s2i/go (sha256:s2i/go, linux/amd64), as "1001", network default
      copy source into /tmp/src
      run ["/usr/libexec/s2i/assemble"] in /opt/app-root/src
        env SOURCE_DATE_EPOCH
    stage runtime from runtime s2i/go-runtime (sha256:s2i/go-runtime, linux/amd64), as "1001", network default
      copy /opt/app-root/bin as bin of stage build into /opt/app-root
      run ["/usr/libexec/s2i/assemble-runtime"] in /opt/app-root if it exists
        env SOURCE_DATE_EPOCH
    image web:1 from stage runtime, new files of 315532801
      require /usr/libexec/s2i/run
      cmd ["/usr/libexec/s2i/run"]
      label io.k8s.display-name=web:1
      label io.openshift.s2i.build.image=docker.io/s2i/go:latest
      label io.openshift.s2i.build.source-location=app
      label org.opencontainers.image.base.name=docker.io/s2i/go-runtime:latest
    "#);
}

#[test]
fn requested_artifacts_override_the_label() {
    let (mut request, mut facts) = with_runtime("/a/b;/c:d/e", Some("/opt/app-root/bin"));
    facts.source.scripts.extend([Script::Run]);
    request.assemble_runtime_user = Some("5".into());
    assert_snapshot!(planned(&request, &facts), @r#"
    stage build from builder s2i/go (sha256:s2i/go, linux/amd64), as "1001", network default
      copy source into /tmp/src
      copy scripts run into /tmp/scripts
      run ["/usr/libexec/s2i/assemble"] in /opt/app-root/src
        env SOURCE_DATE_EPOCH
    stage runtime from runtime s2i/go-runtime (sha256:s2i/go-runtime, linux/amd64), as "5" by --assemble-runtime-user, network default
      copy /a/b as b, /c as d/e/c of stage build into /opt/app-root
      copy scripts run into /opt/app-root/scripts
      run ["/usr/libexec/s2i/assemble-runtime"] in /opt/app-root if it exists
        env SOURCE_DATE_EPOCH
    image web:1 from stage runtime, new files of 315532801
      require /opt/app-root/scripts/run
      cmd ["/opt/app-root/scripts/run"]
      label io.k8s.display-name=web:1
      label io.openshift.s2i.build.image=docker.io/s2i/go:latest
      label io.openshift.s2i.build.source-location=app
      label org.opencontainers.image.base.name=docker.io/s2i/go-runtime:latest
    "#);
}

pub(crate) fn incremental(request: &mut BuildRequest, facts: &mut Facts) {
    let tag = request.tag.as_ref().unwrap();
    let is_split = request.runtime.is_some();
    let previous = PreviousRequest::of(tag, is_split, PullPolicy::default()).unwrap();
    facts.previous = Some(image(&previous.image.to_string(), |_| ()));
    request.previous = Some(previous);
}

/// `assemble` knows that its caches are wanted, and the image knows nothing of that.
#[test]
fn incremental_build_starts_with_saved_artifacts() {
    let (mut request, mut facts) = (request(), facts());
    incremental(&mut request, &mut facts);
    request.limits.pids = Some(100);
    assert_snapshot!(planned(&request, &facts), @r#"
    stage previous from previous web:1 (sha256:web:1, linux/amd64), as "1001", network default, at most 100 processes
      on failure: skip
      run ["/usr/libexec/s2i/save-artifacts"] in /opt/app-root/src
        env SOURCE_DATE_EPOCH
    stage build from builder s2i/go (sha256:s2i/go, linux/amd64), as "1001", network default, at most 100 processes
      copy standard output of stage previous into /tmp/artifacts
      copy source into /tmp/src
      run ["/usr/libexec/s2i/assemble"] in /opt/app-root/src
        env SOURCE_DATE_EPOCH S2I_INCREMENTAL
    image web:1 from stage build, new files of 315532801
      remove /tmp/artifacts unless there is /usr/libexec/s2i/save-artifacts
      remove /tmp/trust
      remove /tmp/src unless there is /usr/libexec/s2i/save-artifacts
      require /usr/libexec/s2i/run
      cmd ["/usr/libexec/s2i/run"]
      label io.k8s.display-name=web:1
      label io.openshift.s2i.build.image=docker.io/s2i/go:latest
      label io.openshift.s2i.build.source-location=app
      label org.opencontainers.image.base.name=docker.io/s2i/go:latest
    "#);
}

/// The result is the one of a build that is not incremental; the builder's container stays beside it.
#[test]
fn incremental_runtime_build_starts_with_the_kept_builder() {
    let (mut request, mut facts) = with_runtime("", Some("/opt/app-root/bin"));
    request.limits = Limits {
        memory: Some(1 << 30),
        cpu_millis: Some(500),
        pids: None,
    };
    let clean = plan(&request, &facts).unwrap();
    incremental(&mut request, &mut facts);
    assert_snapshot!(planned(&request, &facts), @r#"
    stage previous from previous web:1-build (sha256:web:1-build, linux/amd64), as "1001", network default, at most 1073741824 bytes of memory, 0.500 processors
      on failure: skip
      run ["/usr/libexec/s2i/save-artifacts"] in /opt/app-root/src
        env SOURCE_DATE_EPOCH
    stage build from builder s2i/go (sha256:s2i/go, linux/amd64), as "1001", network default, at most 1073741824 bytes of memory, 0.500 processors
      copy standard output of stage previous into /tmp/artifacts
      copy source into /tmp/src
      run ["/usr/libexec/s2i/assemble"] in /opt/app-root/src
        env SOURCE_DATE_EPOCH S2I_INCREMENTAL
    stage runtime from runtime s2i/go-runtime (sha256:s2i/go-runtime, linux/amd64), as "1001", network default, at most 1073741824 bytes of memory, 0.500 processors
      copy /opt/app-root/bin as bin of stage build into /opt/app-root
      run ["/usr/libexec/s2i/assemble-runtime"] in /opt/app-root if it exists
        env SOURCE_DATE_EPOCH
    image web:1 from stage runtime, new files of 315532801
      require /usr/libexec/s2i/run
      cmd ["/usr/libexec/s2i/run"]
      label io.k8s.display-name=web:1
      label io.openshift.s2i.build.image=docker.io/s2i/go:latest
      label io.openshift.s2i.build.source-location=app
      label org.opencontainers.image.base.name=docker.io/s2i/go-runtime:latest
    image web:1-build from stage build, new files of 315532801
      remove /tmp/artifacts unless there is /usr/libexec/s2i/save-artifacts
      remove /tmp/trust
      remove /tmp/src unless there is /usr/libexec/s2i/save-artifacts
      cmd ["/usr/libexec/s2i/run"]
      label io.k8s.display-name=web:1
      label io.openshift.s2i.build.image=docker.io/s2i/go:latest
      label io.openshift.s2i.build.source-location=app
      label org.opencontainers.image.base.name=docker.io/s2i/go:latest
      on failure to name it: warn
    "#);
    let incremental = plan(&request, &facts).unwrap();
    let result = |planned: &PlannedBuild| planned.plan.outputs[0].clone();
    assert_eq!(result(&incremental), result(&clean));
    assert_eq!(key(&incremental), None);
    // The first one has nothing to begin with, and makes the image for the second.
    facts.previous = None;
    assert_eq!(key(&plan(&request, &facts).unwrap()), None);
    assert!(key(&clean).is_some());
}

fn key(planned: &PlannedBuild) -> Option<String> {
    planned.plan.key(&planned.secrets)
}

/// CVE-2016-3708: a phase with a network of its own is a way around the one that was asked for.
#[test]
fn the_network_is_the_same_in_every_container() {
    for network in [
        Network::Default,
        Network::None,
        Network::Host,
        Network::Named("ci".into()),
    ] {
        let (mut request, mut facts) = with_runtime("/opt/app-root/bin", None);
        incremental(&mut request, &mut facts);
        request.network = network.clone();
        let stages = plan(&request, &facts).unwrap().plan.stages;
        assert_eq!(stages.len(), 3);
        assert!(
            stages.iter().all(|stage| stage.network == network),
            "{stages:?}"
        );
    }
}

/// Both images need the label, because both scripts have to be ready for it.
#[test]
fn artifacts_are_mounted_if_both_labels_allow_it() {
    let mounted = |previous: &str, builder: &str| {
        let (mut request, mut facts) = (request(), facts());
        incremental(&mut request, &mut facts);
        let images = [
            (facts.previous.as_mut().unwrap(), previous),
            (&mut facts.builder, builder),
        ];
        for (image, value) in images {
            image
                .config
                .labels
                .insert(label::ARTIFACTS.into(), value.into());
        }
        let plan = plan(&request, &facts).unwrap().plan;
        let saved = plan.stage(StageName::Build).unwrap().saved().unwrap();
        saved.mount.as_ref().map(ToString::to_string)
    };
    let cache = "/opt/app-root/cache";
    assert_eq!(mounted(cache, "/elsewhere").as_deref(), Some(cache));
    for (previous, builder) in [
        ("", cache),
        (cache, ""),
        ("/", cache),
        ("cache", cache),
        ("/a/../b\0", cache),
    ] {
        assert_eq!(mounted(previous, builder), None, "{previous} {builder}");
    }
}

#[test]
fn the_name_of_the_builders_container_is_refused_where_it_can_not_be_given() {
    let (mut request, mut facts) = with_runtime("", Some("/opt/app-root/bin"));
    facts.builder = image("web:1-build", |_| ());
    incremental(&mut request, &mut facts);
    refused(
        &request,
        &facts,
        "the result can't be called `web:1-build`: that is the name of an image that it is built from\nhint: give the result a name of its own",
    );
    request.previous.as_mut().unwrap().image = "web:1".parse().unwrap();
    assert!(planned(&request, &facts).contains("can't be called `web:1`"));
    let of = |tag: &str| {
        let tag = format!("app:{tag}").parse().unwrap();
        PreviousRequest::of(&tag, true, PullPolicy::default())
    };
    assert!(of(&"x".repeat(122)).is_ok());
    assert!(
        of(&"x".repeat(123))
            .unwrap_err()
            .to_string()
            .contains("at most 128")
    );
}

#[track_caller]
fn refused(request: &BuildRequest, facts: &Facts, expected: &str) {
    assert_eq!(planned(request, facts), expected);
}

#[test]
fn artifacts_that_can_not_work_are_refused() {
    let (request, facts) = with_runtime("", None);
    refused(
        &request,
        &facts,
        "no artifacts are named for the runtime image `s2i/go-runtime`: it has no label `io.openshift.s2i.assemble-input-files`\nhint: name them with --runtime-artifact /path/in/builder[:directory]",
    );
    let (request, facts) = with_runtime("/a/x;/b/x", None);
    refused(
        &request,
        &facts,
        "two artifacts would both be `x` in the runtime image\nhint: give one of them a directory of its own: /path:directory",
    );
    let (request, facts) = with_runtime("bin", None);
    refused(
        &request,
        &facts,
        "the runtime artifacts can't be used: the artifact `bin` must be an absolute path in the builder image",
    );
    let (request, facts) = with_runtime("/bin:../x", None);
    refused(
        &request,
        &facts,
        "the runtime artifacts can't be used: the destination `../x` must be a directory below the runtime image's working directory",
    );
}

#[test]
fn requests_that_can_not_end_well_are_refused_before_anything_starts() {
    let (mut request, mut facts) = (request(), facts());
    request.tag = Some("docker.io/s2i/go:latest".parse().unwrap());
    refused(
        &request,
        &facts,
        "the result can't be called `docker.io/s2i/go:latest`: that is the name of an image that it is built from\nhint: give the result a name of its own",
    );
    request.tag = Some(format!("web@sha256:{}", "0".repeat(64)).parse().unwrap());
    assert!(planned(&request, &facts).contains("a digest is known only after the build"));
    request.tag = None;
    request.description = Some("x".repeat(label::SIZE_LIMIT));
    assert!(planned(&request, &facts).contains("images can have 10240"));
    request.description = None;
    for (dir, message) in [
        ("/proc/self/fd/8", "could lead out of the container"),
        ("relative", "is not a usable path"),
    ] {
        facts.builder.config.working_dir = dir.into();
        assert!(
            planned(&request, &facts).contains(message),
            "{}",
            planned(&request, &facts)
        );
    }
}

#[test]
fn more_variables_and_labels_than_any_application_has_are_refused() {
    let variables = |count: usize| -> Vec<EnvVar> {
        let name = |number| EnvVar::new(&format!("V{number}"), "x").unwrap();
        (0..count).map(name).collect()
    };
    let mut many = facts();
    many.source.environment = variables(4096);
    assert!(plan(&request(), &many).is_ok());
    many.source.environment = variables(4097);
    refused(
        &request(),
        &many,
        "`.s2i/environment` has 4097 variables; at most 4096 are taken",
    );
    let mut asked = request();
    asked.env = variables(5000);
    refused(
        &asked,
        &facts(),
        "the command has 5000 variables; at most 4096 are taken",
    );
    let mut many = facts();
    many.builder.config.env = (0..5000).map(|number| format!("V{number}=x")).collect();
    refused(
        &request(),
        &many,
        "the image `s2i/go` has 5000 variables; at most 4096 are taken",
    );
    let mut many = facts();
    many.runtime = Some(image("s2i/run", |config| {
        let labels = (0..5000).map(|number| (format!("l{number}"), String::new()));
        config.labels.extend(labels);
    }));
    refused(
        &request(),
        &many,
        "the image `s2i/run` has 5001 labels; at most 4096 are taken",
    );
    let mut many = facts();
    let names = "A* ".repeat(5000);
    let labels = &mut many.builder.config.labels;
    labels.insert(label::BUILD_VARIABLES.into(), names);
    refused(
        &request(),
        &many,
        "the label `io.s2i.build-variables` of the image `s2i/go` has 5000 names; at most 4096 are taken",
    );
}

#[test]
fn images_without_scripts_are_refused() {
    let (request, mut facts) = (request(), facts());
    facts.builder.config.labels.clear();
    refused(
        &request,
        &facts,
        "there is no script `assemble`: the image `s2i/go` has no label `io.openshift.s2i.scripts-url`, and the source has no `.s2i/bin/assemble`\nhint: use a builder image, or put an executable script into the source as .s2i/bin/assemble",
    );
    facts
        .builder
        .config
        .labels
        .insert(label::SCRIPTS_URL.into(), "ftp://example.org/s2i".into());
    refused(
        &request,
        &facts,
        "the label of the image `s2i/go` names `ftp://example.org/s2i` for its scripts; only image:///absolute/path and addresses with http:// or https:// are supported",
    );
}

/// Changes a build in which every script runs as 1001, so that one of them would run as root.
#[track_caller]
fn not_allowed(
    change: impl Fn(&mut BuildRequest, &mut Facts),
    (script, image): (&str, &str),
    reason: &str,
) {
    let (mut request, mut facts) = with_runtime("/a", None);
    incremental(&mut request, &mut facts);
    request.allowed_uids = "1-".parse().unwrap();
    plan(&request, &facts).unwrap();
    change(&mut request, &mut facts);
    let refusal = plan(&request, &facts).unwrap_err();
    let start = format!("`{script}` would run as uid 0 in a container of `{image}`");
    let expected = format!("{start}, and allowed are 1-: {reason}");
    assert_eq!(refusal.to_string(), expected);
    let hint = refusal.hint().unwrap();
    let has_both_options = hint.contains("--assemble-") && hint.contains("--allowed-uids");
    assert!(has_both_options, "{hint}");
    request.allowed_uids = "-1001".parse().unwrap();
    plan(&request, &facts).unwrap();
}

/// A number is checked before anything starts, whatever the origin of the user and the image.
#[test]
fn numbers_that_are_not_allowed_are_refused() {
    for (user, reason) in [
        ("", "the image `s2i/go` has no USER"),
        ("0:1001", "the image `s2i/go` has USER `0:1001`"),
        ("+0", "the image `s2i/go` has USER `+0`"),
    ] {
        let change = |_: &mut _, facts: &mut Facts| facts.builder.config.user = user.into();
        not_allowed(change, ("assemble", "s2i/go"), reason);
    }
    not_allowed(
        |request, _| request.assemble_user = Some(":".into()),
        ("assemble", "s2i/go"),
        "--assemble-user is `:`",
    );
    let root = |name: &str| (name.to_owned(), "0".to_owned());
    not_allowed(
        |_, facts| {
            let labels = &mut facts.builder.config.labels;
            labels.extend([root(label::ASSEMBLE_USER)]);
        },
        ("assemble", "s2i/go"),
        "the image `s2i/go` has the label io.openshift.s2i.assemble-user=`0`",
    );
    let runtime = ("assemble-runtime", "s2i/go-runtime");
    not_allowed(
        |_, facts| facts.runtime.as_mut().unwrap().config.user = "00".into(),
        runtime,
        "the image `s2i/go-runtime` has USER `00`",
    );
    not_allowed(
        |_, facts| {
            let labels = &mut facts.runtime.as_mut().unwrap().config.labels;
            labels.extend([root(label::ASSEMBLE_RUNTIME_USER)]);
        },
        runtime,
        "the image `s2i/go-runtime` has the label io.openshift.s2i.assemble-runtime-user=`0`",
    );
    not_allowed(
        |request, _| request.assemble_runtime_user = Some("0".into()),
        runtime,
        "--assemble-runtime-user is `0`",
    );
    not_allowed(
        |_, facts| facts.previous.as_mut().unwrap().config.user = String::new(),
        ("save-artifacts", "web:1-build"),
        "the image `web:1-build` has no USER",
    );
}

/// Names are judged in the container, by the ranges that the plan has. So a build under other ranges is another one.
#[test]
fn the_allowed_numbers_are_part_of_the_plan() {
    let (mut request, mut facts) = (request(), facts());
    facts.builder.config.user = "app".into();
    let free = plan(&request, &facts).unwrap();
    request.allowed_uids = "1-, 0".parse().unwrap();
    let limited = plan(&request, &facts).unwrap();
    assert_ne!(key(&free), key(&limited));
    let text = limited.plan.to_string();
    let stage = "as \"app\" if it is one of 1-,0, network default";
    assert!(text.contains(stage), "{text}");
}

/// The builder may have been given by its id, its digest or another name.
#[test]
fn a_name_that_stands_for_an_image_of_the_build_is_refused() {
    let (request, mut facts) = with_runtime("/a", None);
    facts.tagged = Some(image("web:1", |_| ()));
    plan(&request, &facts).unwrap();
    for id in ["sha256:s2i/go", "sha256:s2i/go-runtime"] {
        facts.tagged.as_mut().unwrap().id = id.into();
        refused(
            &request,
            &facts,
            "the result can't be called `web:1`: that is the name of an image that it is built from\nhint: give the result a name of its own",
        );
    }
}

#[test]
fn the_name_of_the_kept_container_that_stands_for_an_image_of_the_build_is_refused() {
    let (mut request, mut facts) = with_runtime("/a", None);
    incremental(&mut request, &mut facts);
    facts.previous.as_mut().unwrap().id = facts.builder.id.clone();
    refused(
        &request,
        &facts,
        "the result can't be called `web:1-build`: that is the name of an image that it is built from\nhint: give the result a name of its own",
    );
}

#[test]
fn images_that_no_container_can_be_of_are_refused() {
    let (request, facts) = (request(), facts());
    let (mut windows, mut empty) = (facts.clone(), facts);
    windows.builder.platform.os = "windows".into();
    refused(
        &request,
        &windows,
        "the image `s2i/go` is for the operating system `windows`, and containers here run Linux\nhint: use an image for linux",
    );
    empty.builder.config = ContainerConfig::default();
    refused(
        &request,
        &empty,
        "the config of the image `s2i/go` is empty: it has no label for its scripts, no user and no command\nhint: use a builder image; an image that was imported from a plain archive of files has no config",
    );
    // A source with scripts of its own needs none of the image.
    empty.source.scripts.extend([Script::Assemble, Script::Run]);
    plan(&request, &empty).unwrap();
}

#[test]
fn injections_and_options_of_containers_are_in_the_plan() {
    let mut request = request();
    request.injections = vec![
        injection("."),
        injection("secrets/key"),
        injection("/etc/keys"),
    ];
    request.container = container_options();
    request.labels = [
        ("io.k8s.display-name".into(), "mine".into()),
        ("team".into(), "a".into()),
    ]
    .into();
    let digest = injection(".").digest().to_string();
    let text = planned(&request, &facts()).replace(&digest, "(digest)");
    assert_snapshot!(text, @r#"
    stage build from builder s2i/go (sha256:s2i/go, linux/amd64), as "1001", network default
      mount /cache:/root/.m2:ro,z
      host db:10.0.0.1
      without capability CHOWN
      security option seccomp=unconfined
      copy source into /tmp/src
      inject tests/it/main.rs ((digest)) into /opt/app-root/src as main.rs
      inject tests/it/main.rs ((digest)) into /opt/app-root/src/secrets as key
      inject tests/it/main.rs ((digest)) into /etc as keys
      run ["/usr/libexec/s2i/assemble"] in /opt/app-root/src
        env SOURCE_DATE_EPOCH
    image web:1 from stage build, new files of 315532801
      remove /tmp/artifacts unless there is /usr/libexec/s2i/save-artifacts
      remove /tmp/trust
      remove /tmp/src unless there is /usr/libexec/s2i/save-artifacts
      require /usr/libexec/s2i/run
      cmd ["/usr/libexec/s2i/run"]
      label io.k8s.display-name=mine
      label io.openshift.s2i.build.image=docker.io/s2i/go:latest
      label io.openshift.s2i.build.source-location=app
      label org.opencontainers.image.base.name=docker.io/s2i/go:latest
      label team=a
    "#);
}

#[test]
fn destinations_and_mounts_that_can_not_be_are_refused() {
    let mut request = request();
    request.injections = vec![injection("../x")];
    assert_snapshot!(planned(&request, &facts()), @"can't inject `tests/it/main.rs`: `/opt/app-root/src/../x` has a `..` in it");
    request.injections.clear();
    let mut mount = container_options().mounts.remove(0);
    mount.at = "/proc".parse().unwrap();
    request.container.mounts = vec![mount];
    assert_snapshot!(planned(&request, &facts()), @"nothing can be mounted at `/proc`, which belongs to the container itself");
}
