//! The process that a script runs in: arguments, environment, streams, and how to start others.

use std::{
    ffi::{OsStr, OsString},
    fs,
    io::{self, Write},
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    str::FromStr,
};

use s2i_core::{ContainerPath, Layout, env_var};

use crate::{Error, Places, console::Console, places::below, plan::Invocation, variables};

/// Everything that a script gets from outside.
///
/// Nothing else in the crate looks at the state of the process, so that a test can run every script
/// in memory.
pub struct Host<'io> {
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    /// Where lines for people and data go.
    pub console: Console<'io>,
}

impl<'io> Host<'io> {
    /// A host of these arguments (the program's name first), this environment and these streams.
    pub fn new<A: Into<OsString>, N: Into<OsString>, V: Into<OsString>>(
        args: impl IntoIterator<Item = A>,
        env: impl IntoIterator<Item = (N, V)>,
        out: &'io mut dyn Write,
        err: &'io mut dyn Write,
    ) -> Self {
        Self {
            args: args.into_iter().map(Into::into).collect(),
            env: env
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            console: Console::new(out, err),
        }
    }

    /// The arguments, the program's name first.
    #[must_use]
    pub fn args(&self) -> &[OsString] {
        &self.args
    }

    /// The value of a variable, unless it is absent or empty.
    pub fn variable(&self, name: &'static str) -> Result<Option<&str>, Error> {
        let Some(value) = self.raw(name).filter(|value| !value.is_empty()) else {
            return Ok(None);
        };
        let problem = || Error::variable(name, &value.to_string_lossy(), "it is not UTF-8");
        Ok(Some(value.to_str().ok_or_else(problem)?))
    }

    /// The value of a variable that says yes or no.
    pub fn switch(&self, name: &'static str) -> Result<bool, Error> {
        match self.variable(name)? {
            None | Some("false" | "0" | "no" | "off") => Ok(false),
            Some("true" | "1" | "yes" | "on") => Ok(true),
            Some(other) => Err(Error::variable(
                name,
                other,
                "it is neither `true` nor `false`",
            )),
        }
    }

    /// The directories of this run.
    pub fn places(&self) -> Result<Places, Error> {
        let layout = Layout::new(self.path(variables::DESTINATION, Layout::DEFAULT_DESTINATION)?);
        Ok(Places {
            source: layout.source(),
            artifacts: layout.artifacts(),
            app_root: self.path(variables::APP_ROOT, variables::DEFAULT_APP_ROOT)?,
            scratch: below(&self.path(variables::TMPDIR, "/tmp")?, "s2i-scratch"),
        })
    }

    /// The time that files of the image get, in seconds since 1970.
    pub fn epoch(&self) -> Result<u64, Error> {
        let name = env_var::SOURCE_DATE_EPOCH;
        let Some(value) = self.variable(name)? else {
            return Ok(0);
        };
        value
            .parse()
            .map_err(|_| Error::variable(name, value, "it is no number of seconds since 1970"))
    }

    /// The program of this name on the `PATH`.
    #[must_use]
    pub fn find(&self, program: &str) -> Option<PathBuf> {
        let mut directories =
            std::env::split_paths(self.raw("PATH")?).filter(|path| path.is_absolute());
        directories
            .find_map(|directory| Some(directory.join(program)).filter(|path| is_executable(path)))
    }

    /// Runs a command, its output being ours.
    pub(crate) fn call(&self, invocation: &Invocation) -> io::Result<ExitStatus> {
        self.command(invocation).status()
    }

    /// Runs a command and hands back what it wrote to its standard output.
    pub(crate) fn ask(&self, invocation: &Invocation) -> io::Result<(ExitStatus, String)> {
        let output = self
            .command(invocation)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()?;
        Ok((
            output.status,
            String::from_utf8_lossy(&output.stdout).into_owned(),
        ))
    }

    /// Becomes another program, with the arguments as they are and `extra` variables. Returns only
    /// when that fails.
    pub(crate) fn become_program(
        &self,
        program: &Path,
        args: &[OsString],
        extra: &[(&str, &str)],
    ) -> io::Error {
        let env = self
            .env
            .iter()
            .map(|(name, value)| (name.as_os_str(), value.as_os_str()));
        Command::new(program)
            .args(args)
            .env_clear()
            .envs(env)
            .envs(extra.iter().copied())
            .exec()
    }

    fn command(&self, invocation: &Invocation) -> Command {
        let env = self
            .env
            .iter()
            .map(|(name, value)| (name.as_os_str(), value.as_os_str()));
        let mut command = Command::new(&invocation.program);
        command
            .args(&invocation.args)
            .env_clear()
            .envs(env)
            .envs(&invocation.env);
        command
            .current_dir(invocation.directory.as_str())
            .stdin(Stdio::null());
        command
    }

    fn raw(&self, name: &str) -> Option<&OsStr> {
        self.env
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_os_str())
    }

    fn path(&self, name: &'static str, default: &str) -> Result<ContainerPath, Error> {
        let value = self.variable(name)?.unwrap_or(default);
        ContainerPath::from_str(value).map_err(|err| Error::variable(name, value, &err.to_string()))
    }
}

/// Whether this is a regular file that somebody may execute.
pub(crate) fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}
