//! The port to sources.

use std::{collections::BTreeMap, io};

use s2i_core::{Script, ScriptsUrl};

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

    /// Reads those of the scripts that a directory or a server has. The default implementation has none of them.
    ///
    /// # Errors
    /// [`SourceError`] when it can't be found out whether there is a script, or one is larger than
    /// [`FILE`](s2i_core::bounds::FILE).
    fn fetch_scripts(
        &self,
        url: &ScriptsUrl,
        _scripts: &[Script],
        _context: BuildContext<'_>,
    ) -> impl Future<Output = Result<BTreeMap<Script, Vec<u8>>, SourceError>> + Send {
        let url = url.to_string();
        async {
            let source = io::Error::from(io::ErrorKind::Unsupported);
            Err(SourceError::Scripts {
                url,
                source: source.into(),
            })
        }
    }
}
