//! Why a script stopped: what failed, on what, why, and what to do.

use std::{fmt::Write as _, io};

use s2i_core::{ErrorChain, Script};
use thiserror::Error as ThisError;

use crate::{exit, variables};

/// Why a script stopped.
///
/// `Display` says what failed and on what; [`cause`](Error::cause) why, [`tries`](Error::tries) what
/// to do about it, and [`render`](Error::render) all of it.
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
    #[error("the value `{value}` of {name} can't be used")]
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
    NotRecognised { path: String },
    #[error("there is no `{program}` on the PATH")]
    NoToolchain { program: &'static str },
    #[error("cannot start `{program}`")]
    Start { program: String, source: io::Error },
    #[error("the source needs Go {needed} and this image has Go {present}")]
    ToolchainTooOld { needed: String, present: String },
    #[error("`{command}` failed ({status})")]
    Command { command: String, status: String },
    #[error("there is no program to build in `{path}`")]
    NoProgram {
        path: String,
        elsewhere: Vec<String>,
    },
    #[error("there are several programs to build and none of them at the root")]
    SeveralPrograms { found: Vec<String> },
    #[error("GO_TARGET names `{target}`, which is no program of this source")]
    NoSuchTarget { target: String, found: Vec<String> },
    #[error("there is no application in `{path}`")]
    NoApplication { path: String },
    #[error("no file in `{path}` is executable")]
    NotExecutable { path: String, found: Vec<String> },
    #[error("there are several applications in `{path}`")]
    SeveralApplications { path: String, found: Vec<String> },
    #[error("APP names `{name}`, which is no application in `{path}`")]
    NoSuchApplication {
        path: String,
        name: String,
        found: Vec<String>,
    },
    #[error("cannot execute `{path}`")]
    Execute { path: String, source: io::Error },
    #[error("cannot save `{path}`")]
    Save { path: String, source: io::Error },
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

    /// The code that the script ends with.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::UnknownScript { .. } => exit::UNKNOWN_SCRIPT,
            Self::Argument { .. } | Self::Variable { .. } => exit::USAGE,
            Self::File { .. } => exit::FAILED,
            Self::NoSource { .. } | Self::NotRecognised { .. } | Self::NoProgram { .. } => {
                exit::NOT_RECOGNISED
            }
            Self::NoToolchain { .. } | Self::Start { .. } | Self::ToolchainTooOld { .. } => {
                exit::TOOLCHAIN
            }
            Self::Command { .. } => exit::BUILD,
            Self::SeveralPrograms { .. }
            | Self::NoSuchTarget { .. }
            | Self::SeveralApplications { .. }
            | Self::NoSuchApplication { .. } => exit::CHOICE,
            Self::NoApplication { .. } => exit::NO_APPLICATION,
            Self::NotExecutable { .. } | Self::Execute { .. } => exit::NOT_EXECUTABLE,
            Self::Save { .. } => exit::SAVE,
        }
    }

    /// Why it failed, where more is known than what failed.
    #[must_use]
    pub fn cause(&self) -> Option<String> {
        match self {
            Self::UnknownScript { .. } => Some(format!("the scripts are {}", all_scripts())),
            Self::Variable { problem, .. } => Some(problem.clone()),
            Self::NotRecognised { .. } => {
                Some("neither a `go.mod` nor a file of Go is at the root of the source".into())
            }
            Self::NoProgram { elsewhere, .. } if elsewhere.is_empty() => {
                Some("no package of the source is a `package main`".into())
            }
            Self::NoProgram { elsewhere, .. } => Some(format!(
                "the root is no `package main` and none is below `cmd/`; programs elsewhere: {}",
                elsewhere.join(", ")
            )),
            Self::SeveralPrograms { found } | Self::SeveralApplications { found, .. } => {
                Some(format!("found {}", found.join(", ")))
            }
            Self::NoSuchTarget { found, .. } | Self::NoSuchApplication { found, .. } => {
                Some(listed(found))
            }
            Self::NotExecutable { found, .. } => Some(format!("found only {}", found.join(", "))),
            Self::Command { .. } => Some("its own messages stand above".into()),
            Self::File { source, .. }
            | Self::Start { source, .. }
            | Self::Execute { source, .. }
            | Self::Save { source, .. } => Some(ErrorChain(source).to_string()),
            Self::Argument { .. }
            | Self::NoSource { .. }
            | Self::NoToolchain { .. }
            | Self::ToolchainTooOld { .. }
            | Self::NoApplication { .. } => None,
        }
    }

    /// What the user may do about it, one thing a line.
    #[must_use]
    pub fn tries(&self) -> Vec<String> {
        match self {
            Self::UnknownScript { .. } => {
                vec![
                    "link one of these names to the program, or give one as the first argument"
                        .into(),
                ]
            }
            Self::Argument { script, .. } => vec![format!("`{script} -h` shows what there is")],
            Self::Variable { name, .. } => vec![format!("`usage` says what {name} may be")],
            Self::File { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                vec!["the image must let any user of group 0 write below APP_ROOT and /tmp".into()]
            }
            Self::NoSource { .. } => {
                vec!["give `s2i build` a directory or a repository with files in it".into()]
            }
            Self::NotRecognised { .. } => {
                vec!["if the application is in a subdirectory, name it with `--context-dir`".into()]
            }
            Self::NoToolchain { .. } => {
                vec!["build with a builder image; a runtime image has no toolchain".into()]
            }
            Self::ToolchainTooOld { needed, .. } => vec![
                format!("build with a builder image that has Go {needed} or newer"),
                "or lower the `go` line of go.mod, if the code allows it".into(),
            ],
            Self::NoProgram { elsewhere, .. } | Self::SeveralPrograms { found: elsewhere } => {
                choose(variables::GO_TARGET, elsewhere)
            }
            Self::NoSuchTarget { found, .. } => choose(variables::GO_TARGET, found),
            Self::SeveralApplications { found, .. } | Self::NoSuchApplication { found, .. } => {
                choose(variables::APP, found)
            }
            Self::NoApplication { .. } => {
                vec!["make an image of an application first: `s2i build <source> <this image> <name>`".into()]
            }
            Self::NotExecutable { .. } => vec!["the mode of the application must have an x".into()],
            Self::Execute { .. } => {
                vec![
                    "the application must be built for the system and the processor of this image"
                        .into(),
                ]
            }
            Self::File { .. } | Self::Start { .. } | Self::Command { .. } | Self::Save { .. } => {
                Vec::new()
            }
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

pub(crate) fn all_scripts() -> String {
    Script::ALL.map(Script::file_name).join(", ")
}

fn listed(found: &[String]) -> String {
    if found.is_empty() {
        "there is none".into()
    } else {
        format!("there are {}", found.join(", "))
    }
}

fn choose(variable: &str, found: &[String]) -> Vec<String> {
    found
        .first()
        .map(|first| format!("choose with {variable}, for example `-e {variable}={first}`"))
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_what_why_and_what_to_do() {
        let found = vec!["./cmd/a".to_owned(), "./cmd/b".to_owned()];
        assert_eq!(
            Error::SeveralPrograms { found }.render("assemble"),
            "assemble: there are several programs to build and none of them at the root\n\
             \x20 cause: found ./cmd/a, ./cmd/b\n\
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
