//! From a name to a manifest and a config.

use reqwest::{
    Method, StatusCode,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue},
};
use s2i_core::{ImageRef, bounds, image::Platform};

use super::{
    Registry,
    auth::Scope,
    document::{self, Document},
    error::{Failure, Found, RegistryError, Trouble},
    remote::Remote,
};
use crate::{
    Digest,
    manifest::{Descriptor, Manifest},
};

/// The longest manifest, index or config, in bytes. What writes and what stores them has lower limits.
const LONGEST: usize = bounds::RESPONSE;
/// The header with the digest of what is sent.
pub(super) const CONTENT_DIGEST: &str = "docker-content-digest";
const OPERATION: &str = "read a manifest of";

/// An image as a registry describes it, without its layers. Everything is verified.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Pulled {
    /// What the name stands for: the digest of the index, if there is one, else of the manifest. The
    /// repository has the image by this digest for all platforms.
    pub named: Digest,
    /// The manifest, as it was sent.
    pub manifest_bytes: Vec<u8>,
    /// The manifest's digest.
    pub manifest_digest: Digest,
    /// The same, read. Its media types may be OCI's or Docker's.
    pub manifest: Manifest,
    /// The config, as it was sent.
    pub config_bytes: Vec<u8>,
    /// The config's digest, which is the image's ID.
    pub config_digest: Digest,
}

impl Registry {
    /// Finds out which manifest and config the image has for this platform, from mirrors first.
    ///
    /// A name that stands for a manifest, not for an index, gives that: what it runs on is in its
    /// config.
    ///
    /// # Errors
    /// [`NotFound`](RegistryError::NotFound), [`Platform`](RegistryError::Platform) and whatever can
    /// go wrong on the way.
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

/// A document, and how it was called.
struct Read {
    bytes: Vec<u8>,
    digest: Digest,
    document: Document,
}

impl Remote {
    async fn pull(&self, image: &ImageRef, platform: &Platform) -> Result<Pulled, RegistryError> {
        let mut backoff = self.backoff();
        loop {
            match self.pull_once(image, platform).await {
                Ok(pulled) => return Ok(pulled),
                Err(failure) => backoff.wait(failure).await?,
            }
        }
    }

    async fn pull_once(&self, image: &ImageRef, platform: &Platform) -> Result<Pulled, Failure> {
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
                self.chosen(image, chosen).await?
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

    /// The manifest that an index names.
    async fn chosen(
        &self,
        image: &ImageRef,
        chosen: &Descriptor,
    ) -> Result<(Vec<u8>, Digest, Manifest), Failure> {
        let name = chosen.digest.to_string();
        let read = self.document(image, &name, Some(chosen.digest)).await?;
        self.check_size(chosen, read.bytes.len() as u64)?;
        match read.document {
            Document::Manifest(manifest) => Ok((read.bytes, read.digest, manifest)),
            Document::Index(_) => Err(self.trouble(OPERATION, Trouble::NestedIndex).into()),
        }
    }

    /// The manifest or index with this tag or digest.
    async fn document(
        &self,
        image: &ImageRef,
        reference: &str,
        expected: Option<Digest>,
    ) -> Result<Read, Failure> {
        let url = self.url(&format!("manifests/{reference}")).await?;
        let accept = HeaderValue::from_static(document::ACCEPT);
        let headers = HeaderMap::from_iter([(ACCEPT, accept)]);
        let scope = Scope::pull(&self.repository);
        let answer = self
            .send(Method::GET, url, headers, &scope, OPERATION)
            .await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Err(Failure::Final(RegistryError::NotFound {
                registry: self.host.name.clone(),
                image: image.to_string(),
            }));
        }
        let answer = self.check(answer, &scope, OPERATION).await?;
        let content_type = text(answer.headers(), CONTENT_TYPE.as_str());
        let said = text(answer.headers(), CONTENT_DIGEST).and_then(|text| text.parse().ok());
        let bytes = self.read(answer, LONGEST, OPERATION).await?;
        let digest = Digest::of(&bytes);
        for expected in expected.into_iter().chain(said) {
            self.check_digest(expected, digest)?;
        }
        // Media types may have parameters, such as a character set.
        let content_type = content_type.as_deref();
        let content_type = content_type.and_then(|text| text.split(';').next());
        let document = Document::parse(&bytes, content_type.map(str::trim))
            .map_err(|trouble| self.trouble(OPERATION, trouble))?;
        Ok(Read {
            bytes,
            digest,
            document,
        })
    }

    async fn config(&self, config: &Descriptor) -> Result<Vec<u8>, Failure> {
        const OPERATION: &str = "read a config of";
        let url = self.url(&format!("blobs/{}", config.digest)).await?;
        let scope = Scope::pull(&self.repository);
        let answer = self
            .send(Method::GET, url, HeaderMap::new(), &scope, OPERATION)
            .await?;
        let answer = self.check(answer, &scope, OPERATION).await?;
        let bytes = self.read(answer, LONGEST, OPERATION).await?;
        self.check_size(config, bytes.len() as u64)?;
        self.check_digest(config.digest, Digest::of(&bytes))?;
        Ok(bytes)
    }

    pub(super) fn check_digest(
        &self,
        expected: Digest,
        found: Digest,
    ) -> Result<(), RegistryError> {
        if found == expected {
            return Ok(());
        }
        Err(self.wrong(expected, Found::Digest(found)))
    }

    pub(super) fn check_size(&self, blob: &Descriptor, found: u64) -> Result<(), RegistryError> {
        if found == blob.size {
            return Ok(());
        }
        let expected = blob.size;
        Err(self.wrong(blob.digest, Found::Size { expected, found }))
    }

    pub(super) fn wrong(&self, expected: Digest, found: Found) -> RegistryError {
        RegistryError::Digest {
            registry: self.host.name.clone(),
            repository: self.repository.clone(),
            expected,
            found,
        }
    }
}

/// A header's text.
pub(super) fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?;
    value.to_str().ok().map(str::to_owned)
}
