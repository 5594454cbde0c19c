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
    tracked::{TrackedWork, stoppable},
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
    let store = &stoppable(store, cancel);
    let cannot = failed(Operation::PreparePush, name);
    let work = Arc::new(TrackedWork::make(store, &[image], cancel, cannot)?);
    let config = in_store(store, &image.manifest().config);
    let (push_manifest, media_type, layers) = if image.layers().any(|layer| layer.is_plain()) {
        let layers = image
            .layers()
            .map(|layer| compressed(store, &work, layer))
            .collect::<Result<Vec<_>, _>>()?;
        let descriptors = layers.iter().map(|blob| blob.descriptor.clone());
        let manifest = Manifest::new(image.manifest().config.clone(), descriptors.collect());
        let bytes = serde_json::to_vec(&manifest).expect("text keys");
        (bytes, manifest::MANIFEST.to_owned(), layers)
    } else {
        let manifest = (in_store(store, image.descriptor()).open)();
        let bytes = manifest
            .and_then(|file| bounds::read(file, bounds::DOCUMENT))
            .map_err(failed(Operation::ReadManifest, name))?;
        let layers = image
            .layers()
            .map(|layer| in_store(store, &layer.descriptor));
        (
            bytes,
            image.descriptor().media_type.clone(),
            layers.collect(),
        )
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
    let open = move || -> io::Result<Box<dyn Read + Send>> {
        match store.open_blob(&descriptor).map_err(io::Error::other)? {
            Some(file) => Ok(Box::new(BufReader::with_capacity(256 * 1024, file))),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    };
    PushBlob {
        descriptor: blob.clone(),
        open: Arc::new(open),
    }
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
        let made = gzip(store, work, &layer);
        let made = made.map_err(failed(Operation::CompressLayer, diff_id))?;
        build_cache::put_gzip(store, diff_id, &made);
        made
    };
    let (store, work) = (store.clone(), Arc::clone(work));
    let open = move || -> io::Result<Box<dyn Read + Send>> {
        let path = gzip_path(&work, diff_id);
        if !path.is_file() {
            gzip(&store, &work, &layer)?;
        }
        let file = File::open(path)?;
        Ok(Box::new(BufReader::with_capacity(256 * 1024, file)))
    };
    let open: OpenBlob = Arc::new(open);
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
    let all = store
        .list()
        .map_err(failed(Operation::List, "the images"))?;
    let own = &image.config().rootfs.diff_ids;
    let shares = |other: &&StoredImage| {
        let theirs = &other.config().rootfs.diff_ids;
        theirs.iter().any(|layer| own.contains(layer))
    };
    let split = |name: &ImageRef| {
        let full = name.full_name();
        full.split_once('/')
            .map(|(registry, repository)| (registry.to_owned(), repository.to_owned()))
    };
    let Some((registry, repository)) = split(name) else {
        return Ok(Vec::new());
    };
    let names = all.iter().filter(shares).flat_map(StoredImage::names);
    let repositories = names.filter_map(split);
    let others = repositories.filter(|(host, other)| *host == registry && *other != repository);
    Ok(others.map(|(_, repository)| repository).collect())
}
