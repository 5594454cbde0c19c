//! The errors of planning.

use s2i_core::{
    ContainerPath, ContainerPathError, ImageRef, Script, bounds, instruction::InstructionError,
    label, mapping::MappingError,
};
use thiserror::Error;

use super::UserRefused;
use crate::{container_options::MountError, detect::LOOKED_FOR};

/// The reason why a request can't be planned.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlanError {
    /// Neither the image nor the source has a required script.
    #[error(
        "there is no script `{script}`: the image `{image}` has no label `{}`, and the source has no `.s2i/bin/{script}`",
        label::SCRIPTS_URL
    )]
    NoScript {
        /// The script.
        script: Script,
        /// The image that lacks it.
        image: ImageRef,
    },
    /// A directory or server lacks a required script.
    #[error(
        "there is no script `{script}` at `{url}`, which the label of the image `{image}` names"
    )]
    NotAtUrl {
        /// The script.
        script: Script,
        /// The URL.
        url: String,
        /// The image.
        image: ImageRef,
    },
    /// The directory or server in the request has no script at all.
    #[error("there are no scripts at `{0}`")]
    NoScriptsAtUrl(String),
    /// The config of the image is empty.
    #[error(
        "the config of the image `{0}` is empty: it has no label for its scripts, no user and no command"
    )]
    NoConfig(ImageRef),
    /// The image has no label for its scripts, so it has no `usage`.
    #[error(
        "the image `{0}` has no script `usage`: it has no label `{label}`",
        label = label::SCRIPTS_URL
    )]
    NoUsage(ImageRef),
    /// The destination of an injection is not a path in a container.
    #[error("can't inject `{source_path}`")]
    Injection {
        /// The path on the host.
        source_path: String,
        /// The fault of the destination.
        #[source]
        source: ContainerPathError,
    },
    /// A mount that can't be.
    #[error(transparent)]
    Mount(#[from] MountError),
    /// The kind of the source was not detected.
    #[error(
        "no builder image can be picked: at its top, the source has none of these: {LOOKED_FOR}"
    )]
    NoBuilder,
    /// An incremental build without a name.
    #[error(
        "an incremental build finds the one before by the name of its result, and there is none"
    )]
    NoTag,
    /// The only name in the request is that of an image that is not a builder and was not built by s2i.
    #[error("`{0}` is neither a builder nor an image that s2i has built")]
    OthersImage(ImageRef),
    /// The label does not point into the image.
    #[error(
        "the label of the image `{image}` names `{url}` for its scripts; only image:///absolute/path and addresses with http:// or https:// are supported"
    )]
    ScriptsUrl {
        /// The image.
        image: ImageRef,
        /// The value of the label.
        url: String,
    },
    /// The config of the image has an invalid path.
    #[error("the {what} of the image `{image}` is not a usable path")]
    ImagePath {
        /// The image.
        image: ImageRef,
        /// The entry of the config.
        what: &'static str,
        /// The error in the path.
        #[source]
        source: ContainerPathError,
    },
    /// The image has a working directory in `/proc`.
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
    /// The runtime image has ONBUILD triggers.
    #[error("the runtime image `{0}` has ONBUILD triggers, which only those of a builder run")]
    OnBuild(ImageRef),
    /// The builder has ONBUILD triggers, and the request forbids them.
    #[error("the image `{0}` has ONBUILD triggers, and --block-onbuild is given")]
    OnBuildBlocked(ImageRef),
    /// The builder has more triggers than are accepted.
    #[error("the image `{0}` has more than {most} ONBUILD triggers", most = bounds::TRIGGERS)]
    TooManyTriggers(ImageRef),
    /// A trigger that can't be run.
    #[error("can't run `{trigger}` of the image `{image}`")]
    Trigger {
        /// The trigger.
        trigger: String,
        /// The builder.
        image: ImageRef,
        /// The reason.
        #[source]
        source: InstructionError,
    },
    /// A trigger with an invalid path in the image.
    #[error("can't run `{trigger}` of the image `{image}`")]
    TriggerPath {
        /// The trigger.
        trigger: String,
        /// The builder.
        image: ImageRef,
        /// The reason.
        #[source]
        source: ContainerPathError,
    },
    /// A trigger copies what the source does not have.
    #[error("`{trigger}` of the image `{image}` needs `{path}`, which the source does not have")]
    TriggerSource {
        /// The trigger.
        trigger: String,
        /// The builder.
        image: ImageRef,
        /// The path or pattern.
        path: String,
    },
    /// Neither the builder nor the source has a command.
    #[error(
        "there is no command for the result: the image `{0}` has none, and the source has neither a script `run` nor an executable file `run`, `start`, `exec` or `execute`"
    )]
    NoCommand(ImageRef),
    /// The name of the result has a digest.
    #[error("the result can't be called `{0}`: a digest is known only after the build")]
    DigestTag(ImageRef),
    /// The result would replace an image that it is built from.
    #[error("the result can't be called `{0}`: that is the name of an image that it is built from")]
    TagIsInput(ImageRef),
    /// The runtime image has a script that must run in it, and the engine only adds files to it.
    #[error(
        "the runtime image `{image}` has the script `{path}`, and this engine adds the artifacts to it without running \
         anything"
    )]
    AssembleRuntime {
        /// The image.
        image: ImageRef,
        /// The script.
        path: ContainerPath,
    },
    /// Neither the request nor the runtime image names the artifacts to copy.
    #[error(
        "no artifacts are named for the runtime image `{0}`: it has no label `{label}`",
        label = label::ASSEMBLE_INPUT_FILES
    )]
    NoArtifacts(ImageRef),
    /// An invalid artifact.
    #[error("the runtime artifacts can't be used")]
    Artifact(#[source] MappingError),
    /// Two artifacts would be one file.
    #[error("two artifacts would both be `{0}` in the runtime image")]
    SameArtifact(String),
    /// More variables or labels than are accepted.
    #[error("{place} has {count} {what}; at most {} are taken", bounds::VARIABLES)]
    TooMany {
        /// The place that has them.
        place: String,
        /// Their kind, for example `variables`.
        what: &'static str,
        /// Their number.
        count: usize,
    },
    /// The labels are too long.
    #[error(
        "the labels of the result would have {0} bytes; images can have {label}",
        label = label::SIZE_LIMIT
    )]
    Labels(usize),
}

