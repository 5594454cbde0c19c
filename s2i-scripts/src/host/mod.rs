//! The process that a script runs in: arguments, environment, streams, and how to start others.

mod command;
mod console;
mod process;
mod secrets;

use std::{
    ffi::{OsStr, OsString},
    io::{self, Write},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    str::FromStr,
};

use s2i_core::{ContainerPath, Layout, env_var};

pub(crate) use self::command::{is_executable, quote};
pub use self::{
    command::{CommandSpec, Invocation},
    console::{Console, redact},
    secrets::Secrets,
};
use crate::{Error, Places, places::below, variables};

/// Everything that a script gets from outside.
///
/// Nothing else in the crate looks at the state of the process, so that a test can run every script
/// in memory.
pub struct Host<'io> {
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    /// The console, for lines for users and for data.
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
        let env: Vec<_> = env
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        let secrets = Secrets::of(&env);
        Self {
            args: args.into_iter().map(Into::into).collect(),
            env,
            console: Console::new(out, err, secrets),
        }
    }

    /// The arguments, the program's name first.
    #[must_use]
    pub fn args(&self) -> &[OsString] {
        &self.args
    }

    /// The value of a variable or else of one of its other names, unless it is absent or empty.
    pub fn variable(&self, name: &'static str) -> Result<Option<&str>, Error> {
        for name in std::iter::once(&name).chain(variables::aliases(name)) {
            if let Some(value) = self.raw(name).filter(|value| !value.is_empty()) {
                let problem = || Error::variable(name, &value.to_string_lossy(), "it is not UTF-8");
                return Ok(Some(value.to_str().ok_or_else(problem)?));
            }
        }
        Ok(None)
    }

    /// The same as an owned text.
    pub(crate) fn text(&self, name: &'static str) -> Result<Option<String>, Error> {
        Ok(self.variable(name)?.map(str::to_owned))
    }

    /// Returns the value of a boolean variable; `None` where it is not set.
    pub fn answer(&self, name: &'static str) -> Result<Option<bool>, Error> {
        match self.variable(name)? {
            None => Ok(None),
            Some("false" | "0" | "no" | "off") => Ok(Some(false)),
            Some("true" | "1" | "yes" | "on") => Ok(Some(true)),
            Some(other) => Err(Error::variable(
                name,
                other,
                "it is neither `true` nor `false`",
            )),
        }
    }

    /// Returns the value of a boolean variable that is false by default.
    pub fn switch(&self, name: &'static str) -> Result<bool, Error> {
        Ok(self.answer(name)?.unwrap_or(false))
    }

    /// Returns whether a variable of this very name has a value.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.raw(name).is_some_and(|value| !value.is_empty())
    }

    /// The names of the variables that have a value.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let set = self.env.iter().filter(|(_, value)| !value.is_empty());
        set.filter_map(|(name, _)| name.to_str())
    }

    /// The value of a variable as text, for commands that name it.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<String> {
        self.raw(name).and_then(OsStr::to_str).map(str::to_owned)
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
        self.number(
            env_var::SOURCE_DATE_EPOCH,
            0,
            "it is no number of seconds since 1970",
        )
    }

    /// The value of a variable that is a number.
    pub(crate) fn number(
        &self,
        name: &'static str,
        default: u64,
        problem: &str,
    ) -> Result<u64, Error> {
        let Some(value) = self.variable(name)? else {
            return Ok(default);
        };
        value
            .parse()
            .map_err(|_| Error::variable(name, value, problem))
    }

    /// The program of this name on the `PATH`.
    #[must_use]
    pub fn find(&self, program: &str) -> Option<PathBuf> {
        let mut directories =
            std::env::split_paths(self.raw("PATH")?).filter(|path| path.is_absolute());
        directories
            .find_map(|directory| Some(directory.join(program)).filter(|path| is_executable(path)))
    }

    /// Runs a command; its output passes the console.
    pub(crate) fn call(&mut self, invocation: &Invocation) -> io::Result<ExitStatus> {
        let mut command = self.command(invocation);
        let (status, _) = process::run(&mut command, process::Output::Shown, &mut self.console)?;
        Ok(status)
    }

    /// Runs a command and hands back what it wrote to its standard output.
    pub(crate) fn ask(&mut self, invocation: &Invocation) -> io::Result<(ExitStatus, String)> {
        let mut command = self.command(invocation);
        process::run(&mut command, process::Output::Collected, &mut self.console)
    }

    /// The same, without showing its standard error.
    pub(crate) fn ask_quietly(&mut self, invocation: &Invocation) -> Option<String> {
        let mut command = self.command(invocation);
        let (status, answer) =
            process::run(&mut command, process::Output::Quiet, &mut self.console).ok()?;
        status.success().then_some(answer)
    }

    /// Replaces this process with another program. Returns only when that fails.
    pub(crate) fn exec(&self, spec: &CommandSpec) -> io::Error {
        self.prepare(spec).exec()
    }

    /// Returns the command to start a program with.
    pub(crate) fn prepare(&self, spec: &CommandSpec) -> Command {
        let mut command = self.bare(&spec.program);
        command
            .args(&spec.args)
            .envs(spec.env.iter().map(|(name, value)| (name, value)));
        if let Some(directory) = &spec.directory {
            command.current_dir(directory);
        }
        command
    }

    fn command(&self, invocation: &Invocation) -> Command {
        let mut command = self.bare(Path::new(&invocation.program));
        command
            .args(&invocation.args)
            .envs(&invocation.env)
            .current_dir(invocation.directory.as_str());
        command
    }

    /// A command with our environment and nothing else.
    fn bare(&self, program: &Path) -> Command {
        let env = self
            .env
            .iter()
            .map(|(name, value)| (name.as_os_str(), value.as_os_str()));
        let mut command = Command::new(program);
        command.env_clear().envs(env);
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
