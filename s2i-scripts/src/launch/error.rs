//! Errors of starting an application.

use std::io;

use s2i_core::ErrorChain;
use thiserror::Error as ThisError;

use crate::{
    exit,
    explain::{Explanation, listed},
    variables::{APP, NODE_CMD},
};

/// The reason that an application cannot be started.
#[derive(Debug, ThisError)]
pub(crate) enum Error {
    #[error("there is no application in `{path}`")]
    NoApplication { path: String },
    #[error("no file in `{path}` is executable")]
    NotExecutable { path: String, files: Vec<String> },
    #[error("there are several applications in `{path}`")]
    SeveralApplications { path: String, programs: Vec<String> },
    #[error("APP names `{name}`, which is not an application in `{path}`")]
    NoSuchApplication {
        path: String,
        name: String,
        programs: Vec<String>,
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

impl Error {
    pub(crate) fn explain(&self) -> Explanation {
        let choice = Explanation::new(exit::CHOICE);
        let missing = Explanation::new(exit::NO_APPLICATION);
        let refused = Explanation::new(exit::NOT_EXECUTABLE);
        let failed = Explanation::new(exit::FAILED);
        match self {
            Self::NoApplication { .. } => missing.hint(
                "make an image of an application first: `s2i build <source> <this image> <name>`",
            ),
            Self::NotExecutable { files, .. } => refused
                .cause(format!("found only {}", files.join(", ")))
                .hint("set an execute bit in the mode of the application"),
            Self::SeveralApplications { programs, .. } => choice
                .cause(format!("found {}", programs.join(", ")))
                .choose(APP, programs),
            Self::NoSuchApplication { programs, .. } => {
                choice.cause(listed(programs)).choose(APP, programs)
            }
            Self::NoNode { .. } => {
                missing.hint("use a runtime image that has Node.js, such as `s2i/node-runtime`")
            }
            Self::NoProgram { .. } => missing
                .cause("neither the installed packages nor the PATH have it")
                .hint("if a package has it, name the package in `dependencies`, not in `devDependencies`")
                .hint(format!("or start something else with {NODE_CMD}")),
            Self::NeedsShell { .. } => refused
                .cause("only words, quotes, variables, `NAME=value` in front, `cd` and `&&` work without one")
                .hint("put what the command does into a file of JavaScript, and start that")
                .hint(format!("or give a plain command with {NODE_CMD}")),
            Self::Recursive { .. } => refused.hint("let it name a program or a file"),
            Self::Execute { source, .. } => refused
                .cause(ErrorChain(source).to_string())
                .hint("build the application for the system and the processor of this image"),
            Self::Supervise { source, .. } => failed.cause(ErrorChain(source).to_string()),
            Self::Listen { source, .. } => failed
                .cause(ErrorChain(source).to_string())
                .hint("choose a free port above 1023 with PORT"),
        }
    }
}
