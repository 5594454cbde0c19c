//! Events for people: a live line on a terminal, plain lines otherwise.

use std::{sync::Mutex, time::Duration};

use s2i_build::{
    Outcome,
    event::{Event, Output},
};
use s2i_core::Printable;

use super::{lines::Lines, notice::sentence, size, write_stderr, write_stdout};

/// Clears the last line of a terminal.
const CLEAR: &str = "\r\u{1b}[K";

/// The renderer for people, on standard error.
pub(crate) struct Human {
    quiet: bool,
    interactive: bool,
    color: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    stdout: Lines,
    stderr: Lines,
    /// The live line at the end of the terminal, which the next one replaces.
    live: Printable,
}

impl Human {
    pub(super) fn new(quiet: bool, interactive: bool, color: bool) -> Self {
        Self {
            quiet,
            interactive,
            color,
            state: Mutex::default(),
        }
    }

    pub(super) fn event(&self, event: Event) {
        let mut state = self.state.lock().expect("no panic under this lock");
        match event {
            Event::PhaseStarted(phase) => {
                self.flush(&mut state);
                self.heading(&mut state, &Printable::line(&phase.to_string()));
            }
            Event::PhaseEnded(_, _) => self.flush(&mut state),
            Event::Output(Output::Stdout, _) if self.quiet => {}
            Event::Output(output, piece) => {
                let lines = match output {
                    Output::Stdout => state.stdout.push(&piece),
                    Output::Stderr => state.stderr.push(&piece),
                };
                for line in lines {
                    Self::line(&mut state, &line);
                }
            }
            Event::Notice(notice) => {
                Self::line(&mut state, &Printable::line(&sentence(&notice)));
            }
            Event::Warning(problem) => {
                Self::clear(&mut state);
                write_stderr("warning: ", &Printable::line(&problem.to_string()), "\n");
            }
            Event::Progress(text) => self.live(&mut state, Printable::line(&text)),
            Event::Uploaded(bytes) => self.live(&mut state, Printable::line(&size(bytes))),
        }
    }

    pub(super) fn outcome(&self, outcome: &Outcome) {
        let times = outcome
            .times
            .iter()
            .map(|(phase, time)| format!("{phase} {}", seconds(*time)));
        let total: Duration = outcome.times.iter().map(|(_, time)| *time).sum();
        let name = outcome
            .tag
            .as_ref()
            .map_or_else(|| "(no name)".into(), ToString::to_string);
        self.answer(&format!(
            "image  {name}\nid     {}\nsize   {}\ntime   {} ({})\n",
            outcome.image_id,
            size(outcome.size),
            seconds(total),
            times.collect::<Vec<_>>().join(", ")
        ));
    }

    pub(super) fn answer(&self, text: &str) {
        let mut state = self.state.lock().expect("no panic under this lock");
        self.flush(&mut state);
        Self::clear(&mut state);
        write_stdout(&Printable::lines(text));
    }

    fn flush(&self, state: &mut State) {
        let stdout = state.stdout.finish().filter(|_| !self.quiet);
        for line in stdout.into_iter().chain(state.stderr.finish()) {
            Self::line(state, &line);
        }
    }

    fn line(state: &mut State, text: &Printable) {
        Self::clear(state);
        write_stderr("", text, "\n");
    }

    fn heading(&self, state: &mut State, text: &Printable) {
        Self::clear(state);
        if self.color {
            write_stderr("\u{1b}[1m==> ", text, "\u{1b}[0m\n");
        } else {
            write_stderr("==> ", text, "\n");
        }
    }

    /// Replaces the live line at the end of the terminal. Without a terminal, nothing is shown.
    fn live(&self, state: &mut State, text: Printable) {
        if self.interactive && state.live != text {
            write_stderr(CLEAR, &text, "");
            state.live = text;
        }
    }

    fn clear(state: &mut State) {
        if state.live != Printable::default() {
            write_stderr(CLEAR, &Printable::default(), "");
            state.live = Printable::default();
        }
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}
