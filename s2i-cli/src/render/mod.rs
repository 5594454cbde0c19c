//! Shows what happens: to people on a terminal, to people in a log, to machines.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the one place that speaks to the outside"
)]

mod json;
mod lines;
mod people;

use s2i_build::{
    Outcome,
    event::{Event, EventSink},
};
use s2i_core::ErrorChain;

use crate::{args::ProgressStyle, error::Error, host::Host};

/// Shows events in the style that was asked for.
pub(crate) enum Renderer {
    People(people::People),
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

    pub(crate) fn outcome(&self, outcome: &Outcome) {
        match self {
            Self::People(people) => people.outcome(outcome),
            Self::Json(json) => json.outcome(outcome),
        }
    }
}

impl EventSink for Renderer {
    fn event(&self, event: Event) {
        match self {
            Self::People(people) => people.event(event),
            Self::Json(json) => json.event(event),
        }
    }
}

/// Writes what a command was asked for to standard output.
pub(crate) fn data(text: &str) {
    use std::io::Write as _;
    // A reader that is gone is no error of ours.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Shows why the command failed.
pub(crate) fn error(err: &Error, json: bool) {
    if json {
        println!("{}", json::error(err));
    }
    eprintln!("error: {}", lines::printable(&ErrorChain(err).to_string()));
    if let Some(hint) = err.hint() {
        eprintln!("hint: {hint}");
    }
    if let Some(cleanup) = err.cleanup() {
        eprintln!(
            "warning: while cleaning up: {}",
            lines::printable(&ErrorChain(cleanup).to_string())
        );
    }
}

/// Bytes in the unit that people read, with powers of ten as image listings have them.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["B", "kB", "MB", "GB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    match (unit, value < 100.0) {
        (0, _) => format!("{bytes} B"),
        (_, true) => format!("{value:.2} {}", UNITS[unit]),
        (_, false) => format!("{value:.0} {}", UNITS[unit]),
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
        assert_eq!(size(848_700_000), "849 MB");
    }
}
