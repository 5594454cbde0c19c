//! Names, indexes and manifests.

use std::{
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use s2i_core::image::Platform;
use s2i_oci::{
    Digest,
    manifest::{INDEX, Index},
    registry::{Mismatch, Options, Registry, RegistryError},
};

use crate::{
    image::{Image, amd64, chain, index, named, registry},
    server::{Reply, Server},
};

const DOCKER: [&str; 3] = [
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.container.image.v1+json",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
];
const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

#[tokio::test]
async fn manifest_comes_with_its_config() {
    for image in [Image::new(1, 10), Image::of_types(2, 10, DOCKER)] {
        let image = Arc::new(image);
        let server = image.serve();
        let pulled = registry().manifest(&named(&server, ":1"), &amd64()).await;
        let pulled = pulled.unwrap();
        assert_eq!(pulled.manifest_bytes, image.manifest);
        assert_eq!(pulled.manifest_digest, image.digest());
        assert_eq!(pulled.named, image.digest());
        assert_eq!(pulled.manifest.media_type, image.media_type);
        assert_eq!(pulled.config_bytes, image.config);
        assert_eq!(pulled.config_digest, Digest::of(&image.config));
        let accept = server.log()[0].header("accept").unwrap().to_owned();
        for kind in [DOCKER[0], DOCKER_INDEX, INDEX, "image.manifest.v1+json"] {
            assert!(accept.contains(kind), "{accept}");
        }
    }
}

/// A server with two images in an index of that type.
fn two(kind: &'static str) -> (Server, Arc<[Image; 2]>, Digest) {
    let images = Arc::new([Image::new(1, 10), Image::new(2, 10)]);
    let mut index = index(&[("linux/amd64", &images[0]), ("linux/arm/v7", &images[1])]);
    index.media_type = kind.into();
    let index = serde_json::to_vec(&index).unwrap();
    let digest = Digest::of(&index);
    let answers = Arc::clone(&images);
    let server = Server::start(move |request| {
        let name = request.path.rsplit('/').next().unwrap();
        if name == "1" || name == digest.to_string() {
            return Reply::ok(index.clone())
                .header("Content-Type", &format!("{kind}; charset=utf-8"))
                .header("Docker-Content-Digest", &digest);
        }
        let found = answers.iter().find_map(|image| image.answer(request));
        found.unwrap_or(Reply::new(404))
    });
    (server, images, digest)
}

#[tokio::test]
async fn index_leads_to_the_platform() {
    for kind in [INDEX, DOCKER_INDEX] {
        let (server, images, digest) = two(kind);
        let arm = Platform {
            variant: Some("v7".into()),
            ..Platform::linux("arm")
        };
        for rest in [
            ":1".to_owned(),
            format!("@{digest}"),
            format!(":9@{digest}"),
        ] {
            for (platform, image) in [(amd64(), &images[0]), (arm.clone(), &images[1])] {
                let name = named(&server, &rest);
                let pulled = registry().manifest(&name, &platform).await.unwrap();
                assert_eq!(pulled.manifest_bytes, image.manifest);
                assert_eq!(pulled.config_bytes, image.config);
                assert_eq!(pulled.named, digest);
            }
        }
        let name = named(&server, ":1");
        let err = registry()
            .manifest(&name, &Platform::linux("arm64"))
            .await
            .unwrap_err();
        assert!(matches!(err, RegistryError::Platform { .. }));
        assert_eq!(
            chain(&err),
            format!(
                "the image `{name}` is not available for linux/arm64, only for linux/amd64, linux/arm/v7"
            )
        );
    }
}

#[tokio::test]
async fn missing_image_is_not_found() {
    let server = Arc::new(Image::new(1, 10)).serve();
    let name = named(&server, ":2");
    let err = registry().manifest(&name, &amd64()).await.unwrap_err();
    assert!(matches!(err, RegistryError::NotFound { .. }));
    assert_eq!(
        chain(&err),
        format!("the registry `{}` has no image `{name}`", server.address)
    );
    assert_eq!(server.lines(), ["GET /v2/team/app/manifests/2"]);
}

/// An index with the image for amd64, by this digest and length.
fn pointing(digest: Digest, size: usize) -> Vec<u8> {
    let mut index = index(&[("linux/amd64", &Image::new(1, 10))]);
    index.manifests[0].digest = digest;
    index.manifests[0].size = size as u64;
    serde_json::to_vec(&index).unwrap()
}

/// Returns the error of a pull when the server gives these answers, one after another.
async fn outcome(rest: &str, replies: &[Reply]) -> RegistryError {
    let (replies, count) = (replies.to_vec(), AtomicUsize::new(0));
    let server = Server::start(move |_| {
        let count = count.fetch_add(1, Ordering::Relaxed);
        replies.get(count).cloned().unwrap_or(Reply::new(418))
    });
    let pulled = registry().manifest(&named(&server, rest), &amd64()).await;
    pulled.unwrap_err()
}

#[tokio::test]
async fn digests_and_lengths_are_verified() {
    let manifest = Image::new(1, 10).manifest;
    let (size, digest, other) = (manifest.len(), Digest::of(&manifest), Digest::of(b"other"));
    let reply = Reply::ok(manifest);
    let (asked, wrong) = (format!("@{other}"), Mismatch::Digest(digest));
    let longer = Mismatch::Size {
        expected: size as u64 + 1,
        found: size as u64,
    };
    let announced = reply.clone().header("Docker-Content-Digest", &other);
    let to = |digest, size| Reply::ok(pointing(digest, size));
    for (rest, replies, expected) in [
        (&*asked, vec![reply.clone()], (other, wrong)),
        (":1", vec![announced], (other, wrong)),
        (":1", vec![to(other, size), reply.clone()], (other, wrong)),
        (":1", vec![to(digest, size + 1), reply], (digest, longer)),
    ] {
        match outcome(rest, &replies).await {
            RegistryError::Digest {
                expected: wanted,
                found,
                ..
            } => assert_eq!((wanted, found), expected),
            err => panic!("{}", chain(&err)),
        }
    }
}

#[tokio::test]
async fn invalid_documents_are_refused() {
    let nested = serde_json::to_vec(&Index::new(Vec::new())).unwrap();
    let to_nested = Reply::ok(pointing(Digest::of(&nested), nested.len()));
    for (replies, expected) in [
        (
            vec![to_nested, Reply::ok(nested)],
            "nested image indexes are not supported",
        ),
        (
            vec![Reply::ok("{}")],
            "it sent neither a manifest nor an index of schema version 2",
        ),
        (
            vec![Reply::ok(vec![b' '; 9 * 1024 * 1024])],
            "the answer is longer than 8388608 bytes",
        ),
    ] {
        let text = chain(&outcome(":1", &replies).await);
        assert!(text.starts_with("can't read a manifest of `team/app`"));
        assert!(text.ends_with(expected), "{text}");
    }
}

#[tokio::test]
async fn config_must_match_the_manifest() {
    let image = Arc::new(Image::new(1, 10));
    let wrong = Arc::clone(&image);
    let server = Server::start(move |request| {
        let mut config = wrong.config.clone();
        config[0] = b'!';
        if request.path.contains("/blobs/") {
            Reply::ok(config)
        } else {
            wrong.answer(request).unwrap()
        }
    });
    let err = registry().manifest(&named(&server, ":1"), &amd64()).await;
    let RegistryError::Digest { expected, .. } = err.unwrap_err() else {
        panic!("another error");
    };
    assert_eq!(expected, Digest::of(&image.config));
}

/// A server that gives these answers first, and then the image.
fn hesitant(replies: Vec<Reply>) -> Server {
    let image = Image::new(1, 10);
    let count = AtomicUsize::new(0);
    Server::start(move |request| {
        let count = count.fetch_add(1, Ordering::Relaxed);
        let reply = replies.get(count).cloned();
        reply.unwrap_or_else(|| image.answer(request).unwrap())
    })
}

#[tokio::test]
async fn busy_registry_is_retried() {
    let server = hesitant(vec![
        Reply::new(503),
        Reply::new(429).header("Retry-After", &1),
        Reply::ok("{").cut(0).header("Content-Type", "text/plain"),
    ]);
    let start = Instant::now();
    let pulled = registry().manifest(&named(&server, ":1"), &amd64()).await;
    assert!(pulled.is_ok());
    assert_eq!(server.log().len(), 5);
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn refusals_of_the_registry_are_shown() {
    let limit = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"pull rate limit"}]}"#;
    let limit = Reply::new(429).header("Retry-After", &3600).body(limit);
    let server = hesitant(vec![limit]);
    let name = named(&server, ":1");
    let err = registry().manifest(&name, &amd64()).await.unwrap_err();
    assert!(matches!(err, RegistryError::RateLimited { .. }));
    assert_eq!(
        chain(&err),
        format!(
            "the registry `{}` refuses more requests for `team/app` for now: it answered 429 Too Many Requests: pull rate limit (TOOMANYREQUESTS)",
            server.address
        )
    );
    assert!(err.hint().unwrap().contains("s2i login"));

    let server = hesitant(vec![Reply::new(400).body("<html>")]);
    let err = registry().manifest(&named(&server, ":1"), &amd64()).await;
    assert_eq!(
        chain(&err.unwrap_err()),
        format!(
            "can't read a manifest of `team/app` of the registry `{}`: it answered 400 Bad Request",
            server.address
        )
    );
}

