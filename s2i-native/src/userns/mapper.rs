//! The helper that stays outside of a new user namespace and gives numbers to its users.

use std::{
    ffi::OsString,
    io::{self, Write as _},
    process::{Child, Command, ExitCode, ExitStatus, Stdio},
};

use s2i_core::bounds;

use super::{enter, ids, ids::Plan};

/// The name of this stage.
pub(crate) const STAGE: &str = "mapper";

/// What it waits for.
pub(super) const GO: &[u8] = b"go";

/// Starts it for this process.
pub(super) fn start(plan: &Plan, uid: u32, gid: u32) -> io::Result<Child> {
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
    let commands = serde_json::to_string(&commands)?;
    enter::helper().arg(commands).spawn()
}

/// Runs the stage.
pub(crate) fn mapper(args: &[OsString]) -> ExitCode {
    match map(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            let _ = writeln!(io::stderr(), "{err}");
            ExitCode::FAILURE
        }
    }
}

fn map(args: &[OsString]) -> io::Result<()> {
    let arg = args.first().and_then(|arg| arg.to_str());
    let commands: Vec<(String, Vec<String>)> = serde_json::from_str(arg.unwrap_or_default())?;
    let said = bounds::read(io::stdin(), GO.len() as u64)?;
    if said != GO {
        return Err(io::Error::other("there is no namespace"));
    }
    commands.iter().try_for_each(|(name, args)| run(name, args))
}

fn run(name: &str, args: &[String]) -> io::Result<()> {
    let missing = || io::Error::other(format!("there is no program `{name}`"));
    let program = ids::find(name).ok_or_else(missing)?;
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

/// Waits for a program that writes messages only. Returns how it ended, and the end of them.
pub(super) fn run_to_end(mut child: Child) -> io::Result<(ExitStatus, String)> {
    let messages = match child.stderr.take() {
        Some(stderr) => bounds::tail(stderr, bounds::MESSAGES)?,
        None => Vec::new(),
    };
    let messages = String::from_utf8_lossy(&messages).trim().to_owned();
    Ok((child.wait()?, bounds::end_of(&messages, bounds::SHOWN)))
}
