//! The artifacts of one build for the next one, in a directory that the user keeps.
//!
//! It takes the place of the previous image where no image stays on the machine, as in jobs of a CI system, which
//! restore a directory before a job and store it after it.

use std::{
    fs::{self, File},
    io::{self, BufReader, Write as _},
    path::{Path, PathBuf},
};

use futures_util::StreamExt as _;
use tempfile::NamedTempFile;

use crate::stream::{ArchiveStream, blocking, pieces_of};

/// The name of the archive in the directory.
const ARTIFACTS: &str = "artifacts.tar";

/// The size of a read, in bytes.
const PIECE: usize = 256 * 1024;

/// A directory with the output of `save-artifacts` of the last build, as the file `artifacts.tar`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactCache(PathBuf);

impl ArtifactCache {
    /// The cache in this directory, which is made when artifacts are stored.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self(dir.into())
    }

    /// Returns the directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.0
    }

    /// Returns whether there are artifacts.
    #[must_use]
    pub fn has_artifacts(&self) -> bool {
        self.archive().is_file()
    }

    fn archive(&self) -> PathBuf {
        self.0.join(ARTIFACTS)
    }

    /// Returns the stored artifacts.
    pub(crate) fn read(&self) -> ArchiveStream<'static> {
        let path = self.archive();
        pieces_of(move |out| {
            let mut file = BufReader::with_capacity(PIECE, File::open(path)?);
            io::copy(&mut file, out).map(drop)
        })
    }

    /// Writes artifacts to a file beside the stored ones, which they replace by [`NewArtifacts::keep`].
    pub(crate) async fn write(&self, mut archive: ArchiveStream<'_>) -> io::Result<NewArtifacts> {
        let dir = self.0.clone();
        let create = move || {
            fs::create_dir_all(&dir)?;
            NamedTempFile::with_prefix_in(".artifacts-", dir)
        };
        let mut file = blocking(create).await??;
        let mut failed = None;
        // The archive is read to its end in any case: the container sends nothing else before.
        while let Some(piece) = archive.next().await {
            let piece = piece?;
            if failed.is_none() {
                let write = move || {
                    let written = file.write_all(&piece).err();
                    (file, written)
                };
                (file, failed) = blocking(write).await?;
            }
        }
        if let Some(err) = failed {
            return Err(err);
        }
        Ok(NewArtifacts {
            file,
            path: self.archive(),
        })
    }
}

/// Artifacts that are not stored yet; they are removed when this is dropped.
pub(crate) struct NewArtifacts {
    file: NamedTempFile,
    path: PathBuf,
}

impl NewArtifacts {
    /// Stores the artifacts in place of those of the build before.
    pub(crate) fn keep(self) -> io::Result<()> {
        self.file.as_file().sync_data()?;
        self.file.persist(self.path)?;
        Ok(())
    }
}
