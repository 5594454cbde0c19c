//! Errors of builds and starts of applications for Node.js.

use thiserror::Error as ThisError;

use crate::{
    exit,
    explain::{Explanation, listed},
    variables::{APP, NODE_PACKAGE_MANAGER, NODE_WORKSPACE},
};

/// The reason that an application for Node.js cannot be built or started.
#[derive(Debug, ThisError)]
pub(crate) enum Error {
    #[error("`{path}` is not a JSON object")]
    Manifest { path: String },
    #[error("there are lock files of several package managers")]
    SeveralLocks { locks: Vec<String> },
    #[error("`{name}` is not a known package manager")]
    UnknownManager { name: String, origin: &'static str },
    #[error("NODE_WORKSPACE names `{name}`, which is not a package of this source")]
    NoSuchPackage { name: String, packages: Vec<String> },
    #[error("several packages could be the application")]
    SeveralPackages { packages: Vec<String> },
    #[error("package.json has no script `{name}`")]
    NoSuchScript {
        name: String,
        variable: &'static str,
        scripts: Vec<String>,
    },
    #[error("the source needs Node.js {needed} and this image has Node.js {present}")]
    Engine {
        needed: String,
        present: String,
        is_strict: bool,
    },
    #[error("the dependency `{name}` of {manifest} is `{path}`, which is outside of the source")]
    OutsidePath {
        name: String,
        manifest: String,
        path: String,
    },
    #[error("the installed package `{path}` leads to `{target}`, which does not exist")]
    DanglingLink { path: String, target: String },
    #[error("there is nothing to start in `{path}`")]
    NothingToStart { path: String },
    #[error("the process `{name}` is not in the Procfile")]
    NoSuchProcess {
        name: String,
        processes: Vec<String>,
    },
    #[error("the file to start, `{path}`, does not exist")]
    NoSuchFile { path: String },
}

impl Error {
    pub(crate) fn explain(&self) -> Explanation {
        let choice = Explanation::new(exit::CHOICE);
        match self {
            Self::Manifest { .. } => Explanation::new(exit::NOT_RECOGNISED)
                .hint("correct it; `node -p 'require(\"./package.json\")'` shows the position"),
            Self::SeveralLocks { locks } => choice
                .cause(format!("found {}", locks.join(", ")))
                .hint("remove those that are not in use")
                .hint(format!(
                    "or choose with `packageManager` of package.json, or with {NODE_PACKAGE_MANAGER}"
                )),
            Self::UnknownManager { origin, .. } => choice
                .cause(format!("{origin} names it"))
                .hint("use npm, pnpm or yarn, each with or without `@version`"),
            Self::NoSuchPackage { packages, .. } => {
                choice.cause(listed(packages)).choose(NODE_WORKSPACE, packages)
            }
            Self::SeveralPackages { packages } => choice
                .cause(format!("found {}", packages.join(", ")))
                .choose(NODE_WORKSPACE, packages),
            Self::NoSuchScript {
                variable, scripts, ..
            } => choice
                .cause(format!("{variable} names it, and {}", listed(scripts)))
                .choose(variable, scripts),
            Self::NoSuchProcess { processes, .. } => {
                choice.cause(listed(processes)).choose(APP, processes)
            }
            Self::Engine {
                needed, is_strict, ..
            } => Explanation::new(exit::TOOLCHAIN)
                .cause(format!(
                    "`engines.node` of package.json requires it{}",
                    if *is_strict {
                        ", and `engine-strict` is set"
                    } else {
                        ""
                    }
                ))
                .hint(format!("build with a builder image that has Node.js {needed}"))
                .hint("or change `engines.node` of package.json, if the code allows it"),
            Self::OutsidePath { path, .. } => choice
                .cause(format!("only the source itself, or the directory of --context-dir, is sent to the build; `{path}` is not in it"))
                .hint("build from the directory above both, without --context-dir: choose the application with NODE_WORKSPACE, or its command with NODE_CMD")
                .hint("or make it a package of a workspace, or an archive: `npm pack`"),
            Self::DanglingLink { .. } => choice
                .cause("a package that was linked on another machine, or a directory outside of the source, is not there")
                .hint("name a version of the registry in package.json, or move the package into the source"),
            Self::NothingToStart { .. } => Explanation::new(exit::NO_APPLICATION)
                .cause("package.json has no script `start` and no `main` that exists, and there is no Procfile, `server.js`, `app.js`, `main.js`, `index.js` or `index.html`")
                .hint("add a script `start` to package.json")
                .hint("or set the command with NODE_CMD, for example `-e NODE_CMD='node app/web.js'`")
                .hint("or, for a site, the directory that the build makes it in, with NODE_STATIC_DIR"),
            Self::NoSuchFile { .. } => Explanation::new(exit::NO_APPLICATION)
                .cause("`main` of package.json names it")
                .hint("if a build makes it, let the script `build` of package.json, or the one that NPM_BUILD names, do so"),
        }
    }
}
