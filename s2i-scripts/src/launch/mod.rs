//! Starting an application: its programs, its Procfile, command lines without a shell, and the first process.

mod error;
pub(crate) mod init;
mod procfile;
mod programs;
pub mod words;

use std::{
    ffi::OsString,
    fmt, fs,
    path::{Path, PathBuf},
};

pub(crate) use self::programs::list as programs;
pub use self::{
    error::Error,
    procfile::{DEFAULT_PROCESS, PROCFILE, Procfile},
};
use crate::{
    Host, Places,
    host::{CommandSpec, is_executable},
    variables,
};

/// The way in which `run` starts an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Launch {
    /// `run` becomes a program.
    Exec(CommandSpec),
    /// `run` stays, and runs these programs one after the other.
    Supervise(Vec<CommandSpec>),
    /// `run` serves the files of this directory itself.
    Serve(PathBuf),
}

impl fmt::Display for Launch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exec(command) => command.fmt(f),
            Self::Supervise(commands) => {
                let commands: Vec<_> = commands.iter().map(CommandSpec::to_string).collect();
                f.write_str(&commands.join(" && "))
            }
            Self::Serve(root) => write!(f, "serve the files of {}", root.display()),
        }
    }
}

/// Returns the launch of a program of `bin/`, or of the command that the Procfile beside them has; `args`
/// are for it.
///
/// # Errors
/// When there is a choice, or a command that cannot be started.
pub(crate) fn program(
    found: &[String],
    args: &[OsString],
    places: &Places,
    host: &Host<'_>,
) -> Result<Launch, crate::Error> {
    let bin = Path::new(places.bin().as_str()).to_owned();
    let wanted = host.variable(variables::APP)?;
    let mut command = match process(&bin, wanted, found)? {
        Some(line) => from_procfile(&line, &bin, host)?,
        None => CommandSpec {
            program: bin.join(programs::choose(&places.bin(), found, wanted)?),
            ..CommandSpec::default()
        },
    };
    let words = words::split(host.variable(variables::ARGS)?.unwrap_or_default());
    command.args.extend(words.into_iter().map(OsString::from));
    command.args.extend_from_slice(args);
    command.env.extend(port(host)?);
    Ok(Launch::Exec(command))
}

/// The command of the process that is wanted, where a Procfile has it.
fn process(
    directory: &Path,
    wanted: Option<&str>,
    programs: &[String],
) -> Result<Option<String>, crate::Error> {
    let Some(file) = read_procfile(directory)? else {
        return Ok(None);
    };
    let name = wanted.unwrap_or(DEFAULT_PROCESS);
    let is_program = wanted.is_some_and(|name| programs.iter().any(|known| known == name));
    Ok(file
        .command(name)
        .filter(|_| !is_program)
        .map(str::to_owned))
}

/// The Procfile of a directory.
pub(crate) fn read_procfile(directory: &Path) -> Result<Option<Procfile>, crate::Error> {
    let path = directory.join(PROCFILE);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(Procfile::parse(&text))),
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(err) => Err(crate::Error::file("read", path.display())(err)),
    }
}

/// The one plain command that a line of a Procfile is; its program is one of `bin/` or of the PATH.
fn from_procfile(command: &str, bin: &Path, host: &Host<'_>) -> Result<CommandSpec, crate::Error> {
    let lookup = |name: &str| lookup(name, host);
    let mut commands = match words::parse(command, &lookup) {
        Ok(commands) if commands.len() == 1 => commands,
        _ => return Ok(shell(command, host)?),
    };
    let words::Simple { assignments, words } = commands.remove(0);
    let name = words[0].rsplit('/').next().unwrap_or_default();
    let ours = bin.join(name);
    let program = if is_executable(&ours) {
        ours
    } else {
        let found = host.find(&words[0]);
        found.ok_or_else(|| Error::NoProgram {
            program: words[0].clone(),
            command: command.to_owned(),
        })?
    };
    Ok(CommandSpec {
        program,
        args: words.into_iter().skip(1).map(OsString::from).collect(),
        env: assignments,
        ..CommandSpec::default()
    })
}

/// The command as a shell's.
pub(crate) fn shell(command: &str, host: &Host<'_>) -> Result<CommandSpec, Error> {
    let command = command.to_owned();
    let Some(program) = host.find("sh") else {
        return Err(Error::NeedsShell { command });
    };
    Ok(CommandSpec {
        program,
        args: vec!["-c".into(), command.into()],
        is_shell: true,
        ..CommandSpec::default()
    })
}

/// The value of a variable, with the port that we would set.
pub(crate) fn lookup(name: &str, host: &Host<'_>) -> Option<String> {
    let port = || (name == variables::PORT).then(|| variables::DEFAULT_PORT.to_owned());
    host.value(name)
        .filter(|_| name != variables::PORT || host.has(name))
        .or_else(port)
}

/// The port, unless the user has set one.
pub(crate) fn port(host: &Host<'_>) -> Result<Option<(String, String)>, crate::Error> {
    let is_set = host.variable(variables::PORT)?.is_some();
    Ok((!is_set).then(|| {
        (
            variables::PORT.to_owned(),
            variables::DEFAULT_PORT.to_owned(),
        )
    }))
}
