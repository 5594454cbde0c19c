//! Chains of builds.

use insta::assert_snapshot;
use s2i_core::{EnvVar, ErrorChain};
use s2i_kube::{
    document::{Format, write},
    openshift::{
        Builder, Chain, Git, ImagePath, Import, InlineDockerfile, Runtime, Source, builder, git,
        import,
    },
};
use serde_json::Value;

use crate::schemas::assert_valid;

/// An application of Go, whose builder is built from a Dockerfile too, and whose image has its program alone.
fn golang() -> Chain {
    let base = import("golang:1.22".parse().unwrap()).unwrap();
    let builder = Builder::Build {
        source: git("https://git.example.org/golang-s2i.git#main"),
        base: Some(base),
        dockerfile_path: None,
        to: "golang-builder:1.22".parse().unwrap(),
    };
    let source = Source::Git(Git {
        secret: Some("git-login".parse().unwrap()),
        context_dir: Some("cmd/hello".into()),
        ..git("https://git.example.org/hello.git")
    });
    let dockerfile = "FROM scratch\nCOPY app /app\nENTRYPOINT [\"/app\"]\n";
    let mut chain = Chain::new("hello".parse().unwrap(), source, builder);
    chain.tag = "1.0".into();
    chain.incremental = true;
    chain.env = vec![EnvVar::new("GOFLAGS", "-mod=vendor").unwrap()];
    chain.runtime = Some(Runtime::Dockerfile {
        dockerfile: InlineDockerfile::new(dockerfile).unwrap(),
        paths: vec![ImagePath::new("/go/src/app/app", ".").unwrap()],
    });
    chain.webhooks = vec!["github=hook".parse().unwrap()];
    chain.deadline = Some(1800);
    chain
}

/// A Node.js application whose artifacts go into a runtime image.
fn node() -> Chain {
    let source = Source::Git(git("https://git.example.org/hello-node.git"));
    let builder = builder("openshift/nodejs").unwrap();
    let mut chain = Chain::new("node-app".parse().unwrap(), source, builder);
    chain.namespace = Some("hello".parse().unwrap());
    chain.runtime = Some(Runtime::Image {
        image: "registry.example.org/node-runtime:20".parse().unwrap(),
        artifacts: "/opt/app-root/src:.".parse().unwrap(),
    });
    chain
}

fn triggers(objects: &[Value]) -> Vec<String> {
    let builds = objects
        .iter()
        .filter(|object| object["kind"] == "BuildConfig");
    builds
        .map(|build| {
            let triggers = build["spec"]["triggers"].as_array();
            let triggers = triggers.into_iter().flatten().map(|trigger| {
                let from = &trigger["imageChange"]["from"]["name"];
                let suffix = from.as_str().map(|name| format!("({name})"));
                format!(
                    "{}{}",
                    trigger["type"].as_str().unwrap(),
                    suffix.unwrap_or_default()
                )
            });
            let triggers: Vec<_> = triggers.collect();
            format!(
                "{}: {}",
                build["metadata"]["name"].as_str().unwrap(),
                triggers.join(" ")
            )
        })
        .collect()
}

#[track_caller]
fn refused(chain: &Chain) -> String {
    ErrorChain(&chain.objects().unwrap_err()).to_string()
}

#[test]
fn a_new_base_image_runs_the_whole_chain() {
    let objects = golang().objects().unwrap();
    assert_valid(&objects);
    assert_eq!(
        triggers(&objects),
        [
            "golang-builder: ConfigChange ImageChange",
            "hello-build: ConfigChange ImageChange GitHub",
            "hello: ConfigChange ImageChange(hello-build:1.0)",
        ]
    );
    assert_snapshot!("chain", write(&objects, Format::Yaml));
}

#[test]
fn a_new_runtime_image_builds_the_last_image_again() {
    let objects = node().objects().unwrap();
    assert_valid(&objects);
    assert_eq!(
        triggers(&objects),
        [
            "node-app-build: ConfigChange ImageChange",
            "node-app: ConfigChange ImageChange ImageChange(node-app-build:latest)",
        ]
    );
    assert_snapshot!("chain-runtime", write(&objects, Format::Yaml));
}

#[test]
fn objects_of_chains_have_no_findings() {
    for chain in [golang(), node()] {
        assert_eq!(s2i_kube::lint::lint(&chain.objects().unwrap()), []);
    }
}

#[test]
fn binary_source_has_no_triggers() {
    let mut chain = golang();
    chain.source = Source::Binary { context_dir: None };
    assert_eq!(
        refused(&chain),
        "no webhook can start a build of `hello`: its source comes with each build"
    );
    chain.webhooks.clear();
    let objects = chain.objects().unwrap();
    assert_valid(&objects);
    assert_eq!(triggers(&objects)[1], "hello-build: ");
}

