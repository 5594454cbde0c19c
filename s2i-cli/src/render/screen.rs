//! The part of the terminal that bars are drawn on.

use std::{
    fmt::{self, Write as _},
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};

use indicatif::TermLike;

/// The columns to the right of the bars that stay free. A terminal that shows `^C` there stays in the line.
const MARGIN: u16 = 3;

/// The size of a terminal that does not report one.
const SIZE: (u16, u16) = (80, 24);

/// Draws on a terminal. The lines are not filled with spaces up to the margin, which would make a second line of each
/// when the terminal gets narrower.
pub(super) struct Screen {
    /// Returns the columns and the rows of the terminal.
    size: fn() -> Option<(u16, u16)>,
    /// Writes to the terminal.
    write: Box<dyn Fn(&str) + Send + Sync>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    pending: String,
    /// True at the end of a line, so that the next one begins below.
    is_line_end: bool,
}

impl Screen {
    pub(super) fn new(
        size: fn() -> Option<(u16, u16)>,
        write: impl Fn(&str) + Send + Sync + 'static,
    ) -> Self {
        Self {
            size,
            write: Box::new(write),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn size(&self) -> (u16, u16) {
        (self.size)().unwrap_or(SIZE)
    }

    fn move_cursor(&self, count: usize, letter: char) {
        let mut state = self.state();
        state.is_line_end = false;
        if count > 0 {
            let _ = write!(state.pending, "\u{1b}[{count}{letter}");
        }
    }
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen").finish_non_exhaustive()
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        let (columns, _) = self.size();
        columns.saturating_sub(MARGIN).max(1)
    }

    fn height(&self) -> u16 {
        let (_, rows) = self.size();
        rows.max(1)
    }

    fn move_cursor_up(&self, count: usize) -> io::Result<()> {
        self.move_cursor(count, 'A');
        Ok(())
    }

    fn move_cursor_down(&self, count: usize) -> io::Result<()> {
        self.move_cursor(count, 'B');
        Ok(())
    }

    fn move_cursor_right(&self, count: usize) -> io::Result<()> {
        self.move_cursor(count, 'C');
        Ok(())
    }

    fn move_cursor_left(&self, count: usize) -> io::Result<()> {
        self.move_cursor(count, 'D');
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        let mut state = self.state();
        state.pending += text;
        state.pending += "\r\n";
        Ok(())
    }

    /// Writes a line, or the spaces after it.
    fn write_str(&self, text: &str) -> io::Result<()> {
        let mut state = self.state();
        if text.trim_matches(' ').is_empty() {
            state.pending += "\u{1b}[K";
            state.is_line_end = true;
            return Ok(());
        }
        if std::mem::take(&mut state.is_line_end) {
            state.pending += "\r\n";
        }
        state.pending += text;
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        let mut state = self.state();
        state.is_line_end = false;
        state.pending += "\r\u{1b}[2K";
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let mut state = self.state();
        state.is_line_end = false;
        let drawn = std::mem::take(&mut state.pending);
        if !drawn.is_empty() {
            (self.write)(&drawn);
        }
        Ok(())
    }
}
