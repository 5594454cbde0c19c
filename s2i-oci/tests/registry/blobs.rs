//! Downloads that are cut, stall, or are answered with something else.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use s2i_core::{ImageRef, image::Platform};
use s2i_oci::{
    Digest,
    manifest::Descriptor,
    registry::{LeastRate, Mismatch, Options, Registry, RegistryError},
};

use crate::{
    image::{Image, chain, named, options, registry},
    server::{Reply, Request, Server},
};

const SIZE: usize = 300_000;

/// Returns the start of the requested range.
fn range(request: &Request) -> Option<usize> {
    let range = request.header("range")?.strip_prefix("bytes=")?;
    range.strip_suffix('-')?.parse().ok()
}

/// The answer of a server that knows ranges.
fn part(request: &Request, bytes: &[u8]) -> Reply {
    match range(request) {
        Some(start) if start >= bytes.len() => Reply::new(416),
        Some(start) => {
            let (last, size) = (bytes.len() - 1, bytes.len());
            Reply::new(206)
                .body(&bytes[start..])
                .header("Content-Range", &format!("bytes {start}-{last}/{size}"))
        }
        None => Reply::ok(bytes),
    }
}

/// A server whose answers depend on how many came before.
fn script(
    answer: impl Fn(usize, &Request, &[u8]) -> Reply + Send + Sync + 'static,
) -> (Server, Image) {
    let image = Image::new(7, SIZE);
    let layer = image.layer.clone();
    let count = AtomicUsize::new(0);
    let server = Server::start(move |request| {
        answer(count.fetch_add(1, Ordering::Relaxed), request, &layer)
    });
    (server, image)
}

struct Download {
    _dir: tempfile::TempDir,
    path: std::path::PathBuf,
    reports: Arc<Mutex<Vec<u64>>>,
}

impl Download {
    /// A download that begins with a file with these bytes.
    fn with(bytes: &[u8]) -> Self {
        let new = Self::new();
        std::fs::write(&new.path, bytes).unwrap();
        new
    }

    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            path: dir.path().join("blob"),
            _dir: dir,
            reports: Arc::default(),
        }
    }

    /// Downloads the layer of the image from the server.
    async fn of(&self, server: &Server, image: &Image) -> Result<(), RegistryError> {
        let name = named(server, ":1");
        self.run(&registry(), &name, &image.layer()).await
    }

    async fn run(
        &self,
        registry: &Registry,
        name: &ImageRef,
        blob: &Descriptor,
    ) -> Result<(), RegistryError> {
        let reports = Arc::clone(&self.reports);
        registry
            .blob(name, blob, &self.path, &move |bytes| {
                reports.lock().unwrap().push(bytes);
            })
            .await
    }
}

/// Returns the starts of the requested ranges, 0 for everything.
fn starts(server: &Server) -> Vec<usize> {
    server
        .log()
        .iter()
        .map(|request| range(request).unwrap_or(0))
        .collect()
}

#[tokio::test]
async fn cut_download_is_resumed() {
    let (server, image) = script(|count, request, layer| match count {
        0 => part(request, layer).cut(1000),
        1 => part(request, layer).cut(5000),
        _ => part(request, layer),
    });
    let download = Download::new();
    download.of(&server, &image).await.unwrap();
    assert_eq!(std::fs::read(&download.path).unwrap(), image.layer);
    assert_eq!(starts(&server), [0, 1000, 6000]);
    let reports = download.reports.lock().unwrap();
    assert!(reports.is_sorted(), "{reports:?}");
    assert_eq!(reports.last(), Some(&(SIZE as u64)));
    let path = format!("GET /v2/team/app/blobs/{}", Digest::of(&image.layer));
    assert!(server.lines().iter().all(|line| *line == path));
}

#[tokio::test]
async fn existing_part_is_not_requested_again() {
    let layer = Image::new(7, SIZE).layer;
    let mut longer = layer.clone();
    longer.push(0);
    let mut damaged = layer.clone();
    damaged[5] ^= 1;
    for (there, expected) in [
        (&[][..], &[0][..]),
        (&layer[..1000], &[1000]),
        (&layer, &[]),
        (&longer, &[0]),
        (&damaged[..1000], &[1000, 0]),
        (&damaged, &[0]),
    ] {
        let (server, image) = script(|_, request, layer| part(request, layer));
        let download = Download::with(there);
        download.of(&server, &image).await.unwrap();
        assert_eq!(std::fs::read(&download.path).unwrap(), image.layer);
        assert_eq!(starts(&server), expected);
    }
}

