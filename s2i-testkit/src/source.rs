//! A source for tests that always exists.

use std::path::PathBuf;

use s2i_build::{
    BuildContext, SourceError, facts::SourceFacts, ports::SourceReader, request::SourceRequest,
    source::Fetched,
};

/// A directory with given facts.
#[derive(Clone, Debug)]
pub struct FixedSource {
    /// The directory.
    pub root: PathBuf,
    /// The facts about it.
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
