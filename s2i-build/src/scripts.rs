//! Scripts that are neither in the source nor in an image: those of a URL.

use std::{collections::BTreeMap, io, path::Path};

use s2i_core::{Script, ScriptsUrl, bounds, image::Digest};
use serde::Serialize;

use crate::{
    source::SourceError,
    stream::{ArchiveStream, blocking, pieces_of},
};

/// The scripts of a URL, read once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptSet {
    /// The URL.
    pub url: ScriptsUrl,
    /// The scripts that were found there.
    pub files: BTreeMap<Script, Vec<u8>>,
}

/// A script of a URL and its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FetchedScript {
    /// The script.
    pub script: Script,
    /// The digest of its text, `sha256:` and 64 hexadecimal digits.
    pub digest: String,
}

impl ScriptSet {
    /// Returns the digests of the scripts.
    #[must_use]
    pub fn digests(&self) -> BTreeMap<Script, String> {
        let files = self.files.iter();
        files
            .map(|(script, text)| (*script, Digest::of(text).to_string()))
            .collect()
    }

    /// Returns these scripts as an archive of executable files.
    pub(crate) fn archive(&self, scripts: &[Script], mtime: u64) -> ArchiveStream<'static> {
        let files = self.files.iter();
        let files: Vec<_> = files
            .filter(|(script, _)| scripts.contains(script))
            .map(|(script, text)| (*script, text.clone()))
            .collect();
        pieces_of(move |out| {
            let mut archive = s2i_core::archive::Writer::new(out, mtime);
            for (script, text) in files {
                let size = text.len() as u64;
                archive.file(script.file_name(), 0o755, size, &mut &text[..])?;
            }
            archive.finish().map(drop)
        })
    }
}

/// Reads scripts of a directory of this machine. A script that does not exist is left out.
///
/// # Errors
/// [`SourceError::Io`] when one can't be read, or is larger than [`bounds::FILE`].
pub async fn read_directory(
    dir: &Path,
    scripts: &[Script],
) -> Result<BTreeMap<Script, Vec<u8>>, SourceError> {
    let (dir, scripts) = (dir.to_owned(), scripts.to_vec());
    let path = dir.clone();
    let read = blocking(move || read_all(&dir, &scripts)).await;
    read.map_err(SourceError::io("read", path))?
}

fn read_all(dir: &Path, scripts: &[Script]) -> Result<BTreeMap<Script, Vec<u8>>, SourceError> {
    let mut files = BTreeMap::new();
    for script in scripts {
        let path = dir.join(script.file_name());
        match bounds::read_file(&path, bounds::FILE) {
            Ok(text) => drop(files.insert(*script, text)),
            Err(err) if is_absent(&err) => {}
            Err(err) => return Err(SourceError::io("read", path)(err)),
        }
    }
    Ok(files)
}

fn is_absent(err: &io::Error) -> bool {
    matches!(
        err.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}
