//! The command lines of `s2i login` and `s2i logout`.

use clap::Args;
use s2i_oci::registry::registry_name;

/// Log in to a registry.
#[derive(Debug, Args)]
#[command(after_help = "\
The login is verified with the registry first. It is stored where Docker and Podman store theirs: with the \
credential helper that their configuration names, or else in a file, unencrypted. It replaces a login for the \
registry in the file that has one; the first login goes to $REGISTRY_AUTH_FILE, or else to ~/.docker/config.json.")]
pub(crate) struct Login {
    /// Registry, as `host` or `host:port`
    #[arg(default_value = "docker.io", value_parser = registry)]
    pub(crate) registry: String,
    /// User name; by default, s2i prompts for it
    #[arg(short, long, value_name = "USER", value_parser = user)]
    pub(crate) username: Option<String>,
    /// Read the password or token from standard input instead of prompting for it
    #[arg(long, requires = "username")]
    pub(crate) password_stdin: bool,
}

/// Remove the logins for a registry.
#[derive(Debug, Args)]
pub(crate) struct Logout {
    /// Registry, as `host` or `host:port`
    #[arg(default_value = "docker.io", value_parser = registry)]
    pub(crate) registry: String,
}

/// Parses the name of a registry.
pub(super) fn registry(text: &str) -> Result<String, &'static str> {
    registry_name(text).ok_or("a registry is a host, perhaps with a port")
}

/// Parses the user name of a login, which is the part before the colon.
pub(crate) fn user(text: &str) -> Result<String, &'static str> {
    match text {
        "" => Err("it is empty"),
        text if text.contains(':') => Err("it contains a `:`"),
        text => Ok(text.into()),
    }
}
