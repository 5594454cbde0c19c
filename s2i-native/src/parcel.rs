//! An image as it goes to a registry: its layers compressed.

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
    error::failed,
    memory,
    tracked::{TrackedWork, stoppable},
};

/// What is pushed, and what protects it meanwhile.
pub(crate) struct Parcel {
    pub(crate) push: Push,
    _work: Arc<TrackedWork>,
}

/// Puts together what a registry gets. An image that came compressed goes as it came; layers that were
/// made here are compressed. How that turned out is remembered, so that a layer which the registry has
/// is not compressed again to find that out.
pub(crate) fn pack(
    store: &Store,
    image: &StoredImage,
    name: &ImageRef,
    cancel: &CancelToken,
) -> Result<Parcel, EngineError> {
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
    Ok(Parcel {
        push: Push {
            manifest: push_manifest,
            media_type,
            blobs: std::iter::once(config).chain(layers).collect(),
            mount_from: neighbours(store, image, name)?,
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

/// The layer as it is if it is compressed, else compressed with gzip, which every registry and engine
/// takes.
fn compressed(
    store: &Store,
    work: &Arc<TrackedWork>,
    layer: StoredLayer,
) -> Result<PushBlob, EngineError> {
    if !layer.is_plain() {
        return Ok(in_store(store, &layer.descriptor));
    }
    let diff_id = layer.diff_id;
    let descriptor = if let Some(known) = memory::compressed(store, diff_id) {
        known
    } else {
        let made = gzip(store, work, &layer);
        let made = made.map_err(failed(Operation::CompressLayer, diff_id))?;
        memory::remember_compressed(store, diff_id, &made);
        made
    };
    let (store, work) = (store.clone(), Arc::clone(work));
    let open = move || -> io::Result<Box<dyn Read + Send>> {
        let path = place(&work, diff_id);
        if !path.is_file() {
            gzip(&store, &work, &layer)?;
        }
        let file = File::open(path)?;
        Ok(Box::new(BufReader::with_capacity(256 * 1024, file)))
    };
    let open: OpenBlob = Arc::new(open);
    Ok(PushBlob { descriptor, open })
}

fn place(work: &Work, diff_id: Digest) -> std::path::PathBuf {
    work.path().join(format!("{}.gz", diff_id.hex()))
}

/// Compresses a layer into a file of the work; it has its name once it is whole.
fn gzip(store: &Store, work: &Work, layer: &StoredLayer) -> io::Result<Descriptor> {
    let whole = place(work, layer.diff_id);
    let unfinished = whole.with_extension("new");
    let made = layer::gzip(&unfinished, |out| {
        store.write_layer(layer, out).map_err(io::Error::other)
    })?;
    std::fs::rename(unfinished, whole)?;
    Ok(made)
}

/// Repositories of the same registry that images with common layers are known by: it may take the
/// layers from there.
fn neighbours(
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
    let places = names.filter_map(split);
    let there = places.filter(|(host, other)| *host == registry && *other != repository);
    Ok(there.map(|(_, repository)| repository).collect())
}
