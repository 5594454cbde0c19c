//! The events of a build, and the progress that sends them.

use std::{
    fmt,
    sync::Mutex,
    time::{Duration, Instant},
};

use s2i_core::Diagnostic;
use serde::Serialize;

use crate::{
    notice::Notice,
    transfer::{Transfer, TransferKind, TransferReporter},
};

/// A part of a build that takes time worth naming.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Getting the source.
    Source,
    /// Finding and pulling images.
    Images,
    /// Starting the container.
    Start,
    /// The script `save-artifacts` of the previous image, whose output goes into the container.
    SaveArtifacts,
    /// Uploading source and scripts into the container.
    Upload,
    /// The `ONBUILD` triggers of the builder.
    Triggers,
    /// The script `assemble`.
    Assemble,
    /// Copying artifacts from the builder to the runtime image.
    Artifacts,
    /// The script `assemble-runtime`.
    AssembleRuntime,
    /// Removing the paths that must not be in the image.
    Clean,
    /// Committing the image.
    Commit,
    /// The script `usage`.
    Usage,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// An output of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Output {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// An event of a build.
#[derive(Clone, Debug)]
pub enum Event {
    /// A phase began; the one before it ended.
    PhaseStarted(Phase),
    /// A phase ended after this time.
    PhaseEnded(Phase, Duration),
    /// The output of a program, not cut at line ends.
    ///
    /// The output of the scripts of a build is safe to show: UTF-8 without control sequences, as
    /// [`Filter`](s2i_core::text::Filter) leaves it, and with `[redacted]` in place of secrets. Line ends, tabs and
    /// carriage returns are kept. An application that was [launched](crate::ports::Launcher::launch) has its output
    /// unchanged.
    Output(Output, Vec<u8>),
    /// A decision or a finding. There may be names in it that come from sources, images and servers, so it is shown
    /// as [`Printable`](s2i_core::Printable), as is the text of every other event.
    Notice(Notice),
    /// A soft problem.
    Warning(Diagnostic),
    /// A line for the progress of a long operation, replaced by the next one.
    Progress(String),
    /// A transfer goes on. A long one sends some of these events in a second, a short one none.
    Transfer(Transfer),
    /// A transfer ended, completely or not, with this state.
    TransferEnded(Transfer),
}

/// Receives events, in order.
pub trait EventSink: Send + Sync {
    /// Takes one event; must not block for long.
    fn event(&self, event: Event);
}

/// Drops every event.
impl EventSink for () {
    fn event(&self, _event: Event) {}
}

/// Calls the function with every event.
impl<F: Fn(Event) + Send + Sync> EventSink for F {
    fn event(&self, event: Event) {
        self(event);
    }
}

/// A sender of events that measures the duration of phases.
pub struct Progress<'a> {
    sink: &'a dyn EventSink,
    clock: Mutex<Clock>,
}

#[derive(Default)]
struct Clock {
    current: Option<(Phase, Instant)>,
    ended: Vec<(Phase, Duration)>,
}

impl<'a> Progress<'a> {
    /// Creates a sender of events to `sink`.
    #[must_use]
    pub fn new(sink: &'a dyn EventSink) -> Self {
        Self {
            sink,
            clock: Mutex::default(),
        }
    }

    /// Ends the current phase and begins this one, unless this is the current phase.
    pub fn phase(&self, phase: Phase) {
        if self
            .lock()
            .current
            .is_some_and(|(current, _)| current == phase)
        {
            return;
        }
        self.end_phase();
        self.lock().current = Some((phase, Instant::now()));
        self.sink.event(Event::PhaseStarted(phase));
    }

    /// Ends the current phase, if there is one.
    pub fn end_phase(&self) {
        let ended = {
            let mut clock = self.lock();
            let ended = clock
                .current
                .take()
                .map(|(phase, start)| (phase, start.elapsed()));
            clock.ended.extend(ended);
            ended
        };
        if let Some((phase, time)) = ended {
            self.sink.event(Event::PhaseEnded(phase, time));
        }
    }

    /// Starts to report a transfer.
    #[must_use]
    pub fn transfer(&self, kind: TransferKind) -> TransferReporter<'a> {
        TransferReporter::new(self.sink, kind, None, None)
    }

    /// Starts to report the transfer of a layer.
    #[must_use]
    pub fn layer_transfer(
        &self,
        kind: TransferKind,
        layer: String,
        status: Option<String>,
    ) -> TransferReporter<'a> {
        TransferReporter::new(self.sink, kind, Some(layer), status)
    }

    /// Sends any other event.
    pub fn send(&self, event: Event) {
        self.sink.event(event);
    }

    /// Sends a piece of output, unless it is empty.
    pub(crate) fn output(&self, output: Output, piece: Vec<u8>) {
        if !piece.is_empty() {
            self.send(Event::Output(output, piece));
        }
    }

    /// Sends a notice.
    pub fn notice(&self, notice: Notice) {
        self.send(Event::Notice(notice));
    }

    /// Sends soft problems.
    pub fn warn(&self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        diagnostics
            .into_iter()
            .for_each(|diagnostic| self.send(Event::Warning(diagnostic)));
    }

    /// Returns the phases that ended so far and their durations, in order.
    #[must_use]
    pub fn times(&self) -> Vec<(Phase, Duration)> {
        self.lock().ended.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Clock> {
        self.clock.lock().expect("no panic under this lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Names(Mutex<Vec<String>>);

    impl EventSink for Names {
        fn event(&self, event: Event) {
            let name = match event {
                Event::PhaseStarted(phase) => phase.to_string(),
                Event::PhaseEnded(phase, _) => format!("end of {phase}"),
                _ => return,
            };
            self.0.lock().unwrap().push(name);
        }
    }

    #[test]
    fn current_phase_is_not_restarted() {
        let names = Names(Mutex::default());
        let progress = Progress::new(&names);
        for phase in [Phase::Start, Phase::Upload, Phase::Upload, Phase::Start] {
            progress.phase(phase);
        }
        progress.end_phase();
        let times = progress.times();
        let phases: Vec<_> = times.iter().map(|(phase, _)| *phase).collect();
        assert_eq!(phases, [Phase::Start, Phase::Upload, Phase::Start]);
        let expected = "start, end of start, upload, end of upload, start, end of start";
        assert_eq!(names.0.lock().unwrap().join(", "), expected);
    }
}
