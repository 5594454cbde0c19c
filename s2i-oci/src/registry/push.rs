//! From blobs and a manifest to an image in a registry.

use std::{
    collections::BTreeSet,
    fmt,
    io::{self, Read},
    sync::Arc,
};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use reqwest::{
    Body, Method, Request,
    header::{CONTENT_TYPE, HeaderValue},
};
use s2i_core::ImageRef;

use super::{
    Registry,
    auth::Scope,
    error::{Failure, RegistryError},
    pull::{CONTENT_DIGEST, text},
    remote::Remote,
    upload::Way,
};
use crate::{Digest, manifest::Descriptor};

const OPERATION: &str = "write a manifest of";

/// Opens a blob at its beginning. It may be called several times, on any thread.
pub type Source = Arc<dyn Fn() -> io::Result<Box<dyn Read + Send>> + Send + Sync>;

/// An image to push.
#[derive(Clone, Debug)]
pub struct Push {
    /// The manifest, as it is to be there.
    pub manifest: Vec<u8>,
    /// The manifest's media type.
    pub media_type: String,
    /// The config and the layers, in any order; one that is there twice is uploaded once.
    pub blobs: Vec<PushBlob>,
    /// Other repositories of the same registry, without its host, that may have some of the blobs.
    pub mount_from: Vec<String>,
}

/// A blob to push.
#[derive(Clone)]
pub struct PushBlob {
    /// What it is.
    pub descriptor: Descriptor,
    /// Where its bytes come from, when they are needed.
    pub source: Source,
}

impl fmt::Debug for PushBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("PushBlob");
        shown.field("descriptor", &self.descriptor);
        shown.finish_non_exhaustive()
    }
}

/// What came of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pushed {
    /// The manifest's digest, by which the image can be pulled.
    pub digest: Digest,
    /// What was sent.
    pub uploaded: Count,
    /// What the registry took from other repositories.
    pub mounted: Count,
    /// What was there.
    pub existing: Count,
}

/// How many blobs, and how long they are together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How many.
    pub blobs: usize,
    /// How many bytes.
    pub bytes: u64,
}

impl Count {
    fn add(&mut self, bytes: u64) {
        self.blobs += 1;
        self.bytes += bytes;
    }
}

impl Registry {
    /// Uploads the blobs that are missing, then the manifest under the image's tag (or its digest,
    /// if it has no tag).
    ///
    /// A blob that is there, or that the registry can take from another repository, is not sent. An
    /// upload that is cut begins again: most registries keep nothing of it.
    ///
    /// `progress` gets a blob and how many of its bytes are sent or need not be, a few times in a
    /// second. It goes down when an upload has to begin again.
    ///
    /// # Errors
    /// [`Source`](RegistryError::Source) when a blob can't be read,
    /// [`Digest`](RegistryError::Digest) when the name has a digest and the manifest another one,
    /// and whatever can go wrong on the way.
    pub async fn push(
        &self,
        image: &ImageRef,
        push: &Push,
        progress: &(dyn Fn(&Descriptor, u64) + Send + Sync),
    ) -> Result<Pushed, RegistryError> {
        let remote = self.origin(image)?;
        let digest = Digest::of(&push.manifest);
        if let Some(named) = image.digest().and_then(|text| text.parse().ok()) {
            remote.check_digest(named, digest)?;
        }
        let mut seen = BTreeSet::from([&remote.repository]);
        let mounts = push.mount_from.iter().filter(|from| seen.insert(*from));
        let mounts: Vec<_> = mounts.cloned().collect();
        let mut seen = BTreeSet::new();
        let mut uploads = Vec::new();
        for blob in &push.blobs {
            if seen.insert(blob.descriptor.digest) {
                let (remote, mounts) = (&remote, mounts.as_slice());
                uploads.push(async move {
                    let way = remote.upload(blob, mounts, progress).await?;
                    progress(&blob.descriptor, blob.descriptor.size);
                    Ok::<_, RegistryError>((way, blob.descriptor.size))
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
        for (way, bytes) in uploads.try_collect::<Vec<_>>().await? {
            match way {
                Way::Uploaded => pushed.uploaded.add(bytes),
                Way::Mounted => pushed.mounted.add(bytes),
                Way::Existing => pushed.existing.add(bytes),
            }
        }
        let scope = Scope::push(&remote.repository, &mounts);
        remote.put_manifest(image, push, digest, &scope).await?;
        Ok(pushed)
    }
}

impl Remote {
    async fn put_manifest(
        &self,
        image: &ImageRef,
        push: &Push,
        digest: Digest,
        scope: &Scope,
    ) -> Result<(), RegistryError> {
        let name = match (image.tag(), image.digest()) {
            (None, Some(digest)) => digest,
            _ => image.tag_or_latest(),
        };
        let mut backoff = self.backoff();
        while let Err(failure) = self.put_manifest_once(name, push, digest, scope).await {
            backoff.wait(failure).await?;
        }
        Ok(())
    }

    async fn put_manifest_once(
        &self,
        name: &str,
        push: &Push,
        digest: Digest,
        scope: &Scope,
    ) -> Result<(), Failure> {
        let kind = HeaderValue::from_str(&push.media_type)
            .map_err(|err| self.other(OPERATION, Box::new(err)))?;
        let url = self.url(&format!("manifests/{name}")).await?;
        let mut request = Request::new(Method::PUT, url);
        request.headers_mut().insert(CONTENT_TYPE, kind);
        *request.body_mut() = Some(Body::from(push.manifest.clone()));
        let answer = self.send_request(request, scope, OPERATION).await?;
        let answer = self.check(answer, scope, OPERATION).await?;
        let said = text(answer.headers(), CONTENT_DIGEST).and_then(|text| text.parse().ok());
        if let Some(said) = said {
            self.check_digest(digest, said)?;
        }
        Ok(())
    }
}
