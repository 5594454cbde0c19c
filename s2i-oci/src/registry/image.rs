//! Whole images: from a registry to an image under construction, and back.

use std::{
    fs::File,
    io::{self, BufReader, Cursor, Read},
    path::Path,
    sync::Arc,
};

use s2i_core::{
    ImageRef,
    bounds::Limits,
    image::{ImageConfig, Platform},
};

use super::{
    client::Registry,
    error::{ProtocolError, RegistryError},
    push::{OpenBlob, Push, PushBlob},
};
use crate::{
    Blob, Image,
    manifest::{self, Descriptor, Manifest},
};

impl Registry {
    /// Pulls an image for this platform as one under construction, with its config and history, so that layers can be
    /// put on it. It has no name yet.
    ///
    /// Its layers are downloaded into files in the directory `dir`, as the registry has them, named by their digests.
    /// A file that is there already is verified and not downloaded again.
    ///
    /// # Errors
    /// Those of [`manifest`](Self::manifest) and [`blobs`](Self::blobs); [`Other`](RegistryError::Other) when the
    /// config does not belong to the manifest, or the layers have more bytes than the default [`Limits`] allow.
    pub async fn image(
        &self,
        name: &ImageRef,
        platform: &Platform,
        dir: &Path,
    ) -> Result<Image, RegistryError> {
        let pulled = self.manifest(name, platform).await?;
        let config = check(&pulled.manifest, &pulled.config_bytes);
        let operation = self.origin(name)?.pull_operation("read an image of");
        let config = config.map_err(|err| operation.error(err))?;
        let layers = pulled.manifest.layers.into_iter();
        let files: Vec<_> = layers
            .map(|layer| (layer.clone(), dir.join(layer.digest.hex())))
            .collect();
        self.blobs(name, &files, &|_, _| ()).await?;
        let diff_ids = config.rootfs.diff_ids.iter();
        let blobs = files.into_iter().zip(diff_ids).map(|((layer, path), id)| {
            let media_type = manifest::oci_layer(&layer.media_type).to_owned();
            Blob::new(
                path,
                Descriptor {
                    media_type,
                    ..layer
                },
                *id,
            )
        });
        let blobs = blobs.collect();
        Ok(Image::with_layers(config, blobs))
    }
}

/// Returns the config if it has the layers of the manifest and they are within the limits.
fn check(manifest: &Manifest, config: &[u8]) -> Result<ImageConfig, ProtocolError> {
    let sizes = manifest.layers.iter().map(|layer| layer.size);
    let limit = Limits::default().bytes;
    if sizes.fold(0, u64::saturating_add) > limit {
        return Err(ProtocolError::TooLarge(limit));
    }
    match serde_json::from_slice::<ImageConfig>(config) {
        Ok(config) if config.rootfs.diff_ids.len() == manifest.layers.len() => Ok(config),
        _ => Err(ProtocolError::Config),
    }
}

/// The push of an image under construction, whose layers are read from their files.
impl From<&Image> for Push {
    fn from(image: &Image) -> Self {
        let manifest = image.manifest();
        let config = image.config().to_json();
        let open_config: OpenBlob = Arc::new(move || Ok(Box::new(Cursor::new(config.clone()))));
        let mut blobs = vec![PushBlob {
            descriptor: manifest.config.clone(),
            open: open_config,
        }];
        blobs.extend(image.layers().iter().map(in_file));
        Self {
            manifest: serde_json::to_vec(&manifest).expect("text keys"),
            media_type: manifest.media_type,
            blobs,
            mount_from: Vec::new(),
        }
    }
}

fn in_file(layer: &Blob) -> PushBlob {
    let path = layer.path().to_owned();
    let open = move || -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(BufReader::with_capacity(
            256 * 1024,
            File::open(&path)?,
        )))
    };
    PushBlob {
        descriptor: layer.descriptor().clone(),
        open: Arc::new(open),
    }
}