#[tokio::test]
async fn unexpected_ranges_restart_the_download() {
    // Ignored; another part; refused.
    let replies: [fn(&Request, &[u8]) -> Reply; 3] = [
        |_, layer| Reply::ok(layer),
        |_, layer| {
            Reply::new(206)
                .body(&layer[1..])
                .header("Content-Range", "bytes 1-299999/300000")
        },
        |_, _| Reply::new(416),
    ];
    for (reply, expected) in replies
        .into_iter()
        .zip([&[1000][..], &[1000, 0], &[1000, 0]])
    {
        let (server, image) = script(move |count, request, layer| match count {
            0 => reply(request, layer),
            _ => part(request, layer),
        });
        let download = Download::with(&image.layer[..1000]);
        download.of(&server, &image).await.unwrap();
        assert_eq!(std::fs::read(&download.path).unwrap(), image.layer);
        assert_eq!(starts(&server), expected);
    }
}

#[tokio::test]
async fn wrong_content_is_removed_and_reported() {
    let (server, image) = script(|_, _, layer| {
        let mut layer = layer.to_vec();
        layer[SIZE - 1] ^= 1;
        Reply::ok(layer)
    });
    let download = Download::new();
    let err = download.of(&server, &image).await;
    let err = err.unwrap_err();
    assert!(matches!(
        err,
        RegistryError::Digest { expected, found: Mismatch::Digest(_), .. } if expected == image.layer().digest
    ));
    assert!(!download.path.exists());
    assert_eq!(starts(&server), [0]);
}

#[tokio::test]
async fn too_long_content_is_not_read_to_its_end() {
    let (server, image) = script(|_, _, layer| Reply::ok([layer, layer].concat()).chunked());
    let download = Download::new();
    let err = download.of(&server, &image).await;
    let Err(RegistryError::Digest {
        found: Mismatch::Size { expected, found },
        ..
    }) = err
    else {
        panic!("another outcome");
    };
    assert_eq!(expected, SIZE as u64);
    assert!(found > expected);
    assert!(!download.path.exists());
}

#[tokio::test]
async fn stalled_download_is_resumed() {
    let (server, image) = script(|count, request, layer| match count {
        // Within a body, and before an answer.
        0 => part(request, layer).hang(1000),
        1 => {
            std::thread::sleep(Duration::from_secs(1));
            Reply::new(500)
        }
        _ => part(request, layer),
    });
    let registry = Registry::new(Options {
        stall: Duration::from_millis(400),
        ..options()
    });
    let download = Download::new();
    let name = named(&server, ":1");
    download
        .run(&registry.unwrap(), &name, &image.layer())
        .await
        .unwrap();
    assert_eq!(std::fs::read(&download.path).unwrap(), image.layer);
    assert_eq!(starts(&server), [0, 1000, 1000]);
}

/// Below the least rate, but never still for long.
#[tokio::test]
async fn slow_download_fails() {
    let (server, image) =
        script(|_, request, layer| part(request, layer).trickle(Duration::from_millis(20)));
    let registry = Registry::new(Options {
        least_rate: LeastRate {
            bytes: 100_000,
            window: Duration::from_millis(100),
        },
        ..options()
    });
    let registry = registry.unwrap();
    let download = Download::new();
    let name = named(&server, ":1");
    let err = download.run(&registry, &name, &image.layer()).await;
    let text = chain(&err.unwrap_err());
    assert!(text.contains("bytes came in"), "{text}");
    // The part that arrived was kept, and allowed no further attempts.
    let starts = starts(&server);
    assert_eq!(starts.len(), 5);
    assert!(starts.is_sorted() && starts[4] > 0, "{starts:?}");
    let err = registry.manifest(&name, &Platform::linux("amd64")).await;
    let text = chain(&err.unwrap_err());
    assert!(text.contains("bytes came in"), "{text}");
}

