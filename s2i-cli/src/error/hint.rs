//! What the user can do after an error.

use s2i_build::{BuildError, EngineError, SourceError, plan::Command};
use s2i_core::{ImageMetadataError, Script, wire::FailureKind};
use s2i_in_place::BaseError;
use s2i_oci::{registry::RegistryError, store::StoreError};

use super::{Error, code::is_refused_for_now};

/// The hint for a missing builder that s2i has picked.
const NO_PICKED_BUILDER: &str = "`cargo xtask images` makes the images of s2i and puts them into an engine; \
     or name a builder, with `s2i build SOURCE BUILDER TAG`, or as [builders] in the configuration file";

/// The hint for a machine on which no engine works.
const NO_ENGINE: &str = "`s2i doctor` shows what is missing, and how to get it";

impl Error {
    /// Returns the hint for the user.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Build(failure) => return build_hint(&failure.error),
            Self::Secret(err) => return err.hint(),
            #[cfg(feature = "kube")]
            Self::Kube(err) => return err.hint().map(Into::into),
            #[cfg(feature = "kube")]
            Self::Cluster(err) => return err.hint().map(Into::into),
            Self::Registry(err) => return err.hint(),
            Self::Inspect { source, .. } => {
                return source.downcast_ref().and_then(RegistryError::hint);
            }
            Self::NotInEngine(_) => {
                "`s2i images` lists those of the engine; --registry asks the registry of the name"
            }
            Self::Credentials(err) => return err.hint(),
            Self::Terminal(_) => "name a file, or use a pipe",
            Self::ContextExists { .. } => "remove it, or name a Dockerfile in another directory",
            Self::NoUrl { .. } => "leave out --url, or --engine and S2I_ENGINE",
            Self::Base(BaseError::Unknown) => {
                "name it as BUILDER, as in `s2i build --engine here SOURCE BUILDER NAME`, or by S2I_JOB_IMAGE"
            }
            Self::Base(BaseError::OtherImage { .. }) => {
                "name the image that the container was started from"
            }
            Self::OnlyBuilds => "use it with `s2i build`, or another engine",
            Self::IncrementalHere => {
                "keep them in a directory, with --cache-dir DIR in place of --incremental"
            }
            Self::NoBaseLayers(_) => {
                "name the image of this container by its registry, as BUILDER or in S2I_JOB_IMAGE, or use --runtime-image"
            }
            Self::NotKept => "push it with --push, or write it to an archive with --output FILE",
            Self::NotInContainer => {
                "use the embedded engine, --engine native, or start a container of a builder, for example of s2i/go:ci"
            }
            Self::NoName(_) => "name it after the builder, or with --tag",
            Self::TwoOutputs => "name a file for the archive, or leave out --progress json",
            Self::NotRebuildable { .. } | Self::InvalidLabels { .. } => {
                "only images that s2i has built can be built again"
            }
            Self::CompressionOfApi => "leave it out, or use --engine native",
            Self::TlsVerifyOfApi => {
                "name the registry in `insecure-registries` of Docker's `daemon.json`, or as `insecure` in Podman's \
                 `registries.conf`; or use --engine native"
            }
            Self::LoadOfApi => "the result is in the engine that built it already",
            Self::NoHome => "set HOME, or name a file in REGISTRY_AUTH_FILE",
            Self::NotInteractive => "put it into a pipe, with --username USER --password-stdin",
            Self::NoEngine { .. } | Self::Native(_) => NO_ENGINE,
            _ => return None,
        };
        Some(hint.into())
    }
}

fn build_hint(err: &BuildError) -> Option<String> {
    let hint = match err {
        BuildError::Plan(err) => return err.hint(),
        BuildError::User(refused) => return Some(refused.hint()),
        BuildError::Source(err) => source_hint(err)?,
        BuildError::Engine(err) => return engine_hint(err),
        BuildError::NoPickedBuilder { .. } => NO_PICKED_BUILDER,
        BuildError::Script {
            script: Command::Script(Script::Usage),
            ..
        } => "its output is above; not every script supports --json",
        BuildError::Script { .. } => "its output is above",
        BuildError::Dockerfile(err) => err.hint(),
        BuildError::PlanReference(_)
        | BuildError::UnresolvedImage { .. }
        | BuildError::MissingSecret { .. }
        | BuildError::MissingArtifactCache
        | BuildError::MissingTrust { .. }
        | BuildError::MissingInjection { .. }
        | BuildError::MissingScripts { .. } => return None,
        BuildError::LabelsFile {
            source: ImageMetadataError::TooLong | ImageMetadataError::TooMany,
            ..
        } => "let the scripts leave fewer labels, or shorter ones",
        BuildError::LabelsFile { .. } => {
            "let the scripts write `{\"labels\": [{\"name\": \"value\"}]}`, or no such file"
        }
    };
    Some(hint.into())
}

