//! Pushes: from blobs and a manifest to an image in a registry.

mod feed;
mod upload;

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use reqwest::{
    Body, Method,
    header::{CONTENT_TYPE, HeaderValue},
};
use s2i_core::ImageRef;

pub use feed::OpenBlob;
pub use upload::PushBlob;

use super::{
    client::Registry,
    error::{AttemptError, RegistryError},
    http::{CONTENT_DIGEST, header_text},
    operation::Operation,
    repository::Repository,
};
use crate::{Digest, manifest::Descriptor};
use upload::{Upload, UploadOutcome};

/// An image to push.
#[derive(Clone, Debug)]
pub struct Push {
    /// The manifest, byte by byte.
    pub manifest: Vec<u8>,
    /// The manifest's media type.
    pub media_type: String,
    /// The config and the layers, in any order; duplicates are uploaded once.
    pub blobs: Vec<PushBlob>,
    /// Other repositories of the same registry, without its host, that may have some of the blobs.
    pub mount_from: Vec<String>,
}

/// The result of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pushed {
    /// The manifest's digest, by which the image can be pulled.
    pub digest: Digest,
    /// The blobs that were sent.
    pub uploaded: Count,
    /// The blobs that the registry took from other repositories.
    pub mounted: Count,
    /// The blobs that the repository had.
    pub existing: Count,
}

/// A number of blobs, and their size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// The number of blobs.
    pub blobs: usize,
    /// Their size in bytes.
    pub bytes: u64,
}

impl Count {
    fn add(&mut self, bytes: u64) {
        self.blobs += 1;
        self.bytes += bytes;
    }
}

impl Registry {
    /// Uploads the blobs that are missing, then the manifest under the image's tag (or its digest, if it has no tag).
    ///
    /// A blob that the repository has, or that the registry can take from another repository, is not sent. An upload
    /// that is cut begins again: most registries keep nothing of it.
    ///
    /// `progress` gets a blob and the number of its bytes that are sent or need not be, a few times in a second. It
    /// decreases when an upload begins again.
    ///
    /// # Errors
    /// [`Source`](RegistryError::Source) when a blob can't be read, [`Digest`](RegistryError::Digest) when the name has
    /// a digest and the manifest another one, and other failures of requests.
    pub async fn push(
        &self,
        image: &ImageRef,
        push: &Push,
        progress: &(dyn Fn(&Descriptor, u64) + Send + Sync),
    ) -> Result<Pushed, RegistryError> {
        let repository = self.origin(image)?;
        let digest = Digest::of(&push.manifest);
        if let Some(named) = image.digest().and_then(|text| text.parse().ok()) {
            repository.check_digest(named, digest)?;
        }
        let mut seen = BTreeSet::from([&repository.name]);
        let mounts = push.mount_from.iter().filter(|from| seen.insert(*from));
        let mounts: Vec<_> = mounts.cloned().collect();
        let mut seen = BTreeSet::new();
        let mut uploads = Vec::new();
        for blob in &push.blobs {
            if seen.insert(blob.descriptor.digest) {
                let upload = Upload::new(&repository, blob, &mounts, progress);
                uploads.push(async move {
                    let outcome = upload.run().await?;
                    progress(&blob.descriptor, blob.descriptor.size);
                    Ok::<_, RegistryError>((outcome, blob.descriptor.size))
                });
            }
        }
        let uploads = stream::iter(uploads).buffer_unordered(self.parallel());
        let mut pushed = Pushed {
            digest,
            uploaded: Count::default(),
            mounted: Count::default(),
            existing: Count::default(),
        };
        for (outcome, bytes) in uploads.try_collect::<Vec<_>>().await? {
            match outcome {
                UploadOutcome::Sent => pushed.uploaded.add(bytes),
                UploadOutcome::Mounted => pushed.mounted.add(bytes),
                UploadOutcome::Existing => pushed.existing.add(bytes),
            }
        }
        let operation = repository.push_operation("write a manifest of", &mounts);
        let attempt = || repository.put_manifest(image, push, digest, &operation);
        repository.backoff().retry(attempt).await?;
        Ok(pushed)
    }
}

impl Repository {
    async fn put_manifest(
        &self,
        image: &ImageRef,
        push: &Push,
        digest: Digest,
        operation: &Operation,
    ) -> Result<(), AttemptError> {
        let name = match (image.tag(), image.digest()) {
            (None, Some(digest)) => digest,
            _ => image.tag_or_latest(),
        };
        let media_type = HeaderValue::from_str(&push.media_type);
        let media_type = media_type.map_err(|err| operation.error(err))?;
        let path = format!("manifests/{name}");
        let mut request = self.request(Method::PUT, &path).await?;
        request.headers_mut().insert(CONTENT_TYPE, media_type);
        *request.body_mut() = Some(Body::from(push.manifest.clone()));
        let response = self.host.send(request, operation).await?;
        let response = self.host.check(response, operation).await?;
        let stored = header_text(response.headers(), CONTENT_DIGEST);
        if let Some(stored) = stored.and_then(|text| text.parse().ok()) {
            self.check_digest(digest, stored)?;
        }
        Ok(())
    }
}
