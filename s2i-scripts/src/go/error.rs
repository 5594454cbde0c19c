//! Errors of builds of Go.

use thiserror::Error as ThisError;

use crate::{
    exit,
    explain::{Explanation, listed},
    variables::{GO_TAGS, GO_TARGET},
};

/// The reason that a source of Go cannot be built.
#[derive(Debug, ThisError)]
pub(crate) enum Error {
    #[error("the source needs Go {needed} and this image has Go {present}")]
    ToolchainTooOld {
        needed: String,
        present: String,
        /// The reason that a newer one is not used.
        reason: Option<String>,
    },
    #[error("there is no program to build in `{path}`")]
    NoProgram {
        path: String,
        elsewhere: Vec<String>,
        /// Main packages that build constraints leave out, with their words.
        constrained: Vec<(String, String)>,
    },
    #[error("cgo is needed, and this image has no C compiler")]
    NeedsCgo { programs: Vec<String> },
    #[error("GO_TARGET names `{target}`, which is not a program of this source")]
    NoSuchTarget {
        target: String,
        programs: Vec<String>,
    },
    #[error("several programs would be called `{name}`")]
    SameName { name: String, packages: Vec<String> },
    #[error("CGO_ENABLED=1 needs a C compiler, and this image has none")]
    NoCompiler,
    #[error("COMPRESS_BINARY=true needs `upx`, and this image has none")]
    NoUpx,
}

impl Error {
    pub(crate) fn explain(&self) -> Explanation {
        let toolchain = Explanation::new(exit::TOOLCHAIN);
        let choice = Explanation::new(exit::CHOICE);
        match self {
            Self::ToolchainTooOld { needed, reason, .. } => Explanation {
                cause: reason.clone(),
                ..toolchain
            }
                .hint("let `assemble` reach a proxy of modules, from which it fetches a newer Go: GOPROXY, HTTPS_PROXY")
                .hint(format!("or build with a builder image that has Go {needed} or newer"))
                .hint("or lower the `go` line of go.mod, if the code allows it"),
            Self::NoProgram {
                elsewhere,
                constrained,
                ..
            } if elsewhere.is_empty() && !constrained.is_empty() => {
                let packages = constrained.iter();
                let packages = packages.map(|(path, tag)| format!("{path} ({tag})"));
                let packages: Vec<_> = packages.collect();
                let tags: Vec<_> = constrained.iter().map(|(_, tag)| tag.clone()).collect();
                Explanation::new(exit::NOT_RECOGNISED)
                    .cause(format!(
                        "build constraints leave out every `package main`: {}",
                        packages.join(", ")
                    ))
                    .choose(GO_TAGS, &tags)
            }
            Self::NoProgram { elsewhere, .. } => Explanation::new(exit::NOT_RECOGNISED)
                .cause(match elsewhere[..] {
                    [] => "no package of the source is a `package main`".to_owned(),
                    _ => format!(
                        "the root is not a `package main`, and there is none below `cmd/`; programs elsewhere: {}",
                        elsewhere.join(", ")
                    ),
                })
                .choose(GO_TARGET, elsewhere),
            Self::NeedsCgo { programs } => toolchain
                .cause(format!("all files use cgo in {}", programs.join(", ")))
                .hint("exclude files that use cgo with build tags: GO_TAGS"),
            Self::NoSuchTarget { programs, .. } => {
                choice.cause(listed(programs)).choose(GO_TARGET, programs)
            }
            Self::SameName { packages, .. } => choice
                .cause(format!("found {}", packages.join(", ")))
                .choose(GO_TARGET, packages),
            Self::NoCompiler => toolchain
                .hint("build without it: CGO_ENABLED=0")
                .hint("or add a C compiler to the image, and the parts of Go's standard library for it"),
            Self::NoUpx => {
                toolchain.hint("add it to the image: `COPY --chmod=0755 upx /usr/bin/upx`")
            }
        }
    }
}
