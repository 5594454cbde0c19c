//! Credentials stay with the host that they are for.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use s2i_oci::{
    credentials::CredentialStore,
    registry::{Options, Registry},
};

use crate::{
    image::{Image, named, options},
    server::{Reply, Request, Server},
};

/// The logins of Docker in this directory.
pub(crate) fn store(dir: &std::path::Path) -> CredentialStore {
    CredentialStore {
        files: vec![dir.join("config.json")],
        ..CredentialStore::default()
    }
}

/// A way to registries with the password `top-secret` of the user `me` at the server.
pub(crate) fn logged_in(dir: &std::path::Path, server: &Server) -> Registry {
    let auth = STANDARD.encode("me:top-secret");
    let server = server.address.to_string();
    let config = serde_json::json!({"auths": {server: {"auth": auth}}});
    std::fs::write(dir.join("config.json"), config.to_string()).unwrap();
    Registry::new(Options {
        credentials: store(dir),
        ..options()
    })
    .unwrap()
}

/// Refuses requests without the password.
pub(crate) fn guarded(request: &Request, answer: impl FnOnce() -> Reply) -> Reply {
    let expected = format!("Basic {}", STANDARD.encode("me:top-secret"));
    if request.header("authorization") == Some(&expected) {
        answer()
    } else {
        Reply::new(401).header("WWW-Authenticate", r#"Basic realm="x""#)
    }
}

#[tokio::test]
async fn storage_does_not_get_the_password() {
    let image = Arc::new(Image::new(1, 1000));
    let storage = image.serve();
    let address = storage.address;
    let server = Server::start(move |request| {
        guarded(request, || {
            let location = format!("http://{address}{}", request.path);
            Reply::new(307).header("Location", &location)
        })
    });
    let dir = tempfile::tempdir().unwrap();
    let registry = logged_in(dir.path(), &server);
    let name = named(&server, ":1");
    let file = dir.path().join("blob");
    registry
        .blob(&name, &image.layer(), &file, &|_| ())
        .await
        .unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), image.layer);
    assert_eq!(server.log().len(), 2, "refused, then redirected");
    for request in storage.log() {
        assert_eq!(request.header("authorization"), None);
        assert_eq!(request.header("referer"), None);
    }
    assert_eq!(storage.log().len(), 1);
}

#[tokio::test]
async fn uploads_to_storage_do_not_send_the_password() {
    let image = Image::new(1, 1000);
    let storage = Server::start(|_| Reply::new(201));
    let address = storage.address;
    let server = Server::start(move |request| {
        guarded(request, || match request.method.as_str() {
            "HEAD" => Reply::new(404),
            "POST" => Reply::new(202).header("Location", &format!("http://{address}/up?key=1")),
            _ => Reply::new(201),
        })
    });
    let dir = tempfile::tempdir().unwrap();
    let registry = logged_in(dir.path(), &server);
    let name = named(&server, ":1");
    registry
        .push(&name, &image.push(), &|_, _| ())
        .await
        .unwrap();
    assert_eq!(storage.log().len(), 2);
    for request in storage.log() {
        assert!(request.path.starts_with("/up?key=1&digest=sha256%3A"));
        assert_eq!(request.header("authorization"), None);
    }
}

#[tokio::test]
async fn redirect_on_the_same_host_keeps_the_password() {
    let image = Arc::new(Image::new(1, 1000));
    let content = Arc::clone(&image);
    let server = Server::start(move |request| {
        guarded(request, || match request.path.strip_prefix("/moved") {
            Some(_) => content.answer(request).unwrap(),
            None => Reply::new(307).header("Location", &format!("/moved{}", request.path)),
        })
    });
    let dir = tempfile::tempdir().unwrap();
    let registry = logged_in(dir.path(), &server);
    let file = dir.path().join("blob");
    let blob = image.layer();
    let name = named(&server, ":1");
    registry.blob(&name, &blob, &file, &|_| ()).await.unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), image.layer);
}
