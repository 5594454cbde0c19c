//! Why programs cannot be packed.

use thiserror::Error as ThisError;

use crate::{
    exit,
    explain::{Explain, choose, listed},
    variables::BINARY,
};

/// The most files that are named.
const FEW: usize = 6;

/// Why programs cannot be packed.
#[derive(Debug, ThisError)]
#[expect(
    missing_docs,
    reason = "the messages say what each variant is, the names what each field is"
)]
pub enum Error {
    #[error("`{path}` cannot be unpacked")]
    Archive { path: String, problem: String },
    #[error("`{path}` has another SHA-256 digest than {place} says")]
    Digest {
        path: String,
        place: &'static str,
        wanted: String,
        found: String,
    },
    #[error("{place} says the digest of `{path}`, which is not in the source")]
    NotListed { path: String, place: &'static str },
    #[error("BINARY_SHA256 is the digest of one file, and the source has {count}")]
    SeveralFiles { count: usize },
    #[error("there is no program in the source that this image can start")]
    NoProgram {
        arch: String,
        /// Files with what they are.
        found: Vec<(String, String)>,
        has_page: bool,
        has_java: bool,
        has_other_arch: bool,
    },
    #[error("BINARY names `{name}`, which is no file of the source")]
    NoSuchFile { name: String, found: Vec<String> },
    #[error("several programs would be called `{name}`")]
    SameName { name: String, found: Vec<String> },
    #[error("`{path}` is {kind}, and this image cannot start it")]
    WrongKind {
        path: String,
        kind: String,
        arch: String,
    },
    #[error("`{path}` needs what this image does not have")]
    Missing {
        path: String,
        missing: Vec<String>,
        is_script: bool,
    },
}

impl Explain for Error {
    fn exit_code(&self) -> u8 {
        match self {
            Self::NoProgram { .. } => exit::NOT_RECOGNISED,
            Self::NoSuchFile { .. } | Self::SameName { .. } | Self::SeveralFiles { .. } => {
                exit::CHOICE
            }
            Self::Archive { .. }
            | Self::Digest { .. }
            | Self::NotListed { .. }
            | Self::WrongKind { .. }
            | Self::Missing { .. } => exit::NOT_FIT,
        }
    }

    fn cause(&self) -> Option<String> {
        match self {
            Self::Archive { problem, .. } => Some(problem.clone()),
            Self::Digest { wanted, found, .. } => Some(format!("it is {found}, not {wanted}")),
            Self::NoProgram { found, .. } if found.is_empty() => {
                Some("there is no file in it".into())
            }
            Self::NoProgram { found, .. } => {
                let (few, more) = found.split_at(found.len().min(FEW));
                let few: Vec<_> = few
                    .iter()
                    .map(|(path, kind)| format!("{path} is {kind}"))
                    .collect();
                let more = if more.is_empty() { "" } else { ", …" };
                Some(format!("{}{more}", few.join(", ")))
            }
            Self::NoSuchFile { found, .. } => Some(listed(found)),
            Self::SameName { found, .. } => Some(format!("found {}", found.join(", "))),
            Self::WrongKind { arch, .. } => Some(format!("this image is for linux on {arch}")),
            Self::Missing { missing, .. } => Some(format!("there is no {}", missing.join(", no "))),
            Self::NotListed { .. } | Self::SeveralFiles { .. } => None,
        }
    }

    fn tries(&self) -> Vec<String> {
        match self {
            Self::Archive { .. } => vec!["give the files themselves, or pack them again with `tar -czf`".into()],
            Self::Digest { .. } => vec!["download the file again: it may be cut, or another version".into()],
            Self::NotListed { .. } => vec!["give that file too, or take its line away".into()],
            Self::SeveralFiles { .. } => vec![format!("list the digests in a file {} in the source", super::facts::SUMS)],
            Self::NoProgram { arch, has_page, has_java, has_other_arch, .. } => {
                let mut tries = Vec::new();
                if *has_page {
                    tries.push("look at the page: a server sends one when it does not have the file that was asked for, or wants a login first".into());
                }
                if *has_java {
                    tries.push("take a builder image that has Java".into());
                }
                if *has_other_arch {
                    tries.push(format!("build it for linux on {arch}, or take the image for its processor"));
                }
                if tries.is_empty() {
                    tries.push(format!("give a program for linux on {arch}; a source to build needs another builder image"));
                }
                tries
            }
            Self::NoSuchFile { found, .. } | Self::SameName { found, .. } => choose(BINARY, found),
            Self::WrongKind { arch, .. } => vec![format!("build it for linux on {arch}")],
            Self::Missing { is_script: true, .. } => {
                vec!["give a program in its place, or take an image that has the interpreter".into()]
            }
            Self::Missing { .. } => vec![
                "link it statically: `CGO_ENABLED=0 go build`, `cargo build --target x86_64-unknown-linux-musl`, `cc -static`".into(),
                "or take an image that has these libraries, and the s2i scripts in it".into(),
            ],
        }
    }
}
