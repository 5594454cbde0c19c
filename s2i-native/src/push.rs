//! Preparing an image for a push: its layers are compressed.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    sync::Arc,
};

use s2i_build::{CancelToken, EngineError, ports::Operation};
use s2i_core::{ImageRef, bounds};
use s2i_oci::{
    Digest, layer,
    manifest::{self, Descriptor, Manifest},
    registry::{OpenBlob, Push, PushBlob},
    store::{Store, StoredImage, StoredLayer, Work},
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
/// are compressed. The cache keeps their descriptors, so a layer that the registry already has is not compressed again.
pub(crate) fn prepare(
    store: &Store,
    image: &StoredImage,
    name: &ImageRef,
    cancel: &CancelToken,
) -> Result<PreparedPush, EngineError> {
    let store = &cancellable(store, cancel);
    let cannot = failed(Operation::PreparePush, name);
    let work = Arc::new(TrackedWork::make(store, &[image], cancel, cannot)?);
    let config = in_store(store, &image.manifest().config);
    let (push_manifest, media_type, layers) = if image.layers().any(|layer| layer.is_plain()) {
        let layers = image.layers().map(|layer| compressed(store, &work, layer));
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

/// Returns the layer as it is if it is compressed, else compressed with gzip, which all registries and engines support.
fn compressed(
    store: &Store,
    work: &Arc<TrackedWork>,
    layer: StoredLayer,
) -> Result<PushBlob, EngineError> {
    if !layer.is_plain() {
        return Ok(in_store(store, &layer.descriptor));
    }
    let diff_id = layer.diff_id;
    let descriptor = if let Some(known) = build_cache::get_gzip(store, diff_id) {
        known
    } else {
        let descriptor = gzip(store, work, &layer);
        let descriptor = descriptor.map_err(failed(Operation::CompressLayer, diff_id))?;
        build_cache::put_gzip(store, diff_id, &descriptor);
        descriptor
    };
    let (store, work) = (store.clone(), Arc::clone(work));
    let open: OpenBlob = Arc::new(move || {
        let path = gzip_path(&work, diff_id);
        if !path.is_file() {
            gzip(&store, &work, &layer)?;
        }
        Ok(buffered(File::open(path)?))
    });
    Ok(PushBlob { descriptor, open })
}

fn gzip_path(work: &Work, diff_id: Digest) -> std::path::PathBuf {
    work.path().join(format!("{}.gz", diff_id.hex()))
}

/// Compresses a layer into a file of the work directory, which gets its name once it is complete.
fn gzip(store: &Store, work: &Work, layer: &StoredLayer) -> io::Result<Descriptor> {
    let whole = gzip_path(work, layer.diff_id);
    let unfinished = whole.with_extension("new");
    let made = layer::gzip(&unfinished, |out| {
        store.write_layer(layer, out).map_err(io::Error::other)
    })?;
    std::fs::rename(unfinished, whole)?;
    Ok(made)
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
