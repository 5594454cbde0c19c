//! Variables for builds for Node.js.

use super::{ASSEMBLE_AND_RUN, VARIABLE, Variable};

/// The script of package.json that builds.
pub const NPM_BUILD: &str = "NPM_BUILD";
/// A registry in place of the usual one.
pub const NPM_MIRROR: &str = "NPM_MIRROR";
/// A token for the registry.
pub const NPM_TOKEN: &str = "NPM_TOKEN";
/// User and password for the registry.
pub const NPM_AUTH: &str = "NPM_AUTH";
/// Every variable that a login to a registry can be in, as [`NamePatterns`](s2i_core::label::NamePatterns):
/// those above, that of GitHub's actions, and the settings of npm and Yarn. A label of the builder image gives s2i the
/// same list.
pub const LOGINS: &str = "NPM_TOKEN NPM_AUTH NODE_AUTH_TOKEN npm_config__auth* npm_config__password npm_config_//* YARN_NPM_AUTH_*";
/// The package manager.
pub const PACKAGE_MANAGER: &str = "NODE_PACKAGE_MANAGER";
/// The package of a workspace that is the application.
pub const WORKSPACE: &str = "NODE_WORKSPACE";
/// The directory that a build makes a static site in.
pub const STATIC_DIR: &str = "NODE_STATIC_DIR";
/// Keeps development dependencies.
pub const PRUNE: &str = "NODE_PRUNE";
/// Proxies, as programs know them.
pub const PROXIES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];

pub(super) const ALL: [Variable; 11] = [
    Variable {
        name: NPM_BUILD,
        default: "build",
        meaning: "the script of package.json that builds the application, and arguments for it",
        ..VARIABLE
    },
    Variable {
        name: PACKAGE_MANAGER,
        meaning: "`npm`, `pnpm` or `yarn`, with `@version` if one is needed; by default what package.json and the lock file say",
        ..VARIABLE
    },
    Variable {
        name: WORKSPACE,
        aliases: &["BP_NODE_PROJECT_PATH"],
        scripts: ASSEMBLE_AND_RUN,
        meaning: "the package of a workspace that is the application, by its name or its directory",
        ..VARIABLE
    },
    Variable {
        name: STATIC_DIR,
        aliases: &["RAILPACK_SPA_OUTPUT_DIR", "NIXPACKS_SPA_OUT_DIR"],
        meaning: "the directory that the build script makes a static site in; the image then holds only the site",
        ..VARIABLE
    },
    Variable {
        name: PRUNE,
        default: "true",
        meaning: "`false` keeps development dependencies in a production image",
        ..VARIABLE
    },
    Variable {
        name: NPM_MIRROR,
        meaning: "the registry that packages come from",
        ..VARIABLE
    },
    Variable {
        name: NPM_TOKEN,
        meaning: "a token for the registry; it reaches the package manager and nothing of the image",
        ..VARIABLE
    },
    Variable {
        name: NPM_AUTH,
        meaning: "`user:password` for the registry, base64-encoded, where it takes no token",
        ..VARIABLE
    },
    Variable {
        name: "HTTPS_PROXY",
        aliases: &["https_proxy"],
        meaning: "the proxy for `https:` addresses; a password in it is never shown",
        ..VARIABLE
    },
    Variable {
        name: "HTTP_PROXY",
        aliases: &["http_proxy"],
        meaning: "the proxy for `http:` addresses",
        ..VARIABLE
    },
    Variable {
        name: "NO_PROXY",
        aliases: &["no_proxy"],
        meaning: "hosts that are reached without a proxy",
        ..VARIABLE
    },
];
