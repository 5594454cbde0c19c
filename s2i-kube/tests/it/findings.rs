//! The linter.

use s2i_kube::{
    document::read,
    lint::{Severity, lint},
};

/// Returns the findings as lines, without notes.
fn found(text: &str) -> Vec<String> {
    let findings = lint(&read(text).unwrap()).into_iter();
    let findings = findings.filter(|finding| finding.severity > Severity::Note);
    findings
        .map(|finding| format!("{} {} {}", finding.severity, finding.path, finding.rule))
        .collect()
}

fn notes(text: &str) -> Vec<String> {
    let findings = lint(&read(text).unwrap()).into_iter();
    let findings = findings.filter(|finding| finding.severity == Severity::Note);
    findings
        .map(|finding| format!("{} {}", finding.path, finding.rule))
        .collect()
}

/// A build with this source, strategy and list of triggers.
fn build(source: &str, strategy: &str, triggers: &str) -> String {
    format!(
        "apiVersion: build.openshift.io/v1\nkind: BuildConfig\nmetadata: {{name: app}}\nspec:\n  source: {source}\n  \
         strategy: {strategy}\n  output: {{to: {{kind: ImageStreamTag, name: 'app:1'}}}}\n  triggers: {triggers}\n"
    )
}

const GIT: &str = "{git: {uri: 'https://git.example.org/app.git'}}";
const DOCKER: &str = "{type: Docker, dockerStrategy: {}}";
const SOURCE: &str =
    "{type: Source, sourceStrategy: {from: {kind: ImageStreamTag, name: 'golang:1'}}}";

#[test]
fn trigger_without_a_type_is_found() {
    let text = build(
        GIT,
        SOURCE,
        "[{type: ConfigChange}, {imageChange: {type: ImageChange}}]",
    );
    assert_eq!(
        found(&text),
        ["error spec.triggers[1].type untyped-trigger"]
    );
    let finding = &lint(&read(&text).unwrap())[0];
    assert_eq!(
        finding.to_string(),
        "BuildConfig/app spec.triggers[1].type: error: the trigger has no type, so the API refuses the object \
         [untyped-trigger]; write `{type: ImageChange, imageChange: {}}`: the type belongs beside `imageChange`"
    );
}

#[test]
fn trigger_without_an_image_is_found() {
    let dead = ["error spec.triggers[0].imageChange dead-trigger"];
    for trigger in [
        "{type: ImageChange, imageChange: {}}",
        "{type: ImageChange}",
    ] {
        assert_eq!(found(&build(GIT, DOCKER, &format!("[{trigger}]"))), dead);
        assert!(found(&build(GIT, SOURCE, &format!("[{trigger}]"))).is_empty());
    }
    let registry = "{dockerStrategy: {from: {kind: DockerImage, name: 'golang:1'}}}";
    assert_eq!(
        found(&build(
            GIT,
            registry,
            "[{type: ImageChange, imageChange: {}}]"
        )),
        dead
    );
}

#[test]
fn remedy_of_a_dead_trigger_names_the_image_that_is_copied() {
    let source = "{dockerfile: 'FROM scratch', images: [{from: {kind: ImageStreamTag, name: 'app-build:1.0'}, \
                  paths: [{sourcePath: /app, destinationDir: .}]}]}";
    let text = build(source, DOCKER, "[{type: ImageChange, imageChange: {}}]");
    let finding = &lint(&read(&text).unwrap())[0];
    assert!(
        finding.remedy.contains("name: \"app-build:1.0\""),
        "{finding}"
    );
    let alive =
        "[{type: ImageChange, imageChange: {from: {kind: ImageStreamTag, name: 'app-build:1.0'}}}]";
    assert!(found(&build(source, DOCKER, alive)).is_empty());
}

#[test]
fn trigger_of_an_image_in_a_registry_is_found() {
    let trigger =
        "[{type: ImageChange, imageChange: {from: {kind: DockerImage, name: 'golang:1'}}}]";
    assert_eq!(
        found(&build(GIT, DOCKER, trigger)),
        ["error spec.triggers[0].imageChange.from.kind dead-trigger"]
    );
}

#[test]
fn two_triggers_of_one_tag_are_found() {
    let same = "[{type: ImageChange, imageChange: {}}, \
                {type: ImageChange, imageChange: {from: {kind: ImageStreamTag, name: 'golang:1'}}}]";
    assert_eq!(
        found(&build(GIT, SOURCE, same)),
        ["error spec.triggers[1].imageChange same-tag"]
    );
    let other = "[{type: ImageChange, imageChange: {}}, \
                 {type: ImageChange, imageChange: {from: {kind: ImageStreamTag, name: 'golang:1', namespace: b}}}]";
    assert!(found(&build(GIT, SOURCE, other)).is_empty());
}

