//! Builders with `ONBUILD` triggers: their plans as text, and what an executor does for them.

use std::path::Path;

use insta::assert_snapshot;
use s2i_build::{
    BuildError, BuildFailure, CancelToken, Outcome, build,
    facts::{Facts, ImageFacts, SourceFacts, SourceMatch},
    plan::{BuildPlan, Command, DockerfileForm, PlannedBuild, plan},
    request::{BuildRequest, OnBuild},
};
use s2i_core::{EnvVar, Script, image::ContainerConfig, wire::Exit};
use s2i_testkit::{FixedSource, ScriptedEngine};

use crate::plans::{facts, image, planned, request, with_runtime};

fn triggered(triggers: &[&str]) -> ImageFacts {
    image("node", |config| {
        *config = ContainerConfig {
            env: vec!["PATH=/bin".into()],
            cmd: vec!["node".into()],
            on_build: triggers.iter().map(ToString::to_string).collect(),
            ..ContainerConfig::default()
        };
    })
}

fn found(path: &str, is_dir: bool, is_executable: bool) -> SourceMatch {
    SourceMatch {
        path: path.into(),
        is_dir,
        is_executable,
    }
}

/// The facts of a builder with triggers, and the files that their patterns match.
fn with(triggers: &[&str], files: &[(&str, &[SourceMatch])]) -> Facts {
    let mut facts = facts();
    facts.builder = triggered(triggers);
    let files = files.iter();
    facts.trigger_files = files
        .map(|(pattern, found)| ((*pattern).to_owned(), found.to_vec()))
        .collect();
    facts
}

fn config(request: &BuildRequest, facts: &Facts) -> ContainerConfig {
    let PlannedBuild { plan, .. } = plan(request, facts).unwrap();
    plan.outputs[0].config.applied_to(&facts.builder.config)
}

#[test]
fn triggers_are_steps_before_the_scripts() {
    let triggers = [
        "ARG NODE_ENV=production",
        "ENV NODE_ENV=$NODE_ENV APP=/usr/src/app",
        "WORKDIR $APP",
        "COPY package*.json ./",
        "RUN npm install",
        "COPY --chown=node . .",
        "USER node",
        r#"RUN ["npm", "run", "build"]"#,
    ];
    let package = ["package-lock.json", "package.json"].map(|name| found(name, false, false));
    let root = [found(".", true, false)];
    let mut facts = with(&triggers, &[("package*.json", &package), (".", &root)]);
    facts.source.scripts = [Script::Assemble, Script::Run].into();
    let mut request = request();
    request.env = vec![EnvVar::new("NODE_ENV", "test").unwrap()];
    request.secrets = vec![EnvVar::new("TOKEN", "x").unwrap().into()];
    request.trust = Some("PEM".into());
    assert_snapshot!(planned(&request, &facts), @r#"
    stage build from builder node (sha256:node, linux/amd64), as "", network default
      copy certificates into /tmp/trust
      copy package-lock.json as package-lock.json, package.json as package.json of source into /usr/src/app for ""
      run ["/bin/sh", "-c", "npm install"] in /usr/src/app
        env SOURCE_DATE_EPOCH NODE_ENV APP SSL_CERT_DIR NODE_EXTRA_CA_CERTS
        secrets TOKEN
      copy . as . of source into /usr/src/app for "node"
      run ["npm", "run", "build"] in /usr/src/app, as "node" by a trigger
        env SOURCE_DATE_EPOCH NODE_ENV APP SSL_CERT_DIR NODE_EXTRA_CA_CERTS
        secrets TOKEN
      copy source into /tmp/src for "node"
      copy scripts assemble, run into /tmp/scripts for "node"
      run ["/tmp/scripts/assemble"] in /usr/src/app, as "node" by a trigger
        env SOURCE_DATE_EPOCH NODE_ENV APP SSL_CERT_DIR NODE_EXTRA_CA_CERTS
        secrets TOKEN
    image web:1 from stage build, new files of 315532801
      remove /tmp/artifacts
      remove /tmp/trust
      remove /tmp/src
      require /tmp/scripts/run
      cmd ["/tmp/scripts/run"]
      user "node", working directory "/usr/src/app" after the triggers
      env NODE_ENV
      label io.k8s.display-name=web:1
      label io.openshift.s2i.build.image=docker.io/library/node:latest
      label io.openshift.s2i.build.source-location=app
      label org.opencontainers.image.base.name=docker.io/library/node:latest
    "#);
    let config = config(&request, &facts);
    assert_eq!(
        config.env,
        ["PATH=/bin", "NODE_ENV=test", "APP=/usr/src/app"]
    );
    assert_eq!(
        (config.user.as_str(), config.on_build),
        ("node", Vec::new())
    );
    let PlannedBuild { plan, .. } = plan(&request, &facts).unwrap();
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<BuildPlan>(&text).unwrap(), plan);
}

