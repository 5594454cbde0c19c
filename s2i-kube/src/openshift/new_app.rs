//! An application from source to its pods, as `oc new-app BUILDER~URL` makes it.

use s2i_core::{ImageRef, ImageRefError};
use serde_json::Value;
use thiserror::Error;

use super::{
    Builder, Chain, ChainError, Git, ImageName, Import, Source, StreamTag, StreamTagError,
};
use crate::{
    Name,
    app::{App, AppError, AppImage, Probe},
    port::Port,
};

/// An application whose image is built in the cluster, and that runs there.
#[derive(Clone, Debug)]
pub struct NewApp {
    /// The builds.
    pub chain: Chain,
    /// The ports of the application, which those of its builder usually are; without any, there is no Service.
    pub ports: Vec<Port>,
    /// The check of whether a pod may get requests; `None` for no check.
    pub readiness: Option<Probe>,
}

/// An error of an application that can't have objects.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NewAppError {
    /// The application can't be built.
    #[error("the application can't be built")]
    Chain(#[from] ChainError),
    /// The application can't run.
    #[error("the application can't run")]
    App(#[from] AppError),
}

/// An error for text that is no `BUILDER~URL`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BuilderAndSourceError {
    /// There is no `~`.
    #[error("`{0}` is no BUILDER~URL")]
    Separator(String),
    /// The builder is no image.
    #[error("the builder of `{text}` is no image")]
    Image {
        /// The text.
        text: String,
        /// The reason.
        source: ImageRefError,
    },
    /// The builder is no tag of an image stream.
    #[error("the builder of `{text}` is no tag of an image stream")]
    Stream {
        /// The text.
        text: String,
        /// The reason.
        source: StreamTagError,
    },
    /// No name for objects follows from the image.
    #[error(
        "no name for an image stream follows from `{0}`: import the image into a stream first, and name that"
    )]
    Name(ImageRef),
}

impl NewApp {
    /// An application without ports and checks.
    #[must_use]
    pub fn new(chain: Chain) -> Self {
        Self {
            chain,
            ports: Vec::new(),
            readiness: None,
        }
    }

    /// Returns the image streams, the builds, the Deployment, which every new image rolls out, and the Service. An image
    /// in another registry is pulled with the Secret of the push.
    ///
    /// # Errors
    /// [`NewAppError`].
    pub fn objects(&self) -> Result<Vec<Value>, NewAppError> {
        let mut objects = self.chain.objects()?;
        let (image, pull_secret) = match self.chain.result()? {
            ImageName::Stream(tag) => (AppImage::Stream(tag), None),
            ImageName::Registry(image) => {
                (AppImage::Registry(image), self.chain.push_secret.clone())
            }
        };
        let mut app = App::new(self.chain.app.clone(), image);
        app.pull_secret = pull_secret;
        app.namespace.clone_from(&self.chain.namespace);
        app.ports.clone_from(&self.ports);
        app.readiness.clone_from(&self.readiness);
        objects.extend(app.objects()?);
        Ok(objects)
    }
}

/// Returns the builder and the URL of `BUILDER~URL`.
///
/// A builder with a registry, as `quay.io/me/gobuilder`, is imported into an image stream with the last part of its
/// name. Any other one is a tag of an image stream, `[NAMESPACE/]STREAM[:TAG]`.
///
/// # Errors
/// [`BuilderAndSourceError`].
pub fn builder_and_source(text: &str) -> Result<(Builder, Source), BuilderAndSourceError> {
    let (builder, url) = text
        .split_once('~')
        .filter(|(builder, url)| !builder.is_empty() && !url.is_empty())
        .ok_or_else(|| BuilderAndSourceError::Separator(text.into()))?;
    Ok((self::builder(builder)?, Source::Git(git(url))))
}

/// Returns the builder of this name, as in [`builder_and_source`].
///
/// # Errors
/// [`BuilderAndSourceError`].
pub fn builder(text: &str) -> Result<Builder, BuilderAndSourceError> {
    let has_registry = text
        .split_once('/')
        .is_some_and(|(host, _)| host == "localhost" || host.contains(['.', ':']));
    if !has_registry {
        let tag = text
            .parse()
            .map_err(|source| BuilderAndSourceError::Stream {
                text: text.into(),
                source,
            })?;
        return Ok(Builder::Stream(tag));
    }
    let image: ImageRef = text
        .parse()
        .map_err(|source| BuilderAndSourceError::Image {
            text: text.into(),
            source,
        })?;
    import(image).map(Builder::Import)
}

/// Returns the import of an image into a stream with the last part of its name.
///
/// # Errors
/// [`BuilderAndSourceError::Name`].
pub fn import(image: ImageRef) -> Result<Import, BuilderAndSourceError> {
    let last = image.repository().rsplit('/').next().unwrap_or_default();
    let Some(stream) = Name::suggest(last) else {
        return Err(BuilderAndSourceError::Name(image));
    };
    let to = StreamTag::new(stream, image.tag_or_latest());
    let to = to.map_err(|source| BuilderAndSourceError::Stream {
        text: image.to_string(),
        source,
    })?;
    Ok(Import::new(to, image))
}

/// Returns the repository of `URL[#REF]`.
#[must_use]
pub fn git(url: &str) -> Git {
    match url.split_once('#') {
        Some((url, reference)) if !reference.is_empty() => Git {
            reference: Some(reference.into()),
            ..Git::new(url)
        },
        Some((url, _)) => Git::new(url),
        None => Git::new(url),
    }
}
