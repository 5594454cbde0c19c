//! Credentials go to the registry that they are for, in the one call that needs them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use s2i_build::request::PullPolicy;
use s2i_core::ImageRef;
use serde_json::{Value, json};

use crate::{
    daemon::{Call, Knobs},
    scene::Scene,
};

const HEADERS: [&str; 2] = ["x-registry-auth", "x-registry-config"];

/// Pulls an image with this configuration and tells what went along.
async fn sent_for(image: &str, auths: Value) -> Option<Value> {
    let dir = tempfile::tempdir().unwrap();
    let config = json!({ "auths": auths }).to_string();
    std::fs::write(dir.path().join("config.json"), config).unwrap();
    let mut scene = Scene::with_config(Knobs::default(), Some(dir.path().into()));
    scene.image = image.to_owned();
    let (committed, cleaned) = scene.build().await;
    cleaned.unwrap();
    committed.unwrap();
    scene.daemon.check();
    let calls = scene.daemon.model().calls.clone();
    let has_some = |call: &&Call| HEADERS.iter().any(|name| call.headers.contains_key(*name));
    let with: Vec<_> = calls.iter().filter(has_some).collect();
    assert!(
        with.iter().all(|call| call.path == "/images/create"),
        "{with:?}"
    );
    let header = with.first()?.headers.get(HEADERS[0])?;
    Some(serde_json::from_slice(&STANDARD.decode(header).unwrap()).unwrap())
}

fn auth(text: &str) -> Value {
    json!({ "auth": STANDARD.encode(text) })
}

/// Engines look at name and password; only clients know the form of the file.
#[tokio::test]
async fn the_matching_registry_gets_name_and_password() {
    let auths = json!({
        "registry.test:5000": auth("me:pass:word"),
        "other.test": auth("other:secret"),
    });
    let sent = sent_for("registry.test:5000/team/go:1", auths)
        .await
        .unwrap();
    assert_eq!(sent["username"], "me");
    assert_eq!(sent["password"], "pass:word");
    assert_eq!(sent["serveraddress"], "registry.test:5000");
    assert!(!sent.to_string().contains("secret"));
}

#[tokio::test]
async fn another_registry_gets_nothing() {
    let auths = || json!({"registry.test": auth("me:secret"), "registry.test:5000": auth("me:x")});
    assert_eq!(sent_for("registry.test:5001/go", auths()).await, None);
    assert_eq!(sent_for("evil.registry.test/go", auths()).await, None);
    assert_eq!(sent_for("go", auths()).await, None);
}

#[tokio::test]
async fn the_registry_without_a_name_has_its_old_key() {
    let bare: ImageRef = "image".parse().unwrap();
    let full = bare.normalised();
    let host = full.split('/').next().unwrap();
    let auths = || {
        let key = format!("https://index.{host}/v1/");
        json!({ key: auth("me:secret") })
    };
    for image in [
        "go".to_owned(),
        "s2i/go".to_owned(),
        format!("{host}/s2i/go"),
    ] {
        let sent = sent_for(&image, auths()).await.unwrap();
        assert_eq!(sent["password"], "secret", "{image}");
    }
}

#[tokio::test]
async fn a_token_takes_the_place_of_a_password() {
    let auths = json!({"registry.test": {"auth": "", "identitytoken": "long"}});
    let sent = sent_for("registry.test/go", auths).await.unwrap();
    assert_eq!(sent["identitytoken"], "long");
}

#[tokio::test]
async fn an_image_that_is_there_needs_none() {
    let scene = Scene::new(Knobs::default());
    scene.daemon.model().images.insert(scene.image.clone());
    scene.resolve(PullPolicy::IfNotPresent).await.unwrap();
    assert_eq!(scene.daemon.count(crate::daemon::Endpoint::Pull), 0);
}
