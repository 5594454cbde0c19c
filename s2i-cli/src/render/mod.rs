//! Rendering of events and results: for people on a terminal, for people in a log, and for machines.
//!
//! All texts are [`Printable`] at this point, whatever their origin. Only the application of `s2i run` and the
//! archives of `s2i export` are written to the standard streams unchanged.

mod announcer;
mod bars;
mod configuration;
mod human;
mod inspection;
mod json;
mod lines;
mod notice;
mod passthrough;
mod screen;
mod table;

use std::{
    io::{self, Write as _},
    path::Path,
    sync::{Mutex, PoisonError},
};

use s2i_build::{
    Outcome,
    event::{Event, EventSink},
    ports::Publish,
    request::BuildRequest,
};
use s2i_core::{Diagnostic, ErrorChain, Printable, wire::Exit};
use serde_json::{Value, json};
use tracing::level_filters::LevelFilter;

use crate::{
    args::{Global, ProgressStyle},
    error::Error,
    host::Host,
};

/// The renderer of the selected style.
pub(crate) enum Renderer {
    Human(human::Human),
    Passthrough(passthrough::Passthrough),
    Json(json::Json),
}

impl Renderer {
    /// Returns the renderer of a build or another command, with what the log level adds.
    pub(crate) fn new(global: &Global, quiet: bool, host: &Host) -> Self {
        let human = |interactive, color| {
            Self::Human(human::Human::new(
                quiet,
                global.loglevel,
                interactive,
                color,
            ))
        };
        match global.progress {
            ProgressStyle::Json => Self::Json(json::Json::default()),
            ProgressStyle::Auto => human(host.is_interactive, host.wants_color),
            ProgressStyle::Plain => human(false, false),
        }
    }

    /// Shows the start of a build, at the log levels at which the Go tool does.
    pub(crate) fn started(&self, request: &BuildRequest) {
        if let Self::Human(human) = self {
            human.started(request);
        }
    }

    /// Shows the success of a build, with the reference by which this engine can run the result.
    pub(crate) fn completed(&self, reference: &str, host: &Host) {
        if let Self::Human(human) = self {
            let is_shown = human.quiet() || !host.stdout_is_terminal;
            human.completed(is_shown.then_some(reference));
        }
    }

    /// Shows the success of a build whose result is an archive on standard output.
    pub(crate) fn completed_without_reference(&self) {
        if let Self::Human(human) = self {
            human.completed(None);
        }
    }

    /// Shows that the Dockerfile of a build is complete.
    pub(crate) fn dockerfile(&self, file: &Path, host: &Host) {
        match self {
            Self::Human(human) => {
                let is_shown = human.quiet() || !host.stdout_is_terminal;
                human.dockerfile(&file.display().to_string(), is_shown);
            }
            Self::Passthrough(_) => {}
            Self::Json(_) => json::print(&json!({"event": "dockerfile", "file": file})),
        }
    }

    /// Shows that the result of a build runs.
    pub(crate) fn running(&self, image: &str, ports: &[Publish]) {
        if let Self::Human(human) = self {
            human.running(image, ports);
        }
    }

    /// Returns a renderer for `s2i run`, which passes the output of the application on unchanged.
    pub(crate) fn passthrough(global: &Global, host: &Host) -> Self {
        match Self::new(global, false, host) {
            Self::Human(human) => Self::Passthrough(passthrough::Passthrough(human)),
            other => other,
        }
    }

    pub(crate) fn outcome(&self, outcome: &Outcome) {
        match self {
            Self::Human(human) => human.outcome(outcome),
            Self::Passthrough(_) => {}
            Self::Json(_) => json::outcome(outcome),
        }
    }

    pub(crate) fn is_json(&self) -> bool {
        matches!(self, Self::Json(_))
    }

    pub(crate) fn warnings(&self, problems: Vec<Diagnostic>) {
        for problem in problems {
            self.event(Event::Warning(problem));
        }
    }

    /// Shows the exit status of an application.
    pub(crate) fn ended(&self, exit: Exit) {
        if let Self::Json(json) = self {
            json.ended(exit);
        }
    }

    /// Shows the result of a command: text for people, an object for machines.
    pub(crate) fn answer(&self, text: &str, object: &Value) {
        match self {
            Self::Human(human) => human.answer(text),
            Self::Passthrough(_) => write_stdout(&Printable::lines(text)),
            Self::Json(_) => json::print(object),
        }
    }
}

impl EventSink for Renderer {
    fn event(&self, event: Event) {
        match self {
            Self::Human(human) => human.event(event),
            Self::Passthrough(passthrough) => passthrough.event(event),
            Self::Json(json) => json.event(event),
        }
    }
}

pub(crate) use announcer::Announcer;
pub(crate) use bars::clear as clear_bars;
pub(crate) use inspection::inspection;
pub(crate) use table::{images, short_id};

/// The lock for standard output, which keeps lines from being mixed.
static STDOUT: Mutex<()> = Mutex::new(());

/// Writes the result of a command to standard output. A closed pipe is not an error.
pub(crate) fn write_stdout(text: &Printable) {
    bars::above(|| {
        let _guard = STDOUT.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = io::stdout().write_all(text.as_str().as_bytes());
    });
}

/// Returns a document as JSON for a command that prints one. Its texts are made printable.
pub(crate) fn document(value: &Value) -> String {
    format!("{:#}\n", json::printable(value))
}

/// Writes other text for people to standard error, between line breaks and control sequences of s2i.
fn write_stderr(before: &'static str, text: &Printable, after: &'static str) {
    let text = format!("{before}{text}{after}");
    bars::above(|| draw(&text));
}

/// Draws bars on the terminal of standard error.
fn draw(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Returns the columns and rows of the terminal of standard error, if it reports them.
fn screen_size() -> Option<(u16, u16)> {
    let size = rustix::termios::tcgetwinsize(io::stderr()).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then_some((size.ws_col, size.ws_row))
}

/// Prints a prompt to standard error.
pub(crate) fn prompt(question: &'static str) {
    write_stderr(question, &Printable::default(), "");
}

/// Writes traces up to a level, from 0 for none to 5 for all, to standard error.
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
        // With a closed standard error, the report of the error would fail as well, and panic.
        .log_internal_errors(false);
    subscriber.with_writer(|| Traces).init();
}

/// The writer of traces, which receives each trace as a whole.
struct Traces;

impl io::Write for Traces {
    fn write(&mut self, trace: &[u8]) -> io::Result<usize> {
        write_stderr("", &Printable::lines(&String::from_utf8_lossy(trace)), "");
        Ok(trace.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Shows the error of a command.
pub(crate) fn error(err: &Error, reason: Option<&'static str>, json: bool) {
    if json {
        json::print(&json::error(err, reason));
    }
    write_stderr("error: ", &chain(err), "\n");
    if let Some(hint) = err.hint() {
        write_stderr("hint: ", &Printable::line(&hint), "\n");
    }
    if let Some(cleanup) = err.cleanup() {
        write_stderr("warning: while cleaning up: ", &chain(cleanup), "\n");
    }
}

/// Returns an error with its causes.
fn chain(err: &dyn std::error::Error) -> Printable {
    Printable::line(&ErrorChain(err).to_string())
}

/// Returns a size with a decimal unit, as image listings show it.
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
    fn sizes_have_the_units_of_image_listings() {
        assert_eq!(size(999), "999 B");
        assert_eq!(size(1_500), "1.50 kB");
        assert_eq!(size(72_900_000), "72.90 MB");
        assert_eq!(size(848_700_000), "848 MB");
    }
}