#[test]
fn image_of_a_registry_starts_no_build() {
    let mut chain = node();
    chain.builder = Builder::Registry("registry.example.org/node:20".parse().unwrap());
    let objects = chain.objects().unwrap();
    assert_valid(&objects);
    assert_eq!(triggers(&objects)[0], "node-app-build: ConfigChange");
}

#[test]
fn result_in_another_registry_is_pushed_with_its_secret() {
    let mut chain = node();
    chain.push_to = Some("registry.example.org/team/node-app:1".parse().unwrap());
    chain.push_secret = Some("push-login".parse().unwrap());
    let objects = chain.objects().unwrap();
    assert_valid(&objects);
    let builds: Vec<_> = objects
        .iter()
        .filter(|object| object["kind"] == "BuildConfig")
        .collect();
    assert!(builds[0]["spec"]["output"]["pushSecret"].is_null());
    let output = &builds[1]["spec"]["output"];
    assert_eq!(output["pushSecret"]["name"], "push-login");
    assert_eq!(output["to"]["name"], "registry.example.org/team/node-app:1");
}

#[test]
fn builder_of_a_common_project_is_shared_with_the_application() {
    let mut chain = node();
    let mut import = import("registry.example.org/me/gobuilder".parse().unwrap()).unwrap();
    import.to.namespace = Some("common".parse().unwrap());
    chain.builder = Builder::Import(import.clone());
    let objects = chain.objects().unwrap();
    assert_valid(&objects);
    assert_snapshot!(write(&objects[..2], Format::Yaml), @r#"
    apiVersion: image.openshift.io/v1
    kind: ImageStream
    metadata:
      name: gobuilder
      namespace: common
      labels:
        app.kubernetes.io/component: build
        app.kubernetes.io/managed-by: s2i
        app.kubernetes.io/name: node-app
    spec:
      tags:
      - name: latest
        from:
          kind: DockerImage
          name: registry.example.org/me/gobuilder:latest
        importPolicy:
          scheduled: true
        referencePolicy:
          type: Local
    ---
    apiVersion: rbac.authorization.k8s.io/v1
    kind: RoleBinding
    metadata:
      name: hello-image-puller
      namespace: common
      labels:
        app.kubernetes.io/component: build
        app.kubernetes.io/managed-by: s2i
        app.kubernetes.io/name: node-app
    roleRef:
      kind: ClusterRole
      name: system:image-puller
      apiGroup: rbac.authorization.k8s.io
    subjects:
    - kind: Group
      name: system:serviceaccounts:hello
      apiGroup: rbac.authorization.k8s.io
    "#);
    chain.namespace = None;
    assert_eq!(
        refused(&chain),
        "the builder `common/gobuilder:latest` can't be shared with a namespace that has no name: name the namespace of \
         `node-app`"
    );
    // Every user of the platform may pull from there.
    import.to.namespace = Some("openshift".parse().unwrap());
    chain.builder = Builder::Import(import);
    let kinds: Vec<_> = chain
        .objects()
        .unwrap()
        .into_iter()
        .map(|mut object| object["kind"].take())
        .collect();
    assert!(!kinds.contains(&"RoleBinding".into()), "{kinds:?}");
}

#[test]
fn import_of_a_digest_is_not_repeated() {
    let digest = format!("golang@sha256:{}", "0".repeat(64)).parse().unwrap();
    let import = Import::new("golang:1".parse().unwrap(), digest);
    let stream = import.object(None);
    assert_eq!(
        stream["spec"]["tags"][0]["importPolicy"]["scheduled"],
        false
    );
}

#[test]
fn chain_that_would_start_itself_is_refused() {
    let mut chain = node();
    chain.builder = builder("node-app").unwrap();
    assert_eq!(
        refused(&chain),
        "`node-app` has the image stream `node-app` twice in its chain, where a build would start itself: give the \
         application or the builder another name"
    );
    let mut chain = golang();
    chain.builder = Builder::Build {
        source: git("https://git.example.org/golang-s2i.git"),
        base: Some(import("golang:1.22".parse().unwrap()).unwrap()),
        dockerfile_path: None,
        to: "golang:s2i".parse().unwrap(),
    };
    assert!(refused(&chain).contains("`golang` twice"));
}

#[test]
fn artifact_outside_of_the_image_is_refused() {
    let mut chain = node();
    chain.runtime = Some(Runtime::Image {
        image: "scratch".parse().unwrap(),
        artifacts: "app:.".parse().unwrap(),
    });
    assert_eq!(
        refused(&chain),
        "no Dockerfile can be made for the image of `node-app`: the artifact can't be copied: the artifact `app` must \
         be an absolute path in the builder image"
    );
}
