//! Why a source of Go can't be built.

use thiserror::Error as ThisError;

use crate::{
    exit,
    explain::{Explain, choose, listed},
    variables::GO_TARGET,
};

/// Why a source of Go can't be built.
#[derive(Debug, ThisError)]
#[expect(
    missing_docs,
    reason = "the messages say what each variant is, the names what each field is"
)]
pub enum Error {
    #[error("the source needs Go {needed} and this image has Go {present}")]
    ToolchainTooOld { needed: String, present: String },
    #[error("there is no program to build in `{path}`")]
    NoProgram {
        path: String,
        elsewhere: Vec<String>,
    },
    #[error("cgo is needed, and so a C compiler, which this image does not have")]
    NeedsC { programs: Vec<String> },
    #[error("GO_TARGET names `{target}`, which is no program of this source")]
    NoSuchTarget { target: String, found: Vec<String> },
    #[error("several programs would be called `{name}`")]
    SameName { name: String, found: Vec<String> },
    #[error("CGO_ENABLED=1 needs a C compiler, and this image has none")]
    NoCompiler,
    #[error("COMPRESS_BINARY=true needs `upx`, and this image has none")]
    NoPacker,
}

impl Explain for Error {
    fn exit_code(&self) -> u8 {
        match self {
            Self::ToolchainTooOld { .. }
            | Self::NoCompiler
            | Self::NeedsC { .. }
            | Self::NoPacker => exit::TOOLCHAIN,
            Self::NoProgram { .. } => exit::NOT_RECOGNISED,
            Self::NoSuchTarget { .. } | Self::SameName { .. } => exit::CHOICE,
        }
    }

    fn cause(&self) -> Option<String> {
        match self {
            Self::ToolchainTooOld { .. } | Self::NoCompiler | Self::NoPacker => None,
            Self::NeedsC { programs } => Some(format!(
                "there is nothing but files with C in {}",
                programs.join(", ")
            )),
            Self::SameName { found, .. } => Some(format!("found {}", found.join(", "))),
            Self::NoProgram { elsewhere, .. } if elsewhere.is_empty() => {
                Some("no package of the source is a `package main`".into())
            }
            Self::NoProgram { elsewhere, .. } => Some(format!(
                "the root is no `package main` and none is below `cmd/`; programs elsewhere: {}",
                elsewhere.join(", ")
            )),
            Self::NoSuchTarget { found, .. } => Some(listed(found)),
        }
    }

    fn tries(&self) -> Vec<String> {
        match self {
            Self::ToolchainTooOld { needed, .. } => vec![
                format!("build with a builder image that has Go {needed} or newer"),
                "or lower the `go` line of go.mod, if the code allows it".into(),
            ],
            Self::NoProgram { elsewhere, .. } => choose(GO_TARGET, elsewhere),
            Self::NeedsC { .. } => vec!["leave C out with build tags: GO_TAGS".into()],
            Self::NoSuchTarget { found, .. } | Self::SameName { found, .. } => {
                choose(GO_TARGET, found)
            }
            Self::NoCompiler => vec![
                "build without it: CGO_ENABLED=0".into(),
                "or add a C compiler to the image, and the parts of Go's standard library for it"
                    .into(),
            ],
            Self::NoPacker => {
                vec!["add it to the image: `COPY --chmod=0755 upx /usr/bin/upx`".into()]
            }
        }
    }
}
