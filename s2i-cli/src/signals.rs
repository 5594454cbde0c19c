//! Ctrl-C and `kill`: the first asks the build to clean up and end, the second does not wait.

use s2i_build::{CancelToken, Interrupt};
use tokio::signal::unix::{SignalKind, signal};

use crate::exit;

/// Passes signals on to the token for as long as the program runs.
pub(crate) fn watch(cancel: &CancelToken) {
    let kinds = [
        (
            SignalKind::interrupt(),
            Interrupt::Interrupted,
            exit::INTERRUPTED,
        ),
        (
            SignalKind::terminate(),
            Interrupt::Terminated,
            exit::TERMINATED,
        ),
        (SignalKind::hangup(), Interrupt::HungUp, exit::HUNG_UP),
    ];
    for (kind, reason, code) in kinds {
        let Ok(mut signals) = signal(kind) else {
            continue;
        };
        let cancel = cancel.clone();
        tokio::spawn(async move {
            signals.recv().await;
            cancel.cancel(reason);
            signals.recv().await;
            leave(code);
        });
    }
}

#[expect(clippy::exit, reason = "somebody asked twice")]
fn leave(code: exit::Code) -> ! {
    std::process::exit(i32::from(code.0))
}
