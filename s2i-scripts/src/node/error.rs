//! Why a source for Node.js can't be built.

use thiserror::Error as ThisError;

use crate::{
    exit,
    explain::{Explain, choose, listed},
    variables::{PACKAGE_MANAGER, WORKSPACE},
};

/// Why a source for Node.js can't be built.
#[derive(Debug, ThisError)]
#[expect(
    missing_docs,
    reason = "the messages say what each variant is, the names what each field is"
)]
pub enum Error {
    #[error("`{path}` is no object of JSON")]
    Manifest { path: String },
    #[error("there are lock files of several package managers")]
    SeveralLocks { found: Vec<String> },
    #[error("`{name}` is no package manager that this image knows")]
    UnknownManager { name: String, place: &'static str },
    #[error("NODE_WORKSPACE names `{name}`, which is no package of this source")]
    NoSuchPackage { name: String, found: Vec<String> },
    #[error("there are several packages that could be the application")]
    SeveralPackages { found: Vec<String> },
    #[error("package.json has no script `{name}`")]
    NoSuchScript {
        name: String,
        variable: &'static str,
        found: Vec<String>,
    },
    #[error("the source needs Node.js {needed} and this image has Node.js {present}")]
    Engine {
        needed: String,
        present: String,
        is_strict: bool,
    },
    #[error("there is nothing to start in `{path}`")]
    NothingToStart { path: String },
    #[error("the process `{name}` is not in the Procfile")]
    NoSuchProcess { name: String, found: Vec<String> },
    #[error("the file `{path}` that is to be started is not there")]
    NoSuchFile { path: String, origin: String },
}

impl Explain for Error {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Manifest { .. } => exit::NOT_RECOGNISED,
            Self::SeveralLocks { .. }
            | Self::UnknownManager { .. }
            | Self::NoSuchPackage { .. }
            | Self::NoSuchScript { .. }
            | Self::NoSuchProcess { .. }
            | Self::SeveralPackages { .. } => exit::CHOICE,
            Self::Engine { .. } => exit::TOOLCHAIN,
            Self::NothingToStart { .. } | Self::NoSuchFile { .. } => exit::NO_APPLICATION,
        }
    }

    fn cause(&self) -> Option<String> {
        match self {
            Self::Manifest { .. } => None,
            Self::SeveralLocks { found } | Self::SeveralPackages { found } => {
                Some(format!("found {}", found.join(", ")))
            }
            Self::UnknownManager { place, .. } => Some(format!("{place} names it")),
            Self::NoSuchPackage { found, .. }
            | Self::NoSuchProcess { found, .. } => Some(listed(found)),
            Self::NoSuchScript {
                variable, found, ..
            } => Some(format!("{variable} names it, and {}", listed(found))),
            Self::Engine {
                is_strict: false, ..
            } => Some("engines.node of package.json says so".into()),
            Self::Engine { .. } => Some("engines.node of package.json says so, and engine-strict".into()),
            Self::NothingToStart { .. } => Some(
                "package.json has neither a script `start` nor a `main` that is there, and there is no Procfile, `server.js`, `app.js`, `main.js`, `index.js` or `index.html`".into(),
            ),
            Self::NoSuchFile { origin, .. } => Some(format!("{origin} names it")),
        }
    }

    fn tries(&self) -> Vec<String> {
        match self {
            Self::Manifest { .. } => vec!["correct it; `node -p 'require(\"./package.json\")'` tells the place".into()],
            Self::SeveralLocks { .. } => vec![
                "remove those that are not in use".into(),
                format!("or choose with `packageManager` of package.json, or with {PACKAGE_MANAGER}"),
            ],
            Self::UnknownManager { .. } => vec!["there are npm, pnpm and yarn, each with or without `@version`".into()],
            Self::NoSuchPackage { found, .. } | Self::SeveralPackages { found } => {
                choose(WORKSPACE, found)
            }
            Self::NoSuchScript { variable, found, .. } => choose(variable, found),
            Self::NoSuchProcess { found, .. } => choose(crate::variables::APP, found),
            Self::Engine { needed, .. } => vec![
                format!("build with a builder image that has Node.js {needed}"),
                "or change engines.node of package.json, if the code allows it".into(),
            ],
            Self::NothingToStart { .. } => vec![
                "add a script `start` to package.json".into(),
                "or say what to start with NODE_CMD, for example `-e NODE_CMD='node app/web.js'`".into(),
            ],
            Self::NoSuchFile { .. } => vec![
                "if a build makes it, let the script `build` of package.json, or the one that NPM_BUILD names, do so".into(),
            ],
        }
    }
}
