//! Running a script: as its user, with its output on its way while it runs.

use std::{
    io::{self, Read},
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
};

use rustix::{
    fs::{Access, access},
    process::{Pid, WaitStatus},
};
use s2i_core::{
    Account,
    wire::{Answer, Exec, Exit, Failure, FailureKind, Kind},
};

use crate::{account::act, files::head, output::Output, processes};

/// Where programs are looked for when the image says nothing.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How much of a `#!` line the kernel looks at, in bytes.
const LONGEST_LINE: u64 = 256;

/// Runs a program as `account`, which the request calls [`Exec::user`].
pub(crate) fn exec(exec: &Exec, account: &Account, output: &Output) -> Result<Answer, Failure> {
    make_working_dir(exec)?;
    let program = exec.argv.first().cloned().unwrap_or_default();
    let spawned = act(account, || command(exec, account).spawn());
    let spawned = spawned.and_then(|spawned| spawned);
    let mut child = spawned.map_err(|err| match err.kind() {
        io::ErrorKind::PermissionDenied if !may_enter(exec, account) => Failure {
            kind: FailureKind::Os,
            message: format!(
                "the user `{}` can't enter the directory `{}`",
                exec.user, exec.cwd
            ),
        },
        _ => cannot_start(&program, exec, &err),
    })?;
    let failed = |err: io::Error| Failure {
        kind: FailureKind::Os,
        message: format!("lost `{program}`: {err}"),
    };
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| failed(io::ErrorKind::InvalidData.into()))?;
    processes::script_started(pid);
    let exit = relay(&mut child, output, pid).map_err(failed)?;
    Ok(Answer::Exited(exit))
}

/// Images may name a working directory that they don't have; engines make it then, and so does this.
fn make_working_dir(exec: &Exec) -> Result<(), Failure> {
    std::fs::create_dir_all(exec.cwd.as_str()).map_err(|err| Failure {
        kind: FailureKind::Os,
        message: format!("can't make the working directory `{}`: {err}", exec.cwd),
    })
}

/// Whether the account can have the working directory as its own. Spawning fails in the same way
/// when it can't and when it can't run the program.
fn may_enter(exec: &Exec, account: &Account) -> bool {
    let may = || access(exec.cwd.as_str(), Access::EXEC_OK).is_ok();
    act(account, may).unwrap_or(true)
}

fn command(exec: &Exec, account: &Account) -> Command {
    let mut command = Command::new(exec.argv.first().map_or("", String::as_str));
    command
        .args(exec.argv.iter().skip(1))
        .current_dir(exec.cwd.as_str())
        .env_clear();
    command.env("PATH", DEFAULT_PATH).env("HOME", &account.home);
    command.envs(
        exec.env
            .iter()
            .map(|variable| (variable.name(), variable.value())),
    );
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // A group of its own, so that signals reach what the script started as well.
    command.process_group(0);
    command
}

fn relay(child: &mut Child, output: &Output, pid: Pid) -> io::Result<Exit> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        scope.spawn(|| pump(stdout, Kind::Stdout, output));
        scope.spawn(|| pump(stderr, Kind::Stderr, output));
        let status = processes::wait_for(pid);
        // What the script left running would hold its output open, and go on after the answer.
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

/// Tells the ways of not starting apart: the program or its interpreter.
fn cannot_start(program: &str, exec: &Exec, err: &io::Error) -> Failure {
    let os = |message| Failure {
        kind: FailureKind::Os,
        message,
    };
    match (err.kind(), std::fs::metadata(program)) {
        (io::ErrorKind::NotFound, Err(_)) => Failure {
            kind: FailureKind::NotFound,
            message: format!("there is no `{program}`"),
        },
        (io::ErrorKind::NotFound, Ok(_)) => Failure {
            kind: FailureKind::NotExecutable,
            message: format!(
                "`{program}` can't start: its interpreter or loader{} is not in the image",
                interpreter(program)
            ),
        },
        (io::ErrorKind::PermissionDenied, Ok(metadata)) if metadata.is_file() => Failure {
            kind: FailureKind::NotExecutable,
            message: format!("`{program}` is not executable for the user `{}`", exec.user),
        },
        _ if err.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) => Failure {
            kind: FailureKind::NotExecutable,
            message: format!(
                "`{program}` is no program: it has neither a `#!` line nor a known binary format"
            ),
        },
        _ => os(format!("can't start `{program}` as `{}`: {err}", exec.user)),
    }
}

/// What the `#!` line of a script names, as an addition to a sentence.
fn interpreter(program: &str) -> String {
    let start = head(program, LONGEST_LINE).unwrap_or_default();
    let line = start
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let words = line
        .strip_prefix("#!")
        .map(|rest| rest.trim_start_matches([' ', '\t']));
    match words.and_then(|words| words.split([' ', '\t']).next()) {
        Some(interpreter) if interpreter.ends_with('\r') => format!(
            " `{}` with a carriage return, as lines end on Windows,",
            interpreter.trim_end()
        ),
        Some(interpreter) => format!(" `{interpreter}`"),
        None => String::new(),
    }
}
