//! Why a request can't be planned.

use s2i_core::{
    ContainerPath, ContainerPathError, ImageRef, Script, bounds, label, mapping::MappingError,
};
use thiserror::Error;

use super::UserRefused;
use crate::detect::LOOKED_FOR;

/// A request that can't end well.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlanError {
    /// Nobody has a script that is needed.
    #[error(
        "there is no script `{script}`: the image `{image}` has no label `{}`, and the source has no `.s2i/bin/{script}`",
        label::SCRIPTS_URL
    )]
    NoScript {
        /// What is needed.
        script: Script,
        /// The image that lacks it.
        image: ImageRef,
    },
    /// The image says nothing of itself.
    #[error(
        "the config of the image `{image}` is empty: it has no label that says where its scripts are, no user and no command"
    )]
    NoConfig {
        /// The image.
        image: ImageRef,
    },
    /// The image says of itself that it has no scripts.
    #[error(
        "the image `{image}` has no script `usage`: it has no label `{}`",
        label::SCRIPTS_URL
    )]
    NoUsage {
        /// The image.
        image: ImageRef,
    },
    /// Nothing tells what the source is for.
    #[error(
        "no builder image can be picked: at its top, the source has none of these: {LOOKED_FOR}"
    )]
    NoBuilder,
    /// An incremental build without a name.
    #[error(
        "an incremental build finds the one before by the name of its result, and there is none"
    )]
    NoTag,
    /// The one name of a build is that of an image that s2i has not made, and that builds nothing.
    #[error("`{image}` is an image that is no builder, and that s2i has not made")]
    OthersImage {
        /// The image.
        image: ImageRef,
    },
    /// The label does not point into the image.
    #[error(
        "the image `{image}` says that its scripts are at `{url}`; only image:///absolute/path is supported"
    )]
    ScriptsUrl {
        /// The image.
        image: ImageRef,
        /// What its label says.
        url: String,
    },
    /// The image's config has a path that is none.
    #[error("the {what} of the image `{image}` is no usable path")]
    ImagePath {
        /// The image.
        image: ImageRef,
        /// Which part of its config.
        what: &'static str,
        /// What is wrong with it.
        #[source]
        source: ContainerPathError,
    },
    /// The image starts in `/proc`.
    #[error(
        "the image `{image}` has the working directory `{dir}`, which could lead out of the container"
    )]
    WorkingDirInProc {
        /// The image.
        image: ImageRef,
        /// Its working directory.
        dir: ContainerPath,
    },
    /// The image is for another operating system.
    #[error(
        "the image `{image}` is for the operating system `{os}`, and containers here run Linux"
    )]
    NotLinux {
        /// The image.
        image: ImageRef,
        /// Its operating system, by Go's names.
        os: String,
    },
    /// A script would run as a user who is not allowed.
    #[error(transparent)]
    User(#[from] Box<UserRefused>),
    /// The image has ONBUILD triggers.
    #[error("the image `{image}` has ONBUILD triggers, which only a Dockerfile build would run")]
    OnBuild {
        /// The image.
        image: ImageRef,
    },
    /// The result is to be known by a digest.
    #[error("the result can't be called `{tag}`: a digest is known only after the build")]
    DigestTag {
        /// What was asked for.
        tag: ImageRef,
    },
    /// The result would replace an image that it is built from.
    #[error(
        "the result can't be called `{tag}`: that is the name of an image that it is built from"
    )]
    TagIsInput {
        /// What was asked for.
        tag: ImageRef,
    },
    /// Nobody says what the runtime image gets.
    #[error(
        "nothing says which artifacts the runtime image `{image}` gets: it has no label `{}`",
        label::ASSEMBLE_INPUT_FILES
    )]
    NoArtifacts {
        /// The runtime image.
        image: ImageRef,
    },
    /// A bad artifact.
    #[error("the runtime artifacts can't be used")]
    Artifact(#[source] MappingError),
    /// Two artifacts would be one file.
    #[error("two artifacts would both be `{name}` in the runtime image")]
    SameArtifact {
        /// The path that both would have.
        name: String,
    },
    /// More variables or labels than are taken.
    #[error("{place} has {count} {what}; at most {} are taken", bounds::VARIABLES)]
    TooMany {
        /// The place that has them.
        place: String,
        /// Their kind, for example `variables`.
        what: &'static str,
        /// How many there are.
        count: usize,
    },
    /// The labels are too long.
    #[error(
        "the labels of the result would have {bytes} bytes; images can have {}",
        label::SIZE_LIMIT
    )]
    Labels {
        /// What they would have.
        bytes: usize,
    },
}

impl PlanError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoScript { script, .. } => {
                format!(
                    "use a builder image, or put an executable script into the source as .s2i/bin/{script}"
                )
            }
            Self::NoConfig { .. } => {
                "use a builder image; an image that was imported from a plain archive of files has no config"
                    .into()
            }
            Self::NotLinux { .. } => "use an image for linux".into(),
            Self::User(refused) => refused.hint(),
            Self::NoUsage { .. } => {
                "name an image that builds from source; its scripts and that label make it one"
                    .into()
            }
            Self::NoBuilder => {
                "name one, with `s2i build SOURCE BUILDER TAG`, or the directory of the application, with --context-dir".into()
            }
            Self::NoTag => {
                "name it after the builder: `s2i build SOURCE BUILDER TAG --incremental`".into()
            }
            Self::OthersImage { image } => format!(
                "to give its name to the result, name the builder too: `s2i build SOURCE BUILDER {image}`"
            ),
            Self::OnBuild { .. } => {
                "use an image without ONBUILD, with its scripts in a directory and the label for it"
                    .into()
            }
            Self::DigestTag { .. } => {
                "give a name with an optional tag, for example app:latest".into()
            }
            Self::TagIsInput { .. } => "give the result a name of its own".into(),
            Self::NoArtifacts { .. } => {
                "name them with --runtime-artifact /path/in/builder[:directory]".into()
            }
            Self::SameArtifact { .. } => {
                "give one of them a directory of its own: /path:directory".into()
            }
            Self::Labels { .. } => {
                "shorten the description, or the labels of the image that is built on".into()
            }
            _ => return None,
        })
    }
}
