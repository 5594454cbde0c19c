//! Applications that run.

use insta::assert_snapshot;
use s2i_core::EnvVar;
use s2i_kube::{
    app::{App, AppError, AppImage, Probe},
    document::{Format, write},
};
use serde_json::json;

fn app(image: AppImage) -> App {
    App::new("web".parse().unwrap(), image)
}

fn registry() -> AppImage {
    AppImage::Registry("registry.example.org/team/web:1".parse().unwrap())
}

#[test]
fn application_with_ports_has_a_service() {
    let mut app = app(registry());
    app.namespace = Some("shop".parse().unwrap());
    app.ports = ["8080:http", "9090"]
        .map(|port| port.parse().unwrap())
        .into();
    app.env = vec![
        EnvVar::new("ANSWER", "yes").unwrap(),
        EnvVar::new("PRICE", "$(1)").unwrap(),
    ];
    app.readiness = Some(Probe::Http("/ready".into()));
    app.liveness = Some(Probe::Tcp);
    app.uid = Some(1001);
    app.pull_secret = Some("registry.example".parse().unwrap());
    assert_snapshot!("app", write(&app.objects().unwrap(), Format::Yaml));
}

#[test]
fn application_without_ports_has_no_service() {
    let objects = app(registry()).objects().unwrap();
    assert_eq!(objects.len(), 1);
    let container = &objects[0]["spec"]["template"]["spec"]["containers"][0];
    for absent in ["ports", "env", "readinessProbe", "livenessProbe"] {
        assert!(container[absent].is_null(), "{absent}");
    }
}

#[test]
fn image_of_a_stream_comes_from_its_trigger() {
    let tag = "common/web:1".parse().unwrap();
    let objects = app(AppImage::Stream(tag)).objects().unwrap();
    let annotation = &objects[0]["metadata"]["annotations"]["image.openshift.io/triggers"];
    let triggers: serde_json::Value = serde_json::from_str(annotation.as_str().unwrap()).unwrap();
    assert_eq!(
        triggers,
        json!([{
            "from": {"kind": "ImageStreamTag", "name": "web:1", "namespace": "common"},
            "fieldPath": "spec.template.spec.containers[?(@.name==\"web\")].image",
        }])
    );
    let container = &objects[0]["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], " ");
}

#[test]
fn check_without_a_port_is_refused() {
    let mut app = app(registry());
    app.readiness = Some(Probe::Tcp);
    app.ports = vec!["53/udp".parse().unwrap()];
    let expected = AppError::ProbeWithoutPort("web".parse().unwrap());
    assert_eq!(app.objects(), Err(expected));
}

#[test]
fn first_port_of_tcp_is_checked() {
    let mut app = app(registry());
    app.readiness = Some(Probe::Tcp);
    app.ports = ["53/udp:dns", "80:http"]
        .map(|port| port.parse().unwrap())
        .into();
    let objects = app.objects().unwrap();
    let container = &objects[0]["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["readinessProbe"]["tcpSocket"]["port"], "http");
}
