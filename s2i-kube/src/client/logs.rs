//! The log of one step: read while it runs, complete at its end, and over connections that end.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{AsyncBufRead, AsyncBufReadExt as _, Stream, stream::unfold};
use k8s_openapi::{api::core::v1::Pod, jiff::Timestamp};
use kube::{Api, api::LogParams};
use tokio::time::{Instant, sleep};

use super::{
    cluster::answer,
    error::{ApiError, Cause, Operation},
};

/// The longest line. A longer one is several.
const LINE: usize = 16 * 1024;

/// The pause before a log is asked for again.
const PAUSE: Duration = Duration::from_secs(1);

/// The time without success after which a log is given up: the build goes on without it.
const LOST: Duration = Duration::from_secs(60);

/// A part of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A line, without its end.
    Line(String),
    /// The rest of the log can't be read.
    Lost(ApiError),
    /// The log is complete.
    End,
}

/// The log of a container.
pub(crate) struct Log {
    pub(crate) pods: Api<Pod>,
    pub(crate) pod: String,
    pub(crate) container: &'static str,
    pub(crate) operation: Operation,
    /// Set when the container has ended, so that the end of its log is known to be one.
    pub(crate) ended: Arc<AtomicBool>,
}

type Reader = Pin<Box<dyn AsyncBufRead + Send>>;

/// Returns the pieces of the log. The last one is [`Piece::End`] or [`Piece::Lost`].
pub(crate) fn follow(log: Log) -> impl Stream<Item = Piece> + Send {
    let following = Following {
        log,
        reader: None,
        complete: false,
        last: None,
        skip: None,
        in_line: false,
        last_success: Instant::now(),
    };
    unfold(Some(following), |following| async {
        let mut following = following?;
        let piece = following.next().await;
        let next = matches!(piece, Piece::Line(_)).then_some(following);
        Some((piece, next))
    })
}

struct Following {
    log: Log,
    reader: Option<Reader>,
    /// True if the reader was opened after the end of the container, so that its end is that of the log.
    complete: bool,
    /// The time of the last line that was returned.
    last: Option<Timestamp>,
    /// After a new connection, lines up to this time were returned before.
    skip: Option<Timestamp>,
    /// True if the piece before belongs to the same line.
    in_line: bool,
    last_success: Instant,
}

impl Following {
    async fn next(&mut self) -> Piece {
        loop {
            if self.reader.is_none()
                && let Err(error) = self.open().await
            {
                if let Some(piece) = self.failed(error).await {
                    return piece;
                }
                continue;
            }
            match self.line().await {
                Ok(Some(line)) => {
                    self.last_success = Instant::now();
                    if let Some(text) = self.text(&line) {
                        return Piece::Line(text);
                    }
                }
                Ok(None) if self.complete => return Piece::End,
                // The stream ended with the container, or before it: it is read again from the last line on.
                Ok(None) | Err(_) => self.reopen().await,
            }
        }
    }

    async fn open(&mut self) -> Result<(), ApiError> {
        self.complete = self.log.ended.load(Ordering::Acquire);
        let params = LogParams {
            container: Some(self.log.container.to_owned()),
            follow: !self.complete,
            timestamps: true,
            since_time: self.last,
            ..LogParams::default()
        };
        let reader = answer(
            &self.log.operation,
            self.log.pods.log_stream(&self.log.pod, &params),
        )
        .await?;
        self.reader = Some(Box::pin(reader));
        self.skip = self.last;
        self.in_line = false;
        Ok(())
    }

    async fn reopen(&mut self) {
        self.reader = None;
        if !self.log.ended.load(Ordering::Acquire) {
            sleep(PAUSE).await;
        }
    }

    /// Returns the last piece, or waits for the next try.
    async fn failed(&mut self, error: ApiError) -> Option<Piece> {
        // A pod that was removed has no log any more, and one that the node does not know yet (400) will have one.
        let again = error.is_temporary() || matches!(error.cause, Cause::Refused { .. });
        if !again || self.last_success.elapsed() >= LOST {
            return Some(Piece::Lost(error));
        }
        sleep(PAUSE).await;
        None
    }

    /// Returns the next line, or the next part of a long one. There is none at the end.
    async fn line(&mut self) -> Result<Option<Vec<u8>>, std::io::Error> {
        let Some(reader) = self.reader.as_mut() else {
            return Ok(None);
        };
        let mut line = Vec::new();
        loop {
            let buffer = reader.fill_buf().await?;
            if buffer.is_empty() {
                return Ok((!line.is_empty()).then_some(line));
            }
            let room = LINE - line.len();
            let end = buffer.iter().take(room).position(|byte| *byte == b'\n');
            let taken = end.map_or(buffer.len().min(room), |end| end + 1);
            line.extend_from_slice(&buffer[..taken]);
            reader.as_mut().consume(taken);
            if end.is_some() || line.len() == LINE {
                return Ok(Some(line));
            }
        }
    }

    /// Returns the text of a line without its time, unless it was returned before.
    fn text(&mut self, line: &[u8]) -> Option<String> {
        let continues = self.in_line;
        self.in_line = !line.ends_with(b"\n");
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text = String::from_utf8_lossy(line);
        if continues {
            return self.skip.is_none().then(|| text.into_owned());
        }
        let parts = text
            .split_once(' ')
            .and_then(|(time, rest)| Some((time.parse::<Timestamp>().ok()?, rest)));
        let Some((time, rest)) = parts else {
            return Some(text.into_owned());
        };
        if self.skip.is_some_and(|skip| time <= skip) {
            return None;
        }
        self.skip = None;
        self.last = Some(time);
        Some(rest.to_owned())
    }
}
