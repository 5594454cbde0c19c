//! Pulls: from a name to a manifest and a config, and the blobs of these.

mod blob;
mod document;
mod partial;
mod stream;

use reqwest::{
    Method, StatusCode,
    header::{ACCEPT, CONTENT_TYPE, HeaderValue},
};
use s2i_core::{ImageRef, bounds, image::Platform};

use super::{
    client::Registry,
    error::{AttemptError, ProtocolError, RegistryError},
    http::{CONTENT_DIGEST, header_text},
    repository::Repository,
};
use crate::{
    Digest,
    manifest::{Descriptor, Manifest},
};
use document::Document;

/// The longest manifest, index or config, in bytes. Their writers and stores have lower limits.
const LONGEST: usize = bounds::RESPONSE;
const READ_MANIFEST: &str = "read a manifest of";
const READ_CONFIG: &str = "read a config of";

/// An image as a registry describes it, without its layers. Everything is verified.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Pulled {
    /// The digest behind the name: of the index, if there is one, else of the manifest. The repository has the image by
    /// this digest for all platforms.
    pub named: Digest,
    /// The manifest, as it was sent.
    pub manifest_bytes: Vec<u8>,
    /// The manifest's digest.
    pub manifest_digest: Digest,
    /// The parsed manifest. Its media types may be OCI's or Docker's.
    pub manifest: Manifest,
    /// The config, as it was sent.
    pub config_bytes: Vec<u8>,
    /// The config's digest, which is the image's ID.
    pub config_digest: Digest,
}

impl Registry {
    /// Pulls the manifest and the config of an image for this platform, from mirrors first.
    ///
    /// A name without an index refers to one manifest, of any platform; its config names the platform.
    ///
    /// # Errors
    /// [`NotFound`](RegistryError::NotFound), [`Platform`](RegistryError::Platform) and other failures of requests.
    pub async fn manifest(
        &self,
        image: &ImageRef,
        platform: &Platform,
    ) -> Result<Pulled, RegistryError> {
        for mirror in self.mirrors(image) {
            match mirror.pull(image, platform).await {
                Ok(pulled) => return Ok(pulled),
                Err(err) => mirror.failed_as_mirror(&err),
            }
        }
        self.origin(image)?.pull(image, platform).await
    }
}

/// A verified document.
struct Fetched {
    bytes: Vec<u8>,
    digest: Digest,
    document: Document,
}

impl Repository {
    async fn pull(&self, image: &ImageRef, platform: &Platform) -> Result<Pulled, RegistryError> {
        let attempt = || self.pull_once(image, platform);
        self.backoff().retry(attempt).await
    }

    async fn pull_once(
        &self,
        image: &ImageRef,
        platform: &Platform,
    ) -> Result<Pulled, AttemptError> {
        let first = match image.digest() {
            Some(text) => {
                let digest = text.parse().expect("names have digests of this kind only");
                self.document(image, text, Some(digest)).await?
            }
            None => self.document(image, image.tag_or_latest(), None).await?,
        };
        let named = first.digest;
        let (bytes, manifest_digest, manifest) = match first.document {
            Document::Manifest(manifest) => (first.bytes, named, manifest),
            Document::Index(index) => {
                let chosen = document::choose(&index, platform);
                let chosen = chosen.ok_or_else(|| RegistryError::Platform {
                    image: image.to_string(),
                    platform: platform.to_string(),
                    available: document::available(&index),
                })?;
                self.manifest_of(image, chosen).await?
            }
        };
        Ok(Pulled {
            named,
            config_bytes: self.config(&manifest.config).await?,
            config_digest: manifest.config.digest,
            manifest_bytes: bytes,
            manifest_digest,
            manifest,
        })
    }

    /// Reads the manifest that an index names.
    async fn manifest_of(
        &self,
        image: &ImageRef,
        descriptor: &Descriptor,
    ) -> Result<(Vec<u8>, Digest, Manifest), AttemptError> {
        let name = descriptor.digest.to_string();
        let fetched = self.document(image, &name, Some(descriptor.digest)).await?;
        self.check_size(descriptor, fetched.bytes.len() as u64)?;
        match fetched.document {
            Document::Manifest(manifest) => Ok((fetched.bytes, fetched.digest, manifest)),
            Document::Index(_) => {
                let operation = self.pull_operation(READ_MANIFEST);
                Err(operation.error(ProtocolError::NestedIndex).into())
            }
        }
    }

    /// Reads the manifest or index with this tag or digest.
    async fn document(
        &self,
        image: &ImageRef,
        reference: &str,
        expected: Option<Digest>,
    ) -> Result<Fetched, AttemptError> {
        let operation = self.pull_operation(READ_MANIFEST);
        let path = format!("manifests/{reference}");
        let mut request = self.request(Method::GET, &path).await?;
        let accept = HeaderValue::from_static(document::ACCEPT);
        request.headers_mut().insert(ACCEPT, accept);
        let response = self.host.send(request, &operation).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Err(AttemptError::Final(RegistryError::NotFound {
                registry: self.host.name.clone(),
                image: image.to_string(),
            }));
        }
        let response = self.host.check(response, &operation).await?;
        let headers = response.headers().clone();
        let bytes = self.host.http.read(response, LONGEST, &operation).await?;
        let digest = Digest::of(&bytes);
        let announced = header_text(&headers, CONTENT_DIGEST).and_then(|text| text.parse().ok());
        for expected in expected.into_iter().chain(announced) {
            self.check_digest(expected, digest)?;
        }
        // Media types may have parameters, such as a character set.
        let content_type = header_text(&headers, CONTENT_TYPE);
        let content_type = content_type.and_then(|text| text.split(';').next());
        let document = Document::parse(&bytes, content_type.map(str::trim))
            .map_err(|err| operation.error(err))?;
        Ok(Fetched {
            bytes,
            digest,
            document,
        })
    }

    async fn config(&self, config: &Descriptor) -> Result<Vec<u8>, AttemptError> {
        let operation = self.pull_operation(READ_CONFIG);
        let path = format!("blobs/{}", config.digest);
        let request = self.request(Method::GET, &path).await?;
        let response = self.host.send(request, &operation).await?;
        let response = self.host.check(response, &operation).await?;
        let bytes = self.host.http.read(response, LONGEST, &operation).await?;
        self.check_size(config, bytes.len() as u64)?;
        self.check_digest(config.digest, Digest::of(&bytes))?;
        Ok(bytes)
    }
}
