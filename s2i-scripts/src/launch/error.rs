//! Why an application can't be started.

use std::io;

use s2i_core::ErrorChain;
use thiserror::Error as ThisError;

use crate::{
    exit,
    explain::{Explain, choose, listed},
    variables::{APP, NODE_CMD},
};

/// Why an application can't be started.
#[derive(Debug, ThisError)]
#[expect(
    missing_docs,
    reason = "the messages say what each variant is, the names what each field is"
)]
pub enum Error {
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
    #[error("there is no `node` on the PATH, and the application in `{path}` needs it")]
    NoNode { path: String },
    #[error("there is no `{program}` to start `{command}` with")]
    NoProgram { program: String, command: String },
    #[error("the command `{command}` needs a shell, and this image has none")]
    NeedsShell { command: String },
    #[error("the script `{name}` calls itself")]
    Recursive { name: String },
    #[error("cannot execute `{path}`")]
    Execute { path: String, source: io::Error },
    #[error("cannot {action}")]
    Supervise {
        action: &'static str,
        source: io::Error,
    },
    #[error("cannot listen on port {port}")]
    Listen { port: String, source: io::Error },
}

impl Explain for Error {
    fn exit_code(&self) -> u8 {
        match self {
            Self::SeveralApplications { .. } | Self::NoSuchApplication { .. } => exit::CHOICE,
            Self::NoApplication { .. } | Self::NoProgram { .. } | Self::NoNode { .. } => {
                exit::NO_APPLICATION
            }
            Self::NotExecutable { .. }
            | Self::Execute { .. }
            | Self::NeedsShell { .. }
            | Self::Recursive { .. } => exit::NOT_EXECUTABLE,
            Self::Supervise { .. } | Self::Listen { .. } => exit::FAILED,
        }
    }

    fn cause(&self) -> Option<String> {
        match self {
            Self::SeveralApplications { found, .. } => Some(format!("found {}", found.join(", "))),
            Self::NoSuchApplication { found, .. } => Some(listed(found)),
            Self::NotExecutable { found, .. } => Some(format!("found only {}", found.join(", "))),
            Self::Execute { source, .. }
            | Self::Supervise { source, .. }
            | Self::Listen { source, .. } => Some(ErrorChain(source).to_string()),
            Self::NoProgram { .. } => {
                Some("neither the installed packages nor the PATH have it".into())
            }
            Self::NeedsShell { .. } => Some(
                "only words, quotes, variables, `NAME=value` in front, `cd` and `&&` work without one"
                    .into(),
            ),
            Self::NoApplication { .. } | Self::NoNode { .. } | Self::Recursive { .. } => None,
        }
    }

    fn tries(&self) -> Vec<String> {
        match self {
            Self::SeveralApplications { found, .. } | Self::NoSuchApplication { found, .. } => {
                choose(APP, found)
            }
            Self::NoApplication { .. } => {
                vec!["make an image of an application first: `s2i build <source> <this image> <name>`".into()]
            }
            Self::NoNode { .. } => {
                vec!["take a runtime image that has Node.js, such as `s2i/node-runtime`".into()]
            }
            Self::NotExecutable { .. } => vec!["the mode of the application must have an x".into()],
            Self::Execute { .. } => {
                vec![
                    "the application must be built for the system and the processor of this image"
                        .into(),
                ]
            }
            Self::NoProgram { .. } => vec![
                "if a package has it, name the package in `dependencies`, not in `devDependencies`"
                    .into(),
                format!("or start something else with {NODE_CMD}"),
            ],
            Self::NeedsShell { .. } => vec![
                "put what the command does into a file of JavaScript, and start that".into(),
                format!("or give a plain command with {NODE_CMD}"),
            ],
            Self::Recursive { .. } => vec!["let it name a program or a file".into()],
            Self::Listen { .. } => vec!["choose a free port above 1023 with PORT".into()],
            Self::Supervise { .. } => Vec::new(),
        }
    }
}
