//! What `run` starts, found in the image itself.
//!
//! Nothing says how an image starts but what lies in it and the variables of the process, so that an
//! image can be made without `assemble`, and what `assemble` and `assemble-runtime` check is what
//! `run` does.

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
use crate::{Host, Places, build::plan::quote, node, site::Site, variables};

/// A program that is started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Task {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Variables that are set in addition to ours.
    pub env: Vec<(String, String)>,
    /// Where it runs; where we run if it is nowhere.
    pub directory: Option<PathBuf>,
    /// It starts others and does not pass signals on to them, as shells do.
    pub is_shell: bool,
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.program.file_name().unwrap_or_default();
        write!(f, "{}", quote(&name.to_string_lossy()))?;
        self.args
            .iter()
            .try_for_each(|arg| write!(f, " {}", quote(&arg.to_string_lossy())))
    }
}

/// What `run` does.
#[derive(Debug)]
pub enum Launch {
    /// It becomes a program.
    Become(Task),
    /// It stays, and runs these one after the other.
    Supervise(Vec<Task>),
    /// It serves the files of a site itself.
    Serve(Site),
}

impl fmt::Display for Launch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Become(task) => task.fmt(f),
            Self::Supervise(tasks) => {
                let tasks: Vec<_> = tasks.iter().map(Task::to_string).collect();
                f.write_str(&tasks.join(" && "))
            }
            Self::Serve(site) => write!(f, "serve the files of {}", site.root().display()),
        }
    }
}

/// Finds what this image starts; `args` are for the application.
///
/// # Errors
/// When there is nothing, or a choice.
pub fn find(args: &[OsString], host: &Host<'_>) -> Result<Launch, crate::Error> {
    let places = host.places()?;
    let app = Path::new(places.app().as_str()).to_owned();
    let is_node = node::is_application(&app);
    if is_node && host.find("node").is_some() {
        return node::launch(&app, args, host);
    }
    match programs::list(&places.bin()) {
        Ok(found) => program(&found, args, &places, host),
        Err(crate::Error::Launch(Error::NoApplication { path })) => {
            if is_node {
                let path = app.display().to_string();
                return Err(Error::NoNode { path }.into());
            }
            Site::find(&app, host)?
                .map(Launch::Serve)
                .ok_or_else(|| Error::NoApplication { path }.into())
        }
        Err(err) => Err(err),
    }
}

/// A program of `bin/`, or what the Procfile beside them says.
fn program(
    found: &[String],
    args: &[OsString],
    places: &Places,
    host: &Host<'_>,
) -> Result<Launch, crate::Error> {
    let bin = Path::new(places.bin().as_str()).to_owned();
    let wanted = host.variable(variables::APP)?;
    let mut task = match process(&bin, wanted, found)? {
        Some(command) => from_procfile(&command, &bin, host)?,
        None => Task {
            program: bin.join(programs::choose(&places.bin(), found, wanted)?),
            ..Task::default()
        },
    };
    let words = words::split(host.variable(variables::ARGS)?.unwrap_or_default());
    task.args.extend(words.into_iter().map(OsString::from));
    task.args.extend_from_slice(args);
    task.env.extend(port(host)?);
    Ok(Launch::Become(task))
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
fn from_procfile(command: &str, bin: &Path, host: &Host<'_>) -> Result<Task, crate::Error> {
    let lookup = |name: &str| lookup(name, host);
    let mut commands = match words::parse(command, &lookup) {
        Ok(commands) if commands.len() == 1 => commands,
        _ => return Ok(shell(command, host)?),
    };
    let words::Simple { assignments, words } = commands.remove(0);
    let name = words[0].rsplit('/').next().unwrap_or_default();
    let ours = bin.join(name);
    let program = if crate::host::is_executable(&ours) {
        ours
    } else {
        let found = host.find(&words[0]);
        found.ok_or_else(|| Error::NoProgram {
            program: words[0].clone(),
            command: command.to_owned(),
        })?
    };
    Ok(Task {
        program,
        args: words.into_iter().skip(1).map(OsString::from).collect(),
        env: assignments,
        ..Task::default()
    })
}

/// The command as a shell's.
pub(crate) fn shell(command: &str, host: &Host<'_>) -> Result<Task, Error> {
    let command = command.to_owned();
    let Some(program) = host.find("sh") else {
        return Err(Error::NeedsShell { command });
    };
    Ok(Task {
        program,
        args: vec!["-c".into(), command.into()],
        is_shell: true,
        ..Task::default()
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
