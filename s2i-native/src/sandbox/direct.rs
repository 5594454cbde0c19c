//! Becoming an image's own command.

use std::{
    convert::Infallible,
    fs, io,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use rustix::{
    fs::{Access, access},
    io::Errno,
    thread::CapabilitySet,
};
use s2i_core::Account;

use super::{
    account,
    fault::{Fault, OrFault as _},
    lifeline::Lifeline,
    mounts, privileges,
    spec::{Direct, Sandbox},
};

/// The `PATH` of an image that sets none.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A command that can be started.
pub(super) struct Prepared<'a> {
    argv: &'a [String],
    env: Vec<(String, String)>,
    account: Account,
}

/// Finds the account of the command, and changes to its working directory.
pub(super) fn prepare<'a>(direct: &'a Direct, sandbox: &Sandbox) -> Result<Prepared<'a>, Fault> {
    if direct.argv.first().is_none_or(String::is_empty) {
        return Err(Fault::new("the image has no command"));
    }
    let account = account::find(&direct.user)?;
    let env = environment(direct, sandbox, &account);
    go_to(&direct.cwd)?;
    Ok(Prepared {
        argv: &direct.argv,
        env,
        account,
    })
}

impl Prepared<'_> {
    /// Replaces this program by the command, without the withheld capabilities.
    pub(super) fn exec(
        self,
        withheld: CapabilitySet,
        lifeline: &Lifeline,
    ) -> Result<Infallible, Fault> {
        let rights = privileges::of_user(self.account.uid == 0) - withheld;
        privileges::confine(rights, Some(&self.account), lifeline)?;
        let path = self.env.iter().rev().find(|(name, _)| name == "PATH");
        let program = find(&self.argv[0], path.map_or("", |(_, value)| value))?;
        let mut command = Command::new(&program);
        command.arg0(&self.argv[0]).args(&self.argv[1..]);
        command.env_clear().envs(self.env);
        Err(cannot_start(&program, &command.exec()))
    }
}

fn environment(direct: &Direct, sandbox: &Sandbox, account: &Account) -> Vec<(String, String)> {
    let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let mut env = vec![
        pair(("PATH", DEFAULT_PATH)),
        pair(("HOME", &account.home)),
        pair(("HOSTNAME", &sandbox.hostname)),
    ];
    env.extend(
        direct
            .env
            .iter()
            .filter_map(|entry| entry.split_once('='))
            .map(pair),
    );
    env
}

/// Makes the directory the current one. It is in the new root, whatever it is called: a path through
/// `/proc/self/fd` could lead out of it (CVE-2024-21626).
fn go_to(cwd: &str) -> Result<(), Fault> {
    let cwd = if cwd.is_empty() { "/" } else { cwd };
    let go = || -> io::Result<()> {
        fs::create_dir_all(cwd)?;
        std::env::set_current_dir(cwd)
    };
    go().or_fault(|| format!("can't use `{cwd}` as working directory"))?;
    if mounts::is_inside() {
        Ok(())
    } else {
        Err(Fault::new(format!(
            "the working directory `{cwd}` is outside of the container"
        )))
    }
}

/// Looks for the program, with the rights of the user that runs it.
fn find(name: &str, path: &str) -> Result<PathBuf, Fault> {
    if name.contains('/') {
        return Ok(name.into());
    }
    let dirs = path
        .split(':')
        .map(|dir| if dir.is_empty() { "." } else { dir });
    let files = dirs.map(|dir| Path::new(dir).join(name));
    let files: Vec<_> = files.filter(|file| file.is_file()).collect();
    let mut programs = files
        .iter()
        .filter(|file| access(*file, Access::EXEC_OK).is_ok());
    match (programs.next(), files.first()) {
        (Some(program), _) => Ok(program.clone()),
        (None, Some(file)) => Err(not_executable(file)),
        (None, None) => {
            let message = format!("there is no program `{name}` on the path `{path}`");
            Err(Fault::not_found(message))
        }
    }
}

/// Distinguishes a missing program from a missing interpreter.
fn cannot_start(program: &Path, err: &io::Error) -> Fault {
    let shown = program.display();
    match (err.kind(), fs::metadata(program)) {
        (io::ErrorKind::NotFound, Err(_)) => Fault::not_found(format!("there is no `{shown}`")),
        (io::ErrorKind::NotFound, Ok(_)) => Fault::not_found(format!(
            "`{shown}` can't start: its interpreter or loader is not in the image"
        )),
        (io::ErrorKind::PermissionDenied, _) => not_executable(program),
        _ if err.raw_os_error() == Some(Errno::NOEXEC.raw_os_error()) => {
            Fault::not_executable(format!(
                "`{shown}` is no program: it has neither a `#!` line nor a known binary format"
            ))
        }
        _ => Fault::not_executable(format!("can't start `{shown}`: {err}")),
    }
}

fn not_executable(program: &Path) -> Fault {
    let shown = program.display();
    Fault::not_executable(format!("`{shown}` is not executable for the user"))
}
