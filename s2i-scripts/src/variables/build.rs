//! Variables for all builds.

use s2i_core::{Script, env_var};

use super::{ASSEMBLE, VARIABLE, Variable};

/// The directory for all that the image keeps.
pub const APP_ROOT: &str = "APP_ROOT";
/// The value of [`APP_ROOT`] where it is not set.
pub const DEFAULT_APP_ROOT: &str = "/opt/app-root";
/// Below this directory lie source and artifacts.
pub const DESTINATION: &str = "S2I_DESTINATION";
/// Keeps caches in the image.
pub const KEEP_CACHE: &str = "S2I_KEEP_CACHE";
/// The next build begins with the artifacts of this one.
pub const INCREMENTAL: &str = env_var::S2I_INCREMENTAL;
/// How large one cache may be, in millions of bytes.
pub const CACHE_LIMIT: &str = "S2I_CACHE_LIMIT";
/// The value of [`CACHE_LIMIT`] where it is not set.
pub const DEFAULT_CACHE_LIMIT: u64 = 2000;
/// The recipe for the source.
pub const RECIPE: &str = "S2I_RECIPE";
/// The directory for what only a running build needs.
pub const TMPDIR: &str = "TMPDIR";

pub(super) const ALL: [Variable; 8] = [
    Variable {
        name: RECIPE,
        meaning: "what the source is, where it could be several things: `go`, `node` or `binary`",
        ..VARIABLE
    },
    Variable {
        name: INCREMENTAL,
        default: "false",
        meaning: "`true` says that the next build begins with what save-artifacts hands to it; `s2i build --incremental` sets it",
        ..VARIABLE
    },
    Variable {
        name: KEEP_CACHE,
        default: "$S2I_INCREMENTAL",
        scripts: &[Script::Assemble, Script::SaveArtifacts],
        meaning: "`true` keeps caches in the image, from where save-artifacts hands them to the next build",
        ..VARIABLE
    },
    Variable {
        name: CACHE_LIMIT,
        default: "2000",
        meaning: "how many millions of bytes a kept cache may have; one that has more is emptied",
        ..VARIABLE
    },
    Variable {
        name: DESTINATION,
        default: "/tmp",
        meaning: "where `src/` and `artifacts/` are; must equal the image's label `io.openshift.s2i.destination`",
        ..VARIABLE
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
        meaning: "what the image keeps: programs in `bin/`, applications that are more than that in `src/`, caches in `cache/`",
        ..VARIABLE
    },
    Variable {
        name: TMPDIR,
        default: "/tmp",
        scripts: ASSEMBLE,
        meaning: "where the scratch directory is made that only a running build needs",
        ..VARIABLE
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
        ..VARIABLE
    },
];
