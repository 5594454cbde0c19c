//! Objects of KubeSphere.

use insta::assert_snapshot;
use s2i_core::EnvVar;
use s2i_kube::{
    document::{Format, write},
    kubesphere::{Builder, KubeSphereError, Template},
    openshift::{Git, git},
};

use crate::schemas::assert_valid;

fn builder() -> Builder {
    Builder {
        name: "web".parse().unwrap(),
        namespace: Some("shop".parse().unwrap()),
        source: Git {
            secret: Some("git-login".parse().unwrap()),
            context_dir: Some("src".into()),
            ..git("https://git.example.org/web.git#main")
        },
        builder: "registry.example.org/go:1".parse().unwrap(),
        runtime: Some((
            "registry.example.org/base:1".parse().unwrap(),
            "/opt/app:.".parse().unwrap(),
        )),
        incremental: false,
        env: vec![EnvVar::new("PRICE", "$(1)").unwrap()],
        output: "registry.example.org:5000/shop/web:1.10".parse().unwrap(),
        push_secret: Some("push-login".parse().unwrap()),
    }
}

#[test]
fn template_builder_and_run_are_written() {
    let template = Template {
        name: "go".parse().unwrap(),
        framework: "go".into(),
        version: "1.10".into(),
        description: "Go applications".into(),
        builder: "registry.example.org/go:1".parse().unwrap(),
        runtime: builder().runtime,
    };
    let mut objects = vec![template.object()];
    objects.extend(builder().objects().unwrap());
    assert_valid(&objects);
    assert_snapshot!("kubesphere", write(&objects, Format::Yaml));
}

#[test]
fn runtime_image_and_increments_exclude_each_other() {
    let mut both = builder();
    both.incremental = true;
    let expected = KubeSphereError::IncrementalRuntime("web".parse().unwrap());
    assert_eq!(both.objects(), Err(expected));
    both.runtime = None;
    let objects = both.objects().unwrap();
    assert_valid(&objects);
    assert_eq!(objects[0]["spec"]["config"]["incremental"], true);
}

#[test]
fn digest_of_the_result_is_refused() {
    let mut builder = builder();
    builder.output = format!("web@sha256:{}", "0".repeat(64)).parse().unwrap();
    assert!(matches!(builder.objects(), Err(KubeSphereError::Digest(_))));
}
