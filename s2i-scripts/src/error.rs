//! The error of a script: those that scripts and recipes share, and those of each recipe.

use std::{fmt::Write as _, io};

use s2i_core::{ErrorChain, Script};
use thiserror::Error as ThisError;

use crate::{Explain, binary, exit, go, launch, node};

/// The error that stopped a script.
///
/// Its text states what failed and on what, [`cause`](Explain::cause) the reason, [`tries`](Explain::tries)
/// what to do about it, and [`render`](Error::render) all of it.
#[derive(Debug, ThisError)]
#[expect(
    missing_docs,
    reason = "the messages say what each variant is, the names what each field is"
)]
pub enum Error {
    #[error("`{name}` is none of the scripts of an image")]
    UnknownScript { name: String },
    #[error("{script} does not know the argument `{argument}`")]
    Argument { script: Script, argument: String },
    #[error("the value `{value}` of {name} cannot be used")]
    Variable {
        name: &'static str,
        value: String,
        problem: String,
    },
    #[error("cannot {action} `{path}`")]
    File {
        action: &'static str,
        path: String,
        source: io::Error,
    },
    #[error("there is no source in `{path}`")]
    NoSource { path: String },
    #[error("no application of a kind that this image builds is in `{path}`")]
    NotRecognised { path: String, found: String },
    #[error("there is no `{program}` on the PATH")]
    NoToolchain { program: &'static str },
    #[error("cannot start `{program}`")]
    Start { program: String, source: io::Error },
    #[error("`{command}` failed ({status})")]
    Command {
        command: String,
        status: String,
        advice: Vec<String>,
    },
    #[error("the file `{path}` holds the value of {variable}")]
    SecretLeft { path: String, variable: String },
    #[error("cannot save `{path}`")]
    Save { path: String, source: io::Error },
    #[error(transparent)]
    Go(#[from] go::Error),
    #[error(transparent)]
    Node(#[from] node::Error),
    #[error(transparent)]
    Binary(#[from] binary::Error),
    #[error(transparent)]
    Launch(#[from] launch::Error),
}

impl Error {
    /// A [`File`](Self::File) error, ready for `map_err`.
    pub(crate) fn file(
        action: &'static str,
        path: impl ToString,
    ) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File {
            action,
            path: path.to_string(),
            source,
        }
    }

    /// A [`Variable`](Self::Variable) error.
    pub(crate) fn variable(name: &'static str, value: &str, problem: &str) -> Self {
        Self::Variable {
            name,
            value: value.to_owned(),
            problem: problem.to_owned(),
        }
    }

    /// The whole message, as the script prints it.
    #[must_use]
    pub fn render(&self, script: &str) -> String {
        let mut text = format!("{script}: {self}");
        let causes = self.cause().map(|cause| ("cause", cause));
        let tries = self.tries().into_iter().map(|line| ("try", line));
        for (label, line) in causes.into_iter().chain(tries) {
            write!(text, "\n  {label}: {line}").expect("a String takes everything");
        }
        text
    }
}

impl Explain for Error {
    fn exit_code(&self) -> u8 {
        match self {
            Self::UnknownScript { .. } => exit::UNKNOWN_SCRIPT,
            Self::Argument { .. } | Self::Variable { .. } => exit::USAGE,
            Self::File { .. } => exit::FAILED,
            Self::NoSource { .. } | Self::NotRecognised { .. } => exit::NOT_RECOGNISED,
            Self::NoToolchain { .. } | Self::Start { .. } => exit::TOOLCHAIN,
            Self::Command { .. } => exit::BUILD,
            Self::SecretLeft { .. } => exit::SECRET,
            Self::Save { .. } => exit::SAVE,
            Self::Go(err) => err.exit_code(),
            Self::Node(err) => err.exit_code(),
            Self::Binary(err) => err.exit_code(),
            Self::Launch(err) => err.exit_code(),
        }
    }

    fn cause(&self) -> Option<String> {
        match self {
            Self::UnknownScript { .. } => Some(format!("the scripts are {}", all_scripts())),
            Self::Variable { problem, .. } => Some(problem.clone()),
            Self::NotRecognised { found, .. } => Some(found.clone()),
            Self::Command { .. } => Some("its own messages stand above".into()),
            Self::SecretLeft { .. } => Some("all users of the image could read it".into()),
            Self::File { source, .. } | Self::Start { source, .. } | Self::Save { source, .. } => {
                Some(ErrorChain(source).to_string())
            }
            Self::Argument { .. } | Self::NoSource { .. } | Self::NoToolchain { .. } => None,
            Self::Go(err) => err.cause(),
            Self::Node(err) => err.cause(),
            Self::Binary(err) => err.cause(),
            Self::Launch(err) => err.cause(),
        }
    }

    fn tries(&self) -> Vec<String> {
        let text = match self {
            Self::UnknownScript { .. } => {
                "link one of these names to the program, or give one as the first argument".into()
            }
            Self::Argument { script, .. } => format!("`{script} -h` shows what there is"),
            Self::Variable { name, .. } => format!("`usage` says what {name} may be"),
            Self::File { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "the image must let any user of group 0 write below APP_ROOT and /tmp".into()
            }
            Self::NoSource { .. } => {
                "give `s2i build` a directory or a repository with files in it".into()
            }
            Self::NotRecognised { .. } => {
                "if the application is in a subdirectory, name it with `--context-dir`".into()
            }
            Self::NoToolchain { .. } => {
                "build with a builder image; a runtime image has no toolchain".into()
            }
            Self::SecretLeft { variable, .. } => {
                format!("write `${{{variable}}}` in its place, or remove the file in the build")
            }
            Self::Command { advice, .. } => return advice.clone(),
            Self::File { .. } | Self::Start { .. } | Self::Save { .. } => return Vec::new(),
            Self::Go(err) => return err.tries(),
            Self::Node(err) => return err.tries(),
            Self::Binary(err) => return err.tries(),
            Self::Launch(err) => return err.tries(),
        };
        vec![text]
    }
}

pub(crate) fn all_scripts() -> String {
    Script::ALL.map(Script::file_name).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_has_the_failure_its_cause_and_advice() {
        let found = vec!["./cmd/a".to_owned(), "./cmd/b".to_owned()];
        let error = go::Error::NoSuchTarget {
            target: "./cmd/c".into(),
            found,
        };
        assert_eq!(
            Error::from(error).render("assemble"),
            "assemble: GO_TARGET names `./cmd/c`, which is no program of this source\n\
             \x20 cause: there are ./cmd/a, ./cmd/b\n\
             \x20 try: choose with GO_TARGET, for example `-e GO_TARGET=./cmd/a`"
        );
        let source = io::Error::from(io::ErrorKind::PermissionDenied);
        assert_eq!(
            Error::file("write", "/opt/x")(source).render("assemble"),
            "assemble: cannot write `/opt/x`\n\
             \x20 cause: permission denied\n\
             \x20 try: the image must let any user of group 0 write below APP_ROOT and /tmp"
        );
    }

    #[test]
    fn every_code_has_a_meaning() {
        let error = Error::Command {
            command: String::new(),
            status: String::new(),
            advice: Vec::new(),
        };
        assert!(
            exit::MEANINGS
                .iter()
                .any(|(code, _)| *code == error.exit_code())
        );
        let mut codes: Vec<_> = exit::MEANINGS.iter().map(|(code, _)| code).collect();
        codes.dedup();
        assert_eq!(codes.len(), exit::MEANINGS.len());
    }
}