#[test]
fn secret_of_a_webhook_in_the_object_is_found() {
    let triggers = "[{type: GitHub, github: {secret: abc}}, {type: Generic, generic: {secretReference: {name: hook}}}, \
                    {type: GitLab, gitlab: {}}, {type: Gitea}]";
    assert_eq!(
        found(&build(GIT, SOURCE, triggers)),
        [
            "warning spec.triggers[0].github.secret inline-secret",
            "error spec.triggers[2].gitlab webhook-without-secret",
            "error spec.triggers[3].type untyped-trigger",
        ]
    );
}

#[test]
fn other_than_one_strategy_is_found() {
    let two =
        "{dockerStrategy: {}, sourceStrategy: {from: {kind: ImageStreamTag, name: 'golang:1'}}}";
    for strategy in [two, "{type: Docker}"] {
        assert_eq!(
            found(&build(GIT, strategy, "[]")),
            ["error spec.strategy one-strategy"]
        );
    }
}

#[test]
fn git_with_binary_and_triggers_of_binary_are_found() {
    let both = "{git: {uri: 'https://git.example.org/app.git'}, binary: {}}";
    assert_eq!(
        found(&build(both, DOCKER, "[]")),
        ["error spec.source git-and-binary"]
    );
    assert_eq!(
        found(&build(
            "{type: Binary, binary: {}}",
            SOURCE,
            "[{type: ConfigChange}]"
        )),
        ["warning spec.triggers dead-trigger"]
    );
}

#[test]
fn paths_that_the_api_refuses_are_found() {
    let source = "{dockerfile: 'FROM scratch', images: [{from: {kind: ImageStreamTag, name: 'a:1'}, paths: [\
                  {sourcePath: app, destinationDir: /app}, {sourcePath: /app, destinationDir: ../app}]}, \
                  {from: {kind: ImageStreamTag, name: 'b:1'}}], \
                  secrets: [{secret: {name: s}, destinationDir: /s}, {secret: {name: s}}]}";
    assert_eq!(
        found(&build(source, DOCKER, "[]")),
        [
            "error spec.source.images[0].paths[0].destinationDir image-paths",
            "error spec.source.images[0].paths[0].sourcePath image-paths",
            "error spec.source.images[0].paths[1].destinationDir image-paths",
            "error spec.source.images[1].paths image-paths",
            "error spec.source.secrets[0].destinationDir secret-directory",
        ]
    );
}

#[test]
fn long_inline_dockerfile_is_found() {
    let source = |length| format!("{{dockerfile: '{}'}}", "x".repeat(length));
    assert!(found(&build(&source(59_999), DOCKER, "[]")).is_empty());
    assert_eq!(
        found(&build(&source(60_000), DOCKER, "[]")),
        ["error spec.source.dockerfile long-dockerfile"]
    );
}

#[test]
fn build_that_starts_itself_is_found() {
    let strategy = "{sourceStrategy: {from: {kind: ImageStreamTag, name: 'app:1'}}}";
    assert_eq!(
        found(&build(GIT, strategy, "[]")),
        ["warning spec.output.to.name endless-builds"]
    );
}

#[test]
fn socket_of_an_engine_is_found_in_every_kind_of_pod() {
    let pod = |path: &str| {
        format!("{{volumes: [{{name: d, hostPath: {{path: {path}}}}}], restartPolicy: Never}}")
    };
    for path in [
        "/var/run/docker.sock",
        "/run/containerd/containerd.sock",
        "/var/run",
    ] {
        let text = format!("kind: Job\nspec: {{template: {{spec: {}}}}}", pod(path));
        assert_eq!(
            found(&text),
            ["warning spec.template.spec.volumes[0].hostPath.path docker-socket"]
        );
    }
    assert!(found(&format!("kind: Pod\nspec: {}", pod("/data"))).is_empty());
    let task = "kind: Task\nspec: {volumes: [{name: d, hostPath: {path: /run/docker.sock}}], \
                steps: [{name: b, securityContext: {privileged: true}}]}";
    assert_eq!(
        found(task),
        [
            "warning spec.steps[0].securityContext.privileged privileged",
            "warning spec.volumes[0].hostPath.path docker-socket",
        ]
    );
}

