//! The steps of a pull or a push as the engine reports them.

use std::collections::BTreeMap;

use bollard::models::{CreateImageInfo, ProgressDetail, PushImageInfo};
use s2i_build::{
    event::{Event, Progress},
    transfer::{TransferKind, TransferReporter},
};

/// The most layers whose transfers are reported at once, or counted for a push. An engine works on a few.
const MOST_LAYERS: usize = 256;

/// The layers that are being pulled, each by its name in the engine.
pub(crate) struct Pull<'a> {
    progress: &'a Progress<'a>,
    layers: BTreeMap<String, TransferReporter<'a>>,
}

impl<'a> Pull<'a> {
    pub(crate) fn new(progress: &'a Progress<'a>) -> Self {
        Self {
            progress,
            layers: BTreeMap::new(),
        }
    }

    /// Reports a step. One with amounts goes on with the work on its layer, and every other step ends it.
    pub(crate) fn step(&mut self, step: CreateImageInfo) {
        let CreateImageInfo { id, status, .. } = step;
        if let (Some(layer), Some((bytes, total))) = (&id, amounts(step.progress_detail)) {
            self.layer(layer, status, bytes, total);
            return;
        }
        if let Some(layer) = &id {
            self.layers.remove(layer);
        }
        let parts: Vec<_> = [id, status].into_iter().flatten().collect();
        self.progress.send(Event::Progress(parts.join(": ")));
    }

    fn layer(&mut self, layer: &str, status: Option<String>, bytes: u64, total: u64) {
        let known = self.layers.get(layer);
        if !known.is_some_and(|known| known.has_status(status.as_deref())) {
            self.layers.remove(layer);
            if self.layers.len() >= MOST_LAYERS {
                return;
            }
            let kind = TransferKind::Pull;
            let started = self.progress.layer_transfer(kind, layer.into(), status);
            self.layers.insert(layer.into(), started);
        }
        if let Some(transfer) = self.layers.get(layer) {
            transfer.report(bytes, Some(total));
        }
    }
}

/// The layers of a push, which is one transfer. The client of the API does not pass the names of layers on, so that they
/// are known by their sizes.
pub(crate) struct Push<'a> {
    progress: &'a Progress<'a>,
    transfer: Option<TransferReporter<'a>>,
    /// The number of bytes that were sent of the layers of each size.
    layers: BTreeMap<u64, u64>,
}

impl<'a> Push<'a> {
    pub(crate) fn new(progress: &'a Progress<'a>) -> Self {
        Self {
            progress,
            transfer: None,
            layers: BTreeMap::new(),
        }
    }

    /// Reports a step.
    pub(crate) fn step(&mut self, step: PushImageInfo) {
        let Some((bytes, total)) = amounts(step.progress_detail) else {
            let status = step.status.filter(|status| !status.is_empty());
            if let Some(status) = status {
                self.progress.send(Event::Progress(status));
            }
            return;
        };
        if self.layers.len() < MOST_LAYERS || self.layers.contains_key(&total) {
            self.layers.insert(total, bytes.min(total));
        }
        let sum = |sizes: &mut dyn Iterator<Item = u64>| sizes.fold(0, u64::saturating_add);
        let sent = sum(&mut self.layers.values().copied());
        let total = sum(&mut self.layers.keys().copied());
        let start = || self.progress.transfer(TransferKind::Push);
        let transfer = self.transfer.get_or_insert_with(start);
        transfer.report(sent, Some(total));
    }
}

/// Returns the number of bytes that were moved and that are expected, if a step has both.
fn amounts(detail: Option<ProgressDetail>) -> Option<(u64, u64)> {
    let detail = detail?;
    let bytes = u64::try_from(detail.current?).ok()?;
    let total = u64::try_from(detail.total?).ok()?;
    (total > 0).then_some((bytes, total))
}
