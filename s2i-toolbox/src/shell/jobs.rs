//! `kill` and `wait` as scripts use them.

use std::{io::Write, pin::pin};

use brush_core::{CommandArg, ExecutionExitCode, ExecutionResult, traps::TrapSignal};
use futures_util::future::{self, Either};
use rustix::process::{
    Pid, Signal, kill_process, kill_process_group, test_kill_process, test_kill_process_group,
};

use super::{
    Shell, background,
    builtins::{Context, Done},
    signals,
};
use crate::NOT_FOUND;

/// Signals that end a shell give it a status above this.
const SIGNALLED: i32 = 128;

/// What `kill` sends when nothing else is said.
const TERMINATE: &str = "TERM";

/// The builtin `kill`: `kill [-s NAME | -NAME | -NUMBER] PROCESS...`, `kill -l [NUMBER]`.
pub(super) fn kill(context: Context<'_>, args: Vec<CommandArg>) -> Done<'_> {
    Box::pin(async move {
        let args: Vec<_> = args.iter().skip(1).map(ToString::to_string).collect();
        let done = match KillCall::parse(&args) {
            Ok(KillCall::List(status)) => list(&context, status),
            Ok(KillCall::Send(signal, processes)) => processes
                .iter()
                .try_for_each(|process| send(context.shell, signal, process)),
            Err(problem) => {
                writeln!(context.stderr(), "kill: {problem}")?;
                return Ok(ExecutionExitCode::InvalidUsage.into());
            }
        };
        if let Err(problem) = done {
            writeln!(context.stderr(), "kill: {problem}")?;
            return Ok(ExecutionResult::general_error());
        }
        Ok(ExecutionResult::success())
    })
}

/// What `kill` is to do. Its errors are texts.
#[derive(Debug, PartialEq, Eq)]
enum KillCall<'a> {
    /// Name the signal of a number or a status, or all of them.
    List(Option<&'a str>),
    /// Send the signal with this number, which may be 0, to processes.
    Send(i32, &'a [String]),
}

impl<'a> KillCall<'a> {
    fn parse(args: &'a [String]) -> Result<Self, String> {
        let (name, rest) = match args {
            [] => return Err("it needs a process".into()),
            [list, rest @ ..] if list == "-l" => {
                return Ok(Self::List(rest.first().map(String::as_str)));
            }
            [option, name, rest @ ..] if option == "-s" || option == "-n" => (name.as_str(), rest),
            [end, rest @ ..] if end == "--" => (TERMINATE, rest),
            [first, rest @ ..] => match first.strip_prefix('-') {
                Some(name) => (name, rest),
                None => (TERMINATE, args),
            },
        };
        let rest = rest.strip_prefix(&["--".to_owned()][..]).unwrap_or(rest);
        if rest.is_empty() {
            return Err("it needs a process".into());
        }
        Ok(Self::Send(number(name)?, rest))
    }
}

fn number(name: &str) -> Result<i32, String> {
    let unknown = || format!("there is no signal `{name}`");
    if name == "0" {
        return Ok(0);
    }
    let signal: TrapSignal = name.parse().map_err(|_| unknown())?;
    match signal {
        TrapSignal::Signal(_) => i32::try_from(signal).map_err(|_| unknown()),
        _ => Err(unknown()),
    }
}

fn send(shell: &mut Shell, number: i32, process: &str) -> Result<(), String> {
    if process.starts_with('%') {
        let job = shell.jobs_mut().resolve_job_spec(process);
        let job = job.ok_or_else(|| format!("there is no job `{process}`"))?;
        let signal = TrapSignal::try_from(number).map_err(|err| err.to_string())?;
        return job
            .kill(signal)
            .map_err(|err| format!("`{process}`: {err}"));
    }
    let id: i32 = process
        .parse()
        .map_err(|_| format!("`{process}` is no process"))?;
    // A group has the negative number of its first process; 0 is the shell's own group.
    let sent = match (Pid::from_raw(id.abs()), Signal::from_named_raw(number)) {
        (Some(pid), Some(signal)) if id > 0 => kill_process(pid, signal),
        (Some(pid), None) if id > 0 => test_kill_process(pid),
        (Some(pid), Some(signal)) => kill_process_group(pid, signal),
        (Some(pid), None) => test_kill_process_group(pid),
        (None, Some(signal)) => rustix::process::kill_current_process_group(signal),
        (None, None) => rustix::process::test_kill_current_process_group(),
    };
    if sent.is_ok() && id == rustix::process::getpid().as_raw_nonzero().get() {
        signals::await_own(number);
    }
    sent.map_err(|err| format!("`{process}`: {err}"))
}

fn list(context: &Context<'_>, status: Option<&str>) -> Result<(), String> {
    let name = |signal: TrapSignal| signal.as_str().trim_start_matches("SIG").to_owned();
    let text = if let Some(status) = status {
        let number: i32 = status
            .parse()
            .map_err(|_| format!("`{status}` is no number"))?;
        let number = number - if number > SIGNALLED { SIGNALLED } else { 0 };
        name(TrapSignal::try_from(number).map_err(|err| err.to_string())?)
    } else {
        let all = TrapSignal::iterator();
        let signals = all.filter(|signal| matches!(signal, TrapSignal::Signal(_)));
        signals.map(name).collect::<Vec<_>>().join(" ")
    };
    writeln!(context.stdout(), "{text}").map_err(|err| err.to_string())
}

/// The builtin `wait`: for all jobs, or for those that are named. A signal with a trap ends it.
pub(super) fn wait(context: Context<'_>, args: Vec<CommandArg>) -> Done<'_> {
    Box::pin(async move {
        let ids: Vec<_> = args.iter().skip(1).map(ToString::to_string).collect();
        let shell = context.shell;
        let waited = {
            let done = pin!(wait_for(shell, &ids));
            let arrived = pin!(signals::arrival());
            match future::select(done, arrived).await {
                Either::Left((result, _)) => Some(result),
                Either::Right(_) => None,
            }
        };
        match waited {
            Some(Ok(result)) => Ok(result),
            Some(Err(id)) => {
                writeln!(shell.stderr(), "wait: `{id}` is no child of this shell")?;
                Ok(ExecutionExitCode::Custom(NOT_FOUND).into())
            }
            None => {
                let signal = signals::next_pending().unwrap_or_default();
                signals::handle(shell, &context.params).await;
                let status = u8::try_from(SIGNALLED + signal).unwrap_or(u8::MAX);
                Ok(ExecutionExitCode::Custom(status).into())
            }
        }
    })
}

/// Waits for jobs; the error is the one that is not there. What the last ended with is the result.
async fn wait_for(shell: &mut Shell, ids: &[String]) -> Result<ExecutionResult, String> {
    if ids.is_empty() {
        for task in background::take_all() {
            let _ = task.await;
        }
        let _ = shell.jobs_mut().wait_all().await;
    }
    let mut status = 0;
    for id in ids {
        status = if let Some(task) = id.parse().ok().and_then(background::take) {
            task.await.unwrap_or(1)
        } else {
            let job = shell.jobs_mut().resolve_job_spec(id);
            let waited = job.ok_or_else(|| id.clone())?.wait().await;
            waited.map_or(1, |result| result.exit_code.into())
        };
    }
    Ok(ExecutionResult::new(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[String]) -> Result<KillCall<'_>, String> {
        KillCall::parse(args)
    }

    #[test]
    fn calls_of_kill() {
        let words = |text: &str| -> Vec<String> { text.split(' ').map(Into::into).collect() };
        for (args, signal, processes) in [
            ("1 2", 15, "1 2"),
            ("-9 1", 9, "1"),
            ("-KILL 1", 9, "1"),
            ("-SIGHUP 1", 1, "1"),
            ("-s INT 1", 2, "1"),
            ("-n 2 1", 2, "1"),
            ("-0 1", 0, "1"),
            ("-- -1", 15, "-1"),
            ("-TERM -- -1", 15, "-1"),
            ("-15 -1", 15, "-1"),
        ] {
            let (args, processes) = (words(args), words(processes));
            assert_eq!(parse(&args), Ok(KillCall::Send(signal, &processes)));
        }
        assert_eq!(parse(&words("-l 9")), Ok(KillCall::List(Some("9"))));
        let err = |text| parse(&words(text)).map(drop).unwrap_err();
        assert_eq!(err("-9"), "it needs a process");
        assert_eq!(err("-DOG 1"), "there is no signal `DOG`");
        assert_eq!(err("-EXIT 1"), "there is no signal `EXIT`");
    }
}
