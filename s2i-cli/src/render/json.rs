//! Events for machines: one JSON object per line, on standard output.

use std::{sync::Mutex, time::Duration};

use s2i_build::{
    Notice, Outcome,
    event::{Event, Output, Phase},
    transfer::Transfer,
};
use s2i_core::{Printable, wire::Exit};
use serde_json::{Value, json};

use super::{chain, lines::Lines, notice::sentence};
use crate::error::Error;

/// The renderer for machines.
#[derive(Default)]
pub(crate) struct Json {
    state: Mutex<State>,
}

/// The incomplete lines of the streams of scripts.
#[derive(Default)]
struct State {
    stdout: Lines,
    stderr: Lines,
}

impl State {
    fn push(&mut self, stream: Output, piece: &[u8]) {
        let (lines, stream) = match stream {
            Output::Stdout => (self.stdout.push(piece), "stdout"),
            Output::Stderr => (self.stderr.push(piece), "stderr"),
        };
        for line in lines {
            print_line(stream, &line);
        }
    }

    /// Prints the last lines, which have no line break.
    fn finish(&mut self) {
        if let Some(line) = self.stdout.finish() {
            print_line("stdout", &line);
        }
        if let Some(line) = self.stderr.finish() {
            print_line("stderr", &line);
        }
    }
}

impl Json {
    pub(super) fn event(&self, event: Event) {
        let mut state = self.state.lock().expect("no panic under this lock");
        match event {
            Event::PhaseStarted(phase) => print(&json!({"event": "phase-started", "phase": phase})),
            Event::PhaseEnded(phase, time) => {
                state.finish();
                let mut event = json!({"event": "phase-ended", "phase": phase});
                event["milliseconds"] = milliseconds(time).into();
                if let Some((stage, step)) = step(phase) {
                    event["stage"] = stage.into();
                    event["step"] = step.into();
                }
                print(&event);
            }
            Event::Output(stream, piece) => state.push(stream, &piece),
            Event::Notice(notice) => print(&self::notice(&notice)),
            Event::Warning(problem) => {
                let [place, text] =
                    [&problem.place, &problem.message].map(|text| Printable::line(text));
                print(&json!({"event": "warning", "place": place, "text": text}));
            }
            Event::Progress(text) => {
                print(&json!({"event": "progress", "text": Printable::line(&text)}));
            }
            Event::Transfer(transfer) => print(&self::transfer("transfer", &transfer)),
            Event::TransferEnded(transfer) => print(&self::transfer("transfer-ended", &transfer)),
        }
    }

    pub(super) fn ended(&self, exit: Exit) {
        let mut state = self.state.lock().expect("no panic under this lock");
        state.finish();
        print(&json!({"event": "ended", "exit": exit}));
    }
}

/// Prints the event for the result of a build.
pub(super) fn outcome(outcome: &Outcome) {
    let phases = outcome
        .times
        .iter()
        .map(|(phase, time)| json!({"phase": phase, "milliseconds": milliseconds(*time)}));
    print(&json!({
        "event": "built",
        "image": outcome.tag.as_ref().map(ToString::to_string),
        "id": outcome.image_id,
        "builder": outcome.builder.to_string(),
        "size": outcome.size,
        "phases": phases.collect::<Vec<_>>(),
    }));
}

/// Returns the names of the Go tool for the stage and the step of a build, for phases that it has too.
fn step(phase: Phase) -> Option<(&'static str, &'static str)> {
    match phase {
        Phase::Images => Some(("PullImages", "PullBuilderImage")),
        Phase::SaveArtifacts => Some(("RetrieveArtifacts", "RetrievePreviousArtifacts")),
        Phase::Triggers => Some(("Build", "BuildDockerImage")),
        Phase::Assemble => Some(("Assemble", "AssembleBuildScripts")),
        Phase::Commit => Some(("CommitContainer", "CommitContainer")),
        _ => None,
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Returns the event of a notice: its kind, its fields and the sentence for people.
fn notice(notice: &Notice) -> Value {
    let mut event = json!(notice);
    event["event"] = "notice".into();
    event["text"] = json!(Printable::line(&sentence(notice)));
    event
}

/// Returns an event with the state of a transfer.
fn transfer(event: &str, transfer: &Transfer) -> Value {
    let mut object = json!(transfer);
    object["event"] = event.into();
    object
}

/// Returns the event for the failure of a command.
pub(super) fn error(err: &Error, reason: Option<&'static str>) -> Value {
    let mut event = json!({
        "event": "failed",
        "message": chain(err),
        "hint": err.hint().map(|hint| Printable::line(&hint)),
        "exit_code": err.exit_code().0,
        "cleanup": err.cleanup().map(|err| chain(err)),
    });
    if let Some(reason) = reason {
        event["reason"] = reason.into();
    }
    event
}

fn print_line(stream: &str, line: &Printable) {
    print(&json!({"event": "output", "stream": stream, "line": line}));
}

/// Prints an event as one line. Its texts are made printable, because programs show them to people.
pub(super) fn print(event: &Value) {
    let line = format!("{}\n", printable(event));
    super::write_stdout(&Printable::lines(&line));
}

/// Returns the value with all its texts made printable.
pub(super) fn printable(value: &Value) -> Value {
    let text = |text: &str| String::from(Printable::lines(text));
    match value {
        Value::String(value) => text(value).into(),
        Value::Array(items) => items.iter().map(printable).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (text(name), printable(value)))
            .collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notice_has_its_kind_and_fields_beside_the_text() {
        let image = "s2i/go".parse().unwrap();
        let expected = json!({"event": "notice", "kind": "pulling", "image": "s2i/go", "text": "pulling s2i/go"});
        assert_eq!(notice(&Notice::Pulling { image }), expected);
    }

    #[test]
    fn texts_of_events_are_printable() {
        let event =
            json!({"a\u{1b}[31m": ["b\u{202e}", {"c": "d\u{7}\ne\u{9b}1m"}], "f": 1, "g": null});
        let expected = json!({"a": ["b", {"c": "d\ne"}], "f": 1, "g": null});
        assert_eq!(printable(&event), expected);
    }
}
