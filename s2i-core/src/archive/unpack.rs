//! The reader that nothing escapes from.

use std::{
    ffi::OsStr,
    io::{BufRead, Write},
    time::{Duration, SystemTime},
};

use cap_std::fs::Dir;

use super::{
    EntryFault, Limits, Rules, UnpackError,
    entries::Entries,
    entry::{Entry, Kind},
    grammar::shown,
    jail::{Jail, Place, set_owner},
    name::os,
};

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
/// Files, directories, symbolic links and hard links are made; everything else is refused. Links are
/// made with whatever target they have, and never followed: an entry below one is refused, one of the
/// same name replaces it. Of the modes, the nine permission bits are kept. The owner is who unpacks.
/// The directory itself keeps its mode and time even where the archive has an entry for it, and so do
/// directories that are there already and that the archive has no entry for.
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
    let selection = Selection {
        wants: &mut |_| true,
        strip: 0,
        keeps_owners: false,
    };
    unpack_selected(archive, into, limits, selection)
}

/// The part of an archive that [`unpack_selected`] takes, and the way in which it does.
pub struct Selection<'s> {
    /// Asked for every entry; those that it declines are read over, with whatever name they have.
    pub wants: &'s mut dyn FnMut(&Entry) -> bool,
    /// How many leading components names, and the targets of hard links, lose. Entries with no more
    /// than these are read over.
    pub strip: usize,
    /// Files and directories get the owner that the archive names. Only root can give files away. Symbolic links
    /// belong to the user that unpacks.
    pub keeps_owners: bool,
}

/// Unpacks some of an archive in the way of [`unpack`].
///
/// # Errors
/// [`UnpackError`].
pub fn unpack_selected(
    archive: &mut dyn BufRead,
    into: &Dir,
    limits: &Limits,
    mut selection: Selection<'_>,
) -> Result<Unpacked, UnpackError> {
    let mut entries = Entries::new(archive, &Rules::TREE, limits);
    let mut jail = Jail::new(into);
    let mut done = Unpacked::default();
    while let Some(entry) = entries.next_entry()? {
        done.entries += 1;
        unpack_entry(&entry, &mut entries, &mut jail, limits, &mut selection)?;
    }
    jail.leave(0)?;
    done.bytes = entries.bytes();
    Ok(done)
}

fn unpack_entry(
    entry: &Entry,
    entries: &mut Entries<'_>,
    jail: &mut Jail<'_>,
    limits: &Limits,
    selection: &mut Selection<'_>,
) -> Result<(), UnpackError> {
    if !(selection.wants)(entry) {
        return Ok(());
    }
    let refuse = |fault| entry.refuse(fault);
    let components = Rules::TREE
        .components(&entry.name, limits)
        .map_err(refuse)?;
    if selection.strip > 0 && components.len() <= selection.strip {
        return Ok(());
    }
    let components = &components[selection.strip..];
    let owner = selection.keeps_owners.then_some((entry.uid, entry.gid));
    let Some((name, parents)) = components.split_last() else {
        return match entry.kind {
            Kind::Directory => Ok(()),
            _ => Err(refuse(EntryFault::Root).into()),
        };
    };
    let place = Place {
        entry,
        parents,
        name,
    };
    match entry.kind {
        Kind::Directory => jail.directory(&place, owner, entry.mode & 0o777, modified(entry)),
        Kind::Symlink => {
            let target = os(&entry.target).map_err(refuse)?;
            jail.symlink(&place, target)
        }
        Kind::HardLink => {
            let target = hard_link_target(entry, limits, selection.strip)?;
            if target == components {
                return Err(refuse(EntryFault::TargetItself).into());
            }
            jail.hard_link(&place, &target)
        }
        // The rules let nothing else through.
        _ => unpack_file(&place, owner, entries, jail),
    }
}

fn unpack_file(
    place: &Place<'_>,
    owner: Option<(u32, u32)>,
    entries: &mut Entries<'_>,
    jail: &mut Jail<'_>,
) -> Result<(), UnpackError> {
    let entry = place.entry;
    let mut file = jail.file(place, entry.mode & 0o777)?;
    entries.contents(entry, |_, piece| {
        file.write_all(piece).map_err(|err| place.failed(err))
    })?;
    set_owner(&file, owner).map_err(|err| place.failed(err))?;
    match modified(entry) {
        Some(time) => file.set_modified(time).map_err(|err| place.failed(err)),
        None => Ok(()),
    }
}

/// The target of a hard link is the name of an earlier entry, so the same rules hold.
fn hard_link_target<'e>(
    entry: &'e Entry,
    limits: &Limits,
    strip: usize,
) -> Result<Vec<&'e OsStr>, UnpackError> {
    let fault = match Rules::TREE.components(&entry.target, limits) {
        Ok(components) if components.len() <= strip => {
            EntryFault::TargetNotFile(shown(&entry.target))
        }
        Ok(mut components) => return Ok(components.split_off(strip)),
        Err(fault) => EntryFault::Target {
            target: shown(&entry.target),
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
