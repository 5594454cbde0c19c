//! Events for people: lines, and on a terminal bars below them.

use std::{sync::Mutex, time::Duration};

use s2i_build::{
    Notice, Outcome,
    event::{Event, Output},
    ports::Publish,
    request::BuildRequest,
};
use s2i_core::Printable;

use super::{
    bars, configuration::table, lines::Lines, notice::sentence, size, write_stderr, write_stdout,
};

/// The renderer for people, on standard error.
pub(crate) struct Human {
    quiet: bool,
    /// The log level, from 0 to 5.
    level: u8,
    interactive: bool,
    color: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    stdout: Lines,
    stderr: Lines,
}

impl Human {
    pub(super) fn new(quiet: bool, level: u8, interactive: bool, color: bool) -> Self {
        Self {
            quiet,
            level,
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
                self.heading(&Printable::line(&phase.to_string()));
            }
            Event::PhaseEnded(phase, time) => {
                self.flush(&mut state);
                bars::clear();
                Self::line(&Printable::line(&format!("{phase} took {}", seconds(time))));
            }
            Event::Output(Output::Stdout, _) if self.quiet => {}
            Event::Output(output, piece) => {
                let lines = match output {
                    Output::Stdout => state.stdout.push(&piece),
                    Output::Stderr => state.stderr.push(&piece),
                };
                for line in lines {
                    Self::line(&line);
                }
            }
            Event::Notice(notice) => {
                Self::line(&Printable::line(&sentence(&notice)));
                if let (1.., Notice::SourceDirectory { location }) = (self.level, &notice) {
                    let line = format!("Copying sources from {location}");
                    Self::line(&Printable::line(&line));
                }
            }
            Event::Warning(problem) => {
                write_stderr("warning: ", &Printable::line(&problem.to_string()), "\n");
            }
            Event::Progress(text) if self.interactive => bars::status(&Printable::line(&text)),
            Event::Transfer(transfer) if self.interactive => bars::transfer(&transfer),
            Event::TransferEnded(transfer) if self.interactive => bars::end(&transfer),
            Event::Progress(_) | Event::Transfer(_) | Event::TransferEnded(_) => {}
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
        if self.quiet {
            return;
        }
        self.lines(&format!(
            "image  {name}\nid     {}\nsize   {}\ntime   {} ({})",
            outcome.image_id,
            size(outcome.size),
            seconds(total),
            times.collect::<Vec<_>>().join(", ")
        ));
    }

    /// Returns whether only errors and the result are wanted.
    pub(super) fn quiet(&self) -> bool {
        self.quiet
    }

    /// Shows the version and the configuration of a build.
    pub(super) fn started(&self, request: &BuildRequest) {
        if self.level >= 1 {
            let version = env!("CARGO_PKG_VERSION");
            self.lines(&format!("Running S2I version {version}"));
        }
        if self.level >= 2 {
            self.lines(&table(request, self.quiet));
        }
    }

    /// Shows the success of a build, and its result to the program that reads standard output.
    pub(super) fn completed(&self, reference: Option<&str>) {
        self.lines("Build completed successfully");
        if let Some(reference) = reference {
            self.answer(&format!("{reference}\n"));
        }
    }

    /// Shows that the Dockerfile of a build is complete, and its path to the program that reads standard output.
    pub(super) fn dockerfile(&self, path: &str, is_shown: bool) {
        self.lines(&format!("Application dockerfile generated in {path}"));
        if is_shown {
            self.answer(&format!("{path}\n"));
        }
    }

    /// Shows that the result of a build runs. Scripts look for the words about the option.
    pub(super) fn running(&self, image: &str, ports: &[Publish]) {
        let ports = ports.iter().map(|port| {
            format!(
                "\nport {} is port {} of this machine",
                port.container, port.host
            )
        });
        let ports: String = ports.collect();
        self.lines(&format!(
            "{image} runs as a result of the --run=true option{ports}"
        ));
    }

    /// Shows lines to people.
    fn lines(&self, text: &str) {
        let mut state = self.state.lock().expect("no panic under this lock");
        self.flush(&mut state);
        Self::line(&Printable::lines(text));
    }

    pub(super) fn answer(&self, text: &str) {
        let mut state = self.state.lock().expect("no panic under this lock");
        self.flush(&mut state);
        bars::clear();
        write_stdout(&Printable::lines(text));
    }

    fn flush(&self, state: &mut State) {
        let stdout = state.stdout.finish().filter(|_| !self.quiet);
        for line in stdout.into_iter().chain(state.stderr.finish()) {
            Self::line(&line);
        }
    }

    fn line(text: &Printable) {
        write_stderr("", text, "\n");
    }

    fn heading(&self, text: &Printable) {
        if self.color {
            write_stderr("\u{1b}[1m==> ", text, "\u{1b}[0m\n");
        } else {
            write_stderr("==> ", text, "\n");
        }
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}
