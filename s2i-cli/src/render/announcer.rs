//! Messages about signals, written by a thread that waits for nothing: neither for a lock that a hung thread
//! holds, nor for a reader that takes no more.

use std::{
    fmt::Write as _,
    os::fd::BorrowedFd,
    sync::MutexGuard,
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    stdio::{stderr, stdout},
};
use s2i_build::{Interrupt, Resource};
use s2i_core::Printable;
use serde_json::{Value, json};

use super::{STDOUT, json::printable};

/// How long a line of JSON that is being written is waited for.
const PATIENCE: Duration = Duration::from_millis(100);

/// Bytes that a pipe takes at once when it is ready.
const AT_ONCE: usize = 4096;

/// Says what becomes of a command that is stopped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Announcer {
    is_json: bool,
    /// True when the last line of the terminal may be one that is replaced.
    is_interactive: bool,
}

impl Announcer {
    pub(crate) fn new(is_json: bool, is_interactive: bool) -> Self {
        Self {
            is_json,
            is_interactive,
        }
    }

    /// Acknowledges the first signal.
    pub(crate) fn stopping(self, reason: Interrupt) {
        let again = match reason {
            Interrupt::Interrupted => "press it again to leave at once",
            Interrupt::Terminated | Interrupt::HungUp => "a second signal ends it at once",
        };
        let event = json!({"event": "stopping", "reason": reason.to_string()});
        self.say(&[format!("stopping ({reason}); {again}")], &event);
    }

    /// Says what has to go before the program ends.
    pub(crate) fn waiting(self, resources: &[Resource]) {
        let lines: Vec<_> = resources.iter().map(Resource::pending).collect();
        self.say(&lines, &json!({"event": "cleaning-up", "pending": lines}));
    }

    /// Says what stays behind.
    pub(crate) fn leaving(self, reason: Interrupt, resources: &[Resource]) {
        let left: Vec<_> = resources.iter().map(ToString::to_string).collect();
        let mut lines = vec![format!("left at once ({reason})")];
        lines.extend(left.iter().map(|what| format!("left behind: {what}")));
        let event = json!({"event": "left", "reason": reason.to_string(), "left_behind": left});
        self.say(&lines, &event);
    }

    fn say(self, lines: &[String], event: &Value) {
        if self.is_json {
            let _line = whole_line();
            write_now(stdout(), &format!("{}\n", printable(event)));
            return;
        }
        let clear = if self.is_interactive {
            "\r\u{1b}[K"
        } else {
            ""
        };
        let text = lines.iter().fold(clear.to_owned(), |mut text, line| {
            let _ = writeln!(text, "{}", Printable::line(line));
            text
        });
        write_now(stderr(), &text);
    }
}

/// Waits a moment for the end of a line that another thread writes.
fn whole_line() -> Option<MutexGuard<'static, ()>> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Ok(held) = STDOUT.try_lock() {
            return Some(held);
        }
        if Instant::now() >= deadline {
            return None;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Writes as much as is taken without waiting.
fn write_now(to: BorrowedFd<'_>, text: &str) {
    for piece in text.as_bytes().chunks(AT_ONCE) {
        let mut ready = [PollFd::from_borrowed_fd(to, PollFlags::OUT)];
        let polled = poll(&mut ready, Some(&Timespec::default()));
        let is_ready = polled.is_ok() && ready[0].revents().contains(PollFlags::OUT);
        if !is_ready || rustix::io::write(to, piece).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{io, os::fd::AsFd as _};

    use super::*;

    #[test]
    fn a_full_pipe_stops_nothing() {
        let (reader, writer) = io::pipe().unwrap();
        let piece = "x".repeat(10_000);
        // Far more than any pipe takes.
        for _ in 0..1000 {
            write_now(writer.as_fd(), &piece);
        }
        drop((reader, writer));
    }
}
