//! Starting this program again as a stage: a process that does one job of the engine.
//!
//! Only a process of one thread can enter or leave namespaces, and a program with threads can't fork safely. So such
//! a job is done by this program, executed again under the name [`ARG0`]. This module starts stages;
//! [`reexec()`](crate::reexec()) runs them.

pub(crate) mod parent;
pub(crate) mod report;

use std::{
    env::{self, ArgsOs},
    ffi::OsStr,
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    process::{Command, ExitCode, ExitStatus},
};

/// The name of every stage, as its first argument.
const ARG0: &str = "s2i-stage";

/// The path of this program's own file, which stays valid when the file is removed.
pub(crate) const OWN_PROGRAM: &str = "/proc/self/exe";

/// The job of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Makes the namespaces of a container and waits for its first process.
    Monitor,
    /// Sets up a container from inside, as its first process.
    Init,
    /// Runs a program of the user and kills it when s2i ends.
    Supervise,
    /// Becomes a program of the user, with the ids that the user has outside of the namespace.
    RestoreIds,
    /// Writes the ids of a new user namespace, from outside of it.
    MapIds,
    /// Makes an empty container, as a test of this machine.
    Trial,
}

impl Stage {
    const NAMES: [(&str, Self); 6] = [
        ("monitor", Self::Monitor),
        ("init", Self::Init),
        ("supervise", Self::Supervise),
        ("restore-ids", Self::RestoreIds),
        ("map-ids", Self::MapIds),
        ("trial", Self::Trial),
    ];

    /// Returns the stage of this name.
    pub(crate) fn named(name: &OsStr) -> Option<Self> {
        let mut names = Self::NAMES.into_iter();
        names.find_map(|(known, stage)| (known == name).then_some(stage))
    }

    /// Returns a command that starts this program as the stage.
    pub(crate) fn command(self) -> Command {
        self.command_of(OWN_PROGRAM)
    }

    /// Returns a command that starts this program as the stage, from a copy of its file.
    pub(crate) fn command_of(self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        let names = Self::NAMES.into_iter().filter(|(_, stage)| *stage == self);
        command.arg0(ARG0).args(names.map(|(name, _)| name));
        match self {
            // They live as long as the container, and `/proc` would show the user's environment, such as tokens.
            Self::Monitor | Self::Init => {
                command.env_clear();
            }
            // They look for other programs.
            Self::MapIds | Self::Trial => {
                let path = env::var_os("PATH").map(|path| ("PATH", path));
                command.env_clear().envs(path);
            }
            // They start programs of the user.
            Self::Supervise | Self::RestoreIds => {}
        }
        command
    }
}

/// Returns the arguments of this process, from the name of the stage on, if it is a stage.
pub(crate) fn args() -> Option<ArgsOs> {
    let mut args = env::args_os();
    (args.next()? == ARG0).then_some(args)
}

/// Returns the exit code that shells have for a program: its own, or 128 and the number of the signal that killed it.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| Some(128 + status.signal()?));
    let code = code.and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}