fn source_hint(err: &SourceError) -> Option<&'static str> {
    Some(match err {
        SourceError::Missing { .. } => "name a directory that exists, or a URL that Git can fetch",
        SourceError::EmptyRepository { .. } => {
            "commit something, or build the files as they are with --copy"
        }
        SourceError::Commit { .. } => {
            "see what `git log -1` finds, or build the files as they are with --copy"
        }
        SourceError::NoGit { .. } => {
            "install it, for example: apt-get install git; a checkout needs none without a reference"
        }
        SourceError::RefOfFiles { .. } => {
            "leave out --copy to build from the Git repository, or leave out the reference"
        }
        SourceError::OutsideObjects { .. } => {
            "build the files as they are with --copy, or build as the owner of the repository"
        }
        SourceError::Submodule { .. } => {
            "mend its entry in .gitmodules, get access to its repository, or leave submodules out with --ignore-submodules"
        }
        SourceError::NoLfs { .. } => "install it, for example: apt-get install git-lfs",
        SourceError::Lfs { .. } => "`git lfs pull` in a clone of the repository must work",
        SourceError::Ignore(_) => {
            "leave out whole directories, or give an expression with --exclude"
        }
        SourceError::Scripts { .. } => {
            "check the address; `--trust-ca` adds an authority, and `--scripts-url` names another directory"
        }
        SourceError::NoContextDir { .. } => "--context-dir is relative to the root of the source",
        _ => return None,
    })
}

fn engine_hint(err: &EngineError) -> Option<String> {
    if let EngineError::Pull { source, .. } | EngineError::Failed { source, .. } = err
        && let Some(hint) = source.downcast_ref().and_then(RegistryError::hint)
    {
        return Some(hint);
    }
    if let EngineError::Failed { source, .. } = err
        && let Some(limit) = source.downcast_ref().and_then(StoreError::limit)
    {
        return Some(format!(
            "leave out what the image does not need, or raise `{limit}` in the table [limits] of the configuration file"
        ));
    }
    if is_refused_for_now(err) {
        return Some("wait: the registry asks for fewer requests, or does not work now".into());
    }
    let hint = match err {
        EngineError::NoSuchImage { image } => {
            return Some(format!(
                "put it there, for example with `s2i load -i FILE`, or allow to pull `{image}` with --pull-policy"
            ));
        }
        EngineError::Unreachable { .. } | EngineError::NoEndpoint { .. } => {
            "start Docker or Podman, name its socket with --url unix:///path/to/socket, or use the engine of s2i itself with --engine native"
        }
        EngineError::Pull { .. } => {
            "check its name, that its registry can be reached, and the login there (`s2i login`); an image of this machine needs no pull"
        }
        EngineError::NoAgent { .. } => {
            "build s2i with `cargo xtask dist`, which puts the agents in"
        }
        EngineError::Container { failure, .. } => match failure.kind {
            FailureKind::NotFound => {
                "is it a builder image, and does its label io.openshift.s2i.scripts-url name the right directory?"
            }
            FailureKind::NoArtifact => {
                "name what `assemble` makes, with --runtime-artifact /path/in/builder[:directory]"
            }
            FailureKind::NotExecutable => "make it executable in the image: chmod +x",
            FailureKind::NoSuchUser => "name a user by number, for example --assemble-user 1001",
            FailureKind::Injection => {
                "inject into a directory that the image has, or name one whose parent it has"
            }
            FailureKind::Leak => {
                "let `assemble` remove what it copies of injected files; what may be in the image goes into the source"
            }
            FailureKind::Requirement => {
                "let `assemble` put it there, or use a runtime image that has it"
            }
            _ => return None,
        },
        EngineError::ProgramFailed { .. } => {
            "its output is above; without --incremental, the build uses no saved artifacts"
        }
        EngineError::Lost { .. } => "was it removed, or out of memory?",
        _ => return None,
    };
    Some(hint.into())
}
