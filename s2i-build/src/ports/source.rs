//! The port to sources.

use crate::{
    context::BuildContext,
    request::SourceRequest,
    source::{Fetched, SourceError},
};

/// Reads sources.
pub trait SourceReader: Send + Sync {
    /// Fetches the source of a request and collects the facts about it. The result gives access to its files.
    ///
    /// # Errors
    /// [`SourceError`]; nothing is left behind.
    fn fetch(
        &self,
        request: &SourceRequest,
        context: BuildContext<'_>,
    ) -> impl Future<Output = Result<Fetched, SourceError>> + Send;
}
