//! The stage that finds out whether containers are possible, by making an empty one.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
};

use s2i_core::{ErrorChain, wire::Exit};

use super::{enter::enter, ids::is_inside};
use crate::{
    sandbox::{Limits, Network, Program, Sandbox},
    stage::{Stage, report},
};

/// Makes a container in a new directory in `parent`, with the rights that [`enter()`] would give to this process.
/// Returns the reason if that is not possible.
///
/// The stage makes and removes the directory, in a process group of its own: Ctrl-C ends this process alone, and the
/// stage, which takes a moment, still removes the directory.
pub(super) fn start(parent: &Path) -> Result<(), String> {
    let mut command = Stage::Trial.command();
    command.arg(parent).stdin(Stdio::null()).process_group(0);
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let message = String::from_utf8_lossy(&output.stderr);
            Err(message.trim().trim_start_matches("s2i: ").to_owned())
        }
        Err(err) => Err(cannot_try(parent, &err)),
    }
}

/// Runs the stage.
pub(crate) fn run(args: &[OsString]) -> ExitCode {
    let parent = PathBuf::from(args.first().cloned().unwrap_or_default());
    let code = match enter() {
        Ok(_) => try_in(&parent),
        Err(err) => Err(ErrorChain(&err).to_string()),
    };
    match code {
        Ok(code) => ExitCode::from(code),
        Err(message) => {
            report::line(&message);
            ExitCode::FAILURE
        }
    }
}

/// Returns the exit code of the container, which has reported its own failure.
///
/// Other users may be able to write to `parent`. So the name of the new directory is not predictable, and it belongs
/// to this user alone from the start. Only root of the namespace may remove its content.
fn try_in(parent: &Path) -> Result<u8, String> {
    let dir = tempfile::Builder::new().prefix("trial-").tempdir_in(parent);
    let dir = dir.map_err(|err| cannot_try(parent, &err))?;
    let [upper, work] = ["upper", "work"].map(|name| dir.path().join(name));
    for dir in [&upper, &work] {
        fs::create_dir(dir).map_err(|err| format!("can't make `{}`: {err}", dir.display()))?;
    }
    let sandbox = Sandbox {
        hosts: Vec::new(),
        lowers: Vec::new(),
        upper,
        work,
        user_xattrs: is_inside(),
        network: Network::Host,
        hostname: "s2i".into(),
        limits: Limits::default(),
        overlays: Vec::new(),
        tmpfs: Vec::new(),
        binds: Vec::new(),
        read_only: false,
        program: Program::Nothing,
    };
    let running = sandbox.spawn(None, Stdio::null(), Stdio::null(), Stdio::inherit());
    let mut running = running.map_err(|err| ErrorChain(&err).to_string())?;
    match running.wait() {
        Ok(Exit::Code(code)) => Ok(code),
        Ok(Exit::Signal(signal)) => Err(format!("it ended by signal {signal}")),
        Err(err) => Err(err.to_string()),
    }
}

fn cannot_try(parent: &Path, err: &io::Error) -> String {
    format!("can't try in `{}`: {err}", parent.display())
}
