//! The bars of transfers at the end of the terminal, below all lines.
//!
//! A process has one terminal, so its bars are one value behind one lock. All lines are written by [`above`], which takes
//! the bars away meanwhile. Bars are drawn when an event arrives, never by a thread of their own, and the cursor stays
//! visible.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
};

use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustix::{stdio::stderr, termios::tcgetwinsize};
use s2i_build::transfer::Transfer;
use s2i_core::Printable;

use super::{screen::Screen, size};

/// The columns of a bar between its brackets.
const COLUMNS: u8 = 16;

/// The number of times that the bars are drawn in a second at most.
const DRAWS: u8 = 20;

static BARS: LazyLock<Mutex<Bars>> = LazyLock::new(|| {
    let size = || {
        let size = tcgetwinsize(stderr()).ok()?;
        (size.ws_col > 0 && size.ws_row > 0).then_some((size.ws_col, size.ws_row))
    };
    let write = |text: &str| drop(io::stderr().write_all(text.as_bytes()));
    Mutex::new(Bars::new(Screen::new(size, write)))
});

fn bars() -> MutexGuard<'static, Bars> {
    BARS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Shows the state of a transfer, in a bar of its own.
pub(super) fn transfer(transfer: &Transfer) {
    bars().transfer(transfer);
}

/// Removes the bar of a transfer.
pub(super) fn end(transfer: &Transfer) {
    bars().end(transfer);
}

/// Shows a line above the bars until the next one.
pub(super) fn status(text: &Printable) {
    bars().status(text);
}

/// Removes all bars and the status.
pub(crate) fn clear() {
    bars().clear();
}

/// Removes all bars, and shows no others.
pub(super) fn stop() {
    let mut bars = bars();
    bars.clear();
    bars.is_stopped = true;
}

/// Writes lines while the bars are not there.
pub(super) fn above(write: impl FnOnce()) {
    bars().above(write);
}

struct Bars {
    multi: MultiProgress,
    /// The bar of each transfer by its label.
    transfers: Vec<(String, ProgressBar)>,
    status: Option<ProgressBar>,
    style: ProgressStyle,
    is_stopped: bool,
}

impl Bars {
    fn new(screen: Screen) -> Self {
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(screen), DRAWS);
        let style = ProgressStyle::with_template("{spinner} {wide_msg}");
        Self {
            multi: MultiProgress::with_draw_target(target),
            transfers: Vec::new(),
            status: None,
            style: style.expect("a valid template").tick_chars("-\\|/ "),
            is_stopped: false,
        }
    }

    fn transfer(&mut self, transfer: &Transfer) {
        if self.is_stopped {
            return;
        }
        let (label, bytes) = (label(transfer), transfer.bytes);
        let known = self.transfers.iter().find(|(known, _)| *known == label);
        let bar = if let Some((_, bar)) = known {
            bar.update(|state| state.set_pos(bytes));
            bar.clone()
        } else {
            let bar = self.multi.add(ProgressBar::no_length());
            bar.set_style(self.style.clone());
            bar.set_position(bytes);
            // The time of these bytes is not known, so the rate is that of all others.
            bar.reset_eta();
            self.transfers.push((label.clone(), bar.clone()));
            bar
        };
        match transfer.total {
            Some(total) => bar.set_length(total),
            None => bar.unset_length(),
        }
        bar.set_message(line(&label, transfer, &bar));
    }

    fn end(&mut self, transfer: &Transfer) {
        let label = label(transfer);
        if let Some(at) = self.transfers.iter().position(|(known, _)| *known == label) {
            let (_, bar) = self.transfers.remove(at);
            self.remove(&bar);
        }
    }

    fn status(&mut self, text: &Printable) {
        if self.is_stopped {
            return;
        }
        let bar = self.status.get_or_insert_with(|| {
            let bar = self.multi.insert(0, ProgressBar::no_length());
            bar.set_style(self.style.clone());
            bar
        });
        bar.set_message(text.to_string());
        bar.tick();
    }

    fn clear(&mut self) {
        let transfers = std::mem::take(&mut self.transfers);
        let bars = transfers.into_iter().map(|(_, bar)| bar);
        for bar in bars.chain(self.status.take()) {
            self.remove(&bar);
        }
    }

    fn remove(&self, bar: &ProgressBar) {
        bar.finish_and_clear();
        self.multi.remove(bar);
    }

    fn above(&self, write: impl FnOnce()) {
        let mut bars = self.transfers.iter().map(|(_, bar)| bar);
        let Some(bar) = bars.next().or(self.status.as_ref()) else {
            return write();
        };
        // Not with `suspend`, which panics if the terminal is closed.
        let _ = self.multi.clear();
        write();
        bar.tick();
    }
}

/// Returns the name of a transfer, of the same length for all layers.
fn label(transfer: &Transfer) -> String {
    let Some(layer) = &transfer.layer else {
        return format!("{:<6}", transfer.kind.to_string());
    };
    let kind = transfer.kind.to_string();
    let status = transfer.status.as_deref().unwrap_or(&kind);
    let label = Printable::line(&format!("{layer} {status}"));
    format!("{label:<24.24}")
}

/// Returns the text beside the spinner: the most important is at the left, because a narrow terminal cuts it.
fn line(label: &str, transfer: &Transfer, bar: &ProgressBar) -> String {
    let bytes = size(transfer.bytes);
    let mut line = match transfer.total {
        Some(total) => {
            let share = u128::from(transfer.bytes.min(total)) * u128::from(COLUMNS);
            let done = usize::try_from(share / u128::from(total.max(1))).unwrap_or_default();
            let (done, columns) = ("=".repeat(done) + ">", usize::from(COLUMNS));
            format!(
                "{label} [{done:<columns$.columns$}] {bytes}/{}",
                size(total)
            )
        }
        None => format!("{label} {bytes}"),
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate of bytes, which is shown with three digits"
    )]
    let rate = bar.per_sec() as u64;
    if rate > 0 {
        let _ = write!(line, " {}/s", size(rate));
        if transfer.total.is_some_and(|total| total > transfer.bytes) {
            let _ = write!(line, " {:#} left", HumanDuration(bar.eta()));
        }
    }
    line
}
