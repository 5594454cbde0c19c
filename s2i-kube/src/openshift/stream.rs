//! Image streams and their tags.

use std::{fmt, str::FromStr};

use s2i_core::ImageRef;
use serde_json::{Value, json};
use thiserror::Error;

use crate::{Name, NameError, Reference, labels};

/// The most characters of a tag.
const TAG: usize = 128;

/// A tag of an image stream, `[NAMESPACE/]STREAM[:TAG]`; the default of the tag is `latest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamTag {
    /// The namespace of the stream; `None` for that of the object that names the tag.
    pub namespace: Option<Reference>,
    /// The name of the stream.
    pub stream: Reference,
    tag: String,
}

/// An error for text that is no [`StreamTag`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StreamTagError {
    /// A part is no name of an object.
    #[error("`{text}` is no tag of an image stream, which is [NAMESPACE/]STREAM[:TAG]")]
    Name {
        /// The text.
        text: String,
        /// The reason.
        source: NameError,
    },
    /// The tag does not follow the grammar.
    #[error(
        "`{0}` is no tag: letters, digits, `_`, `.` and `-`, at most 128, neither `.` nor `-` first"
    )]
    Tag(String),
}

impl StreamTag {
    /// A tag of a stream in the own namespace.
    ///
    /// # Errors
    /// [`StreamTagError::Tag`].
    pub fn new(stream: impl Into<Reference>, tag: &str) -> Result<Self, StreamTagError> {
        let mut characters = tag.chars();
        let is_start = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let is_valid = characters.next().is_some_and(is_start)
            && characters.all(|c| is_start(c) || c == '.' || c == '-')
            && tag.len() <= TAG;
        if !is_valid {
            return Err(StreamTagError::Tag(tag.into()));
        }
        Ok(Self {
            namespace: None,
            stream: stream.into(),
            tag: tag.into(),
        })
    }

    /// The tag in the stream.
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Returns the reference to this tag in an object, with its namespace if it has one.
    #[must_use]
    pub fn to_reference(&self) -> Value {
        let name = format!("{}:{}", self.stream, self.tag);
        let mut reference = json!({"kind": "ImageStreamTag", "name": name});
        if let Some(namespace) = &self.namespace {
            reference["namespace"] = json!(namespace);
        }
        reference
    }
}

impl FromStr for StreamTag {
    type Err = StreamTagError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = |part: &str| {
            part.parse::<Reference>()
                .map_err(|source| StreamTagError::Name {
                    text: text.into(),
                    source,
                })
        };
        let (path, tag) = text.split_once(':').unwrap_or((text, "latest"));
        let (namespace, stream) = match path.split_once('/') {
            Some((namespace, stream)) => (Some(name(namespace)?), stream),
            None => (None, path),
        };
        let tag = Self::new(name(stream)?, tag)?;
        Ok(Self { namespace, ..tag })
    }
}

impl fmt::Display for StreamTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        write!(f, "{}:{}", self.stream, self.tag)
    }
}

/// An image stream whose tag follows an image in a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The tag that gets the image.
    pub to: StreamTag,
    /// The image.
    pub from: ImageRef,
    /// True if the platform looks for a new image again and again. Only then does a new base image start builds.
    pub scheduled: bool,
    /// True if the registry may have no trusted certificate.
    pub insecure: bool,
}

impl Import {
    /// An import that is repeated, from a registry with a trusted certificate.
    #[must_use]
    pub fn new(to: StreamTag, from: ImageRef) -> Self {
        Self {
            to,
            from,
            scheduled: true,
            insecure: false,
        }
    }

    /// Returns the image stream, of an application if it has a name.
    ///
    /// Its users get the image through the registry of the platform (`Local`): they need no login for the other
    /// registry, and the image stays there when that one is out of reach.
    #[must_use]
    pub fn object(&self, app: Option<&Name>) -> Value {
        // The API refuses to repeat the import of a digest, behind which nothing changes.
        let scheduled = self.scheduled && self.from.digest().is_none();
        let mut policy = json!({"scheduled": scheduled});
        if self.insecure {
            policy["insecure"] = json!(true);
        }
        let tag = json!({
            "name": self.to.tag,
            "from": {"kind": "DockerImage", "name": self.from.normalised()},
            "importPolicy": policy,
            "referencePolicy": {"type": "Local"},
        });
        let namespace = self.to.namespace.as_ref();
        stream(app, &self.to.stream, namespace, &json!({"tags": [tag]}))
    }
}

/// Returns the image stream that receives the images of builds, of an application if it has a name.
#[must_use]
pub fn image_stream(app: Option<&Name>, tag: &StreamTag) -> Value {
    let namespace = tag.namespace.as_ref();
    stream(
        app,
        &tag.stream,
        namespace,
        &json!({"lookupPolicy": {"local": false}}),
    )
}

fn stream(
    app: Option<&Name>,
    name: &Reference,
    namespace: Option<&Reference>,
    spec: &Value,
) -> Value {
    let mut object = json!({
        "apiVersion": "image.openshift.io/v1",
        "kind": "ImageStream",
        "metadata": {"name": name},
        "spec": spec,
    });
    if let Some(app) = app {
        object["metadata"]["labels"] = json!(labels::of_build(app));
    }
    if let Some(namespace) = namespace {
        object["metadata"]["namespace"] = json!(namespace);
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_have_an_optional_namespace_and_latest_by_default() {
        for (text, canonical) in [
            ("golang", "golang:latest"),
            ("common/gobuilder:1.0", "common/gobuilder:1.0"),
        ] {
            assert_eq!(text.parse::<StreamTag>().unwrap().to_string(), canonical);
        }
    }

    #[test]
    fn other_texts_are_no_tags() {
        for text in ["", "a/b/c", "A", "a:", "a:.b", "/a", "a:b:c", "a@sha256:00"] {
            assert!(text.parse::<StreamTag>().is_err(), "{text}");
        }
    }
}
