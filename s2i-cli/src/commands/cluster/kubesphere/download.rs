//! A source that is one file of a web server, as a WAR or a program.

use std::{fs::File, io, path::Path};

use s2i_core::Secret;
use s2i_oci::download::Downloader;
use tempfile::TempDir;

use super::super::ClusterError;
use crate::{context::CommandContext, error::Error};

/// The name of a file whose address has none.
const UNNAMED: &str = "binary";

/// A file in a directory of its own, which is removed when this is dropped.
pub(super) struct Downloaded {
    dir: TempDir,
    /// The name.
    pub(super) name: String,
    /// The bytes.
    pub(super) size: u64,
}

impl Downloaded {
    /// Returns the directory with the file.
    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
    }
}

/// Downloads a file.
pub(super) async fn save(
    url: &Secret<String>,
    context: &CommandContext<'_>,
) -> Result<Downloaded, Error> {
    let name = name_of(url.reveal());
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| ClusterError::Download {
        file: name.clone(),
        source,
    };
    let made = || -> io::Result<_> {
        let dir = TempDir::new_in(&context.host.temp_dir)?;
        let file = File::create(dir.path().join(&name))?;
        Ok((dir, file))
    };
    let (dir, mut file) = made().map_err(|err| failed(err.into()))?;
    let client = Downloader::new(None).map_err(|err| failed(err.into()))?;
    let most = context.config.limits.get().bytes;
    let saved = client.save(url.reveal(), most, &mut file).await;
    let Some(size) = saved.map_err(|err| failed(err.into()))? else {
        return Err(failed("the server does not have it".into()).into());
    };
    Ok(Downloaded { dir, name, size })
}

/// Returns the last component of an address, without its query.
fn name_of(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let path = path.split_once("://").map_or(path, |(_, rest)| rest);
    let name = path.rsplit_once('/').map_or("", |(_, name)| name);
    let is_usable = !name.is_empty() && name.len() <= 255 && name != "." && name != "..";
    if is_usable && !name.chars().any(|c| c.is_control() || c == '\\') {
        name.to_owned()
    } else {
        UNNAMED.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_has_the_last_name_of_its_address() {
        for (url, name) in [
            ("https://a:b@example.org/x/shop.war?token=c/d", "shop.war"),
            ("https://example.org", UNNAMED),
            ("https://example.org/", UNNAMED),
            ("https://example.org/a/..", UNNAMED),
            ("https://example.org/a\u{1}b", UNNAMED),
        ] {
            assert_eq!(name_of(url), name, "{url}");
        }
    }
}
