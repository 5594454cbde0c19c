//! Inline Dockerfiles, and the files of other images that they copy.

use std::fmt::Write as _;

use s2i_core::{
    ContainerPath, ContainerPathError, ImageRef,
    mapping::{Mapping, MappingError, MappingList},
};
use serde_json::{Value, json};
use thiserror::Error;

use super::StreamTag;

/// The length in bytes that an inline Dockerfile has to stay below.
pub(crate) const INLINE: usize = 60_000;

/// A Dockerfile in an object, shorter than 60,000 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InlineDockerfile(String);

/// The files of an image that a build gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFiles {
    /// The image.
    pub from: StreamTag,
    /// The paths.
    pub paths: Vec<ImagePath>,
}

/// A path in an image, and where a build gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImagePath {
    source: ContainerPath,
    /// True if the files of the directory are copied without it.
    is_content: bool,
    destination: String,
}

/// An error of a Dockerfile in an object.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DockerfileError {
    /// The Dockerfile is too long.
    #[error(
        "the inline Dockerfile has {0} bytes, and the API takes less than {INLINE}: put it into the repository"
    )]
    TooLong(usize),
    /// A path in an image is not absolute.
    #[error("can't copy `{path}` from an image")]
    Source {
        /// The path.
        path: String,
        /// The reason.
        source: ContainerPathError,
    },
    /// A path of a build leaves its directory.
    #[error(
        "the destination `{0}` is not below the directory of the build: it has to be relative, without `..`"
    )]
    Destination(String),
    /// An artifact is not valid.
    #[error("the artifact can't be copied")]
    Artifact(#[from] MappingError),
}

impl InlineDockerfile {
    /// A Dockerfile with this text.
    ///
    /// # Errors
    /// [`DockerfileError::TooLong`].
    pub fn new(text: impl Into<String>) -> Result<Self, DockerfileError> {
        let text = text.into();
        if text.len() >= INLINE {
            return Err(DockerfileError::TooLong(text.len()));
        }
        Ok(Self(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ImagePath {
    /// A path that a build gets below this directory; a directory keeps its name, unless the path ends with `/.`.
    ///
    /// # Errors
    /// [`DockerfileError::Source`] for a path that is not absolute or has `..`, and [`DockerfileError::Destination`] for
    /// a directory that is absolute or has `..`.
    pub fn new(source: &str, destination: &str) -> Result<Self, DockerfileError> {
        let path = source.parse().map_err(|err| DockerfileError::Source {
            path: source.into(),
            source: err,
        })?;
        let climbs = destination.split('/').any(|part| part == "..");
        if destination.is_empty() || destination.starts_with('/') || climbs {
            return Err(DockerfileError::Destination(destination.into()));
        }
        Ok(Self {
            source: path,
            is_content: source.ends_with("/."),
            destination: destination.into(),
        })
    }
}

impl ImageFiles {
    pub(super) fn to_value(&self) -> Value {
        let paths = self.paths.iter().map(|path| {
            let source = path.source.as_str().trim_end_matches('/');
            let suffix = if path.is_content { "/." } else { "" };
            json!({"sourcePath": format!("{source}{suffix}"), "destinationDir": path.destination})
        });
        let paths: Vec<Value> = paths.collect();
        json!({"from": self.from.to_reference(), "paths": paths})
    }
}

/// Returns the Dockerfile that copies artifacts into a runtime image as `s2i build --runtime-artifact` does, with the
/// paths that it needs: each artifact goes into a directory below the working directory of the image, and keeps its name.
///
/// # Errors
/// [`DockerfileError::Artifact`] for an artifact that is not absolute, or whose directory is.
pub fn of_artifacts(
    runtime: &ImageRef,
    artifacts: &MappingList,
) -> Result<(InlineDockerfile, Vec<ImagePath>), DockerfileError> {
    // Not an image of a registry, but the word for none.
    let is_scratch = runtime.to_string() == "scratch";
    let base = if is_scratch {
        "scratch".into()
    } else {
        runtime.normalised()
    };
    let mut text = format!("FROM {base}\n");
    let mut paths = Vec::new();
    for (index, artifact) in artifacts.0.iter().enumerate() {
        artifact.check_artifact()?;
        let Mapping {
            source,
            destination,
        } = artifact;
        let directory = format!("artifact-{index}");
        // A list in JSON, so that spaces in a path don't divide it.
        let arguments = json!([format!("{directory}/"), format!("{destination}/")]);
        let _ = writeln!(text, "COPY {arguments}");
        paths.push(ImagePath::new(source, &directory)?);
    }
    Ok((InlineDockerfile::new(text)?, paths))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn artifacts_are_copied_below_the_working_directory() {
        let artifacts = "/opt/app-root/src:.;/opt/my app:lib/x".parse().unwrap();
        let (dockerfile, paths) = of_artifacts(&"alpine:3".parse().unwrap(), &artifacts).unwrap();
        assert_eq!(
            dockerfile.as_str(),
            "FROM docker.io/library/alpine:3\nCOPY [\"artifact-0/\",\"./\"]\nCOPY [\"artifact-1/\",\"lib/x/\"]\n"
        );
        let sources: Vec<_> = paths.iter().map(|path| path.source.as_str()).collect();
        assert_eq!(sources, ["/opt/app-root/src", "/opt/my app"]);
    }

    #[test]
    fn nothing_is_added_to_the_word_scratch() {
        let (dockerfile, _) =
            of_artifacts(&"scratch".parse().unwrap(), &"/a:.".parse().unwrap()).unwrap();
        assert!(dockerfile.as_str().starts_with("FROM scratch\n"));
    }

    #[test]
    fn content_of_a_directory_is_copied_without_it() {
        let path = |source: &str| ImagePath::new(source, ".").unwrap();
        let files = ImageFiles {
            from: "app".parse().unwrap(),
            paths: vec![path("/opt/app/."), path("/opt/app"), path("/.")],
        };
        let value = files.to_value();
        let sources: Vec<_> = (0..3)
            .map(|i| value["paths"][i]["sourcePath"].as_str())
            .collect();
        assert_eq!(sources, [Some("/opt/app/."), Some("/opt/app"), Some("/.")]);
    }

    #[test]
    fn long_dockerfile_is_refused() {
        assert!(InlineDockerfile::new("x".repeat(59_999)).is_ok());
        assert_eq!(
            InlineDockerfile::new("x".repeat(60_000)),
            Err(DockerfileError::TooLong(60_000))
        );
    }

    #[test]
    fn paths_are_absolute_and_directories_are_relative() {
        assert!(ImagePath::new("/a/b", ".").is_ok());
        assert!(ImagePath::new("a", ".").is_err());
        assert!(ImagePath::new("/../a", ".").is_err());
        for directory in ["", "/a", "..", "a/../.."] {
            assert_eq!(
                ImagePath::new("/a", directory),
                Err(DockerfileError::Destination(directory.into()))
            );
        }
    }
}
