//! Pushes: what is sent, what is taken from elsewhere, and what is done again.

use std::{
    collections::BTreeMap,
    io::{self, Read},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use s2i_oci::{
    Digest,
    registry::{Count, Options, Pushed, Registry, RegistryError},
};

use crate::{
    image::{Image, chain, named, options, registry},
    model::Model,
    server::{Reply, Server},
};

fn count(blobs: usize, bytes: usize) -> Count {
    let bytes = bytes as u64;
    Count { blobs, bytes }
}

/// The reader of a source.
type Opened = io::Result<Box<dyn Read + Send>>;

/// Pushes the image to the server.
async fn push(server: &Server, image: &Image) -> Result<Pushed, RegistryError> {
    let name = named(server, ":1");
    registry().push(&name, &image.push(), &|_, _| ()).await
}

/// Returns the methods of the requests, sorted.
fn methods(server: &Server) -> Vec<String> {
    let mut methods: Vec<_> = server.log().into_iter().map(|r| r.method).collect();
    methods.sort();
    methods
}

#[tokio::test]
async fn missing_blobs_are_sent_before_the_manifest() {
    let (image, store) = (Image::new(1, 3_000_000), Model::default());
    let server = store.serve();
    let name = named(&server, ":1.0");
    let (size, config) = (image.layer.len(), image.config.len());
    let sent: Mutex<BTreeMap<Digest, u64>> = Mutex::default();
    let progress = |blob: &s2i_oci::manifest::Descriptor, bytes| {
        sent.lock().unwrap().insert(blob.digest, bytes);
    };
    let pushed = registry()
        .push(&name, &image.push(), &progress)
        .await
        .unwrap();
    assert_eq!(pushed.digest, image.digest());
    assert_eq!(pushed.uploaded, count(2, size + config));
    assert_eq!(
        (pushed.mounted, pushed.existing),
        (count(0, 0), count(0, 0))
    );
    assert!(store.has(&format!("team/app@{}", Digest::of(&image.layer))));
    let sent = sent.into_inner().unwrap();
    assert_eq!(sent[&image.layer().digest], size as u64);
    let log = server.log();
    let last = log.last().unwrap();
    assert_eq!(last.line(), "PUT /v2/team/app/manifests/1.0");
    assert_eq!(last.header("content-type"), Some(&*image.media_type));
    assert_eq!(last.body, image.manifest);
    assert_eq!(
        methods(&server),
        ["HEAD", "HEAD", "POST", "POST", "PUT", "PUT", "PUT"]
    );

    // Nothing but the manifest is sent a second time, whatever the name.
    for rest in ["", &format!("@{}", image.digest())] {
        let pushed = registry()
            .push(&named(&server, rest), &image.push(), &|_, _| ())
            .await;
        assert_eq!(pushed.unwrap().existing, count(2, size + config));
    }
    let lines = server.lines();
    assert_eq!(lines[9], "PUT /v2/team/app/manifests/latest");
    assert_eq!(
        lines[12],
        format!("PUT /v2/team/app/manifests/{}", image.digest())
    );
    assert_eq!(lines.len(), 13);
}

#[tokio::test]
async fn empty_blob_is_pushed() {
    let (image, store) = (Image::new(1, 0), Model::default());
    let server = store.serve();
    let pushed = push(&server, &image).await;
    assert_eq!(pushed.unwrap().uploaded.blobs, 2);
    assert!(store.has(&format!("team/app@{}", Digest::of(b""))));
}

#[tokio::test]
async fn blobs_are_mounted_from_other_repositories() {
    let image = Image::new(1, 1000);
    let store = Model::default().with("team/base", &image.layer);
    let server = store.serve();
    let mut push = image.push();
    push.mount_from = ["other/base", "team/app", "team/base"]
        .map(Into::into)
        .into();
    let pushed = registry()
        .push(&named(&server, ":1"), &push, &|_, _| ())
        .await
        .unwrap();
    assert_eq!(pushed.mounted, count(1, 1000));
    assert_eq!(pushed.uploaded, count(1, image.config.len()));
    let (layer, config) = (image.layer().digest, Digest::of(&image.config));
    let mut lines = server.lines();
    lines.retain(|line| !line.starts_with("HEAD"));
    lines.sort();
    let post = |digest: Digest, from: &str| {
        let digest = digest.to_string().replace(':', "%3A");
        format!("POST /v2/team/app/blobs/uploads/?mount={digest}&from={from}%2Fbase")
    };
    let mut expected = vec![
        // Each blob's first place, given back.
        "DELETE /v2/team/app/blobs/uploads/1?state=a%2Bb&for=other/base".to_owned(),
        "DELETE /v2/team/app/blobs/uploads/1?state=a%2Bb&for=other/base".to_owned(),
        post(layer, "other"),
        post(layer, "team"),
        post(config, "other"),
        post(config, "team"),
        // The last place, used.
        format!(
            "PUT /v2/team/app/blobs/uploads/1?state=a%2Bb&for=team/base&digest={}",
            config.to_string().replace(':', "%3A")
        ),
        "PUT /v2/team/app/manifests/1".to_owned(),
    ];
    expected.sort();
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn temporary_failures_are_retried() {
    let (image, store) = (Image::new(1, 500_000), Model::default());
    let model = store.clone();
    let (puts, manifests) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let server = Server::start(move |request| {
        let is_manifest = request.path.contains("/manifests/");
        let counter = if is_manifest { &manifests } else { &puts };
        if request.method == "PUT" && counter.fetch_add(1, Ordering::Relaxed) < 2 {
            return Reply::new(503);
        }
        model.answer(request)
    });
    let pushed = push(&server, &image).await;
    assert_eq!(pushed.unwrap().uploaded.blobs, 2);
    assert!(store.has(&format!("team/app@{}", Digest::of(&image.layer))));
    assert!(store.has("/v2/team/app/manifests/1"));
}

#[tokio::test]
async fn expired_token_is_replaced_before_an_upload() {
    let (image, store) = (Image::new(1, 1000), Model::default());
    let service = {
        let count = AtomicUsize::new(0);
        Server::start(move |_| {
            let token = count.fetch_add(1, Ordering::Relaxed);
            Reply::ok(format!(r#"{{"token": "t{token}"}}"#))
        })
    };
    let (realm, model) = (service.address, store.clone());
    let server = Server::start(move |request| {
        let is_good = match request.method.as_str() {
            "PUT" => request.header("authorization") == Some("Bearer t1"),
            _ => request.header("authorization").is_some(),
        };
        if is_good {
            return model.answer(request);
        }
        let challenge = format!(r#"Bearer realm="http://{realm}/""#);
        Reply::new(401).header("WWW-Authenticate", &challenge)
    });
    let name = named(&server, ":1");
    let pushed = registry().push(&name, &image.push(), &|_, _| ()).await;
    assert_eq!(pushed.unwrap().uploaded.blobs, 2);
    assert_eq!(service.log().len(), 2);
}

#[tokio::test]
async fn invalid_sources_fail_at_once() {
    let image = Image::new(1, 1000);
    let sources: [fn() -> Opened; 4] = [
        || Err(io::Error::from_raw_os_error(2)),
        || Ok(Box::new(io::repeat(0).take(1001))),
        || Ok(Box::new(io::repeat(0).take(999))),
        || {
            struct Broken;
            impl Read for Broken {
                fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                    Err(io::Error::from_raw_os_error(5))
                }
            }
            Ok(Box::new(Broken))
        },
    ];
    let expected = [
        "No such file or directory (os error 2)",
        "it is not 1000 bytes long",
        "it is not 1000 bytes long",
        "Input/output error (os error 5)",
    ];
    for (source, expected) in sources.into_iter().zip(expected) {
        let server = Model::default().serve();
        let mut push = image.push();
        push.blobs[0].open = Arc::new(source);
        let err = registry()
            .push(&named(&server, ":1"), &push, &|_, _| ())
            .await;
        let digest = image.layer().digest;
        assert_eq!(
            chain(&err.unwrap_err()),
            format!("can't read the blob `{digest}` that is to be pushed: {expected}")
        );
        assert!(!server.lines().iter().any(|line| line.contains("manifests")));
    }
}

#[tokio::test]
async fn refusals_of_the_registry_are_shown() {
    let image = Image::new(1, 1000);
    let mut push = image.push();
    // Content with another digest, which the registry detects.
    push.blobs[0].open = Arc::new(|| Ok(Box::new(io::repeat(0).take(1000))));
    let server = Server::start({
        let store = Model::default();
        move |request| match store.answer(request) {
            reply if request.method != "PUT" => reply,
            _ => Reply::new(400)
                .body(r#"{"errors":[{"code":"DIGEST_INVALID","message":"wrong digest"}]}"#),
        }
    });
    let err = registry()
        .push(&named(&server, ":1"), &push, &|_, _| ())
        .await;
    assert_eq!(
        chain(&err.unwrap_err()),
        format!(
            "can't upload a blob to `team/app` of the registry `{}`: it answered 400 Bad Request: wrong digest (DIGEST_INVALID)",
            server.address
        )
    );
}

#[tokio::test]
async fn name_with_a_digest_must_match_the_manifest() {
    let server = Model::default().serve();
    let name = named(&server, &format!("@{}", Digest::of(b"other")));
    let err = registry()
        .push(&name, &Image::new(1, 10).push(), &|_, _| ())
        .await;
    assert!(matches!(err, Err(RegistryError::Digest { .. })));
    assert!(server.log().is_empty());
}

/// The time after which a transfer in which nothing moves is retried.
const STALL: Duration = Duration::from_millis(400);

fn hasty() -> Registry {
    Registry::new(Options {
        stall: STALL,
        ..options()
    })
    .unwrap()
}

#[tokio::test]
async fn long_upload_is_not_a_stall() {
    let (image, store) = (Image::new(1, 12 * 1024 * 1024), Model::default());
    let model = store.clone();
    let server = Server::paced(Duration::from_millis(20), move |request| {
        model.answer(request)
    });
    let start = std::time::Instant::now();
    let pushed = hasty()
        .push(&named(&server, ":1"), &image.push(), &|_, _| ())
        .await;
    assert_eq!(pushed.unwrap().uploaded.blobs, 2);
    assert!(start.elapsed() > 2 * STALL);
    assert_eq!(
        methods(&server)
            .iter()
            .filter(|method| *method == "PUT")
            .count(),
        3
    );
}

#[tokio::test]
async fn stalled_upload_is_restarted() {
    let (image, store) = (Image::new(1, 1000), Model::default());
    let model = store.clone();
    let puts = AtomicUsize::new(0);
    let server = Server::start(move |request| {
        if request.method == "PUT" && puts.fetch_add(1, Ordering::Relaxed) == 0 {
            std::thread::sleep(7 * STALL);
        }
        model.answer(request)
    });
    let pushed = hasty()
        .push(&named(&server, ":1"), &image.push(), &|_, _| ())
        .await;
    assert_eq!(pushed.unwrap().uploaded.blobs, 2);
    let puts = methods(&server)
        .into_iter()
        .filter(|method| method == "PUT");
    assert_eq!(puts.count(), 4);
}

#[tokio::test]
async fn redirected_check_of_a_blob_means_that_it_exists() {
    let storage = Server::start(|_| Reply::new(403));
    let address = storage.address;
    let server = Server::start(move |request| match request.method.as_str() {
        "HEAD" => Reply::new(307).header("Location", &format!("http://{address}/x")),
        _ => Reply::new(201),
    });
    let (name, push) = (named(&server, ":1"), Image::new(1, 9).push());
    let pushed = registry().push(&name, &push, &|_, _| ()).await.unwrap();
    assert_eq!(pushed.existing.blobs, 2);
}

#[tokio::test]
async fn upload_without_tls_is_refused() {
    let server = Server::start(|request| match request.method.as_str() {
        "HEAD" => Reply::new(404),
        _ => Reply::new(202).header("Location", "http://storage.example.org/up"),
    });
    let (name, push) = (named(&server, ":1"), Image::new(1, 9).push());
    let err = registry().push(&name, &push, &|_, _| ()).await;
    let text = chain(&err.unwrap_err());
    assert!(
        text.ends_with("it led to `storage.example.org`, which is not encrypted"),
        "{text}"
    );
}
