//! Every environment variable that the scripts read, with its default and its meaning.
//!
//! `usage` and `usage --json` are made of [`GROUPS`].

use s2i_core::Script;

/// An environment variable, for users and programs.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(crate) struct Variable {
    pub(crate) name: &'static str,
    /// Names that other builders have for the same; the first one that is set counts.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(crate) aliases: &'static [&'static str],
    /// The default; empty where there is none.
    pub(crate) default: &'static str,
    /// The scripts that read it.
    pub(crate) scripts: &'static [Script],
    pub(crate) meaning: &'static str,
}

/// The images and scripts that a group of variables is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Audience {
    /// All builds.
    Build,
    Go,
    Node,
    Binary,
    Run,
}

/// Variables that belong together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group {
    pub(crate) audience: Audience,
    pub(crate) title: &'static str,
    pub(crate) variables: &'static [Variable],
}

/// Every variable.
pub(crate) const GROUPS: [Group; 5] = [
    group(Audience::Go, "while building Go", GO),
    group(Audience::Node, "while building for Node.js", NODE),
    group(Audience::Binary, "while packing programs", BINARIES),
    group(Audience::Build, "while building", BUILD),
    group(Audience::Run, "while running", RUNNING),
];

const fn group(audience: Audience, title: &'static str, variables: &'static [Variable]) -> Group {
    Group {
        audience,
        title,
        variables,
    }
}

/// Returns the other names of a variable.
pub(crate) fn aliases(name: &str) -> &'static [&'static str] {
    GROUPS
        .iter()
        .flat_map(|group| group.variables)
        .find(|variable| variable.name == name)
        .map_or(&[], |variable| variable.aliases)
}

const ASSEMBLE: &[Script] = &[Script::Assemble];
const RUN: &[Script] = &[Script::Run];
const ASSEMBLE_AND_RUN: &[Script] = &[Script::Assemble, Script::Run];
const ASSEMBLE_AND_SAVE: &[Script] = &[Script::Assemble, Script::SaveArtifacts];
const ALL_BUT_RUN: &[Script] = &[
    Script::Assemble,
    Script::SaveArtifacts,
    Script::AssembleRuntime,
];
const ALL: &[Script] = &[
    Script::Assemble,
    Script::Run,
    Script::SaveArtifacts,
    Script::AssembleRuntime,
];

pub(crate) const DEFAULT_APP_ROOT: &str = "/opt/app-root";
/// In millions of bytes, as [`S2I_CACHE_LIMIT`].
pub(crate) const DEFAULT_CACHE_LIMIT: u64 = 2000;
pub(crate) const DEFAULT_DEBUG_PORT: &str = "5858";
pub(crate) const DEFAULT_PORT: &str = "8080";

/// The variables that a login to a registry can be in, as [`NamePatterns`](s2i_core::label::NamePatterns):
/// `NPM_TOKEN` and `NPM_AUTH`, that of GitHub's actions, and the settings of npm and Yarn. A label of the builder
/// image gives s2i the same list.
pub(crate) const LOGINS: &str = "NPM_TOKEN NPM_AUTH NODE_AUTH_TOKEN npm_config__auth* npm_config__password npm_config_//* YARN_NPM_AUTH_*";

/// Defines a constant with the name of each variable, and the list of a group.
macro_rules! variables {
    ($group:ident: $($name:ident $(= $default:expr)?, $scripts:expr $(, [$($alias:literal),+])? => $meaning:literal;)+) => {
        $(pub(crate) const $name: &str = stringify!($name);)+

        const $group: &[Variable] = &[$(Variable {
            name: $name,
            aliases: &[$($($alias),+)?],
            default: [$($default,)? ""][0],
            scripts: $scripts,
            meaning: $meaning,
        }),+];
    };
}

variables! { GO:
    GO_TARGET, ASSEMBLE, ["BP_GO_TARGETS", "INSTALL_URL", "MAIN_PATH"] =>
        "the main packages to build, relative to the source, such as `./cmd/web`, separated by commas, or `./...` for all; by default the root, else those in `cmd`, else the only one";
    GO_LDFLAGS = "-s -w", ASSEMBLE, ["BP_GO_BUILD_LDFLAGS"] =>
        "flags for Go's linker, in place of the default; `{{.Version}}`, `{{.Commit}}` and `{{.Date}}` stand for those of the source";
    GO_TAGS, ASSEMBLE =>
        "build tags for Go, separated by commas";
    GO_KEEP_FILES, ASSEMBLE, ["BP_KEEP_FILES"] =>
        "the files and directories of the source that programs read when they run, such as `templates,static/*.css`; by default those that the code names and does not embed; `none` keeps none";
    GO_TEST = "false", ASSEMBLE =>
        "`true` runs the tests of the source, which must pass; needs an image with `go vet` in it";
    GOFLAGS, ASSEMBLE, ["BP_GO_BUILD_FLAGS"] =>
        "flags for every `go` command; they take precedence over those that assemble sets, and so does `-mod`";
    IMPORT_URL, ASSEMBLE, ["BP_GO_BUILD_IMPORT_PATH"] =>
        "the import path of a source without go.mod; by default that of its import comment";
    GOTOOLCHAIN = "auto", ASSEMBLE =>
        "`auto` fetches a newer Go where go.mod, `.go-version`, `mise.toml` or `.tool-versions` asks for one; `local` never does, and a version such as `go1.26.0` is the one to use";
    GOPRIVATE, ASSEMBLE =>
        "modules that come from their own hosts and not from a public proxy, as in Go's documentation";
    GOPROXY, ASSEMBLE =>
        "the proxies that modules come from, as in Go's documentation";
    GONOPROXY, ASSEMBLE =>
        "modules that no proxy is asked for; by default those of GOPRIVATE";
    GOSUMDB, ASSEMBLE =>
        "the database that has the digests of modules, or `off`";
    NETRC, ASSEMBLE =>
        "a file outside of the image with names and passwords for hosts of modules, such as a mounted secret";
    CGO_ENABLED = "0", ASSEMBLE =>
        "`1` lets Go call a C compiler, which this image does not have";
    COMPRESS_BINARY = "false", ASSEMBLE =>
        "`true` packs programs with `upx`, which has to be in the image; they start slower and need more memory";
}

