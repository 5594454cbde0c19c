//! An image, and what a registry that has it answers.

use std::{io, sync::Arc, time::Duration};

use s2i_core::{ErrorChain, ImageRef, image::Platform};
use s2i_oci::{
    Digest,
    manifest::{CONFIG, Descriptor, Index, LAYER_GZIP, MANIFEST, Manifest},
    registry::{Options, Push, PushBlob, Registry},
};

use crate::server::{Reply, Request, Server};

/// An image with a config and one layer of some length.
pub(crate) struct Image {
    pub(crate) config: Vec<u8>,
    pub(crate) layer: Vec<u8>,
    pub(crate) manifest: Vec<u8>,
    pub(crate) media_type: String,
}

impl Image {
    /// OCI's form of an image; different seeds make different images.
    pub(crate) fn new(seed: u8, layer: usize) -> Self {
        Self::of_types(seed, layer, [MANIFEST, CONFIG, LAYER_GZIP])
    }

    /// The same with media types for the manifest, the config and the layer.
    pub(crate) fn of_types(seed: u8, layer: usize, types: [&str; 3]) -> Self {
        let config = format!(r#"{{"architecture":"amd64","os":"linux","seed":{seed}}}"#);
        let config = config.into_bytes();
        let layer: Vec<_> = (0..=250)
            .cycle()
            .map(|byte: u8| byte ^ seed)
            .take(layer)
            .collect();
        let mut manifest = Manifest::new(
            Descriptor::of(types[1], &config),
            vec![Descriptor::of(types[2], &layer)],
        );
        manifest.media_type = types[0].into();
        Self {
            manifest: serde_json::to_vec_pretty(&manifest).unwrap(),
            config,
            layer,
            media_type: types[0].into(),
        }
    }

    pub(crate) fn layer(&self) -> Descriptor {
        Descriptor::of(LAYER_GZIP, &self.layer)
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest::of(&self.manifest)
    }

    /// The answer to a request for the manifest or a blob, by digest or with the tag `1`.
    pub(crate) fn answer(&self, request: &Request) -> Option<Reply> {
        let name = request.path.rsplit('/').next()?;
        if name == "1" || name == self.digest().to_string() {
            return Some(Reply::ok(self.manifest.clone()).header("Content-Type", &self.media_type));
        }
        let mut blobs = [&self.config, &self.layer].into_iter();
        let blob = blobs.find(|blob| name == Digest::of(blob).to_string())?;
        Some(Reply::ok(blob.clone()))
    }

    /// A server that has just this image.
    pub(crate) fn serve(self: &Arc<Self>) -> Server {
        let image = Arc::clone(self);
        Server::start(move |request| image.answer(request).unwrap_or(Reply::new(404)))
    }

    /// The image as it is pushed.
    pub(crate) fn push(&self) -> Push {
        let blob = |kind: &str, bytes: &Vec<u8>| {
            let descriptor = Descriptor::of(kind, bytes);
            let bytes: Arc<[u8]> = bytes.as_slice().into();
            PushBlob {
                descriptor,
                open: Arc::new(move || {
                    Ok(Box::new(io::Cursor::new(Arc::clone(&bytes))) as Box<dyn io::Read + Send>)
                }),
            }
        };
        Push {
            manifest: self.manifest.clone(),
            media_type: self.media_type.clone(),
            blobs: vec![blob(LAYER_GZIP, &self.layer), blob(CONFIG, &self.config)],
            mount_from: Vec::new(),
        }
    }
}

/// An index of images for platforms, such as `linux/arm/v7`.
pub(crate) fn index(images: &[(&str, &Image)]) -> Index {
    let manifests = images.iter().map(|(text, image)| {
        let mut parts = text.split('/').map(str::to_owned);
        let platform = Platform {
            os: parts.next().unwrap(),
            architecture: parts.next().unwrap(),
            variant: parts.next(),
        };
        Descriptor {
            platform: Some(platform),
            ..Descriptor::of(&image.media_type, &image.manifest)
        }
    });
    Index::new(manifests.collect())
}

/// The name of the image `team/app` at the server.
pub(crate) fn named(server: &Server, rest: &str) -> ImageRef {
    format!("{}/team/app{rest}", server.address)
        .parse()
        .unwrap()
}

/// Options without credentials and certificates, and with short pauses between attempts.
pub(crate) fn options() -> Options {
    Options {
        retry_pause: Duration::from_millis(1),
        ..Options::default()
    }
}

/// A client without credentials and certificates.
pub(crate) fn registry() -> Registry {
    Registry::new(options()).unwrap()
}

pub(crate) fn amd64() -> Platform {
    Platform::linux("amd64")
}

/// An error with its causes in one line.
pub(crate) fn chain(err: &dyn std::error::Error) -> String {
    ErrorChain(err).to_string()
}
