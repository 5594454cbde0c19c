//! The process that a script runs in: arguments, environment, streams, and how to start others.

mod command;
mod console;
mod identity;
mod process;
mod secrets;

use std::{
    ffi::{OsStr, OsString},
    io::{self, Write},
    iter,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use s2i_core::{ContainerPath, ContainerPathError, Layout};

use self::process::Output;
pub(crate) use self::{
    command::{CommandSpec, Invocation, is_executable, quote},
    console::Console,
    secrets::Secrets,
};
use crate::{Directories, Error, directories::below, variables};

/// Everything that a script gets from outside.
///
/// Nothing else in the crate looks at the state of the process, so that a test can run every script
/// in memory.
pub struct Host<'io> {
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    pub(crate) console: Console<'io>,
    /// True if a command has failed that another one took the place of.
    pub(crate) fell_back: bool,
}

impl<'io> Host<'io> {
    /// Creates a host of these arguments (the program's name first), this environment and these streams.
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
            fell_back: false,
        }
    }

    /// Returns the arguments, the program's name first.
    pub(crate) fn args(&self) -> &[OsString] {
        &self.args
    }

    /// Returns the value of a variable or else of one of its aliases, unless it is absent or empty.
    pub(crate) fn variable(&self, name: &'static str) -> Result<Option<&str>, Error> {
        for name in iter::once(&name).chain(variables::aliases(name)) {
            if let Some(value) = self.raw(name).filter(|value| !value.is_empty()) {
                let problem = || Error::variable(name, &value.to_string_lossy(), "it is not UTF-8");
                return Ok(Some(value.to_str().ok_or_else(problem)?));
            }
        }
        Ok(None)
    }

    /// Returns the same as [`variable`](Self::variable), as owned text.
    pub(crate) fn text(&self, name: &'static str) -> Result<Option<String>, Error> {
        Ok(self.variable(name)?.map(str::to_owned))
    }

    /// Returns the value of a boolean variable.
    pub(crate) fn switch(&self, name: &'static str, default: bool) -> Result<bool, Error> {
        match self.variable(name)? {
            None => Ok(default),
            Some("false" | "0" | "no" | "off") => Ok(false),
            Some("true" | "1" | "yes" | "on") => Ok(true),
            Some(other) => Err(Error::variable(
                name,
                other,
                "it is neither `true` nor `false`",
            )),
        }
    }

    /// Returns whether a variable of this very name has a value.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.raw(name).is_some_and(|value| !value.is_empty())
    }

    /// Returns the names of the variables that have a value.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let set = self.env.iter().filter(|(_, value)| !value.is_empty());
        set.filter_map(|(name, _)| name.to_str())
    }

    /// Returns the value of a variable of any name; an empty one counts.
    pub(crate) fn value(&self, name: &str) -> Option<String> {
        self.raw(name).and_then(OsStr::to_str).map(str::to_owned)
    }

    /// Returns the directories of this run.
    pub(crate) fn directories(&self) -> Result<Directories, Error> {
        let destination = self.path(variables::S2I_DESTINATION, Layout::DEFAULT_DESTINATION)?;
        let layout = Layout::new(destination);
        Ok(Directories {
            source: layout.source(),
            artifacts: layout.artifacts(),
            app_root: self.path(variables::APP_ROOT, variables::DEFAULT_APP_ROOT)?,
            scratch: below(&self.path(variables::TMPDIR, "/tmp")?, "s2i-scratch"),
        })
    }

    /// Returns the time that files of the image get, in seconds since 1970.
    pub(crate) fn epoch(&self) -> Result<u64, Error> {
        self.number(
            variables::SOURCE_DATE_EPOCH,
            0,
            "it is not a number of seconds since 1970",
        )
    }

    /// Returns the value of a variable that is a number.
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

    /// Returns the program of this name on the `PATH`.
    pub(crate) fn find(&self, program: &str) -> Option<PathBuf> {
        std::env::split_paths(self.raw("PATH")?)
            .filter(|directory| directory.is_absolute())
            .map(|directory| directory.join(program))
            .find(|path| is_executable(path))
    }

    /// Returns the path of a tool that a build needs.
    pub(crate) fn tool(&self, program: &'static str) -> Result<String, Error> {
        let path = self.find(program).ok_or(Error::NoToolchain { program })?;
        Ok(path.to_string_lossy().into_owned())
    }

    /// Runs a command; its output passes the console.
    pub(crate) fn run(&mut self, invocation: &Invocation) -> Result<(), Error> {
        self.execute(invocation, Output::Shown).map(drop)
    }

    /// Runs a command and returns its standard output.
    pub(crate) fn output(&mut self, invocation: &Invocation) -> Result<String, Error> {
        self.execute(invocation, Output::Collected)
    }

    /// Runs a command and returns its standard output, unless it fails; its standard error is dropped.
    pub(crate) fn output_quietly(&mut self, invocation: &Invocation) -> Option<String> {
        self.execute(invocation, Output::Quiet).ok()
    }

    fn execute(&mut self, invocation: &Invocation, output: Output) -> Result<String, Error> {
        let mut command = self.bare(Path::new(&invocation.program));
        command
            .args(&invocation.args)
            .envs(&invocation.env)
            .current_dir(invocation.directory.as_str());
        let (status, text, tail) =
            process::run(&mut command, output, &mut self.console).map_err(|source| {
                let program = invocation.program.clone();
                Error::Start { program, source }
            })?;
        if status.success() {
            return Ok(text);
        }
        Err(Error::Command {
            command: invocation.command_line(),
            status: status.to_string(),
            output: tail,
            advice: invocation.advice.clone(),
        })
    }

    /// Replaces this process with another program. Returns only when that fails.
    pub(crate) fn exec(&self, spec: &CommandSpec) -> io::Error {
        self.prepare(spec).exec()
    }

    /// Returns the command to start a program with.
    pub(crate) fn prepare(&self, spec: &CommandSpec) -> Command {
        let mut command = self.bare(&spec.program);
        command.args(&spec.args).envs(spec.env.iter().cloned());
        if let Some(directory) = &spec.directory {
            command.current_dir(directory);
        }
        command
    }

    /// Returns a command with this environment and nothing else.
    fn bare(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.env.iter().cloned());
        command
    }

    /// Sets a variable for the programs that are started.
    fn set(&mut self, name: &str, value: &str) {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.into(), value.into()));
    }

    fn raw(&self, name: &str) -> Option<&OsStr> {
        let mut env = self.env.iter();
        env.find(|(known, _)| known == name)
            .map(|(_, value)| value.as_os_str())
    }

    fn path(&self, name: &'static str, default: &str) -> Result<ContainerPath, Error> {
        let value = self.variable(name)?.unwrap_or(default);
        value
            .parse()
            .map_err(|err: ContainerPathError| Error::variable(name, value, &err))
    }
}
