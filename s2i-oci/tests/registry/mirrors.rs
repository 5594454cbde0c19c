//! Who is asked in place of a registry.

use std::{collections::BTreeMap, net::TcpListener, sync::Arc, time::Duration};

use s2i_oci::registry::{Options, Registry, RegistryError};

use crate::{
    image::{Image, amd64, named, options},
    server::{Reply, Server},
};

/// A way to the server's registry through these mirrors.
fn through(server: &Server, mirrors: &[String]) -> Registry {
    Registry::new(Options {
        mirrors: BTreeMap::from([(server.address.to_string(), mirrors.to_vec())]),
        ..options()
    })
    .unwrap()
}

#[tokio::test]
async fn mirrors_come_in_order_before_the_registry() {
    let image = Arc::new(Image::new(1, 1000));
    let (empty, wrong) = (
        Server::start(|_| Reply::new(404)),
        Server::start(|_| Reply::ok("other content")),
    );
    let origin = image.serve();
    let gone = Server::start(|_| Reply::new(500)).address;
    let mirrors = [
        gone.to_string(),
        "no host/at all".into(),
        format!("{}/some/prefix", empty.address),
        format!("https://{}/", wrong.address),
    ];
    let registry = through(&origin, &mirrors);
    let name = named(&origin, ":1");
    let pulled = registry.manifest(&name, &amd64()).await.unwrap();
    assert_eq!(pulled.manifest_bytes, image.manifest);

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("blob");
    let blob = image.layer();
    registry.blob(&name, &blob, &file, &|_| ()).await.unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), image.layer);

    let digest = blob.digest;
    assert_eq!(
        empty.lines(),
        [
            "GET /v2/some/prefix/team/app/manifests/1".to_owned(),
            format!("GET /v2/some/prefix/team/app/blobs/{digest}"),
        ]
    );
    assert_eq!(
        wrong.lines(),
        [
            "GET /v2/team/app/manifests/1".to_owned(),
            format!("GET /v2/team/app/blobs/{digest}"),
        ]
    );
    assert_eq!(origin.log().len(), 3);
}

#[tokio::test]
async fn content_of_a_mirror_is_not_fetched_elsewhere() {
    let image = Arc::new(Image::new(1, 1000));
    let (mirror, origin) = (image.serve(), Server::start(|_| Reply::new(500)));
    let registry = through(&origin, &[mirror.address.to_string()]);
    let name = named(&origin, ":1");
    registry.manifest(&name, &amd64()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let blobs = [(image.layer(), dir.path().join("blob"))];
    registry.blobs(&name, &blobs, &|_, _| ()).await.unwrap();
    assert!(origin.log().is_empty());
}

#[tokio::test]
async fn download_continues_on_another_host() {
    let image = Arc::new(Image::new(1, 100_000));
    let partial = Arc::clone(&image);
    let mirror = Server::start(move |request| partial.answer(request).unwrap().cut(40_000));
    let layer = image.layer.clone();
    let origin = Server::start(move |request| {
        assert_eq!(request.header("range"), Some("bytes=40000-"));
        Reply::new(206)
            .body(&layer[40_000..])
            .header("Content-Range", "bytes 40000-99999/100000")
    });
    let registry = through(&origin, &[mirror.address.to_string()]);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("blob");
    let name = named(&origin, ":1");
    registry
        .blob(&name, &image.layer(), &file, &|_| ())
        .await
        .unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), image.layer);
    assert_eq!((mirror.log().len(), origin.log().len()), (1, 1));
}

#[tokio::test]
async fn unreachable_mirror_is_tried_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let origin = Arc::new(Image::new(1, 10)).serve();
    let registry = through(&origin, &[address.to_string()]);
    let name = named(&origin, ":1");
    registry.manifest(&name, &amd64()).await.unwrap();
    let late = Server::on(TcpListener::bind(address).unwrap(), Duration::ZERO, |_| {
        Reply::new(404)
    });
    registry.manifest(&name, &amd64()).await.unwrap();
    assert!(late.log().is_empty());
}

#[tokio::test]
async fn errors_come_from_the_registry_and_pushes_skip_mirrors() {
    let image = Arc::new(Image::new(1, 1000));
    let (mirror, origin) = (image.serve(), Server::start(|_| Reply::new(404)));
    let registry = through(&origin, &[mirror.address.to_string()]);
    let name = named(&origin, ":2");
    let err = registry.manifest(&name, &amd64()).await.unwrap_err();
    assert!(
        matches!(&err, RegistryError::NotFound { registry, .. } if *registry == origin.address.to_string())
    );
    let asked = mirror.log().len();
    assert!(
        registry
            .push(&name, &image.push(), &|_, _| ())
            .await
            .is_err()
    );
    assert_eq!(mirror.log().len(), asked);
}
