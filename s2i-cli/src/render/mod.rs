//! Shows what happens: to people on a terminal, to people in a log, to machines.
//!
//! All of it is [`Printable`] by then, whatever it comes from. Only the application of `s2i run` and archives of
//! `s2i export` write to the standard streams as they are.

mod announcer;
mod json;
mod lines;
mod notice;
mod people;
mod table;
mod through;

use std::{
    io::{self, Write as _},
    sync::{Mutex, PoisonError},
};

use s2i_build::{
    Outcome,
    event::{Event, EventSink},
};
use s2i_core::{ErrorChain, Printable, wire::Exit};
use serde_json::Value;
use tracing::level_filters::LevelFilter;

use crate::{args::ProgressStyle, error::Error, host::Host};

/// Shows events in the style that was asked for.
pub(crate) enum Renderer {
    People(people::People),
    Through(through::Through),
    Json(json::Json),
}

impl Renderer {
    pub(crate) fn new(style: ProgressStyle, quiet: bool, host: &Host) -> Self {
        match style {
            ProgressStyle::Json => Self::Json(json::Json::default()),
            ProgressStyle::Auto => Self::People(people::People::new(
                quiet,
                host.is_interactive,
                host.wants_color,
            )),
            ProgressStyle::Plain => Self::People(people::People::new(quiet, false, false)),
        }
    }

    /// For an application, whose output goes where it would go without s2i, as it is.
    pub(crate) fn through(style: ProgressStyle, host: &Host) -> Self {
        match Self::new(style, false, host) {
            Self::People(people) => Self::Through(through::Through::new(people)),
            other => other,
        }
    }

    pub(crate) fn outcome(&self, outcome: &Outcome) {
        match self {
            Self::People(people) => people.outcome(outcome),
            Self::Through(_) => {}
            Self::Json(_) => json::Json::outcome(outcome),
        }
    }

    pub(crate) fn is_json(&self) -> bool {
        matches!(self, Self::Json(_))
    }

    /// Shows that an application has ended, and how.
    pub(crate) fn ended(&self, exit: Exit) {
        if let Self::Json(json) = self {
            json.ended(exit);
        }
    }

    /// Shows what a command was asked for: text to people, an object to machines.
    pub(crate) fn answer(&self, text: &str, object: &Value) {
        match self {
            Self::People(people) => people.answer(text),
            Self::Through(_) => data(&Printable::lines(text)),
            Self::Json(_) => json::print(object),
        }
    }
}

impl EventSink for Renderer {
    fn event(&self, event: Event) {
        match self {
            Self::People(people) => people.event(event),
            Self::Through(through) => through.event(event),
            Self::Json(json) => json.event(event),
        }
    }
}

pub(crate) use announcer::Announcer;
pub(crate) use table::{images, short_id};

/// Held while something is written to standard output, so that no line gets into the middle of another.
static STDOUT: Mutex<()> = Mutex::new(());

/// Writes what a command was asked for to standard output. A reader that is gone is no error of ours.
pub(crate) fn data(text: &Printable) {
    let _whole = STDOUT.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = io::stdout().write_all(text.as_str().as_bytes());
}

/// Writes what people read beside it to standard error, between line ends and control sequences of our own.
fn aside(before: &'static str, text: &Printable, after: &'static str) {
    let _ = io::stderr().write_all(format!("{before}{text}{after}").as_bytes());
}

/// Asks for something on standard error.
pub(crate) fn prompt(question: &'static str) {
    aside(question, &Printable::default(), "");
}

/// Tells traces up to a level, from 0 for none to 5 for all, on standard error.
pub(crate) fn trace(level: u8) {
    let level = match level {
        0 => return,
        1 | 2 => LevelFilter::INFO,
        3 | 4 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(false)
        // It would complain about a closed standard error on standard error, and panic.
        .log_internal_errors(false);
    subscriber.with_writer(|| Traces).init();
}

/// Takes whole traces.
struct Traces;

impl io::Write for Traces {
    fn write(&mut self, trace: &[u8]) -> io::Result<usize> {
        aside("", &Printable::lines(&String::from_utf8_lossy(trace)), "");
        Ok(trace.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Shows why the command failed.
pub(crate) fn error(err: &Error, json: bool) {
    if json {
        json::print(&json::error(err));
    }
    aside("error: ", &chain(err), "\n");
    if let Some(hint) = err.hint() {
        aside("hint: ", &Printable::line(&hint), "\n");
    }
    if let Some(cleanup) = err.cleanup() {
        aside("warning: while cleaning up: ", &chain(cleanup), "\n");
    }
}

/// An error with its causes.
fn chain(err: &dyn std::error::Error) -> Printable {
    Printable::line(&ErrorChain(err).to_string())
}

/// Bytes in the unit that people read, with powers of ten as image listings have them.
pub(crate) fn size(bytes: u64) -> String {
    let unit = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
    match unit.into_iter().find(|(_, size)| bytes >= *size) {
        None => format!("{bytes} B"),
        Some((name, size)) if bytes < 100 * size => {
            format!("{}.{:02} {name}", bytes / size, bytes % size * 100 / size)
        }
        Some((name, size)) => format!("{} {name}", bytes / size),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_image_listings_have_them() {
        assert_eq!(size(999), "999 B");
        assert_eq!(size(1_500), "1.50 kB");
        assert_eq!(size(72_900_000), "72.90 MB");
        assert_eq!(size(848_700_000), "848 MB");
    }
}