#[tokio::test]
async fn missing_registry_fails_at_once_and_may_come_back() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let name = format!("{address}/team/app:1").parse().unwrap();
    let start = Instant::now();
    let registry = Registry::new(Options::default()).unwrap();
    let err = registry.manifest(&name, &amd64()).await.unwrap_err();
    assert!(matches!(err, RegistryError::Unreachable { .. }));
    // With all attempts it would take more than seven seconds.
    assert!(start.elapsed() < Duration::from_secs(5));
    let image = Image::new(1, 10);
    let _server = Server::on(
        TcpListener::bind(address).unwrap(),
        Duration::ZERO,
        move |request| image.answer(request).unwrap(),
    );
    assert!(registry.manifest(&name, &amd64()).await.is_ok());
}

#[tokio::test]
async fn futures_can_move_between_threads() {
    fn movable<T: Send>(future: T) -> T {
        future
    }
    let (registry, name) = (registry(), "example.org/a".parse().unwrap());
    let image = Image::new(1, 10);
    let (blob, push) = (image.layer(), image.push());
    let path = std::path::Path::new("/nowhere");
    let platform = amd64();
    drop(movable(registry.manifest(&name, &platform)));
    drop(movable(registry.blob(&name, &blob, path, &|_| ())));
    drop(movable(registry.blobs(&name, &[], &|_, _| ())));
    drop(movable(registry.push(&name, &push, &|_, _| ())));
}
