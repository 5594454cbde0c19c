//! The events about an object.

use k8s_openapi::{api::core::v1::Event, jiff::Timestamp};

use crate::job::Step;

/// The events of one object with one reason.
#[derive(Clone, Debug)]
pub(crate) struct Events<'a>(Vec<&'a Event>);

impl<'a> Events<'a> {
    /// Returns the events with one of the reasons about the object with this id.
    pub(crate) fn about(events: &'a [Event], uid: Option<&str>, reasons: &[&str]) -> Self {
        let about = |event: &&Event| {
            let reason = event.reason.as_deref().unwrap_or_default();
            event.involved_object.uid.as_deref() == uid && reasons.contains(&reason)
        };
        Self(events.iter().filter(about).collect())
    }

    /// Returns those about the container of a step.
    pub(crate) fn of_step(self, step: Step) -> Self {
        let container = format!("{{{}}}", step.container());
        let is = |event: &&Event| {
            event
                .involved_object
                .field_path
                .as_deref()
                .is_some_and(|path| path.ends_with(&container))
        };
        Self(self.0.into_iter().filter(is).collect())
    }

    /// Returns how often it happened: equal events are one with a number.
    pub(crate) fn count(&self) -> u64 {
        let counts = self.0.iter().map(|event| {
            let series = event.series.as_ref().and_then(|series| series.count);
            series.or(event.count).unwrap_or(1).max(1).unsigned_abs()
        });
        counts.map(u64::from).sum()
    }

    /// Returns the text of the last one.
    pub(crate) fn last(&self) -> Option<&'a str> {
        let last = self.0.iter().max_by_key(|event| time(event))?;
        last.message.as_deref()
    }

    /// Returns those that are not older than all of the others.
    pub(crate) fn since(self, others: &Self) -> Self {
        let newest = others.0.iter().filter_map(|event| time(event)).max();
        Self(
            self.0
                .into_iter()
                .filter(|event| time(event) >= newest)
                .collect(),
        )
    }

    /// Returns the longest text. Of several events about one failure, it is the one with the cause.
    pub(crate) fn longest(&self) -> Option<&'a str> {
        let texts = self.0.iter().filter_map(|event| event.message.as_deref());
        texts.max_by_key(|text| text.len())
    }
}

/// Returns when the event happened, or happened last.
fn time(event: &Event) -> Option<Timestamp> {
    let series = event
        .series
        .as_ref()
        .and_then(|series| series.last_observed_time.as_ref())
        .map(|time| time.0);
    let last = event.last_timestamp.as_ref().map(|time| time.0);
    series
        .or(last)
        .or_else(|| event.event_time.as_ref().map(|time| time.0))
}