impl PlanError {
    /// Returns the advice for this error.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoScript { script, .. } => {
                format!(
                    "use a builder image, or put an executable script into the source as .s2i/bin/{script}"
                )
            }
            Self::NotAtUrl {
                script: Script::Usage,
                ..
            } => "put it there".into(),
            Self::NotAtUrl { script, .. } => {
                format!("put the script `{script}` there, or into the source as .s2i/bin/{script}")
            }
            Self::NoScriptsAtUrl(_) => {
                "it has to be the directory of the files `assemble`, `run` and `save-artifacts`".into()
            }
            Self::NoConfig(_) => {
                "use a builder image; an image that was imported from a plain archive of files has no config"
                    .into()
            }
            Self::NotLinux { .. } => "use an image for linux".into(),
            Self::User(refused) => refused.hint(),
            Self::NoUsage(_) => {
                "name an image that builds from source; its scripts and that label make it one"
                    .into()
            }
            Self::NoBuilder => {
                "name one, with `s2i build SOURCE BUILDER TAG`, or the directory of the application, with --context-dir".into()
            }
            Self::NoTag => {
                "name it after the builder: `s2i build SOURCE BUILDER TAG --incremental`".into()
            }
            Self::OthersImage(image) => format!(
                "to give its name to the result, name the builder too: `s2i build SOURCE BUILDER {image}`"
            ),
            Self::OnBuild(_) => "use a runtime image without ONBUILD".into(),
            Self::OnBuildBlocked(_) | Self::Trigger { .. } => {
                "use an image without ONBUILD, with its scripts in a directory and the label for it"
                    .into()
            }
            Self::TriggerSource { .. } => {
                "add it to the source, and check --exclude and .s2iignore".into()
            }
            Self::NoCommand(_) => {
                "put an executable script into the source as .s2i/bin/run".into()
            }
            Self::DigestTag(_) => {
                "give a name with an optional tag, for example app:latest".into()
            }
            Self::TagIsInput(_) => "give the result a name of its own".into(),
            Self::AssembleRuntime { .. } => {
                "use a runtime image without one, or whose label `io.s2i.assemble-runtime` is `optional`, or build with \
                 `--engine native`, Docker or Podman"
                    .into()
            }
            Self::NoArtifacts(_) => {
                "name them with --runtime-artifact /path/in/builder[:directory]".into()
            }
            Self::SameArtifact(_) => {
                "give one of them a directory of its own: /path:directory".into()
            }
            Self::Labels(_) => {
                "shorten the description, or the labels of the image that is built on".into()
            }
            _ => return None,
        })
    }
}
