//! Errors of packing programs.

use thiserror::Error as ThisError;

use super::facts::SUMS;
use crate::{
    exit,
    explain::{Explanation, abbreviated, listed},
    variables::BINARY,
};

/// The reason that programs cannot be packed.
#[derive(Debug, ThisError)]
pub(crate) enum Error {
    #[error("`{path}` cannot be unpacked")]
    Archive { path: String, problem: String },
    #[error("the SHA-256 digest of `{path}` is not the one that {origin} has")]
    Digest {
        path: String,
        origin: &'static str,
        expected: String,
        actual: String,
    },
    #[error("{origin} has a digest for `{path}`, which is not in the source")]
    NoDigestedFile { path: String, origin: &'static str },
    #[error("BINARY_SHA256 is the digest of one file, and the source has {count}")]
    SeveralFiles { count: usize },
    #[error("there is no program in the source that this image can start")]
    NoProgram {
        arch: String,
        /// Files with descriptions of their kinds.
        files: Vec<String>,
        has_page: bool,
        has_java: bool,
        has_other_arch: bool,
    },
    #[error("BINARY names `{name}`, which is not a file of the source")]
    NoSuchFile { name: String, files: Vec<String> },
    #[error("several programs would be called `{name}`")]
    SameName { name: String, files: Vec<String> },
    #[error("`{path}` is {kind}, and this image cannot start it")]
    WrongKind {
        path: String,
        kind: String,
        arch: String,
    },
    #[error("`{path}` needs files that this image does not have")]
    Missing {
        path: String,
        missing: Vec<String>,
        is_script: bool,
    },
}

impl Error {
    pub(crate) fn explain(&self) -> Explanation {
        let choice = Explanation::new(exit::CHOICE);
        let unfit = Explanation::new(exit::NOT_FIT);
        match self {
            Self::Archive { problem, .. } => unfit
                .cause(problem)
                .hint("give the files themselves, or pack them again with `tar -czf`"),
            Self::Digest {
                expected, actual, ..
            } => unfit
                .cause(format!("it is {actual}, not {expected}"))
                .hint("download the file again: it may be cut, or another version"),
            Self::NoDigestedFile { .. } => unfit.hint("add the file, or remove its line"),
            Self::SeveralFiles { .. } => {
                choice.hint(format!("list the digests in a file {SUMS} in the source"))
            }
            Self::NoProgram {
                arch,
                files,
                has_page,
                has_java,
                has_other_arch,
            } => {
                let mut explanation =
                    Explanation::new(exit::NOT_RECOGNISED).cause(match files[..] {
                        [] => "there is no file in it".to_owned(),
                        _ => abbreviated(files),
                    });
                if *has_page {
                    explanation = explanation.hint("look at the page: a server sends one when it does not have the file that was asked for, or wants a login first");
                }
                if *has_java {
                    explanation = explanation.hint("use a builder image that has Java");
                }
                if *has_other_arch {
                    explanation = explanation.hint(format!(
                        "build it for linux on {arch}, or use the image for its processor"
                    ));
                }
                if explanation.hints.is_empty() {
                    explanation = explanation.hint(format!("give a program for linux on {arch}; a source to build needs another builder image"));
                }
                explanation
            }
            Self::NoSuchFile { files, .. } => choice.cause(listed(files)).choose(BINARY, files),
            Self::SameName { files, .. } => choice
                .cause(format!("found {}", files.join(", ")))
                .choose(BINARY, files),
            Self::WrongKind { arch, .. } => unfit
                .cause(format!("this image is for linux on {arch}"))
                .hint(format!("build it for linux on {arch}")),
            Self::Missing {
                missing, is_script, ..
            } => {
                let unfit = unfit.cause(format!("there is no {}", missing.join(", no ")));
                if *is_script {
                    return unfit.hint(
                        "give a program in its place, or use an image that has the interpreter",
                    );
                }
                unfit
                    .hint("link it statically: `CGO_ENABLED=0 go build`, `cargo build --target x86_64-unknown-linux-musl`, `cc -static`")
                    .hint("or use an image that has these libraries, and the s2i scripts in it")
            }
        }
    }
}
