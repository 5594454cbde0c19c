//! Messages about signals. Their thread never waits for a lock that a hung thread holds, nor for a reader that
//! does not read.

use std::{
    fmt::Write as _,
    os::fd::BorrowedFd,
    sync::{MutexGuard, mpsc},
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

use super::{STDOUT, bars, json::printable};

/// The time limit of the wait for a line or for bars that are being written.
const LOCK_TIMEOUT: Duration = Duration::from_millis(100);

/// The number of bytes that a ready pipe accepts without blocking.
const ATOMIC_WRITE: usize = 4096;

/// Reports the progress of an interrupted command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Announcer {
    is_json: bool,
}

impl Announcer {
    pub(crate) fn new(is_json: bool) -> Self {
        Self { is_json }
    }

    /// Acknowledges the first signal.
    pub(crate) fn stopping(self, reason: Interrupt) {
        let again = match reason {
            Interrupt::Interrupted => "press it again to leave at once",
            Interrupt::Terminated | Interrupt::HungUp => "a second signal ends it at once",
        };
        let event = json!({"event": "stopping", "reason": reason.to_string()});
        self.write(&[format!("stopping ({reason}); {again}")], &event);
    }

    /// Lists the resources that are removed before the program ends.
    pub(crate) fn waiting(self, resources: &[Resource]) {
        let lines: Vec<_> = resources.iter().map(Resource::pending).collect();
        self.write(&lines, &json!({"event": "cleaning-up", "pending": lines}));
    }

    /// Lists the resources that stay behind.
    pub(crate) fn leaving(self, reason: Interrupt, resources: &[Resource]) {
        let left: Vec<_> = resources.iter().map(ToString::to_string).collect();
        let mut lines = vec![format!("left at once ({reason})")];
        lines.extend(
            left.iter()
                .map(|resource| format!("left behind: {resource}")),
        );
        let event = json!({"event": "left", "reason": reason.to_string(), "left_behind": left});
        self.write(&lines, &event);
    }

    fn write(self, lines: &[String], event: &Value) {
        if self.is_json {
            let _guard = lock_briefly();
            write_now(stdout(), &format!("{}\n", printable(event)));
            return;
        }
        stop_bars_briefly();
        let text = lines.iter().fold(String::new(), |mut text, line| {
            let _ = writeln!(text, "{}", Printable::line(line));
            text
        });
        write_now(stderr(), &text);
    }
}

/// Removes the bars, and waits briefly for it: the terminal may be stopped, or another thread may wait for it.
fn stop_bars_briefly() {
    let (sender, stopped) = mpsc::channel();
    let thread = thread::Builder::new().name("bars".into());
    let started = thread.spawn(move || {
        bars::stop();
        let _ = sender.send(());
    });
    if started.is_ok() {
        let _ = stopped.recv_timeout(LOCK_TIMEOUT);
    }
}

/// Waits briefly for the end of a line that another thread writes.
fn lock_briefly() -> Option<MutexGuard<'static, ()>> {
    let deadline = Instant::now() + LOCK_TIMEOUT;
    loop {
        if let Ok(guard) = STDOUT.try_lock() {
            return Some(guard);
        }
        if Instant::now() >= deadline {
            return None;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Writes as much as possible without blocking.
fn write_now(to: BorrowedFd<'_>, text: &str) {
    for piece in text.as_bytes().chunks(ATOMIC_WRITE) {
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
    fn full_pipe_does_not_block() {
        let (reader, writer) = io::pipe().unwrap();
        let piece = "x".repeat(10_000);
        // The capacity of every pipe is far smaller.
        for _ in 0..1000 {
            write_now(writer.as_fd(), &piece);
        }
        drop((reader, writer));
    }
}
