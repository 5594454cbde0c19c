//! Starting an application: its programs, its Procfile, command lines without a shell, and the first process.

mod error;
pub(crate) mod init;
mod procfile;
mod programs;
pub(crate) mod words;

use std::{
    ffi::OsString,
    fmt, fs, io,
    path::{Path, PathBuf},
};

pub(crate) use self::programs::list as programs;
pub(crate) use self::{
    error::Error,
    procfile::{DEFAULT_PROCESS, PROCFILE, Procfile},
};
use crate::{
    Directories, Host,
    host::{CommandSpec, is_executable},
    variables,
};

/// The way in which `run` starts an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Launch {
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

/// Returns the launch of a program of `bin/`, or of a command of the Procfile beside them; `args` are for it.
pub(crate) fn program(
    programs: &[String],
    args: &[OsString],
    dirs: &Directories,
    host: &Host<'_>,
) -> Result<Launch, crate::Error> {
    let bin = Path::new(dirs.bin().as_str()).to_owned();
    let requested = host.variable(variables::APP)?;
    let mut command = match process(&bin, requested, programs)? {
        Some(line) => from_procfile(&line, &bin, host)?,
        None => CommandSpec {
            program: bin.join(programs::choose(&dirs.bin(), programs, requested)?),
            ..CommandSpec::default()
        },
    };
    let words = words::split(host.variable(variables::ARGS)?.unwrap_or_default());
    command.args.extend(words.into_iter().map(OsString::from));
    command.args.extend_from_slice(args);
    command.env.extend(port(host)?);
    command.directory = files(dirs);
    Ok(Launch::Exec(command))
}

/// Returns the directory with the files that programs read when they run, if there are any.
fn files(dirs: &Directories) -> Option<PathBuf> {
    let path = PathBuf::from(dirs.app().as_str());
    let mut entries = fs::read_dir(&path).ok()?;
    entries.next().is_some().then_some(path)
}

/// Returns the command of the requested process, where a Procfile has it.
fn process(
    directory: &Path,
    requested: Option<&str>,
    programs: &[String],
) -> Result<Option<String>, crate::Error> {
    let Some(file) = read_procfile(directory)? else {
        return Ok(None);
    };
    let is_program = requested.is_some_and(|name| programs.iter().any(|known| known == name));
    let command = file.command(requested.unwrap_or(DEFAULT_PROCESS));
    Ok(command.filter(|_| !is_program).map(str::to_owned))
}

/// Returns the Procfile of a directory.
pub(crate) fn read_procfile(directory: &Path) -> Result<Option<Procfile>, crate::Error> {
    let path = directory.join(PROCFILE);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(Procfile::parse(&text))),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(err) => Err(crate::Error::file("read", path.display())(err)),
    }
}

/// Returns the command of a line of a Procfile. Where the line is one plain command, its program is one of `bin/`
/// or of the PATH; a shell runs other lines.
fn from_procfile(line: &str, bin: &Path, host: &Host<'_>) -> Result<CommandSpec, crate::Error> {
    let mut commands = words::parse(line, &|name| lookup(name, host)).unwrap_or_default();
    let (Some(words::Simple { assignments, words }), true) = (commands.pop(), commands.is_empty())
    else {
        return Ok(shell(line, host)?);
    };
    let name = words[0].rsplit('/').next().unwrap_or_default();
    let program = Some(bin.join(name)).filter(|path| is_executable(path));
    let program = program
        .or_else(|| host.find(&words[0]))
        .ok_or_else(|| Error::NoProgram {
            program: words[0].clone(),
            command: line.to_owned(),
        })?;
    Ok(CommandSpec {
        program,
        args: words.into_iter().skip(1).map(OsString::from).collect(),
        env: assignments,
        ..CommandSpec::default()
    })
}

/// Returns the command that runs a line in a shell.
pub(crate) fn shell(line: &str, host: &Host<'_>) -> Result<CommandSpec, Error> {
    let command = line.to_owned();
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

/// Returns the value of a variable; the port has a default.
pub(crate) fn lookup(name: &str, host: &Host<'_>) -> Option<String> {
    if name == variables::PORT && !host.has(name) {
        return Some(variables::DEFAULT_PORT.to_owned());
    }
    host.value(name)
}

/// Returns the variable for the default port, unless the user has set one.
pub(crate) fn port(host: &Host<'_>) -> Result<Option<(String, String)>, crate::Error> {
    let is_set = host.variable(variables::PORT)?.is_some();
    let default = [variables::PORT, variables::DEFAULT_PORT].map(str::to_owned);
    Ok((!is_set).then(|| default.into()))
}
