//! The request that unpacks an archive as its user.

use std::{
    fs,
    io::{self, BufRead as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use cap_std::{ambient_authority, fs::Dir};
use rustix::fs::CWD;
use s2i_core::{
    Account, ContainerPath, ErrorChain,
    archive::{self, Limits},
    wire::{Answer, Failure, FailureKind, OrFailure as _, Trailer},
};

use crate::{
    account::{act, give},
    input::{Archive, Frames},
};

/// Unpacks the archive that follows the request, as `account`, which the request calls `user`. Adds new directories
/// to `made`, the outermost first.
pub(crate) fn unpack(
    into: &ContainerPath,
    user: &str,
    account: &Account,
    frames: &mut Frames,
    made: &mut Vec<PathBuf>,
) -> Result<Answer, Failure> {
    let mut archive = Archive::new(frames);
    // A refusal is reported at once; the session skips the rest of the archive.
    let entries = try_unpack(into, user, account, &mut archive, made)?;
    Ok(Answer::Unpacked(Trailer {
        bytes: archive.bytes,
        entries,
    }))
}

fn try_unpack(
    into: &ContainerPath,
    user: &str,
    account: &Account,
    archive: &mut Archive<'_>,
    made: &mut Vec<PathBuf>,
) -> Result<u64, Failure> {
    let path = Path::new(into.as_str());
    let operation = &format!("can't unpack into `{into}` as `{user}`");
    if path.is_symlink() {
        // It would lead elsewhere, and the files there would not be removed in the end.
        let message =
            format!("`{into}` is a link in the image, and nothing is unpacked through links");
        return Err(Failure::new(FailureKind::BadArchive, message));
    }
    make(path, account, made).or_failure(operation)?;
    let work = || {
        // A program that had nothing to write, such as a `save-artifacts` that found nothing.
        if archive.fill_buf().or_failure(operation)?.is_empty() {
            return Ok(archive::Unpacked::default());
        }
        let dir = Dir::open_ambient_dir(path, ambient_authority()).or_failure(operation)?;
        archive::unpack(archive, &dir, &Limits::default()).map_err(|err| {
            let message = format!("can't unpack into `{into}`: {}", ErrorChain(&err));
            if err.is_refusal() {
                Failure::new(FailureKind::BadArchive, message)
            } else {
                Failure::os(message)
            }
        })
    };
    let unpacked = act(account, work).or_failure(operation)??;
    Ok(unpacked.entries)
}

/// Creates the directory for the account. Missing parents belong to root.
fn make(path: &Path, account: &Account, made: &mut Vec<PathBuf>) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        let missing = parent.ancestors().take_while(|above| !above.exists());
        for above in missing.collect::<Vec<_>>().into_iter().rev() {
            fs::DirBuilder::new().mode(0o755).create(above)?;
            made.push(above.to_owned());
        }
    }
    fs::DirBuilder::new().mode(0o755).create(path)?;
    made.push(path.to_owned());
    give(&CWD, path, account)
}
