//! Becoming an image's own command.

use std::{
    convert::Infallible,
    fs, io,
    os::{fd::AsFd as _, unix::process::CommandExt as _},
    path::{Path, PathBuf},
    process::Command,
};

use rustix::{
    fs::{Access, FileType, Uid, access, fchown, fstat},
    io::Errno,
    thread::CapabilitySet,
};
use s2i_core::{
    Account,
    wire::{Failure, FailureKind, OrFailure as _},
};

use super::{
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
pub(super) fn prepare<'a>(direct: &'a Direct, sandbox: &Sandbox) -> Result<Prepared<'a>, Failure> {
    if direct.argv.first().is_none_or(String::is_empty) {
        return Err(Failure::os("the image has no command"));
    }
    let account =
        Account::find_in_root(&direct.user).map_err(|err| Failure::os(err.to_string()))?;
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
    ) -> Result<Infallible, Failure> {
        give_streams(&self.account).or_failure("can't give the streams to the user")?;
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

/// Makes the account the owner of the standard streams that are pipes, as Docker does, so that its programs can open
/// `/dev/stderr`. Images have links to it in place of log files.
fn give_streams(account: &Account) -> io::Result<()> {
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    for stream in [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()] {
        if FileType::from_raw_mode(fstat(stream)?.st_mode) != FileType::Fifo {
            continue;
        }
        match fchown(stream, Some(Uid::from_raw(account.uid)), None) {
            // A pipe of a user whom this namespace does not have keeps its owner.
            Ok(()) | Err(Errno::PERM | Errno::INVAL) => {}
            Err(err) => return Err(err.into()),
        }
    }
    Ok(())
}

fn environment(direct: &Direct, sandbox: &Sandbox, account: &Account) -> Vec<(String, String)> {
    let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let mut env = vec![
        pair(("PATH", DEFAULT_PATH)),
        pair(("HOME", &account.home)),
        pair(("HOSTNAME", &sandbox.hostname)),
    ];
    let own = direct.env.iter().filter_map(|entry| entry.split_once('='));
    env.extend(own.map(pair));
    env
}

/// Makes the directory the current one. It is in the new root, whatever it is called: a path through
/// `/proc/self/fd` could lead out of it (CVE-2024-21626).
fn go_to(cwd: &str) -> Result<(), Failure> {
    let cwd = if cwd.is_empty() { "/" } else { cwd };
    let go = || -> io::Result<()> {
        fs::create_dir_all(cwd)?;
        std::env::set_current_dir(cwd)
    };
    go().or_failure(format_args!("can't use `{cwd}` as working directory"))?;
    if mounts::is_inside() {
        Ok(())
    } else {
        Err(Failure::os(format!(
            "the working directory `{cwd}` is outside of the container"
        )))
    }
}

/// Looks for the program, with the rights of the user that runs it.
fn find(name: &str, path: &str) -> Result<PathBuf, Failure> {
    if name.contains('/') {
        return Ok(name.into());
    }
    let dirs = path
        .split(':')
        .map(|dir| if dir.is_empty() { "." } else { dir });
    let files = dirs.map(|dir| Path::new(dir).join(name));
    let files: Vec<_> = files.filter(|file| file.is_file()).collect();
    let program = files
        .iter()
        .find(|file| access(*file, Access::EXEC_OK).is_ok());
    match (program, files.first()) {
        (Some(program), _) => Ok(program.clone()),
        (None, Some(file)) => Err(not_executable(file)),
        (None, None) => {
            let message = format!("there is no program `{name}` on the path `{path}`");
            Err(Failure::new(FailureKind::NotFound, message))
        }
    }
}

/// Distinguishes a missing program from a missing interpreter.
fn cannot_start(program: &Path, err: &io::Error) -> Failure {
    let shown = program.display();
    let (kind, message) = match (err.kind(), fs::metadata(program)) {
        (io::ErrorKind::NotFound, Err(_)) => {
            (FailureKind::NotFound, format!("there is no `{shown}`"))
        }
        (io::ErrorKind::NotFound, Ok(_)) => (
            FailureKind::NotFound,
            format!("`{shown}` can't start: its interpreter or loader is not in the image"),
        ),
        (io::ErrorKind::PermissionDenied, _) => return not_executable(program),
        _ if err.raw_os_error() == Some(Errno::NOEXEC.raw_os_error()) => (
            FailureKind::NotExecutable,
            format!(
                "`{shown}` is not a program: it has neither a `#!` line nor a known binary format"
            ),
        ),
        _ => (
            FailureKind::NotExecutable,
            format!("can't start `{shown}`: {err}"),
        ),
    };
    Failure::new(kind, message)
}

fn not_executable(program: &Path) -> Failure {
    let shown = program.display();
    Failure::new(
        FailureKind::NotExecutable,
        format!("`{shown}` is not executable for the user"),
    )
}
