//! Sending the source to the input of `prepare`.

use std::{
    io,
    pin::pin,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_channel::mpsc;
use futures_util::{
    StreamExt as _,
    future::{Either, OptionFuture, select},
    stream::BoxStream,
};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{AttachParams, AttachedProcess},
};
use thiserror::Error;
use tokio::{
    io::{
        AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _,
        BufReader,
    },
    time::{Instant, sleep, timeout},
};

use super::{
    cluster::answer,
    error::{ApiError, Operation},
};
use crate::job::Step;

/// The bytes that are on their way to the connection.
const BUFFER: usize = 256 * 1024;

/// The most bytes of the receiver's words that are kept.
const WORDS: usize = 8 * 1024;

/// The time between two reports of progress.
const INTERVAL: Duration = Duration::from_millis(100);

/// The time that the receiver may take to verify and store what it has got.
const CONFIRMATION: Duration = Duration::from_secs(600);

/// The time for the rest of the output after the end of a connection.
const REST: Duration = Duration::from_secs(2);

/// The number of times that the client tries to attach.
const ATTACHES: usize = 10;

/// The pause between two tries.
const PAUSE: Duration = Duration::from_secs(1);

/// The bytes of a source, in the format that `prepare` reads.
pub type ByteStream = BoxStream<'static, io::Result<Bytes>>;

/// A function that begins the source anew: each pod of a build needs it once.
pub type OpenSource = Box<dyn Fn() -> ByteStream + Send>;

/// A source that did not arrive.
#[derive(Debug, Error)]
pub enum UploadError {
    /// The client can't attach to the step.
    #[error(transparent)]
    Attach(#[from] ApiError),
    /// The source can't be read here. The build can't go on.
    #[error("the source can't be read")]
    Source(#[source] io::Error),
    /// The connection ended before the receiver had confirmed the source. Whether it has got it is seen from the end of
    /// the step.
    #[error("the upload ended after {sent} bytes without a confirmation{}", colon(.words))]
    Cut {
        /// The bytes that were sent.
        sent: u64,
        /// The receiver's words, if it had any.
        words: String,
    },
}

fn colon(words: &str) -> String {
    if words.is_empty() {
        String::new()
    } else {
        format!(": {words}")
    }
}

/// Sends the source to a pod whose step `prepare` runs, and returns its length. The numbers in `progress` are the bytes
/// so far.
///
/// Output is read while input is written: a receiver that gives up writes why.
pub(crate) async fn upload(
    pods: Api<Pod>,
    pod: String,
    operation: Operation,
    source: ByteStream,
    progress: mpsc::UnboundedSender<u64>,
) -> Result<u64, UploadError> {
    let params = AttachParams::default()
        .container(Step::Prepare.container())
        .stdin(true)
        .max_stdin_buf_size(BUFFER);
    let mut attached = attach(&pods, &pod, &params, &operation).await?;
    // The connection ends when `attached` is dropped.
    let (stdin, stdout, stderr) = (attached.stdin(), attached.stdout(), attached.stderr());
    let status = attached.take_status();
    let mut sending = Sending {
        sent: 0,
        reported: Instant::now(),
        progress,
    };
    let errors = Mutex::default();
    let confirmation = {
        let transfer = pin!(transfer(
            sending.write(stdin, source),
            receive(stdout, stderr, &errors)
        ));
        // The pipes of a connection that has failed stay open, so its end has to be watched.
        let ended = pin!(OptionFuture::from(status));
        match select(transfer, ended).await {
            Either::Left((confirmation, _)) => confirmation?,
            Either::Right((_, transfer)) => timeout(REST, transfer).await.unwrap_or(Ok(None))?,
        }
    };
    match confirmation {
        Some(_) => Ok(sending.sent),
        None => Err(UploadError::Cut {
            sent: sending.sent,
            words: text(&errors),
        }),
    }
}

/// Writes all, then waits for the confirmation. Output before the end of the input is none: the receiver has given up,
/// or the connection has ended.
async fn transfer(
    write: impl Future<Output = Result<(), UploadError>>,
    output: impl Future<Output = Option<String>>,
) -> Result<Option<String>, UploadError> {
    match select(pin!(write), pin!(output)).await {
        Either::Left((written, output)) => {
            written?;
            Ok(timeout(CONFIRMATION, output).await.unwrap_or_default())
        }
        Either::Right(_) => Ok(None),
    }
}

/// Attaches to the step. Nothing was sent yet, so a failure of the moment is tried again: the step waits.
async fn attach(
    pods: &Api<Pod>,
    pod: &str,
    params: &AttachParams,
    operation: &Operation,
) -> Result<AttachedProcess, ApiError> {
    let mut tries = 1;
    loop {
        match answer(operation, pods.attach(pod, params)).await {
            Err(error) if error.is_temporary() && tries < ATTACHES => sleep(PAUSE).await,
            attached => return attached,
        }
        tries += 1;
    }
}

struct Sending {
    sent: u64,
    reported: Instant,
    progress: mpsc::UnboundedSender<u64>,
}

impl Sending {
    /// Writes all of the source, as far as the connection takes it.
    async fn write(
        &mut self,
        stdin: Option<impl AsyncWrite + Unpin>,
        mut source: ByteStream,
    ) -> Result<(), UploadError> {
        let Some(mut stdin) = stdin else {
            return Ok(());
        };
        while let Some(bytes) = source.next().await {
            let bytes = bytes.map_err(UploadError::Source)?;
            if stdin.write_all(&bytes).await.is_err() {
                // The connection has ended; its output has the reason.
                return Ok(());
            }
            self.sent += bytes.len() as u64;
            self.report();
        }
        // The end is an own message of the protocol; the connection stays open for the confirmation.
        let _ = stdin.shutdown().await;
        Ok(())
    }

    fn report(&mut self) {
        if self.reported.elapsed() >= INTERVAL {
            self.reported = Instant::now();
            // The receiver is gone only if the upload is about to be dropped.
            let _ = self.progress.unbounded_send(self.sent);
        }
    }
}

/// Reads until the first line of the output, or until the connection ends.
async fn receive(
    stdout: Option<impl AsyncRead + Unpin>,
    stderr: Option<impl AsyncRead + Unpin>,
    errors: &Mutex<Vec<u8>>,
) -> Option<String> {
    match select(pin!(first_line(stdout)), pin!(drain(stderr, errors))).await {
        Either::Left((None, errors)) => {
            errors.await;
            None
        }
        Either::Left((line, _)) => line,
        Either::Right(((), line)) => line.await,
    }
}

async fn first_line(stdout: Option<impl AsyncRead + Unpin>) -> Option<String> {
    let mut line = Vec::new();
    BufReader::new(stdout?)
        .take(WORDS as u64)
        .read_until(b'\n', &mut line)
        .await
        .ok()?;
    let line = line.strip_suffix(b"\n")?;
    Some(String::from_utf8_lossy(line).into_owned())
}

/// Reads all, and keeps the beginning: what is not read would stop the connection.
async fn drain(stderr: Option<impl AsyncRead + Unpin>, kept: &Mutex<Vec<u8>>) {
    let Some(mut stderr) = stderr else {
        return;
    };
    let mut buffer = [0; 1024];
    while let Ok(length @ 1..) = stderr.read(&mut buffer).await {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let room = WORDS - kept.len();
        kept.extend_from_slice(&buffer[..length.min(room)]);
    }
}

fn text(errors: &Mutex<Vec<u8>>) -> String {
    let errors = errors.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&errors).trim().to_owned()
}
