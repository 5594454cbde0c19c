//! The artifacts of one build for the next one, in a directory that the user keeps.
//!
//! It takes the place of the previous image where no image stays on the machine, as in jobs of a CI system, which
//! restore a directory before a job and store it after it.

use std::{
    fs::{self, File, Permissions},
    io::{self, BufReader, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use futures_util::StreamExt as _;
use s2i_core::bounds::Limits;
use tempfile::NamedTempFile;

use crate::stream::{ArchiveStream, blocking, pieces_of};

/// The name of the archive in the directory.
const ARTIFACTS: &str = "artifacts.tar";

/// The start of the names of unfinished archives.
const UNFINISHED: &str = ".artifacts-";

/// The age of an unfinished archive that only a killed build can have left.
const OLD: Duration = Duration::from_secs(24 * 60 * 60);

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

    /// Returns the path of the archive.
    #[must_use]
    pub fn archive(&self) -> PathBuf {
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
    /// At most [`Limits::bytes`] are written.
    pub(crate) async fn write(&self, mut archive: ArchiveStream<'_>) -> io::Result<NewArtifacts> {
        let dir = self.0.clone();
        let create = move || {
            fs::create_dir_all(&dir)?;
            remove_old(&dir);
            NamedTempFile::with_prefix_in(UNFINISHED, dir)
        };
        let mut file = blocking(create).await??;
        let (mut failed, mut left) = (None, Limits::default().bytes);
        // The archive is read to its end in any case: the container sends nothing else before.
        while let Some(piece) = archive.next().await {
            let piece = piece?;
            match left.checked_sub(piece.len() as u64) {
                Some(rest) => left = rest,
                None => failed = failed.or_else(|| Some(io::ErrorKind::FileTooLarge.into())),
            }
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

/// Removes unfinished archives of builds that were killed. A failure only leaves them there.
fn remove_old(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let is_unfinished = entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(UNFINISHED.as_bytes());
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let age = modified.ok().and_then(|time| time.elapsed().ok());
        if is_unfinished && age.is_some_and(|age| age > OLD) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Artifacts that are not stored yet; they are removed when this is dropped.
pub(crate) struct NewArtifacts {
    file: NamedTempFile,
    path: PathBuf,
}

impl NewArtifacts {
    /// Stores the artifacts in place of those of the build before. Their group can read them: platforms run builds as
    /// any user, with the group 0.
    pub(crate) fn keep(self) -> io::Result<()> {
        let permissions = Permissions::from_mode(0o640);
        self.file.as_file().set_permissions(permissions)?;
        self.file.as_file().sync_data()?;
        self.file.persist(self.path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::{StreamExt as _, stream};

    use super::*;
    use crate::stream::block_on;

    fn archive(pieces: Vec<io::Result<Bytes>>) -> ArchiveStream<'static> {
        stream::iter(pieces).boxed()
    }

    fn names(dir: &Path) -> Vec<String> {
        let names = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name());
        names.map(|name| name.into_string().unwrap()).collect()
    }

    #[test]
    fn artifacts_are_replaced_only_when_they_are_kept() {
        let temp = tempfile::tempdir().unwrap();
        let cache = ArtifactCache::new(temp.path().join("new/dir"));
        assert!(!cache.has_artifacts());
        let write = |text: &'static [u8]| {
            let pieces = vec![Ok(Bytes::from_static(text))];
            block_on(cache.write(archive(pieces))).unwrap()
        };
        write(b"first").keep().unwrap();
        drop(write(b"second"));
        let cut = vec![
            Ok(Bytes::from_static(b"cut")),
            Err(io::ErrorKind::BrokenPipe.into()),
        ];
        assert!(block_on(cache.write(archive(cut))).is_err());
        let pieces: Vec<_> = block_on(cache.read().collect());
        let stored: Vec<_> = pieces
            .into_iter()
            .flat_map(|piece| piece.unwrap())
            .collect();
        assert_eq!(stored, b"first");
        assert_eq!(names(cache.dir()), [ARTIFACTS]);
    }

    #[test]
    fn unfinished_archive_of_a_killed_build_is_removed() {
        let temp = tempfile::tempdir().unwrap();
        for (name, age) in [("old", OLD * 2), ("new", Duration::ZERO)] {
            let file = File::create(temp.path().join(format!("{UNFINISHED}{name}"))).unwrap();
            file.set_modified(std::time::SystemTime::now() - age)
                .unwrap();
        }
        remove_old(temp.path());
        assert_eq!(names(temp.path()), [format!("{UNFINISHED}new")]);
    }
}
