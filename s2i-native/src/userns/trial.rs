//! A helper that finds out whether containers are possible, by making an empty one.

use std::{
    ffi::OsString,
    fs,
    io::{self, Write as _},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
};

use s2i_core::{ErrorChain, wire::Exit};

use super::{enter, stage};
use crate::sandbox::{Limits, Network, Program, Sandbox};

/// The name of this stage.
pub(crate) const STAGE: &str = "trial";

/// Makes a container in a new directory below this one, as this process could after [`enter()`]; says why
/// it could not.
///
/// The stage makes and removes the directory, in a process group of its own: Ctrl-C ends this process alone, and the
/// stage, which takes a moment, removes the directory all the same.
pub(super) fn run(below: &Path) -> Result<(), String> {
    let mut command = stage(STAGE);
    command.arg(below).stdin(Stdio::null()).process_group(0);
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(said.trim().trim_start_matches("s2i: ").to_owned())
        }
        Err(err) => Err(cannot_try(below, &err)),
    }
}

/// Runs the stage.
pub(crate) fn trial(args: &[OsString]) -> ExitCode {
    let below = PathBuf::from(args.first().cloned().unwrap_or_default());
    let said = match enter() {
        Ok(_) => try_below(&below),
        Err(err) => Err(ErrorChain(&err).to_string()),
    };
    match said {
        Ok(code) => ExitCode::from(code),
        Err(said) => {
            let _ = writeln!(io::stderr(), "{said}");
            ExitCode::FAILURE
        }
    }
}

/// Its exit status; it has said itself what went wrong.
///
/// The directory may be one that others can write to. So the name of the new one can't be foreseen, and it belongs
/// to this user alone from its first moment. Only root of the namespace may remove what is in it.
fn try_below(below: &Path) -> Result<u8, String> {
    let dir = tempfile::Builder::new().prefix("trial-").tempdir_in(below);
    let dir = dir.map_err(|err| cannot_try(below, &err))?;
    try_in(&["upper", "work"].map(|name| dir.path().join(name)))
}

fn cannot_try(below: &Path, err: &io::Error) -> String {
    format!("can't try in `{}`: {err}", below.display())
}

/// Its exit status; it has said itself what went wrong.
fn try_in(dirs: &[PathBuf; 2]) -> Result<u8, String> {
    for dir in dirs {
        fs::create_dir(dir).map_err(|err| format!("can't make `{}`: {err}", dir.display()))?;
    }
    let [upper, work] = dirs.clone();
    let sandbox = Sandbox {
        lowers: Vec::new(),
        upper,
        work,
        user_xattrs: super::is_inside(),
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
