//! Preparing an image for a push: its layers are compressed.

use std::{
    fs::File,
    io::{self, BufReader, Read, Write},
    sync::Arc,
};

use s2i_build::{
    CancelToken, EngineError,
    event::Progress,
    ports::Operation,
    transfer::{TransferKind, TransferReporter},
};
use s2i_core::{ImageRef, bounds};
use s2i_oci::{
    Digest,
    layer::{self, Compression},
    manifest::{self, Descriptor, Manifest},
    registry::{OpenBlob, Push, PushBlob},
    store::{Store, StoredImage, StoredLayer},
};

use crate::{
    build_cache,
    error::failed,
    tracked::{TrackedWork, cancellable},
};

/// A push, with the lease that keeps the image in the store meanwhile.
pub(crate) struct PreparedPush {
    pub(crate) push: Push,
    _work: Arc<TrackedWork>,
}

/// Prepares the push of an image. An image that was pulled compressed is pushed as it is; layers that were built here
/// are compressed. The store keeps their compressed forms, and the cache their descriptors, so that a layer that the
/// registry already has is not compressed again even if its form is gone.
pub(crate) fn prepare(
    store: &Store,
    image: &StoredImage,
    name: &ImageRef,
    compression: Compression,
    progress: &Progress<'_>,
    cancel: &CancelToken,
) -> Result<PreparedPush, EngineError> {
    let store = &cancellable(store, cancel);
    let cannot = failed(Operation::PreparePush, name);
    let work = Arc::new(TrackedWork::make(store, &[image], cancel, cannot)?);
    let config = in_store(store, &image.manifest().config);
    let (push_manifest, media_type, layers) = if image.layers().any(|layer| layer.is_plain()) {
        let compressor = Compressor::new(store, &work, compression);
        let compressor = compressor.map_err(failed(Operation::PreparePush, name))?;
        let layers = image.layers();
        let layers = layers.map(|layer| compressor.blob(layer, progress));
        let layers = layers.collect::<Result<Vec<_>, _>>()?;
        let descriptors = layers.iter().map(|blob| blob.descriptor.clone());
        let manifest = Manifest {
            annotations: image.manifest().annotations.clone(),
            ..Manifest::new(image.manifest().config.clone(), descriptors.collect())
        };
        let bytes = serde_json::to_vec(&manifest).expect("text keys");
        (bytes, manifest::MANIFEST.to_owned(), layers)
    } else {
        let manifest = (in_store(store, image.descriptor()).open)();
        let bytes = manifest
            .and_then(|file| bounds::read(file, bounds::DOCUMENT))
            .map_err(failed(Operation::ReadManifest, name))?;
        let media_type = image.descriptor().media_type.clone();
        let layers = image.layers();
        let layers = layers.map(|layer| in_store(store, &layer.descriptor));
        (bytes, media_type, layers.collect())
    };
    Ok(PreparedPush {
        push: Push {
            manifest: push_manifest,
            media_type,
            blobs: std::iter::once(config).chain(layers).collect(),
            mount_from: mount_sources(store, image, name)?,
        },
        _work: work,
    })
}

fn in_store(store: &Store, blob: &Descriptor) -> PushBlob {
    let (store, descriptor) = (store.clone(), blob.clone());
    let open: OpenBlob = Arc::new(move || {
        let file = store.open_blob(&descriptor).map_err(io::Error::other)?;
        Ok(buffered(file.ok_or(io::ErrorKind::NotFound)?))
    });
    let descriptor = blob.clone();
    PushBlob { descriptor, open }
}

fn buffered(file: File) -> Box<dyn Read + Send> {
    Box::new(BufReader::with_capacity(256 * 1024, file))
}

/// Compresses layers that were built here.
#[derive(Clone)]
struct Compressor {
    store: Store,
    work: Arc<TrackedWork>,
    compression: Compression,
    fingerprint: Digest,
}

impl Compressor {
    fn new(store: &Store, work: &Arc<TrackedWork>, compression: Compression) -> io::Result<Self> {
        Ok(Self {
            store: store.clone(),
            work: Arc::clone(work),
            compression,
            fingerprint: compression.fingerprint()?,
        })
    }

    /// Returns the layer as it is if it is compressed, else in its compressed form, which is made unless its descriptor
    /// is known.
    fn blob(&self, layer: StoredLayer, progress: &Progress<'_>) -> Result<PushBlob, EngineError> {
        let store = &self.store;
        if !layer.is_plain() {
            return Ok(in_store(store, &layer.descriptor));
        }
        let (diff_id, fingerprint) = (layer.diff_id, self.fingerprint);
        let descriptor = if let Some(known) = build_cache::get_form(store, diff_id, fingerprint) {
            known
        } else {
            let made = self.compress(&layer, Some(progress));
            let made = made.map_err(failed(Operation::CompressLayer, diff_id))?;
            build_cache::put_form(store, diff_id, fingerprint, &made);
            made
        };
        let (compressor, form) = (self.clone(), descriptor.clone());
        let open: OpenBlob = Arc::new(move || {
            if let Some(file) = compressor.open(diff_id, &form)? {
                return Ok(buffered(file));
            }
            compressor.compress(&layer, None)?;
            let file = compressor.open(diff_id, &form)?;
            Ok(buffered(file.ok_or(io::ErrorKind::NotFound)?))
        });
        Ok(PushBlob { descriptor, open })
    }

    fn open(&self, diff_id: Digest, form: &Descriptor) -> io::Result<Option<File>> {
        let opened = self.store.open_compressed(diff_id, form);
        opened.map_err(io::Error::other)
    }

    /// Compresses a layer into a file of the work directory, which the store then keeps.
    fn compress(
        &self,
        layer: &StoredLayer,
        progress: Option<&Progress<'_>>,
    ) -> io::Result<Descriptor> {
        let file = self.work.path().join(layer.diff_id.hex());
        let reporter = progress.map(|progress| progress.transfer(TransferKind::Compress));
        let form = layer::compress(&file, self.compression, |out| {
            let mut out = Counted {
                out,
                bytes: 0,
                total: layer.descriptor.size,
                reporter,
            };
            let written = self.store.write_layer(layer, &mut out);
            written.map_err(io::Error::other)
        })?;
        let kept = self.store.keep_compressed(layer.diff_id, &form, &file);
        kept.map_err(io::Error::other)?;
        Ok(form)
    }
}

/// A writer that reports the number of its bytes.
struct Counted<'a> {
    out: &'a mut dyn Write,
    bytes: u64,
    total: u64,
    reporter: Option<TransferReporter<'a>>,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.bytes += count as u64;
        if let Some(reporter) = &self.reporter {
            reporter.report(self.bytes, Some(self.total));
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Returns the other repositories of the registry that images with common layers are named after. The registry may
/// mount layers from them.
fn mount_sources(
    store: &Store,
    image: &StoredImage,
    name: &ImageRef,
) -> Result<Vec<String>, EngineError> {
    let all = store.list();
    let all = all.map_err(failed(Operation::List, "the images"))?;
    let own = &image.config().rootfs.diff_ids;
    let shares = |other: &&StoredImage| {
        let theirs = &other.config().rootfs.diff_ids;
        theirs.iter().any(|layer| own.contains(layer))
    };
    let (registry, repository) = name.registry_and_repository();
    let names = all.iter().filter(shares).flat_map(StoredImage::names);
    let repositories = names.map(ImageRef::registry_and_repository);
    let others = repositories.filter(|(host, other)| *host == registry && *other != repository);
    Ok(others.map(|(_, repository)| repository).collect())
}
