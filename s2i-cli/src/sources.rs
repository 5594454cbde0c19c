//! The reader of sources and scripts: directories and Git by the library, scripts of servers here.

use std::collections::BTreeMap;

use s2i_build::{
    BuildContext, SourceError,
    ports::SourceReader,
    request::SourceRequest,
    source::{Fetched, LocalAndGit, platform::Platform},
};
use s2i_core::{Script, ScriptsUrl, bounds};
use s2i_oci::download::Downloader;

use crate::host::Host;

/// The reader of this process.
pub(crate) struct Sources {
    files: LocalAndGit,
    /// The authorities to trust beside those of the system, in PEM.
    extra_ca: Option<String>,
}

impl Sources {
    /// Creates the reader with the directories of this process.
    pub(crate) fn new(host: &Host, extra_ca: Option<String>) -> Self {
        let files = LocalAndGit {
            working_dir: host.working_dir.clone(),
            temp_dir: host.temp_dir.clone(),
            git: || s2i_native::supervised_command("git"),
            platform: Platform::from_variables(|name| {
                let value = host.variables.get(name)?;
                String::from_utf8(value).ok()
            }),
        };
        Self { files, extra_ca }
    }
}

impl SourceReader for Sources {
    async fn fetch(
        &self,
        request: &SourceRequest,
        context: BuildContext<'_>,
    ) -> Result<Fetched, SourceError> {
        self.files.fetch(request, context).await
    }

    async fn fetch_scripts(
        &self,
        url: &ScriptsUrl,
        scripts: &[Script],
        context: BuildContext<'_>,
    ) -> Result<BTreeMap<Script, Vec<u8>>, SourceError> {
        let mut files = BTreeMap::new();
        let mut client = None;
        for script in scripts {
            let Some(address) = url.address(*script) else {
                return self.files.fetch_scripts(url, scripts, context).await;
            };
            let failed = |err: s2i_oci::download::DownloadError| SourceError::Scripts {
                url: format!("{url}/{script}"),
                source: err.into(),
            };
            let client = match &client {
                Some(client) => client,
                None => client.insert(Downloader::new(self.extra_ca.as_deref()).map_err(failed)?),
            };
            if let Some(text) = client.get(&address, bounds::FILE).await.map_err(failed)? {
                files.insert(*script, text);
            }
        }
        Ok(files)
    }
}
