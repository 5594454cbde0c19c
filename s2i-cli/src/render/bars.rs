//! The bars of transfers at the end of the terminal, below all lines.
//!
//! A process has one terminal, so its bars are one value behind one lock. All lines are written by [`above`], which takes
//! the bars away meanwhile. Bars are drawn when an event arrives, never by a thread of their own, and the cursor stays
//! visible.

use std::{
    fmt::Write as _,
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use s2i_build::transfer::Transfer;
use s2i_core::Printable;

use super::{screen::Screen, size};

/// The columns of a bar between its brackets.
const COLUMNS: u8 = 16;

/// The number of times that the bars are drawn in a second at most.
const DRAWS: u8 = 20;

static BARS: LazyLock<Mutex<Bars>> =
    LazyLock::new(|| Mutex::new(Bars::new(Screen::new(super::screen_size, super::draw))));

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
            let bar = ProgressBar::hidden().with_style(self.style.clone());
            bar.set_position(bytes);
            // The time of these bytes is not known, so the rate is that of all others.
            bar.reset_eta();
            let bar = self.multi.add(bar);
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
            let bar = ProgressBar::hidden().with_style(self.style.clone());
            self.multi.insert(0, bar)
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
        let left = bar.eta();
        if transfer.total.is_some() && left >= Duration::from_secs(1) {
            let _ = write!(line, " {:#} left", HumanDuration(left));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use std::{num::NonZero, sync::Arc};

    use s2i_build::transfer::TransferKind;

    use super::*;

    /// A terminal with this many columns, and the bars on it.
    fn terminal(
        columns: u16,
        size: fn() -> Option<(u16, u16)>,
    ) -> (Arc<Mutex<vt100::Parser>>, Bars) {
        let [rows, columns] = [24, columns].map(|count| NonZero::new(count).unwrap());
        let terminal = Arc::new(Mutex::new(vt100::Parser::new(rows, columns, 0)));
        let written = Arc::clone(&terminal);
        let write = move |text: &str| written.lock().unwrap().process(text.as_bytes());
        (terminal, Bars::new(Screen::new(size, write)))
    }

    fn transfer(layer: Option<&str>, total: Option<u64>) -> Transfer {
        Transfer {
            kind: TransferKind::Upload,
            layer: layer.map(Into::into),
            status: layer.map(|_| "Extracting".into()),
            bytes: 3_000_000,
            total,
        }
    }

    fn contents(terminal: &Mutex<vt100::Parser>) -> String {
        terminal.lock().unwrap().screen().contents()
    }

    #[test]
    fn lines_and_bars_do_not_mix() {
        let (terminal, mut bars) = terminal(80, || Some((80, 24)));
        let line = |text: &str| {
            let text = format!("{text}\r\n");
            terminal.lock().unwrap().process(text.as_bytes());
        };
        bars.above(|| line("one"));
        let (upload, layer) = (
            transfer(None, None),
            transfer(Some("b\u{1b}[1mcd"), Some(4_000_000)),
        );
        bars.transfer(&upload);
        bars.transfer(&layer);
        bars.status(&Printable::line("waiting"));
        bars.above(|| line("two"));
        bars.above(|| line("three"));
        let expected = "one\ntwo\nthree\n\
                        \\ waiting\n\
                        | upload 3.00 MB\n\
                        - bcd Extracting           [============>   ] 3.00 MB/4.00 MB";
        let spinner = |text: &str| text.replace(['/', '|', '\\'], "-");
        assert_eq!(spinner(&contents(&terminal)), spinner(expected));
        bars.end(&upload);
        assert!(!contents(&terminal).contains("upload"));
        bars.clear();
        bars.above(|| line("four"));
        assert_eq!(contents(&terminal).trim_end(), "one\ntwo\nthree\nfour");
        bars.is_stopped = true;
        bars.transfer(&upload);
        bars.status(&Printable::line("waiting"));
        assert_eq!(contents(&terminal).trim_end(), "one\ntwo\nthree\nfour");
    }

    #[test]
    fn more_bars_than_rows_are_cut() {
        let (terminal, mut bars) = terminal(20, || Some((20, 24)));
        for layer in 0..40 {
            bars.transfer(&transfer(Some(&format!("layer {layer:02}")), Some(1 << 60)));
        }
        // The next one is drawn in any case.
        std::thread::sleep(Duration::from_millis(200));
        bars.transfer(&transfer(Some("layer 00"), Some(1 << 60)));
        assert_eq!(contents(&terminal).lines().count(), 24);
        bars.clear();
        assert_eq!(contents(&terminal), "");
        assert!(!terminal.lock().unwrap().screen().hide_cursor());
    }
}