#[test]
fn builds_of_kubesphere_are_warned_of() {
    let text = "kind: S2iBuilder\nmetadata: {name: b}\nspec: {config: {imageName: i, sourceUrl: u, incremental: true, \
                runtimeImage: r, gitSecretRef: {name: g}, pushAuthentication: {username: me, password: pass}}}\n---\n\
                kind: S2iRun\nmetadata: {name: r}\nspec: {builderName: b, backoffLimit: 2}";
    assert_eq!(
        found(text),
        [
            "warning spec.config docker-socket",
            "warning spec.config.gitSecretRef login-in-configmap",
            "error spec.config.incremental incremental-runtime",
            "warning spec.config.pushAuthentication login-in-configmap",
            "warning spec.config.pushAuthentication.password secret-in-object",
            "warning spec.backoffLimit kubesphere-retry",
        ]
    );
}

#[test]
fn secrets_in_config_maps_and_variables_are_found() {
    let text = "kind: ConfigMap\nmetadata: {name: c}\ndata:\n  config.json: '{\"auths\": {}}'\n  db-password: abc\n  \
                password-file: /run/p\n  color: red\n---\nkind: Pod\nspec: {containers: [{env: [\
                {name: API_TOKEN, value: abc}, {name: TOKEN_FILE, value: abc}, \
                {name: PASSWORD, valueFrom: {secretKeyRef: {name: s, key: k}}}]}]}\n---\n\
                kind: Secret\nstringData: {password: abc}";
    assert_eq!(
        found(text),
        [
            "warning data.\"config.json\" secret-in-configmap",
            "warning data.db-password secret-in-configmap",
            "warning spec.containers[0].env[0].value secret-in-object",
        ]
    );
}

#[test]
fn login_in_a_url_is_found() {
    let git = "{git: {uri: 'https://me:pass@git.example.org/app.git'}}";
    assert_eq!(
        found(&build(git, SOURCE, "[]")),
        ["warning spec.source.git.uri secret-in-object"]
    );
}

#[test]
fn values_that_are_no_texts_are_found() {
    let text = "kind: Pod\nmetadata: {labels: {a: y, b: 'y', c: 1.10, d: 0777}, annotations: {x: on}}\n\
                spec: {containers: [{env: [{name: A, value: 1}, {name: B, value: '1'}]}]}\n---\n\
                kind: ConfigMap\ndata: {a: yes, b: text}";
    assert_eq!(
        found(text),
        [
            "error metadata.annotations.x unquoted-text",
            "error metadata.labels.a unquoted-text",
            "error metadata.labels.c unquoted-text",
            "error metadata.labels.d unquoted-text",
            "error spec.containers[0].env[0].value unquoted-text",
            "error data.a unquoted-text",
        ]
    );
}

#[test]
fn restart_policies_that_the_api_refuses_are_found() {
    let job = |spec: &str| format!("kind: Job\nspec: {{{spec}}}");
    let refused = ["error spec.template.spec.restartPolicy restart-policy"];
    assert_eq!(found(&job("template: {spec: {}}")), refused);
    assert_eq!(
        found(&job("template: {spec: {restartPolicy: Always}}")),
        refused
    );
    assert_eq!(
        found(&job(
            "podFailurePolicy: {rules: []}, template: {spec: {restartPolicy: OnFailure}}"
        )),
        refused
    );
    assert!(found(&job("template: {spec: {restartPolicy: Never}}")).is_empty());
    assert_eq!(
        found("kind: CronJob\nspec: {jobTemplate: {spec: {template: {spec: {}}}}}"),
        ["error spec.jobTemplate.spec.template.spec.restartPolicy restart-policy"]
    );
    assert_eq!(
        found("kind: Deployment\nspec: {template: {spec: {restartPolicy: Never}}}"),
        refused
    );
}

#[test]
fn names_without_a_digest_are_noted() {
    let digest = format!("golang@sha256:{}", "0".repeat(64));
    let text = format!(
        "kind: Pod\nspec: {{initContainers: [{{image: '{digest}'}}], containers: [{{image: 'golang:1'}}, {{image: ' '}}, \
         {{image: $(params.IMAGE)}}]}}\n---\n{}",
        build(
            GIT,
            "{sourceStrategy: {from: {kind: DockerImage, name: golang}}}",
            "[]"
        )
    );
    assert_eq!(
        notes(&text),
        [
            "spec.containers[0].image mutable-tag",
            "spec.strategy.sourceStrategy.from.name mutable-tag",
        ]
    );
}

#[test]
fn objects_of_other_shapes_are_no_panic() {
    for text in [
        "[1, 2]",
        "text",
        "kind: BuildConfig",
        "kind: BuildConfig\nspec: {triggers: {a: 1}, strategy: []}",
        "kind: 1",
    ] {
        let _ = lint(&read(text).unwrap());
    }
}

#[test]
fn documents_are_counted() {
    let text = "kind: A\n---\nkind: Pod\nmetadata: {labels: {a: y}}";
    let found = lint(&read(text).unwrap());
    assert_eq!((found[0].document, found[0].object.as_str()), (2, "Pod/-"));
}