#[test]
fn triggers_change_the_config_of_the_result() {
    let triggers = [
        "LABEL a=b",
        "EXPOSE 8080",
        "VOLUME /data",
        "STOPSIGNAL SIGINT",
        "HEALTHCHECK CMD true",
        r#"SHELL ["/bin/bash", "-c"]"#,
        "ENTRYPOINT server --all",
    ];
    let mut request = request();
    request.labels = [("a".into(), "mine".into())].into();
    let config = config(&request, &with(&triggers, &[]));
    assert_eq!(config.labels["a"], "mine");
    assert!(config.exposed_ports.contains("8080/tcp") && config.volumes.contains("/data"));
    assert_eq!(config.stop_signal, "SIGINT");
    assert_eq!(config.healthcheck.unwrap().test, ["CMD-SHELL", "true"]);
    // The command of the image was for its own entry point.
    assert_eq!(config.entrypoint, ["/bin/bash", "-c", "server --all"]);
    assert_eq!(config.cmd, Vec::<String>::new());
}

#[test]
fn command_is_run_or_that_of_the_image_or_a_file_of_the_source() {
    let guesses = [found("start.sh", false, true)];
    let plain = [found("run", false, false)];
    let mut facts = with(&["RUN id"], &[("run", &plain), ("start.sh", &guesses)]);
    facts.builder.config.entrypoint = vec!["/entry".into()];
    let command = |facts: &Facts| {
        let config = config(&request(), facts);
        [config.entrypoint, config.cmd]
            .map(|words| words.join(" "))
            .join("|")
    };
    assert_eq!(command(&facts), "/entry|node");
    facts.source.scripts = [Script::Run].into();
    assert_eq!(command(&facts), "|/tmp/scripts/run");
    facts.source.scripts.clear();
    facts.builder.config.entrypoint.clear();
    facts.builder.config.cmd.clear();
    assert_eq!(command(&facts), "|/start.sh");
    facts.trigger_files.clear();
    assert_snapshot!(planned(&request(), &facts), @r"
    there is no command for the result: the image `node` has none, and the source has neither a script `run` nor an executable file `run`, `start`, `exec` or `execute`
    hint: put an executable script into the source as .s2i/bin/run
    ");
}

/// The Go tool runs a file `assemble` at the top of the source.
#[test]
fn assemble_at_the_top_of_the_source_runs_by_the_shell() {
    let top = [found("assemble", false, false)];
    let facts = with(&["WORKDIR /app"], &[("assemble", &top)]);
    let text = planned(&request(), &facts);
    assert!(
        text.contains(
            "copy source into /tmp/src\n  run [\"/bin/sh\", \"/tmp/src/assemble\"] in /app\n"
        ),
        "{text}"
    );
}

#[test]
fn source_that_a_trigger_copies_to_its_usual_place_stays() {
    let root = [found(".", true, false)];
    let mut facts = with(&["COPY . /tmp/src/"], &[(".", &root)]);
    facts.source.scripts = [Script::Assemble].into();
    let text = planned(&request(), &facts);
    assert!(!text.contains("copy source"), "{text}");
    assert!(!text.contains("remove /tmp/src"), "{text}");
    assert!(
        text.contains("copy . as . of source into /tmp/src for \"\""),
        "{text}"
    );
}

#[test]
fn copies_have_the_rules_of_docker() {
    let files = ["a", "b/c"].map(|path| found(path, false, false));
    let directory = [found("d", true, false)];
    let both = [files[0].clone(), directory[0].clone()];
    let copied = |trigger: &str| {
        let matches: [(&str, &[SourceMatch]); 5] = [
            ("a", &files[..1]),
            ("*", &files),
            ("d", &directory),
            ("?", &both),
            ("x.tgz", &[found("x.tgz", false, false)]),
        ];
        let text = planned(&request(), &with(&["WORKDIR /w", trigger], &matches));
        let mut lines = text.lines().map(str::trim);
        let copies: Vec<_> = lines
            .clone()
            .filter(|line| line.starts_with("copy"))
            .collect();
        if copies.is_empty() {
            lines.next().unwrap_or_default().to_owned()
        } else {
            copies.join("; ")
        }
    };
    for (trigger, expected) in [
        ("COPY a x", "copy a as x of source into /w for \"\""),
        ("COPY a x/", "copy a as a of source into /w/x for \"\""),
        ("COPY a .", "copy a as a of source into /w for \"\""),
        ("COPY a /", "copy a as a of source into / for \"\""),
        (
            "COPY * /x/",
            "copy a as a, b/c as c of source into /x for \"\"",
        ),
        ("COPY d /x", "copy d as . of source into /x for \"\""),
        (
            "COPY ? /x/",
            "copy d as . of source into /x for \"\"; copy a as a of source into /x for \"\"",
        ),
        (
            "COPY --chown=7:8 a x",
            "copy a as x of source into /w for \"7:8\"",
        ),
        ("ADD a x", "copy a as x of source into /w for \"\""),
        (
            "COPY * /x",
            "can't run `ONBUILD COPY * /x` of the image `node`: s2i does not support a copy of several files to a destination without a `/` at its end",
        ),
        (
            "ADD x.tgz x",
            "can't run `ONBUILD ADD x.tgz x` of the image `node`: s2i does not support `ADD` of an archive, which it would unpack",
        ),
        (
            "COPY y x",
            "`ONBUILD COPY y x` of the image `node` needs `y`, which the source does not have",
        ),
    ] {
        assert_eq!(copied(trigger), expected, "{trigger}");
    }
}

#[test]
fn triggers_that_cannot_run_are_refused_before_anything_starts() {
    let text = |triggers: &[&str]| {
        let text = planned(&request(), &with(triggers, &[]));
        text.lines().next().unwrap_or_default().to_owned()
    };
    for (trigger, expected) in [
        (
            "COPY --from=x a b",
            "can't run `ONBUILD COPY --from=x a b` of the image `node`: s2i does not support `COPY --from`",
        ),
        (
            "WORKDIR /proc/self/fd",
            "the image `node` has the working directory `/proc/self/fd`, which could lead out of the container",
        ),
        (
            "WORKDIR a/../../..",
            "can't run `ONBUILD WORKDIR a/../../..` of the image `node`: `//a/../../..` has a `..` in it",
        ),
    ] {
        assert_eq!(text(&[trigger]), expected);
    }
    assert_eq!(
        text(&["RUN x"; 129]),
        "the image `node` has more than 128 ONBUILD triggers"
    );
    let mut blocked = request();
    blocked.on_build = OnBuild::Refuse;
    assert_snapshot!(planned(&blocked, &with(&["RUN x"], &[])), @r"
    the image `node` has ONBUILD triggers, and --block-onbuild is given
    hint: use an image without ONBUILD, with its scripts in a directory and the label for it
    ");
    let (request, mut facts) = with_runtime("/a", None);
    facts.runtime.as_mut().unwrap().config.on_build = vec!["RUN id".into()];
    assert_snapshot!(planned(&request, &facts), @r"
    the runtime image `s2i/go-runtime` has ONBUILD triggers, which only those of a builder run
    hint: use a runtime image without ONBUILD
    ");
}

/// Also those of users whom only a trigger names.
#[test]
fn users_of_triggers_have_to_be_allowed() {
    let mut request = request();
    request.allowed_uids = "1-".parse().unwrap();
    let users = |triggers: &[&str], user: &str| {
        let mut facts = with(triggers, &[]);
        facts.builder.config.user = user.into();
        let text = planned(&request, &facts);
        text.lines().next().unwrap_or_default().to_owned()
    };
    let refused =
        "`ONBUILD RUN id` would run as uid 0 in a container of `node`, and allowed are 1-: ";
    assert_eq!(
        users(&["RUN id"], ""),
        format!("{refused}the image `node` has no USER")
    );
    assert_eq!(
        users(&["USER 0", "RUN id"], "7"),
        format!("{refused}a trigger of the image `node` has USER `0`")
    );
    assert!(users(&["USER 7", "RUN id"], "").starts_with("stage build"));
}

#[test]
fn triggers_and_copied_files_decide_about_the_key() {
    let key = |trigger: &str| {
        let files = [found("a", false, false)];
        let facts = with(&[trigger], &[("a", &files)]);
        plan(&request(), &facts).unwrap().plan.key(&[]).unwrap()
    };
    let keys = [
        "RUN a",
        "RUN b",
        "COPY a b",
        "COPY a c",
        "COPY --chown=1 a b",
        "USER 3",
        "LABEL a=b",
    ];
    let keys: std::collections::BTreeSet<_> = keys.into_iter().map(key).collect();
    assert_eq!(keys.len(), 7);
}

#[test]
fn dockerfile_with_triggers_is_refused() {
    let PlannedBuild { plan, .. } = plan(&request(), &with(&["RUN id"], &[])).unwrap();
    let refused = plan.to_dockerfile(DockerfileForm::Mount).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "`FROM node` would run the ONBUILD triggers of the image with the Dockerfile's own directory in place of the source"
    );
}

fn run(engine: &ScriptedEngine, request: &BuildRequest) -> Result<Outcome, BuildFailure> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/plan");
    let facts = SourceFacts {
        location: "app".into(),
        ..SourceFacts::default()
    };
    let source = FixedSource { root, facts };
    pollster::block_on(build(
        engine,
        &source,
        request,
        &(),
        &CancelToken::default(),
    ))
}

fn engine(triggers: &[&str]) -> (ScriptedEngine, BuildRequest) {
    let engine = ScriptedEngine::new();
    engine.add_image("node", |config| *config = triggered(triggers).config);
    let mut request = BuildRequest::new("app".parse().unwrap(), "node".parse().unwrap());
    request.tag = Some("web".parse().unwrap());
    (engine, request)
}

#[test]
fn triggers_run_in_one_container_in_their_order() {
    let (engine, request) = engine(&["COPY m*.rs render/ /app/", "USER 7", "RUN one", "RUN two"]);
    run(&engine, &request).unwrap();
    assert_snapshot!(engine.journal(), @r"
    resolve node
    resolve web:latest
    start node
    unpack into /app
    unpack into /app
    identify 7
    exec /bin/sh -c one
    identify 7
    exec /bin/sh -c two
    commit node
    discard node
    ");
    let programs = engine.model().programs.clone();
    assert!(programs.iter().all(|program| program.user == "7"));
    assert_eq!(engine.live_containers(), 0);
}

#[test]
fn failed_trigger_ends_the_build_and_leaves_nothing() {
    let (engine, request) = engine(&["RUN false"]);
    engine.model().exits.insert("node".into(), Exit::Code(3));
    let failed = run(&engine, &request).unwrap_err();
    assert_eq!(
        failed.to_string(),
        "`ONBUILD RUN false` of `node` failed with status 3"
    );
    assert!(matches!(
        failed.error,
        BuildError::Script {
            script: Command::Trigger(_),
            exit: Exit::Code(3),
            ..
        }
    ));
    assert_eq!((engine.live_containers(), engine.tags()), (0, Vec::new()));
}

/// The number of a name is known in the container alone.
#[test]
fn user_of_a_trigger_is_checked_in_the_container() {
    let (engine, mut request) = engine(&["USER app", "RUN id"]);
    engine.model().users.insert("app".into(), 5);
    request.allowed_uids = "7".parse().unwrap();
    let failed = run(&engine, &request).unwrap_err();
    assert!(
        failed
            .to_string()
            .starts_with("`ONBUILD RUN id` would run as uid 5"),
        "{failed}"
    );
    assert!(engine.model().programs.is_empty());
    assert_eq!(engine.live_containers(), 0);
    request.allowed_uids = "5".parse().unwrap();
    run(&engine, &request).unwrap();
}
