//! Builds of OpenShift as commands.

use s2i_kube::{document::read, openshift::migrate};

/// Returns the commands and the notes of the builds in a text.
fn migrated(text: &str) -> Vec<(String, Vec<String>)> {
    let builds = migrate(&read(text).unwrap()).into_iter();
    builds
        .map(|build| (build.command.unwrap_or_default().join(" "), build.notes))
        .collect()
}

#[test]
fn build_becomes_a_command_with_the_image_of_its_stream() {
    let text = "
kind: List
items:
- kind: ImageStream
  metadata: {name: golang}
  spec: {tags: [{name: '1.22', from: {kind: DockerImage, name: 'registry.example.org/golang:1.22'}}]}
- kind: BuildConfig
  metadata: {name: hello}
  spec:
    source: {git: {uri: 'https://git.example.org/hello.git', ref: main}, contextDir: cmd}
    strategy:
      sourceStrategy:
        from: {kind: ImageStreamTag, name: 'golang:1.22'}
        env: [{name: GOFLAGS, value: -mod=vendor}]
        incremental: true
        forcePull: true
        scripts: https://example.org/scripts
    output: {to: {kind: DockerImage, name: 'registry.example.org/hello:1'}, imageLabels: [{name: a, value: b}]}
    resources: {limits: {memory: 512Mi, cpu: 1500m}}
";
    assert_eq!(
        migrated(text),
        [(
            "s2i build --env GOFLAGS=-mod=vendor --incremental --pull-policy always --scripts-url \
             https://example.org/scripts --memory 512m --cpus 1.500 --label a=b --context-dir cmd --push -- \
             https://git.example.org/hello.git#main registry.example.org/golang:1.22 registry.example.org/hello:1"
                .to_owned(),
            Vec::new()
        )]
    );
}

#[test]
fn settings_without_an_option_are_noted() {
    let text = "
kind: BuildConfig
metadata: {name: hello}
spec:
  source: {binary: {}, sourceSecret: {name: git}, secrets: []}
  strategy: {sourceStrategy: {from: {kind: ImageStreamTag, name: 'golang:1'}, env: [{name: T, valueFrom: {secretKeyRef: {}}}]}}
  output: {to: {kind: ImageStreamTag, name: 'hello:1'}}
  postCommit: {script: make test}
  triggers: [{type: ConfigChange}]
";
    let builds = migrated(text);
    let (command, notes) = &builds[0];
    assert_eq!(command, "s2i build --push -- . golang:1 hello:1");
    let subjects: Vec<&str> = notes
        .iter()
        .map(|note| note.split([':', ',']).next().unwrap())
        .collect();
    assert_eq!(
        subjects,
        [
            "the variable `T` has its value in another object",
            "the source comes with each build",
            "`golang",
            "`hello",
            "spec.source.sourceSecret",
            "spec.postCommit",
            "spec.triggers",
        ]
    );
}

#[test]
fn build_without_a_builder_has_no_command() {
    let text = "{kind: BuildConfig, metadata: {name: a}, spec: {strategy: {dockerStrategy: {}}}}";
    let builds = migrated(text);
    assert_eq!(builds[0].0, "");
    assert!(builds[0].1[0].contains("--runtime-artifact"), "{builds:?}");
    assert!(migrated("kind: Pod").is_empty());
}