variables! { NODE:
    NPM_BUILD = "build", ASSEMBLE =>
        "the script of package.json that builds the application, and arguments for it";
    NODE_PACKAGE_MANAGER, ASSEMBLE =>
        "`npm`, `pnpm` or `yarn`, with `@version` if one is needed; by default that of package.json or of the lock file";
    NODE_WORKSPACE, ASSEMBLE_AND_RUN, ["BP_NODE_PROJECT_PATH"] =>
        "the package of a workspace that is the application, by its name or its directory";
    NODE_STATIC_DIR, ASSEMBLE, ["RAILPACK_SPA_OUTPUT_DIR", "NIXPACKS_SPA_OUT_DIR"] =>
        "the directory that the build script makes a static site in; the image then holds only the site";
    NODE_STRICT_LOCK = "false", ASSEMBLE =>
        "`true` makes a lock file that does not fit package.json an error; otherwise it is followed as far as it fits, with a warning";
    NODE_PRUNE = "true", ASSEMBLE =>
        "`false` keeps development dependencies in a production image";
    NPM_MIRROR, ASSEMBLE =>
        "the registry that packages come from";
    NPM_TOKEN, ASSEMBLE =>
        "a token for the registry; it reaches the package manager and nothing of the image";
    NPM_AUTH, ASSEMBLE =>
        "`user:password` for the registry, base64-encoded, where it takes no token";
}

variables! { BINARIES:
    BINARY, ASSEMBLE =>
        "the files of the source that are the programs, separated by commas; by default all that this image can execute";
    BINARY_SHA256, ASSEMBLE =>
        "the SHA-256 digest that the source's only file must have; a file `SHA256SUMS` in the source is checked anyway";
}

variables! { BUILD:
    S2I_RECIPE, ASSEMBLE =>
        "the kind of the source, where there are several: `go`, `node` or `binary`";
    S2I_INCREMENTAL = "false", ASSEMBLE =>
        "`true` if the next build begins with the output of save-artifacts; `s2i build --incremental` sets it";
    S2I_KEEP_CACHE = "$S2I_INCREMENTAL", ASSEMBLE_AND_SAVE =>
        "`true` keeps caches in the image, from where save-artifacts hands them to the next build";
    S2I_CACHE_LIMIT = "2000", ASSEMBLE =>
        "the size that a kept cache may have, in millions of bytes; a larger one is emptied";
    S2I_DESTINATION = "/tmp", ASSEMBLE =>
        "the directory of `src/` and `artifacts/`; must equal the image's label `io.openshift.s2i.destination`";
    APP_ROOT = DEFAULT_APP_ROOT, ALL =>
        "the directory that the image keeps: programs in `bin/`, applications that are more than that in `src/`, caches in `cache/`";
    HTTPS_PROXY, ASSEMBLE, ["https_proxy"] =>
        "the proxy for `https:` addresses; a password in it is never shown";
    HTTP_PROXY, ASSEMBLE, ["http_proxy"] =>
        "the proxy for `http:` addresses";
    NO_PROXY, ASSEMBLE, ["no_proxy"] =>
        "hosts that are reached without a proxy";
    TMPDIR = "/tmp", ASSEMBLE =>
        "the directory of the scratch directory, which only a running build needs";
    SOURCE_DATE_EPOCH = "0", ALL_BUT_RUN =>
        "the time of the files that are made, in seconds since 1970";
}

variables! { RUNNING:
    APP, RUN =>
        "the process of the Procfile, or the program of `bin/`, to start; `web`, or the only program, unless set";
    PORT = DEFAULT_PORT, RUN =>
        "the port that the application should listen on";
    ARGS, RUN =>
        "arguments for a program, before those of `run`; quotes hold words together";
    NODE_ENV = "production", ASSEMBLE_AND_RUN =>
        "the mode of an application for Node.js; `development` is the default in DEV_MODE. Anything but `production` keeps development dependencies";
    DEV_MODE = "false", ASSEMBLE_AND_RUN =>
        "`true` builds an application for Node.js without its build script, watches its files and restarts it when they change, with a debugger at DEBUG_PORT";
    DEBUG_PORT = DEFAULT_DEBUG_PORT, RUN =>
        "the port, or address and port, for a debugger; reachable from inside the container unless there is an address";
    NODE_CMD, RUN =>
        "the command that starts the application, such as `node server.js`, in place of every other";
    NPM_RUN = "start", RUN =>
        "the script of package.json that starts the application";
    INIT_WRAPPER = "true", RUN =>
        "`false` lets `run` become Node.js instead of starting it as a child, passing on signals and reaping what is left behind";
    NODE_OPTIONS, RUN =>
        "options that Node.js itself reads";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_unique() {
        let mut names: Vec<_> = GROUPS
            .iter()
            .flat_map(|group| group.variables)
            .flat_map(|variable| std::iter::once(&variable.name).chain(variable.aliases))
            .collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn other_names_lead_to_the_same_variable() {
        assert!(aliases(GO_TARGET).contains(&"BP_GO_TARGETS"));
        assert!(aliases("NONE").is_empty());
    }
}
