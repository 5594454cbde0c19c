//! Unpacks an archive without following its links.

use std::{
    ffi::OsStr,
    fs,
    io::{self, BufRead, BufReader, Write},
    os::unix::ffi::OsStrExt as _,
    path::Path,
    time::{Duration, SystemTime},
};

use cap_std::{ambient_authority, fs::Dir};

use super::{
    EntryFault, Limits, Rules, UnpackError,
    entries::Entries,
    entry::{Entry, Kind},
    extractor::{EntryPath, Extractor},
    grammar::shown,
};

/// The buffer of a stream that is unpacked.
const BUFFER: usize = 256 << 10;

/// The number of entries and bytes that were unpacked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unpacked {
    /// Entries of all types.
    pub entries: u64,
    /// Bytes of file contents.
    pub bytes: u64,
}

/// Unpacks an uncompressed archive into `into` and reads the stream to its end. Contents go from the
/// stream's own buffer straight into files.
///
/// Files, directories, symbolic links and hard links are created; everything else is refused. Links are created with
/// any target, and never followed: an entry below one is refused, one of the same name replaces it. Of the modes, the
/// nine permission bits are kept. The owner is the user that unpacks. The directory itself keeps its mode and time even
/// where the archive has an entry for it, and so do existing directories that the archive has no entry for.
///
/// Files that were unpacked before an error stay; the caller removes the directory.
///
/// # Errors
/// [`UnpackError`].
pub fn unpack(
    archive: &mut dyn BufRead,
    into: &Dir,
    limits: &Limits,
) -> Result<Unpacked, UnpackError> {
    let mut entries = Entries::new(archive, &Rules::TREE, limits);
    let mut extractor = Extractor::new(into);
    let mut done = Unpacked::default();
    while let Some(entry) = entries.next_entry()? {
        done.entries += 1;
        unpack_entry(&entry, &mut entries, &mut extractor, limits)?;
    }
    extractor.leave(0)?;
    done.bytes = entries.bytes();
    Ok(done)
}

/// Unpacks an uncompressed archive, as [`unpack`] does, into the directory at a path, which is made if there is none.
///
/// # Errors
/// Errors of the file system and of the stream; [`UnpackError`] as the inner error.
pub fn unpack_to(path: &Path, archive: impl io::Read, limits: &Limits) -> io::Result<Unpacked> {
    fs::create_dir_all(path)?;
    let dir = Dir::open_ambient_dir(path, ambient_authority())?;
    let mut archive = BufReader::with_capacity(BUFFER, archive);
    unpack(&mut archive, &dir, limits).map_err(io::Error::other)
}

fn unpack_entry(
    entry: &Entry,
    entries: &mut Entries<'_>,
    extractor: &mut Extractor<'_>,
    limits: &Limits,
) -> Result<(), UnpackError> {
    let refuse = |fault| entry.refuse(fault);
    let components = Rules::TREE.components(&entry.name, limits);
    let components = components.map_err(refuse)?;
    let Some((name, parents)) = components.split_last() else {
        return match entry.kind {
            Kind::Directory => Ok(()),
            _ => Err(refuse(EntryFault::Root).into()),
        };
    };
    let path = EntryPath {
        entry,
        parents,
        name,
    };
    match entry.kind {
        Kind::Directory => extractor.directory(&path, entry.mode & 0o777, modified(entry)),
        Kind::Symlink => extractor.symlink(&path, OsStr::from_bytes(&entry.target)),
        Kind::HardLink => {
            let target = hard_link_target(entry, limits)?;
            if target == components {
                return Err(refuse(EntryFault::TargetItself).into());
            }
            extractor.hard_link(&path, &target)
        }
        // The rules let nothing else through.
        _ => unpack_file(&path, entries, extractor),
    }
}

fn unpack_file(
    path: &EntryPath<'_>,
    entries: &mut Entries<'_>,
    extractor: &mut Extractor<'_>,
) -> Result<(), UnpackError> {
    let entry = path.entry;
    let mut file = extractor.file(path, entry.mode & 0o777)?;
    entries.contents(entry, |_, piece| {
        file.write_all(piece).map_err(|err| path.failed(err))
    })?;
    match modified(entry) {
        Some(time) => file.set_modified(time).map_err(|err| path.failed(err)),
        None => Ok(()),
    }
}

/// The target of a hard link is the name of an earlier entry, so the same rules hold.
fn hard_link_target<'e>(entry: &'e Entry, limits: &Limits) -> Result<Vec<&'e OsStr>, UnpackError> {
    let target = || shown(&entry.target);
    let fault = match Rules::TREE.components(&entry.target, limits) {
        Ok(components) if components.is_empty() => EntryFault::TargetNotFile(target()),
        Ok(components) => return Ok(components),
        Err(fault) => EntryFault::Target {
            target: target(),
            fault: Box::new(fault),
        },
    };
    Err(entry.refuse(fault).into())
}

/// The entry's time, where the platform can express it.
fn modified(entry: &Entry) -> Option<SystemTime> {
    let start = SystemTime::UNIX_EPOCH;
    let seconds = Duration::from_secs(entry.mtime.seconds.unsigned_abs());
    let second = if entry.mtime.seconds < 0 {
        start.checked_sub(seconds)
    } else {
        start.checked_add(seconds)
    };
    second?.checked_add(Duration::from_nanos(entry.mtime.nanoseconds.into()))
}
