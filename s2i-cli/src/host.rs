//! The environment of the process, which only this module reads.

use std::{
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
    fmt,
    io::{self, IsTerminal as _},
    os::unix::ffi::OsStrExt as _,
    path::PathBuf,
};

use s2i_core::Secret;
use s2i_docker::HostEnv;
use s2i_native::userns;

/// All properties of the process that affect behaviour.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Host {
    pub(crate) engine: HostEnv,
    /// The name of the program in its first argument, without directories.
    pub(crate) program: OsString,
    pub(crate) working_dir: PathBuf,
    pub(crate) temp_dir: PathBuf,
    /// The value of `SOURCE_DATE_EPOCH`.
    pub(crate) epoch: Option<String>,
    /// `S2I_CONFIG`
    pub(crate) config_file: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`, or else `~/.config`.
    pub(crate) config_home: Option<PathBuf>,
    /// `XDG_DATA_HOME`, or else `~/.local/share`.
    pub(crate) data_home: Option<PathBuf>,
    /// `REGISTRY_AUTH_FILE`, which Podman uses.
    pub(crate) auth_file: Option<PathBuf>,
    /// `DOCKER_AUTH_CONFIG`, the text of a file with logins.
    pub(crate) auth_config: Option<Secret<String>>,
    /// The file that all logins are read from, if the command line names one.
    pub(crate) credential_file: Option<PathBuf>,
    /// `~/.dockercfg`, Docker's file of old.
    pub(crate) old_docker_file: Option<PathBuf>,
    /// `PATH`
    pub(crate) path: Option<OsString>,
    /// True if the user is root of the machine.
    pub(crate) is_root: bool,
    /// True if standard input is a terminal.
    pub(crate) stdin_is_terminal: bool,
    /// True if standard output is a terminal.
    pub(crate) stdout_is_terminal: bool,
    /// True if standard error is a terminal on which a line can be replaced, outside of CI.
    pub(crate) is_interactive: bool,
    pub(crate) wants_color: bool,
    /// All variables, for options that name one.
    pub(crate) variables: Variables,
}

/// The environment variables of the process. Debug output omits the values, which may be secret.
#[derive(Clone, Default)]
pub(crate) struct Variables(BTreeMap<OsString, OsString>);

impl Variables {
    /// Returns the variables whose names and values are text, sorted by name.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        let variables = self.0.iter();
        variables.filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)))
    }

    /// Returns the value of the first of these variables that is text and not empty.
    pub(crate) fn first_text(&self, names: &[&str]) -> Option<&str> {
        let mut values = names.iter().map(|name| self.0.get(OsStr::new(name)));
        values.find_map(|value| value?.to_str().filter(|value| !value.is_empty()))
    }

    /// Returns the value of a variable, which may be empty.
    pub(crate) fn get(&self, name: &str) -> Option<Vec<u8>> {
        let value = self.0.get(OsStr::new(name))?;
        Some(value.as_bytes().to_vec())
    }
}

impl FromIterator<(OsString, OsString)> for Variables {
    fn from_iter<T: IntoIterator<Item = (OsString, OsString)>>(variables: T) -> Self {
        Self(variables.into_iter().collect())
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

impl Host {
    pub(crate) fn read() -> Self {
        let is_terminal = io::stderr().is_terminal();
        let home = path("HOME");
        let below_home = |name| home.as_ref().map(|home| home.join(name));
        Self {
            engine: HostEnv::from_env(),
            program: program(),
            working_dir: env::current_dir().unwrap_or_default(),
            temp_dir: env::temp_dir(),
            epoch: text(s2i_core::env_var::SOURCE_DATE_EPOCH),
            config_file: path("S2I_CONFIG"),
            config_home: path("XDG_CONFIG_HOME").or_else(|| below_home(".config")),
            data_home: path("XDG_DATA_HOME").or_else(|| below_home(".local/share")),
            auth_file: path("REGISTRY_AUTH_FILE"),
            auth_config: text("DOCKER_AUTH_CONFIG").map(Secret::new),
            credential_file: None,
            old_docker_file: below_home(".dockercfg"),
            path: env::var_os("PATH"),
            is_root: is_root(),
            stdin_is_terminal: io::stdin().is_terminal(),
            stdout_is_terminal: io::stdout().is_terminal(),
            is_interactive: is_terminal
                && text("CI").is_none()
                && text("TERM").is_none_or(|term| term != "dumb"),
            wants_color: is_terminal && text("NO_COLOR").is_none(),
            variables: env::vars_os().collect(),
        }
    }
}

fn program() -> OsString {
    let path = env::args_os().next().map(PathBuf::from);
    path.and_then(|path| path.file_name().map(OsStr::to_owned))
        .unwrap_or_default()
}

fn text(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn path(name: &str) -> Option<PathBuf> {
    env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

/// Returns whether the user is root of the machine. Root of a user namespace has only the user's privileges.
fn is_root() -> bool {
    rustix::process::geteuid().is_root() && !userns::is_inside()
}
