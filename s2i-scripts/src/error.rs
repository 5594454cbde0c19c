//! The error of a script: those that scripts and recipes share, and those of each recipe.

use std::{fmt::Write as _, io};

use s2i_core::{ErrorChain, Script};
use thiserror::Error as ThisError;

use crate::{
    binary, exit,
    explain::{Explanation, abbreviated},
    go, launch, node,
};

/// The error that stopped a script.
///
/// Its text has what failed and on what, [`explain`](Error::explain) the reason and the advice, and
/// [`render`](Error::render) all of it.
#[derive(Debug, ThisError)]
pub(crate) enum Error {
    #[error("`{name}` is not a script of an image")]
    UnknownScript { name: String },
    #[error("unknown argument `{argument}`")]
    Argument { script: Script, argument: String },
    #[error("the value `{value}` of {name} is invalid")]
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
    #[error("`{path}` has no application that this image can build")]
    NotRecognised {
        path: String,
        reason: &'static str,
        /// Directories below it that have one.
        directories: Vec<String>,
    },
    #[error("there is no `{program}` on the PATH")]
    NoToolchain { program: &'static str },
    #[error("cannot start `{program}`")]
    Start { program: String, source: io::Error },
    #[error("`{command}` failed ({status})")]
    Command {
        command: String,
        status: String,
        /// The end of what it has written.
        output: String,
        advice: Vec<String>,
    },
    #[error("the build has not made what the image would run: there is no `{}`", expected.join("` or `"))]
    NoOutput {
        expected: Vec<String>,
        /// Directories that have an index.
        sites: Vec<String>,
        advice: Option<String>,
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
    pub(crate) fn variable(
        name: &'static str,
        value: &str,
        problem: &(impl ToString + ?Sized),
    ) -> Self {
        Self::Variable {
            name,
            value: value.to_owned(),
            problem: problem.to_string(),
        }
    }

    /// Returns the whole message, as the script prints it.
    pub(crate) fn render(&self, script: &str) -> String {
        let Explanation { cause, hints, .. } = self.explain();
        let mut text = format!("{script}: {self}");
        let hints = hints.into_iter().map(|hint| ("try", hint));
        for (label, line) in cause.map(|cause| ("cause", cause)).into_iter().chain(hints) {
            write!(text, "\n  {label}: {line}").expect("a String takes everything");
        }
        text
    }

    pub(crate) fn explain(&self) -> Explanation {
        let chain = |source: &io::Error| ErrorChain(source).to_string();
        match self {
            Self::UnknownScript { .. } => Explanation::new(exit::UNKNOWN_SCRIPT)
                .cause(format!(
                    "the scripts are {}",
                    Script::ALL.map(Script::file_name).join(", ")
                ))
                .hint("link one of these names to the program, or give one as the first argument"),
            Self::Argument { script, .. } => {
                Explanation::new(exit::USAGE).hint(format!("`{script} -h` lists the arguments"))
            }
            Self::Variable { name, problem, .. } => Explanation::new(exit::USAGE)
                .cause(problem)
                .hint(format!("`usage` describes {name}")),
            Self::File { source, .. } => {
                let explanation = Explanation::new(exit::FAILED).cause(chain(source));
                if source.kind() == io::ErrorKind::PermissionDenied {
                    return explanation.hint(
                        "the image must let any user of group 0 write below APP_ROOT and /tmp",
                    );
                }
                explanation
            }
            Self::NoSource { .. } => Explanation::new(exit::NOT_RECOGNISED)
                .hint("give `s2i build` a directory or a repository with files in it"),
            Self::NotRecognised {
                reason,
                directories,
                ..
            } => Explanation::new(exit::NOT_RECOGNISED)
                .cause(*reason)
                .hint(match directories.first() {
                    None => "if the application is in a subdirectory, name it with `--context-dir`".to_owned(),
                    Some(first) => format!(
                        "name the directory of the application, for example `--context-dir {first}`; there are {}",
                        abbreviated(directories)
                    ),
                }),
            Self::NoToolchain { .. } => Explanation::new(exit::TOOLCHAIN)
                .hint("build with a builder image; a runtime image has no toolchain"),
            Self::Start { source, .. } => Explanation::new(exit::TOOLCHAIN).cause(chain(source)),
            Self::Command { advice, .. } => Explanation {
                code: exit::BUILD,
                cause: Some("its output above has the reason".into()),
                hints: advice.clone(),
            },
            Self::NoOutput { sites, advice, .. } => {
                let explanation = Explanation {
                    hints: advice.iter().cloned().collect(),
                    ..Explanation::new(exit::NO_APPLICATION)
                };
                let explanation = match sites.first() {
                    Some(_) => explanation.cause(format!("an index is in {}", abbreviated(sites))),
                    None => explanation,
                };
                explanation
                    .hint(format!(
                        "name the directory of a site, for example `-e NODE_STATIC_DIR={}`",
                        sites.first().map_or("dist", String::as_str)
                    ))
                    .hint("or the command that starts a server, for example `-e NODE_CMD='node dist/server.js'`")
            }
            Self::SecretLeft { variable, .. } => Explanation::new(exit::SECRET)
                .cause("all users of the image could read it")
                .hint(format!(
                    "write `${{{variable}}}` in its place, or remove the file in the build"
                )),
            Self::Save { source, .. } => Explanation::new(exit::SAVE).cause(chain(source)),
            Self::Go(err) => err.explain(),
            Self::Node(err) => err.explain(),
            Self::Binary(err) => err.explain(),
            Self::Launch(err) => err.explain(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_has_the_failure_its_cause_and_advice() {
        let programs = vec!["./cmd/a".to_owned(), "./cmd/b".to_owned()];
        let error = go::Error::NoSuchTarget {
            target: "./cmd/c".into(),
            programs,
        };
        assert_eq!(
            Error::from(error).render("assemble"),
            "assemble: GO_TARGET names `./cmd/c`, which is not a program of this source\n\
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
}
