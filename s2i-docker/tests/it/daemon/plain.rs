//! The command of an image in a container of the scripted daemon.

use std::{io, time::Duration};

use s2i_core::wire::{Exit, Kind};
use serde_json::json;
use tokio::{io::AsyncWriteExt as _, net::UnixStream};

use super::{
    Call, Daemon, Knobs, Model, State,
    http::{Connection, END, Reply},
    knobs::{Life, Waiting},
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

    /// Responds to a wait: with a head when it watches the container, with the status when that has ended. The head
    /// comes late, so that a start that does not wait for it breaks a rule.
    pub(super) async fn watch(&self, name: &str, connection: &mut Connection) -> io::Result<()> {
        tokio::time::sleep(Duration::from_millis(20)).await;
        self.model().watched.insert(name.to_owned());
        let mut head = Reply::empty(200).bytes();
        head.truncate(head.len() - END.len());
        connection.write_all(&head).await?;
        connection.flush().await?;
        let code = self.status(name).await;
        match self.0.knobs.waiting {
            Waiting::Answered => {}
            Waiting::MissedAndKept => std::future::pending().await,
            Waiting::MissedAndRemoved => {
                self.model().containers.remove(name);
                self.0.changed.notify_waiters();
                std::future::pending::<()>().await;
            }
        }
        let body = format!("{}\n", json!({"StatusCode": code}));
        let chunk = format!("{:x}\r\n{body}\r\n", body.len());
        connection.write_all(chunk.as_bytes()).await?;
        connection.write_all(END).await?;
        connection.flush().await
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
    /// A command must not start before its end is watched: its status goes with it.
    pub(super) fn start(&mut self, name: &str) -> Reply {
        if self.plain.contains_key(name) && !self.watched.contains(name) {
            return self.violated("a command starts before its end is watched".into());
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
