//! Every environment variable that the scripts read, with its default and its meaning.
//!
//! `usage` and `usage --json` are made of [`ALL`].

use s2i_core::{Script, env_var};

/// Names the program that `run` starts.
pub const APP: &str = "APP";
/// What the image keeps lies below this directory.
pub const APP_ROOT: &str = "APP_ROOT";
/// The value of [`APP_ROOT`] where it is not set.
pub const DEFAULT_APP_ROOT: &str = "/opt/app-root";
/// Whether Go may call a C compiler.
pub const CGO_ENABLED: &str = "CGO_ENABLED";
/// Below this directory lie source and artifacts.
pub const DESTINATION: &str = "S2I_DESTINATION";
/// Flags for every `go` command.
pub const GOFLAGS: &str = "GOFLAGS";
/// Flags for Go's linker.
pub const GO_LDFLAGS: &str = "GO_LDFLAGS";
/// Build tags for Go.
pub const GO_TAGS: &str = "GO_TAGS";
/// The Go package that is built.
pub const GO_TARGET: &str = "GO_TARGET";
/// Whether caches stay in the image.
pub const KEEP_CACHE: &str = "S2I_KEEP_CACHE";
/// The port that the application should listen on.
pub const PORT: &str = "PORT";
/// The value of [`PORT`] where it is not set.
pub const DEFAULT_PORT: &str = "8080";
/// The directory for what only a running build needs.
pub const TMPDIR: &str = "TMPDIR";

/// One variable, for people and programs.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What holds where it is not set; empty where nothing does.
    pub default: &'static str,
    /// The scripts that read it.
    pub scripts: &'static [Script],
    /// What it does.
    pub meaning: &'static str,
}

const ASSEMBLE: &[Script] = &[Script::Assemble];
const RUN: &[Script] = &[Script::Run];

/// Every variable, those for building first.
pub const ALL: [Variable; 12] = [
    Variable {
        name: GO_TARGET,
        default: "",
        scripts: ASSEMBLE,
        meaning: "the main package to build, relative to the source, such as `./cmd/web`; by default the root, else the only one below `cmd/`",
    },
    Variable {
        name: GO_LDFLAGS,
        default: "-s -w",
        scripts: ASSEMBLE,
        meaning: "flags for Go's linker, in place of the default",
    },
    Variable {
        name: GO_TAGS,
        default: "",
        scripts: ASSEMBLE,
        meaning: "build tags for Go, separated by commas",
    },
    Variable {
        name: GOFLAGS,
        default: "",
        scripts: ASSEMBLE,
        meaning: "flags for every `go` command; they win over those that assemble would set, and so does `-mod`",
    },
    Variable {
        name: CGO_ENABLED,
        default: "0",
        scripts: ASSEMBLE,
        meaning: "`1` lets Go call a C compiler, which this image does not have",
    },
    Variable {
        name: KEEP_CACHE,
        default: "false",
        scripts: &[Script::Assemble, Script::SaveArtifacts],
        meaning: "`true` keeps build and module cache in the image, from where save-artifacts hands them to the next build",
    },
    Variable {
        name: DESTINATION,
        default: "/tmp",
        scripts: ASSEMBLE,
        meaning: "where `src/` and `artifacts/` are; must equal the image's label `io.openshift.s2i.destination`",
    },
    Variable {
        name: APP_ROOT,
        default: DEFAULT_APP_ROOT,
        scripts: &[
            Script::Assemble,
            Script::Run,
            Script::SaveArtifacts,
            Script::AssembleRuntime,
        ],
        meaning: "what the image keeps: applications in `bin/`, caches in `cache/`",
    },
    Variable {
        name: TMPDIR,
        default: "/tmp",
        scripts: ASSEMBLE,
        meaning: "where the scratch directory is made that only a running build needs",
    },
    Variable {
        name: env_var::SOURCE_DATE_EPOCH,
        default: "0",
        scripts: &[
            Script::Assemble,
            Script::SaveArtifacts,
            Script::AssembleRuntime,
        ],
        meaning: "the time of the files that are made, in seconds since 1970",
    },
    Variable {
        name: APP,
        default: "",
        scripts: RUN,
        meaning: "which program of `bin/` to start; needed only where there are several",
    },
    Variable {
        name: PORT,
        default: DEFAULT_PORT,
        scripts: RUN,
        meaning: "the port that the application should listen on",
    },
];
