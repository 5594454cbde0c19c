//! Transfers of data that take time: images, layers, archives and sources, and the amount that was moved so far.

use std::{
    fmt,
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{
    StreamExt as _, TryStreamExt as _,
    future::{Either, ready, select},
};
use serde::Serialize;

use crate::{
    event::{Event, EventSink, Progress},
    stream::ArchiveStream,
};

/// The time between two events of a transfer. A transfer that takes less time has only its last one.
const INTERVAL: Duration = Duration::from_millis(100);

/// The purpose of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransferKind {
    /// An image from a registry into the engine.
    Pull,
    /// A layer that is compressed for a push.
    Compress,
    /// An image from the engine into a registry.
    Push,
    /// An archive of images into the engine.
    Load,
    /// Source, scripts and other input into a container.
    Upload,
    /// A layer that is unpacked for a container.
    Unpack,
}

impl fmt::Display for TransferKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// The state of a transfer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Transfer {
    /// The purpose.
    pub kind: TransferKind,
    /// The name of the layer, if layers are transfers of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<String>,
    /// The present work on the layer in the words of the engine, as `Downloading`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The number of bytes that were moved. It decreases when a transfer begins again.
    pub bytes: u64,
    /// The number of bytes that are expected, if it is known. Some engines estimate it, so that `bytes` may be more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
}

/// The reporter of a transfer, which ends when this is dropped.
pub struct TransferReporter<'a> {
    sink: &'a dyn EventSink,
    state: Mutex<State>,
}

struct State {
    transfer: Transfer,
    /// The time of the last event, or of the start.
    reported: Instant,
}

impl<'a> TransferReporter<'a> {
    /// Creates a reporter for the sink. `layer` and `status` are those of the [`Transfer`].
    pub(crate) fn new(
        sink: &'a dyn EventSink,
        kind: TransferKind,
        layer: Option<String>,
        status: Option<String>,
    ) -> Self {
        let transfer = Transfer {
            kind,
            layer,
            status,
            bytes: 0,
            total: None,
        };
        let reported = Instant::now();
        let state = Mutex::new(State { transfer, reported });
        Self { sink, state }
    }

    /// Reports the number of bytes that were moved, and the expected number. It may be called for each piece: most calls
    /// send no event.
    pub fn report(&self, bytes: u64, total: Option<u64>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.transfer.bytes = bytes;
        state.transfer.total = total;
        if state.reported.elapsed() >= INTERVAL {
            state.reported = Instant::now();
            self.sink.event(Event::Transfer(state.transfer.clone()));
        }
    }

    /// Returns whether the layer is in this state.
    #[must_use]
    pub fn has_status(&self, status: Option<&str>) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.transfer.status.as_deref() == status
    }
}

impl Drop for TransferReporter<'_> {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        let transfer = &state.unwrap_or_else(PoisonError::into_inner).transfer;
        self.sink.event(Event::TransferEnded(transfer.clone()));
    }
}

/// Passes an archive to `consume` and reports its bytes as a transfer. `total` is the length of the archive, if it is
/// known.
pub async fn reported<T>(
    archive: ArchiveStream<'static>,
    kind: TransferKind,
    total: Option<u64>,
    progress: &Progress<'_>,
    consume: impl AsyncFnOnce(ArchiveStream<'static>) -> T,
) -> T {
    let reporter = progress.transfer(kind);
    let bytes = Arc::new(AtomicU64::new(0));
    let (sender, pieces) = futures_channel::mpsc::unbounded();
    let sum = Arc::clone(&bytes);
    let counted = archive.inspect_ok(move |piece| {
        sum.fetch_add(piece.len() as u64, Ordering::Relaxed);
        let _ = sender.unbounded_send(());
    });
    let report = || reporter.report(bytes.load(Ordering::Relaxed), total);
    let forward = pieces.for_each(|()| {
        report();
        ready(())
    });
    // The connection of an engine may keep the archive after the end.
    let done = match select(pin!(consume(counted.boxed())), pin!(forward)).await {
        Either::Left((done, _)) => done,
        Either::Right(((), consuming)) => consuming.await,
    };
    report();
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transfer_ends_with_its_last_amount() {
        let events = Mutex::new(Vec::new());
        let sink = |event| events.lock().unwrap().push(event);
        let progress = Progress::new(&sink);
        let transfer = progress.transfer(TransferKind::Upload);
        for bytes in 1..=100_000 {
            transfer.report(bytes, Some(100_000));
        }
        drop(transfer);
        let mut events = events.into_inner().unwrap();
        let Some(Event::TransferEnded(last)) = events.pop() else {
            panic!("{events:?}");
        };
        assert_eq!((last.bytes, last.total), (100_000, Some(100_000)));
        assert!(events.len() < 1000, "{} events", events.len());
    }

    #[test]
    fn archive_is_counted_while_it_is_consumed() {
        let events = Mutex::new(Vec::new());
        let sink = |event| events.lock().unwrap().push(event);
        let progress = Progress::new(&sink);
        let archive = crate::stream::pieces_of(|out| out.write_all(&vec![7; 1_000_000]));
        let consumed = reported(
            archive,
            TransferKind::Load,
            None,
            &progress,
            async |archive| {
                archive
                    .try_fold(0, async |sum, piece| Ok(sum + piece.len()))
                    .await
            },
        );
        assert_eq!(pollster::block_on(consumed).unwrap(), 1_000_000);
        let events = events.into_inner().unwrap();
        let Some(Event::TransferEnded(last)) = events.last() else {
            panic!("{events:?}");
        };
        assert_eq!((last.kind, last.bytes), (TransferKind::Load, 1_000_000));
    }
}
