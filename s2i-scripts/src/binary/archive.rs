//! Unpacks what a source brings packed.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use cap_std::{ambient_authority, fs::Dir};
use flate2::read::MultiGzDecoder;
use s2i_core::{
    ErrorChain,
    archive::{Limits, unpack},
};
use zip::{ZipArchive, read::ZipFile};

use super::{
    Error as BinaryError,
    inspect::{Packing, is_tar},
};
use crate::Error;

/// The most bytes that an archive may hold.
const MOST: u64 = 16 << 30;

/// The most entries.
const MOST_ENTRIES: usize = 200_000;

/// Unpacks a file into a directory that is made for it.
///
/// # Errors
/// When it can't be unpacked, or something in it leads elsewhere.
pub(super) fn extract(file: &Path, packing: Packing, into: &Path) -> Result<(), Error> {
    fs::create_dir_all(into).map_err(Error::file("make the directory", into.display()))?;
    let refuse = |problem: String| -> Error {
        let path = file.display().to_string();
        BinaryError::Archive { path, problem }.into()
    };
    let open = || File::open(file).map_err(Error::file("read", file.display()));
    let result = match packing {
        Packing::Tar => tar(&mut BufReader::new(open()?), into),
        Packing::Gzip => gzip(file, open()?, into),
        Packing::Zip => zip(open()?, into),
        Packing::Other(name) => Err(format!(
            "it is packed with {name}, and only tar, gzip and zip can be unpacked here"
        )),
    };
    result.map_err(refuse)
}

fn tar(archive: &mut dyn BufRead, into: &Path) -> Result<(), String> {
    let directory =
        Dir::open_ambient_dir(into, ambient_authority()).map_err(|err| err.to_string())?;
    let limits = Limits {
        bytes: MOST,
        entries: MOST_ENTRIES as u64,
        ..Limits::default()
    };
    unpack(archive, &directory, &limits).map_err(|err| ErrorChain(&err).to_string())?;
    Ok(())
}

/// A tar archive, or one file, which is called as the packed one without its ending.
fn gzip(file: &Path, packed: File, into: &Path) -> Result<(), String> {
    let text = |err: io::Error| err.to_string();
    let mut plain = MultiGzDecoder::new(BufReader::new(packed));
    let mut head = Vec::new();
    (&mut plain)
        .take(512)
        .read_to_end(&mut head)
        .map_err(text)?;
    let is_archive = is_tar(&head);
    let plain = io::Cursor::new(head).chain(plain);
    if is_archive {
        return tar(&mut BufReader::new(plain), into);
    }
    let name = file.file_stem().unwrap_or_default();
    let mut to = File::create(into.join(name)).map_err(text)?;
    let copied = io::copy(&mut plain.take(MOST), &mut to).map_err(text)?;
    if copied == MOST {
        return Err("it holds more than can be".into());
    }
    Ok(())
}

fn zip(packed: File, into: &Path) -> Result<(), String> {
    let mut archive = ZipArchive::new(BufReader::new(packed)).map_err(|err| err.to_string())?;
    if archive.len() > MOST_ENTRIES {
        return Err("it has too many entries".into());
    }
    let mut left = MOST;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|err| err.to_string())?;
        let name = entry.name().to_owned();
        let copied =
            zip_entry(&mut entry, into, left).map_err(|problem| format!("`{name}`: {problem}"))?;
        left = left.saturating_sub(copied);
    }
    Ok(())
}

fn zip_entry<R: Read + ?Sized>(
    entry: &mut ZipFile<'_, R>,
    into: &Path,
    left: u64,
) -> Result<u64, String> {
    let text = |err: io::Error| err.to_string();
    // No link is made, so nothing leads out but a name.
    let name = entry.enclosed_name().ok_or("its name leads elsewhere")?;
    let path = into.join(name);
    if entry.is_dir() {
        fs::create_dir_all(&path).map_err(text)?;
        return Ok(0);
    }
    if entry.is_symlink() {
        return Err("it is a link".into());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(text)?;
    }
    let mode = entry.unix_mode();
    let mut file = File::create_new(&path).map_err(text)?;
    let copied = io::copy(&mut entry.take(left), &mut file).map_err(text)?;
    if copied == left {
        return Err("the archive holds more than can be".into());
    }
    if mode.is_some_and(|mode| mode & 0o111 != 0) {
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&path, executable).map_err(text)?;
    }
    Ok(copied)
}
