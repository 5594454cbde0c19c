//! The stage that stays outside of a new user namespace and maps ids into it.

use std::{
    ffi::OsString,
    io::{self, Write as _},
    process::{Child, Command, ExitCode, ExitStatus, Stdio},
};

use s2i_core::bounds;

use super::{ids, ids::Plan};
use crate::{
    programs,
    stage::{Stage, report},
};

/// The message that the namespace is there.
const GO: &[u8] = b"go";

/// A running mapper.
pub(super) struct Mapper(Child);

impl Mapper {
    /// Starts a mapper for this process, which is about to enter a namespace.
    pub(super) fn start(plan: &Plan, uid: u32, gid: u32) -> io::Result<Self> {
        let Plan::Ranges { uids, gids } = plan else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let mappings = [
            ("newuidmap", ids::mapping(uid, uids)),
            ("newgidmap", ids::mapping(gid, gids)),
        ];
        let commands = mappings.map(|(program, mapping)| {
            let mut args = vec![std::process::id().to_string()];
            args.extend(mapping);
            (program.to_owned(), args)
        });
        let mut command = Stage::MapIds.command();
        command
            .arg(serde_json::to_string(&commands)?)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        Ok(Self(command.spawn()?))
    }

    /// Has the ids mapped into the namespace of this process, which is there now.
    pub(super) fn finish(mut self) -> io::Result<()> {
        if let Some(mut stdin) = self.0.stdin.take() {
            stdin.write_all(GO)?;
        }
        let (status, messages) = run_to_end(self.0)?;
        if status.success() {
            return Ok(());
        }
        Err(io::Error::other(messages))
    }
}

/// Runs the stage.
pub(crate) fn run(args: &[OsString]) -> ExitCode {
    match map(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            report::line(&err);
            ExitCode::FAILURE
        }
    }
}

fn map(args: &[OsString]) -> io::Result<()> {
    let arg = args.first().and_then(|arg| arg.to_str());
    let commands: Vec<(String, Vec<String>)> = serde_json::from_str(arg.unwrap_or_default())?;
    let message = bounds::read(io::stdin(), GO.len() as u64)?;
    if message != GO {
        return Err(io::Error::other("there is no namespace"));
    }
    commands
        .iter()
        .try_for_each(|(name, args)| run_program(name, args))
}

fn run_program(name: &str, args: &[String]) -> io::Result<()> {
    let missing = || io::Error::other(format!("there is no program `{name}`"));
    let program = programs::find(name).ok_or_else(missing)?;
    let mut command = Command::new(program);
    command
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let (status, messages) = run_to_end(command.stderr(Stdio::piped()).spawn()?)?;
    if status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "`{name}` failed with {status}: {messages}"
    )))
}

/// Waits for a program whose only output is messages. Returns its status and the end of the messages.
fn run_to_end(mut child: Child) -> io::Result<(ExitStatus, String)> {
    let messages = match child.stderr.take() {
        Some(stderr) => bounds::tail(stderr, bounds::MESSAGES)?,
        None => Vec::new(),
    };
    let messages = String::from_utf8_lossy(&messages).trim().to_owned();
    Ok((child.wait()?, bounds::end_of(&messages, bounds::SHOWN)))
}
