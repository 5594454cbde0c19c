//! Blobs that are copied from one registry to another without being stored.

use std::{
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use s2i_oci::{
    Digest,
    manifest::Descriptor,
    registry::{Options, Push, Pushed, Registry, RegistryError},
};

use crate::{
    image::{Image, chain, named, options, registry},
    model::Model,
    server::{Reply, Request, Server},
};

/// The length of a layer, in bytes: several pieces.
const LAYER: usize = 3_000_000;

/// Pushes the image to the model, with its layer from the other server.
async fn copy(image: &Image, from: &Server, to: &Server) -> Result<Pushed, RegistryError> {
    let registry = Arc::new(registry());
    let push = with_remote_layer(&registry, image, from);
    registry.push(&named(to, ":2"), &push, &|_, _| ()).await
}

fn with_remote_layer(registry: &Arc<Registry>, image: &Image, from: &Server) -> Push {
    let mut push = image.push();
    push.blobs[0].open = registry.remote_blob(&named(from, ":1"), &image.layer());
    push
}

/// The bytes of the layer from the one that the request asks for, if it asks for a part.
fn part(layer: &[u8], request: &Request) -> Reply {
    let range = request.header("range").and_then(|range| {
        let start = range.strip_prefix("bytes=")?.strip_suffix('-')?;
        start.parse().ok()
    });
    let Some(start): Option<usize> = range else {
        return Reply::ok(layer);
    };
    let range = format!("bytes {start}-{}/{}", layer.len() - 1, layer.len());
    let reply = Reply::new(206).header("Content-Range", &range);
    reply.body(&layer[start..])
}

#[tokio::test]
async fn layer_is_copied_from_another_registry() {
    for length in [0, 1, LAYER] {
        let (image, model) = (Arc::new(Image::new(1, length)), Model::default());
        let (from, to) = (image.serve(), model.serve());
        let pushed = copy(&image, &from, &to).await.unwrap();
        assert_eq!(pushed.uploaded.blobs, 2);
        assert!(model.has(&format!("team/app@{}", image.layer().digest)));
        assert!(model.has("/v2/team/app/manifests/2"));
    }
}

#[tokio::test]
async fn existing_layer_is_not_read_from_the_other_registry() {
    let image = Arc::new(Image::new(1, 1000));
    let model = Model::default().with("team/app", &image.layer);
    let (from, to) = (image.serve(), model.serve());
    assert_eq!(copy(&image, &from, &to).await.unwrap().existing.blobs, 1);
    assert!(from.log().is_empty());
}

#[tokio::test]
async fn cut_stream_is_continued() {
    for honours_ranges in [true, false] {
        let (image, model) = (Arc::new(Image::new(1, LAYER)), Model::default());
        let (source, count) = (Arc::clone(&image), AtomicUsize::new(0));
        let from = Server::start(move |request| {
            let reply = if honours_ranges {
                part(&source.layer, request)
            } else {
                Reply::ok(source.layer.clone())
            };
            match count.fetch_add(1, Ordering::Relaxed) {
                0 => reply.cut(LAYER / 2),
                1 => reply.cut(LAYER / 4),
                _ => reply,
            }
        });
        let to = model.serve();
        assert_eq!(copy(&image, &from, &to).await.unwrap().uploaded.blobs, 2);
        assert!(model.has(&format!("team/app@{}", image.layer().digest)));
        assert_eq!(from.log().len(), 3);
        // The upload itself was not repeated.
        let lines = to.lines();
        assert_eq!(
            lines.iter().filter(|line| line.starts_with("PUT")).count(),
            3
        );
    }
}

#[tokio::test]
async fn wrong_content_never_completes_an_upload() {
    let image = Image::new(1, LAYER);
    let digest = image.layer().digest;
    let found = Digest::of(&vec![0; LAYER]);
    for (length, expected) in [
        (LAYER, format!("gave other content: its digest is {found}")),
        (
            LAYER + 1,
            format!("it has {} bytes instead of {LAYER}", LAYER + 1),
        ),
        (
            LAYER - 1,
            format!("the transfer ended after {} of {LAYER} bytes", LAYER - 1),
        ),
    ] {
        let from = Server::start(move |request| part(&vec![0; length], request));
        let to = Model::default().serve();
        let err = copy(&image, &from, &to).await.unwrap_err();
        let text = chain(&err);
        let start = format!("can't read the blob `{digest}` that is to be pushed: ");
        assert!(
            text.starts_with(&start) && text.ends_with(&expected),
            "{text}"
        );
        // A request is in the log when its body was complete.
        let config = Digest::of(&image.config).to_string().replace(':', "%3A");
        let mut lines = to.lines();
        lines.retain(|line| line.starts_with("PUT") && !line.ends_with(&config));
        assert_eq!(lines, [""; 0]);
    }
}

#[tokio::test]
async fn refusal_of_the_other_registry_ends_the_push_with_its_advice() {
    let image = Image::new(1, 1000);
    let from = Server::start(|_| Reply::new(401).header("WWW-Authenticate", "Basic realm=\"x\""));
    let to = Model::default().serve();
    let err = copy(&image, &from, &to).await.unwrap_err();
    assert!(chain(&err).contains(&format!("the registry `{}` refuses", from.address)));
    assert!(
        err.hint()
            .unwrap()
            .contains(&format!("s2i login {}", from.address))
    );
}

#[tokio::test]
async fn mirror_that_fails_is_followed_by_the_registry() {
    let (image, model) = (Arc::new(Image::new(1, LAYER)), Model::default());
    let broken = Arc::clone(&image);
    let mirror = Server::start(move |_| Reply::ok(broken.layer.clone()).cut(LAYER / 2));
    let (from, to) = (image.serve(), model.serve());
    let mirrors = [(from.address.to_string(), vec![mirror.address.to_string()])];
    let registry = Registry::new(Options {
        mirrors: mirrors.into(),
        ..options()
    });
    let registry = Arc::new(registry.unwrap());
    let push = with_remote_layer(&registry, &image, &from);
    let pushed = registry.push(&named(&to, ":2"), &push, &|_, _| ()).await;
    assert_eq!(pushed.unwrap().uploaded.blobs, 2);
    assert_eq!((mirror.log().len(), from.log().len()), (1, 1));
}

#[tokio::test]
async fn stream_can_be_read_on_any_other_thread() {
    let image = Arc::new(Image::new(1, LAYER));
    let from = image.serve();
    let open = Arc::new(registry()).remote_blob(&named(&from, ":1"), &image.layer());
    let read = |open: &s2i_oci::registry::OpenBlob| -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        open()?.read_to_end(&mut content)?;
        Ok(content)
    };
    let missing = Descriptor::of("", b"missing");
    let missing = Arc::new(registry()).remote_blob(&named(&from, ":1"), &missing);
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || sender.send((read(&open), read(&missing))));
    let (found, missing) = receiver.await.unwrap();
    assert!(found.unwrap() == image.layer);
    assert!(
        missing
            .unwrap_err()
            .to_string()
            .starts_with("can't download a blob of `team/app`")
    );
}