/// Each time more comes than makes an attempt worth while, and the next answer begins again.
#[tokio::test]
async fn repeated_bytes_are_not_progress() {
    let (server, image) = script(|count, _, layer| match count % 2 {
        0 => Reply::ok(layer).cut(280_000),
        _ => Reply::new(416),
    });
    let download = Download::new();
    let err = download.of(&server, &image).await;
    assert!(err.is_err());
    assert_eq!(server.log().len(), 5);
}

#[tokio::test]
async fn attempts_are_limited() {
    let (server, image) = script(|_, request, layer| part(request, layer).cut(0));
    let download = Download::new();
    let err = download.of(&server, &image).await;
    let text = chain(&err.unwrap_err());
    let expected = format!(
        "can't download a blob of `team/app` of the registry `{}`: ",
        server.address
    );
    assert!(text.starts_with(&expected), "{text}");
    assert!(!text.contains("sha256"), "a URL in {text}");
    assert_eq!(starts(&server), [0; 5]);
}

#[tokio::test]
async fn unwritable_file_is_named() {
    let (server, image) = script(|_, request, layer| part(request, layer));
    let path = Path::new("/nowhere/blob");
    let name = named(&server, ":1");
    let err = registry().blob(&name, &image.layer(), path, &|_| ()).await;
    assert_eq!(
        chain(&err.unwrap_err()),
        "can't open `/nowhere/blob`: No such file or directory (os error 2)"
    );
    assert!(server.log().is_empty());
}

#[tokio::test]
async fn expired_links_to_storage_are_requested_again() {
    let storage = Arc::new(Image::new(7, SIZE));
    let image = Arc::clone(&storage);
    let storage = Server::start(move |request| {
        if request.path.contains("old=") {
            Reply::new(403)
        } else {
            image.answer(request).unwrap()
        }
    });
    let address = storage.address;
    let (server, image) = script(move |count, request, _| {
        let name = request.path.rsplit('/').next().unwrap();
        let query = if count == 0 { "old=top-secret/" } else { "" };
        Reply::new(307).header("Location", &format!("http://{address}/{query}{name}"))
    });
    let download = Download::new();
    download.of(&server, &image).await.unwrap();
    assert_eq!(std::fs::read(&download.path).unwrap(), image.layer);
    assert_eq!((server.log().len(), storage.log().len()), (2, 2));
}

#[tokio::test]
async fn redirects_without_tls_are_refused() {
    let (server, image) = script(|_, _, _| {
        Reply::new(307).header("Location", "http://storage.example.org/x?key=top-secret")
    });
    let download = Download::new();
    let err = download.of(&server, &image).await.unwrap_err();
    let text = chain(&err);
    assert!(
        text.ends_with("it led to `storage.example.org`, which is not encrypted"),
        "{text}"
    );
    assert!(!format!("{err:?}").contains("top-secret"), "{err:?}");
    assert_eq!(server.log().len(), 1);
}

#[tokio::test]
async fn parallel_downloads_are_limited() {
    let images: Arc<Vec<_>> = Arc::new((0..7).map(|seed| Image::new(seed, 5000)).collect());
    let (now, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let (answers, seen) = (Arc::clone(&images), Arc::clone(&most));
    let server = Server::start(move |request| {
        seen.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(200));
        now.fetch_sub(1, Ordering::SeqCst);
        answers
            .iter()
            .find_map(|image| image.answer(request))
            .unwrap()
    });
    let dir = tempfile::tempdir().unwrap();
    let mut blobs: Vec<_> = images
        .iter()
        .map(|image| (image.layer(), dir.path().join(image.layer().digest.hex())))
        .collect();
    blobs.insert(1, blobs[0].clone());
    let name = named(&server, ":1");
    let done = Mutex::new(0);
    let progress = |blob: &Descriptor, bytes: u64| {
        *done.lock().unwrap() += u64::from(bytes == blob.size);
    };
    registry().blobs(&name, &blobs, &progress).await.unwrap();
    for (blob, path) in &blobs {
        assert_eq!(Digest::of(&std::fs::read(path).unwrap()), blob.digest);
    }
    assert_eq!(most.load(Ordering::SeqCst), 3);
    assert_eq!(server.log().len(), 7);
    assert!(done.into_inner().unwrap() >= 7);
}
