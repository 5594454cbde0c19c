//! The execution of a script as its user, with its output sent while it runs.

use std::{
    io::{self, Read},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
};

use rustix::{
    fs::{Access, access},
    io::Errno,
    process::{Pid, WaitStatus},
    thread::{CapabilitySet, capability_is_in_bounding_set, remove_capability_from_bounding_set},
};
use s2i_core::{
    Account, bounds,
    wire::{Answer, Exec, Exit, Failure, FailureKind, Kind, OrFailure as _},
};

use crate::{account::act, output::Output, processes};

/// The `PATH` of programs when the image sets none.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The number of bytes of a `#!` line that the kernel reads.
const LONGEST_LINE: u64 = 256;

/// Runs a program as `account`, which the request calls [`Exec::user`].
pub(crate) fn exec(exec: &Exec, account: &Account, output: &Output) -> Result<Answer, Failure> {
    // Like other engines, the agent accepts an image that names a missing directory.
    std::fs::create_dir_all(exec.cwd.as_str()).or_failure(format_args!(
        "can't make the working directory `{}`",
        exec.cwd
    ))?;
    let program = exec.argv.first().cloned().unwrap_or_default();
    let spawned = act(account, || {
        give_up(exec, account)?;
        command(exec, account).spawn()
    });
    let spawned = spawned.and_then(|spawned| spawned);
    let mut child = spawned.map_err(|err| match err.kind() {
        io::ErrorKind::PermissionDenied if !may_enter(exec, account) => Failure::os(format!(
            "the user `{}` can't enter the directory `{}`",
            exec.user, exec.cwd
        )),
        _ => cannot_start(&program, exec, &err),
    })?;
    let pid = Pid::from_child(&child);
    processes::script_started(pid);
    let exit = relay(&mut child, output, pid);
    Ok(Answer::Exited(
        exit.or_failure(format_args!("lost `{program}`"))?,
    ))
}

/// Gives up capabilities, for this thread and the programs that it starts. A user other than root has none.
fn give_up(exec: &Exec, account: &Account) -> io::Result<()> {
    if account.uid != 0 || exec.without.is_empty() {
        return Ok(());
    }
    let dropped = exec
        .without
        .iter()
        .fold(0, |bits, capability| bits | capability.bits());
    for bit in 0..u64::BITS {
        let one = CapabilitySet::from_bits_retain(dropped & (1 << bit));
        match capability_is_in_bounding_set(one) {
            _ if one.is_empty() => {}
            Ok(true) => remove_capability_from_bounding_set(one)?,
            Ok(false) => {}
            // The kernel knows no more of them.
            Err(Errno::INVAL) => break,
            Err(err) => return Err(err.into()),
        }
    }
    Ok(())
}

/// Returns whether the account can enter the working directory. The error of spawning does not distinguish this from a
/// program that can't be executed.
fn may_enter(exec: &Exec, account: &Account) -> bool {
    let may = || access(exec.cwd.as_str(), Access::EXEC_OK).is_ok();
    act(account, may).unwrap_or(true)
}

fn command(exec: &Exec, account: &Account) -> Command {
    let mut command = Command::new(exec.argv.first().map_or("", String::as_str));
    command
        .args(exec.argv.iter().skip(1))
        .current_dir(exec.cwd.as_str())
        .env_clear()
        .env("PATH", DEFAULT_PATH)
        .env("HOME", &account.home)
        .envs(exec.env.iter().map(|own| (own.name(), own.value())))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Its own process group, so that signals also reach processes that the script started.
        .process_group(0);
    command
}

fn relay(child: &mut Child, output: &Output, pid: Pid) -> io::Result<Exit> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        scope.spawn(|| pump(stdout, Kind::Stdout, output));
        scope.spawn(|| pump(stderr, Kind::Stderr, output));
        let status = processes::wait_for(pid);
        // Processes that the script left running would hold its output open, and continue after the answer.
        processes::end_all();
        Ok(exit_of(status?))
    })
}

fn pump(stream: Option<impl Read>, kind: Kind, output: &Output) {
    let Some(mut stream) = stream else { return };
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) if output.send(kind, &buffer[..count]).is_ok() => {}
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            _ => return,
        }
    }
}

fn exit_of(status: WaitStatus) -> Exit {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Exit::Code(u8::try_from(code).unwrap_or(u8::MAX)),
        (None, signal) => Exit::Signal(signal.unwrap_or_default()),
    }
}

/// Returns the failure for a program that can't start, because of the program itself or its interpreter.
fn cannot_start(program: &str, exec: &Exec, err: &io::Error) -> Failure {
    let user = &exec.user;
    let (kind, message) = match (err.kind(), std::fs::metadata(program)) {
        (io::ErrorKind::NotFound, Err(_)) => {
            (FailureKind::NotFound, format!("there is no `{program}`"))
        }
        (io::ErrorKind::NotFound, Ok(_)) => (
            FailureKind::NotExecutable,
            format!(
                "`{program}` can't start: its interpreter or loader{} is not in the image",
                interpreter(program)
            ),
        ),
        (io::ErrorKind::PermissionDenied, Ok(metadata)) if metadata.is_file() => (
            FailureKind::NotExecutable,
            format!("`{program}` is not executable for the user `{user}`"),
        ),
        _ if err.raw_os_error() == Some(Errno::NOEXEC.raw_os_error()) => (
            FailureKind::NotExecutable,
            format!(
                "`{program}` is not a program: it has neither a `#!` line nor a known binary format"
            ),
        ),
        _ => (
            FailureKind::Os,
            format!("can't start `{program}` as `{user}`: {err}"),
        ),
    };
    Failure::new(kind, message)
}

/// Returns the interpreter in the `#!` line of a script, as a part of a sentence.
fn interpreter(program: &str) -> String {
    let start = bounds::head_of_file(Path::new(program), LONGEST_LINE).unwrap_or_default();
    let start = String::from_utf8_lossy(&start);
    let line = start
        .split('\n')
        .next()
        .and_then(|line| line.strip_prefix("#!"));
    let words = line.map(|line| line.trim_start_matches([' ', '\t']));
    match words.and_then(|words| words.split([' ', '\t']).next()) {
        Some(interpreter) if interpreter.ends_with('\r') => format!(
            " `{}` with a carriage return, as lines end on Windows,",
            interpreter.trim_end()
        ),
        Some(interpreter) => format!(" `{interpreter}`"),
        None => String::new(),
    }
}
