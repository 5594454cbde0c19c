//! The command of an image in a container of the scripted daemon.

use std::io;

use s2i_core::wire::{Exit, Kind};
use serde_json::json;
use tokio::{io::AsyncWriteExt as _, net::UnixStream};

use super::{
    Call, Daemon, Knobs, Model, State,
    http::Reply,
    knobs::{Endpoint, Life},
};

impl Daemon {
    /// What a command does from its start to its end, in the frames of the attached connection.
    pub(super) async fn command(self, name: &str, mut stream: UnixStream) -> io::Result<()> {
        let knobs = &self.0.knobs;
        for (kind, bytes) in &knobs.output {
            let number = if *kind == Kind::Stderr { 2 } else { 1 };
            for piece in bytes.chunks(knobs.piece) {
                let length = u32::try_from(piece.len()).expect("a short piece");
                let mut frame = vec![number, 0, 0, 0];
                frame.extend(length.to_be_bytes());
                frame.extend(piece);
                stream.write_all(&frame).await?;
            }
        }
        if knobs.life == Life::Short {
            let code = match knobs.exit {
                Exit::Code(code) => code,
                Exit::Signal(_) => 255,
            };
            self.model().plain.insert(name.to_owned(), Some(code));
            self.0.changed.notify_waiters();
        }
        self.status(name).await;
        stream.shutdown().await
    }

    /// Gives the wait for a command the time to arrive, because it comes on another connection than the start.
    pub(super) async fn wait_is_requested(&self, name: &str) {
        if !self.model().plain.contains_key(name) {
            return;
        }
        let requested = async {
            loop {
                let changed = self.0.changed.notified();
                if self.model().seen.contains(&Endpoint::Wait) {
                    return;
                }
                changed.await;
            }
        };
        let _ = tokio::time::timeout(std::time::Duration::from_secs(1), requested).await;
    }

    /// The answer to a wait for a container.
    pub(super) async fn ended(&self, name: &str) -> Reply {
        let code = self.status(name).await;
        Reply::json(200, &json!({"StatusCode": code}))
    }

    /// Waits for the status of a command.
    async fn status(&self, name: &str) -> u8 {
        loop {
            let changed = self.0.changed.notified();
            if let Some(Some(code)) = self.model().plain.get(name) {
                return *code;
            }
            changed.await;
        }
    }
}

impl Model {
    /// A command must not start before its end is waited for: its status goes with it.
    pub(super) fn start(&mut self, name: &str) -> Reply {
        if self.plain.contains_key(name) && !self.seen.contains(&Endpoint::Wait) {
            return self.violated("a command starts before a wait for its end".into());
        }
        self.step(name, State::Attached, State::Running, 204)
    }

    pub(super) fn kill(&mut self, knobs: &Knobs, name: &str, call: &Call) -> Reply {
        let signal = call.asked("signal").unwrap_or_default();
        if self.containers.get(name) != Some(&State::Running) {
            return Reply::error(409, "the container is not running");
        }
        let is_last = signal == "SIGKILL";
        if is_last || knobs.life == Life::UntilSignal {
            let code = if is_last { 137 } else { 0 };
            self.plain.insert(name.to_owned(), Some(code));
        }
        self.signals.push(signal);
        Reply::empty(204)
    }
}
