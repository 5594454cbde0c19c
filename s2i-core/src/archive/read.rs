//! The reader that nothing escapes from.

use std::{
    ffi::OsStr,
    io::{BufRead, Write},
    time::{Duration, SystemTime},
};

use cap_std::fs::Dir;

use super::{
    ArchiveFault, EntryFault, Limits, UnpackError,
    entry::{Entries, Entry, Kind},
    grammar::shown,
    input::Input,
    jail::{Jail, Place, set_owner},
    name,
};

/// What was unpacked.
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
/// What was unpacked before an error stays; the caller drops the directory.
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

/// What [`unpack_selected`] takes out of an archive, and how.
pub struct Selection<'s> {
    /// Asked for every entry; those that it declines are read over, with whatever name they have.
    pub wants: &'s mut dyn FnMut(&Entry) -> bool,
    /// How many leading components names, and the targets of hard links, lose. Entries with no more
    /// than these are read over.
    pub strip: usize,
    /// Whether files and directories get the owner that the archive names. Only root can give files
    /// away. Symbolic links belong to who unpacks.
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
    let mut entries = Entries::new(Input::new(archive), limits);
    let mut jail = Jail::new(into);
    let mut done = Unpacked::default();
    while let Some(entry) = entries.next_entry()? {
        done.entries += 1;
        done.bytes = match done.bytes.checked_add(entry.size) {
            Some(bytes) if bytes <= limits.bytes => bytes,
            _ => return Err(ArchiveFault::Bytes(limits.bytes).into()),
        };
        unpack_entry(
            &entry,
            &mut entries.input,
            &mut jail,
            limits,
            &mut selection,
        )?;
    }
    jail.leave(0)?;
    Ok(done)
}

fn unpack_entry(
    entry: &Entry,
    input: &mut Input<'_>,
    jail: &mut Jail<'_>,
    limits: &Limits,
    selection: &mut Selection<'_>,
) -> Result<(), UnpackError> {
    if !(selection.wants)(entry) {
        return input.contents(entry.size, |_| Ok(()));
    }
    let refuse = |fault| entry.refuse(fault);
    let components = name::components(&entry.name, limits.path).map_err(refuse)?;
    if selection.strip > 0 && components.len() <= selection.strip {
        return input.contents(entry.size, |_| Ok(()));
    }
    let components = &components[selection.strip..];
    let owner = entry.owner.filter(|_| selection.keeps_owners);
    let Some((name, parents)) = components.split_last() else {
        return match entry.kind {
            Kind::Directory => Ok(()),
            _ => Err(refuse(EntryFault::Root)),
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
            let target = name::os(&entry.target).map_err(refuse)?;
            jail.symlink(&place, target)
        }
        Kind::HardLink => {
            let target = hard_link_target(entry, limits, selection.strip)?;
            if target == components {
                return Err(refuse(EntryFault::TargetItself));
            }
            jail.hard_link(&place, &target)
        }
        Kind::File => unpack_file(&place, owner, input, jail),
    }
}

fn unpack_file(
    place: &Place<'_>,
    owner: Option<(u32, u32)>,
    input: &mut Input<'_>,
    jail: &mut Jail<'_>,
) -> Result<(), UnpackError> {
    let entry = place.entry;
    let mut file = jail.file(place, entry.mode & 0o777)?;
    input.contents(entry.size, |piece| {
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
    let fault = match name::components(&entry.target, limits.path) {
        Ok(components) if components.len() <= strip => {
            EntryFault::TargetNotFile(shown(&entry.target))
        }
        Ok(mut components) => return Ok(components.split_off(strip)),
        Err(fault) => EntryFault::Target {
            target: shown(&entry.target),
            fault: Box::new(fault),
        },
    };
    Err(entry.refuse(fault))
}

/// The entry's time, where the platform can express it.
fn modified(entry: &Entry) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(entry.mtime))
}
