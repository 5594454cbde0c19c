//! Registries without a certificate that can be verified, and without TLS, that are not on loopback: `0.0.0.0` leads to
//! this machine too, but is no loopback address.

use std::sync::{Arc, Mutex};

use s2i_core::ImageRef;
use s2i_oci::registry::{Insecure, InsecureObserver, Insecurity, Options, Registry, RegistryError};

use crate::{
    image::{Image, amd64, chain, options},
    model::Model,
    redirects::{guarded, store},
    server::{Reply, Server},
};

/// The insecure registries that were observed.
type Observed = Arc<Mutex<Vec<(String, Insecurity)>>>;

/// The name of the server as a registry that is not on loopback.
fn registry_of(server: &Server) -> String {
    format!("0.0.0.0:{}", server.address.port())
}

fn image_of(server: &Server, rest: &str) -> ImageRef {
    format!("{}/team/app{rest}", registry_of(server))
        .parse()
        .unwrap()
}

fn named(names: &[String]) -> Insecure {
    Insecure::Named(names.iter().cloned().collect())
}

/// A client for these insecure registries.
fn client(insecure: Insecure, observed: &Observed, rest: Options) -> Registry {
    let observed = Arc::clone(observed);
    let observe = move |registry: &str, insecurity| {
        observed
            .lock()
            .unwrap()
            .push((registry.to_owned(), insecurity));
    };
    let client = Registry::new(Options {
        insecure,
        observer: InsecureObserver::new(observe),
        ..rest
    });
    client.unwrap()
}

#[tokio::test]
async fn registry_without_tls_must_be_named() {
    let image = Arc::new(Image::new(1, 1000));
    let server = image.serve();
    let (name, own) = (image_of(&server, ":1"), registry_of(&server));
    let observed = Observed::default();
    let other = named(&["0.0.0.0:1".to_owned()]);
    for refused in [Insecure::default(), other] {
        let registry = client(refused, &observed, options());
        let err = registry.manifest(&name, &amd64()).await.unwrap_err();
        // The server ends connections with TLS, as if it was not there.
        let is_expected = matches!(err, RegistryError::Unreachable { .. });
        assert!(is_expected, "{}", chain(&err));
    }
    assert_eq!((server.log().len(), observed.lock().unwrap().len()), (0, 0));

    for accepted in [named(std::slice::from_ref(&own)), Insecure::All] {
        let registry = client(accepted, &observed, options());
        for _ in 0..2 {
            let pulled = registry.manifest(&name, &amd64()).await.unwrap();
            assert_eq!(pulled.manifest_bytes, image.manifest);
        }
        let once = [(own.clone(), Insecurity::Unencrypted)];
        assert_eq!(std::mem::take(&mut *observed.lock().unwrap()), once);
    }
}

#[tokio::test]
async fn image_is_pushed_with_the_password_to_a_registry_without_tls() {
    let model = Model::default();
    let server = {
        let model = model.clone();
        Server::start(move |request| guarded(request, || model.answer(request)))
    };
    let dir = tempfile::tempdir().unwrap();
    let own = registry_of(&server);
    let config =
        serde_json::json!({"auths": {own.clone(): {"username": "me", "password": "top-secret"}}});
    std::fs::write(dir.path().join("config.json"), config.to_string()).unwrap();
    let observed = Observed::default();
    let logged_in = Options {
        credentials: store(dir.path()),
        ..options()
    };
    let registry = client(named(&[own]), &observed, logged_in);
    let (name, push) = (image_of(&server, ":2"), Image::new(1, 1000).push());
    let pushed = registry.push(&name, &push, &|_, _| ()).await.unwrap();
    assert_eq!(pushed.uploaded.blobs, 2);
    assert!(model.has("/v2/team/app/manifests/2"));
}

#[tokio::test]
async fn token_service_without_tls_must_be_on_the_same_host_or_named() {
    let service = Server::start(|_| Reply::ok(r#"{"token": "t"}"#));
    let port = service.address.port();
    for (realm, more, is_allowed) in [
        (format!("http://0.0.0.0:{port}/"), None, true),
        (format!("http://127.0.0.1:{port}/"), None, false),
        (
            format!("http://127.0.0.1:{port}/"),
            Some(format!("127.0.0.1:{port}")),
            true,
        ),
    ] {
        let image = Arc::new(Image::new(1, 1000));
        let challenge = format!("Bearer realm=\"{realm}\"");
        let server = Server::start(move |request| match request.header("authorization") {
            Some("Bearer t") => image.answer(request).unwrap_or(Reply::new(404)),
            _ => Reply::new(401).header("WWW-Authenticate", &challenge),
        });
        let names: Vec<_> = more.into_iter().chain([registry_of(&server)]).collect();
        let registry = client(named(&names), &Observed::default(), options());
        match registry.manifest(&image_of(&server, ":1"), &amd64()).await {
            Ok(_) => assert!(is_allowed, "{realm}"),
            Err(err) => {
                assert!(
                    !is_allowed && chain(&err).ends_with("which is not encrypted"),
                    "{}",
                    chain(&err)
                );
            }
        }
    }
    assert_eq!(service.log().len(), 2);
}

#[tokio::test]
async fn storage_of_another_host_without_tls_must_be_named() {
    let image = Arc::new(Image::new(1, 1000));
    let storage = image.serve();
    let address = storage.address;
    let server = Server::start(move |request| {
        let location = format!("http://{address}{}", request.path);
        Reply::new(307).header("Location", &location)
    });
    let own = registry_of(&server);
    for (names, is_allowed) in [
        (vec![own.clone()], false),
        (vec![own, address.to_string()], true),
    ] {
        let registry = client(named(&names), &Observed::default(), options());
        let pulled = registry.manifest(&image_of(&server, ":1"), &amd64()).await;
        assert_eq!(pulled.is_ok(), is_allowed);
    }
}
