//! A source that is always there, and a sink for events that nobody looks at.

use std::path::PathBuf;

use s2i_build::{
    BuildContext, SourceError,
    event::{Event, EventSink},
    facts::SourceFacts,
    ports::SourceReader,
    request::SourceRequest,
    source::Fetched,
};

/// A directory with facts made by hand.
#[derive(Clone, Debug)]
pub struct FixedSource {
    /// The directory.
    pub root: PathBuf,
    /// What it says about itself.
    pub facts: SourceFacts,
}

impl SourceReader for FixedSource {
    async fn fetch(
        &self,
        _request: &SourceRequest,
        _context: BuildContext<'_>,
    ) -> Result<Fetched, SourceError> {
        Fetched::from_parts(&self.root, self.facts.clone())
    }
}

/// Takes events and drops them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quiet;

impl EventSink for Quiet {
    fn event(&self, _event: Event) {}
}
