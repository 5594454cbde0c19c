//! Traps for signals. brush keeps them, and runs those for the shell's own events alone.
//!
//! A signal that has a trap is noted when it arrives. Its trap runs before the next command, when `wait`
//! waits, or at the end, as in other shells.

use std::{
    collections::{BTreeSet, VecDeque},
    io::{self, Write},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use brush_core::{
    CommandArg, ExecutionControlFlow, ExecutionParameters, ExecutionResult, SourceInfo,
    traps::TrapSignal,
};
use signal_hook::consts::SIGINT;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::Notify,
};

use super::{
    Shell,
    builtins::{Context, Done, theirs},
    special::again,
};

/// The name of the builtin that runs the traps of signals that have arrived.
pub(super) const NAME: &str = "s2i-signals";

/// The process has one set of signals, so there is one of these.
static STATE: Mutex<State> = Mutex::new(State {
    watched: BTreeSet::new(),
    trapped: BTreeSet::new(),
    pending: VecDeque::new(),
});

/// Told when a signal is pending.
static ARRIVED: Notify = Notify::const_new();

struct State {
    /// Signals that have a task.
    watched: BTreeSet<i32>,
    /// Signals that have a trap.
    trapped: BTreeSet<i32>,
    /// Signals whose trap is to run.
    pending: VecDeque<i32>,
}

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// brush takes interrupts for itself as soon as it waits for a program. Here they end the shell, unless
/// somebody types into it.
pub(super) fn watch_interrupts(is_interactive: bool) {
    watch(SIGINT, is_interactive);
}

fn watch(number: i32, is_survived: bool) {
    if !state().watched.insert(number) {
        return;
    }
    // Signals that nobody can catch have no stream, and their traps never run.
    let Ok(mut stream) = signal(SignalKind::from_raw(number)) else {
        return;
    };
    tokio::spawn(async move {
        while stream.recv().await.is_some() {
            let mut state = state();
            if state.trapped.contains(&number) {
                state.pending.push_back(number);
                ARRIVED.notify_one();
            } else if !is_survived {
                let _ = signal_hook::low_level::emulate_default_handler(number);
            }
        }
    });
}

/// Waits until a signal with a trap arrives.
pub(super) async fn arrival() {
    ARRIVED.notified().await;
}

/// Waits a moment for a signal that the shell has sent to itself: what it does comes before the next
/// command.
pub(super) fn await_own(number: i32) {
    for _ in 0..100 {
        let state = state();
        if !state.watched.contains(&number) || state.pending.contains(&number) {
            break;
        }
        drop(state);
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The number of the signal whose trap is to run next.
pub(super) fn next_pending() -> Option<i32> {
    state().pending.front().copied()
}

/// The builtin `trap`: brush's own, and then the signals that have a trap now are watched.
pub(super) fn trap(mut context: Context<'_>, args: Vec<CommandArg>) -> Done<'_> {
    Box::pin(async move {
        let result = theirs("trap", again(&mut context), args).await?;
        if !context.shell.is_subshell() {
            watch_trapped(context.shell);
        }
        Ok(result)
    })
}

/// Watches the signals that have a trap in `shell`. Subshells share the process, so theirs are not.
fn watch_trapped(shell: &mut Shell) {
    let signals = shell.traps().iter_handlers().filter_map(|(signal, _)| {
        let TrapSignal::Signal(_) = signal else {
            return None;
        };
        i32::try_from(signal).ok()
    });
    let trapped: BTreeSet<i32> = signals.collect();
    for &signal in &trapped {
        watch(signal, false);
    }
    // brush runs this before each command.
    if !trapped.is_empty() && !shell.traps().handles(TrapSignal::Debug) {
        let source = SourceInfo::default();
        let traps = shell.traps_mut();
        traps.register_handler(TrapSignal::Debug, NAME.into(), source);
        shell
            .options_mut()
            .shell_functions_inherit_debug_and_return_traps = true;
    }
    state().trapped = trapped;
}

/// The builtin that runs the traps of signals that have arrived.
pub(super) fn execute(context: Context<'_>, _: Vec<CommandArg>) -> Done<'_> {
    Box::pin(async move {
        handle(context.shell, &context.params).await;
        Ok(ExecutionResult::success())
    })
}

/// Runs the traps of signals that have arrived before the end.
pub(super) async fn handle_rest(shell: &mut Shell) {
    let params = shell.default_exec_params();
    handle(shell, &params).await;
}

/// Runs the traps of signals that have arrived. One of them may end the shell.
pub(super) async fn handle(shell: &mut Shell, params: &ExecutionParameters) {
    if shell.is_subshell() {
        return;
    }
    while let Some(signal) = take_pending() {
        let handler = TrapSignal::try_from(signal).ok();
        let handler = handler.and_then(|signal| shell.traps().get_handler(signal).cloned());
        let Some(handler) = handler else {
            continue;
        };
        let before = shell.last_exit_status();
        let ran = shell.run_string(handler.command, &handler.source_info, params);
        if let Ok(result) = ran.await
            && let ExecutionControlFlow::ExitShell = result.next_control_flow
        {
            end(shell, result.exit_code.into()).await;
        }
        shell.set_last_exit_status(before);
    }
}

fn take_pending() -> Option<i32> {
    state().pending.pop_front()
}

/// Ends the process in the middle of whatever the shell does.
#[expect(
    clippy::exit,
    reason = "brush drops what the command of a trap asks for"
)]
async fn end(shell: &mut Shell, status: u8) -> ! {
    shell.set_last_exit_status(status);
    let _ = shell.on_exit().await;
    let _ = io::stdout().flush();
    std::process::exit(status.into())
}
