//! Applications from source to their pods.

use insta::assert_snapshot;
use s2i_core::ErrorChain;
use s2i_kube::{
    document::{Format, write},
    openshift::{Chain, NewApp, builder_and_source},
};

use crate::schemas::assert_valid;

fn new_app(text: &str) -> NewApp {
    let (builder, source) = builder_and_source(text).unwrap();
    NewApp::new(Chain::new("simpleweb".parse().unwrap(), source, builder))
}

#[test]
fn imported_builder_and_all_that_runs_the_application_are_written() {
    let mut app = new_app("quay.io/me/gobuilder~https://git.example.org/simple-web#v1");
    app.ports = vec!["8080:http".parse().unwrap()];
    let objects = app.objects().unwrap();
    assert_valid(&objects);
    assert_eq!(s2i_kube::lint::lint(&objects), []);
    assert_snapshot!("new-app", write(&objects, Format::Yaml));
}

#[test]
fn builder_without_a_registry_is_a_tag_of_a_stream() {
    let objects = new_app("common/gobuilder~https://git.example.org/simple-web")
        .objects()
        .unwrap();
    assert_valid(&objects);
    let kinds: Vec<_> = objects
        .iter()
        .map(|object| object["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["ImageStream", "BuildConfig", "Deployment"]);
    let from = &objects[1]["spec"]["strategy"]["sourceStrategy"]["from"];
    assert_eq!(from["name"], "gobuilder:latest");
    assert_eq!(from["namespace"], "common");
}

#[test]
fn image_in_another_registry_is_pulled_with_the_secret_of_its_push() {
    let mut app = new_app("golang~https://git.example.org/simple-web");
    app.chain.push_to = Some("registry.example.org/me/web:1".parse().unwrap());
    app.chain.push_secret = Some("login".parse().unwrap());
    let objects = app.objects().unwrap();
    let pod = &objects.last().unwrap()["spec"]["template"]["spec"];
    assert_eq!(
        pod["containers"][0]["image"],
        "registry.example.org/me/web:1"
    );
    assert_eq!(pod["imagePullSecrets"][0]["name"], "login");
}

#[test]
fn texts_without_a_builder_and_a_source_are_refused() {
    let error = |text: &str| ErrorChain(&builder_and_source(text).unwrap_err()).to_string();
    for text in ["golang", "~https://git.example.org/a", "golang~", ""] {
        assert_eq!(error(text), format!("`{text}` is no BUILDER~URL"));
    }
    assert!(
        error("a/b/c~https://git.example.org/a").starts_with("the builder of `a/b/c` is no tag")
    );
    assert!(
        error("quay.io/A~https://git.example.org/a")
            .starts_with("the builder of `quay.io/A` is no image")
    );
    assert!(
        error("quay.io/me/1~https://git.example.org/a").starts_with("no name for an image stream")
    );
}
