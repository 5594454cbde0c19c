//! Unpacks archives and compressed files of a source.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read},
    os::unix::fs::PermissionsExt as _,
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
    inspect::{Format, is_tar},
};
use crate::{Error, assembly::tree};

/// The most bytes that an archive may hold.
const MAX_BYTES: u64 = 16 << 30;

/// The most entries that an archive may have.
const MAX_ENTRIES: usize = 200_000;

/// The problem of a file with more than [`MAX_BYTES`].
const TOO_LARGE: &str = "it holds 16 GiB or more";

/// Unpacks a file into a directory that is made for it.
pub(super) fn extract(file: &Path, format: Format, into: &Path) -> Result<(), Error> {
    tree::make_directory(into)?;
    let packed = File::open(file).map_err(Error::file("read", file.display()))?;
    let result = match format {
        Format::Tar => tar(&mut BufReader::new(packed), into),
        Format::Gzip => gzip(file, packed, into),
        Format::Zip => zip(packed, into),
        Format::Other(name) => Err(format!(
            "it is packed with {name}, and only tar, gzip and zip can be unpacked here"
        )),
    };
    result.map_err(|problem| {
        let path = file.display().to_string();
        BinaryError::Archive { path, problem }.into()
    })
}

fn tar(archive: &mut dyn BufRead, into: &Path) -> Result<(), String> {
    let directory = Dir::open_ambient_dir(into, ambient_authority()).map_err(text)?;
    let limits = Limits {
        bytes: MAX_BYTES,
        entries: MAX_ENTRIES as u64,
        ..Limits::default()
    };
    unpack(archive, &directory, &limits).map_err(|err| ErrorChain(&err).to_string())?;
    Ok(())
}

/// Unpacks a tar archive, or one file, which gets the name of the packed one without its ending.
fn gzip(file: &Path, packed: File, into: &Path) -> Result<(), String> {
    let mut plain = MultiGzDecoder::new(BufReader::new(packed));
    let mut head = Vec::new();
    let mut start = (&mut plain).take(512);
    start.read_to_end(&mut head).map_err(text)?;
    let is_archive = is_tar(&head);
    let plain = io::Cursor::new(head).chain(plain);
    if is_archive {
        return tar(&mut BufReader::new(plain), into);
    }
    let name = file.file_stem().unwrap_or_default();
    let mut to = File::create(into.join(name)).map_err(text)?;
    let copied = io::copy(&mut plain.take(MAX_BYTES), &mut to).map_err(text)?;
    if copied == MAX_BYTES {
        return Err(TOO_LARGE.into());
    }
    Ok(())
}

fn zip(packed: File, into: &Path) -> Result<(), String> {
    let mut archive = ZipArchive::new(BufReader::new(packed)).map_err(|err| err.to_string())?;
    if archive.len() > MAX_ENTRIES {
        return Err(format!("it has more than {MAX_ENTRIES} entries"));
    }
    let mut left = MAX_BYTES;
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
    // No link is made, so nothing leads out but a name.
    let name = entry.enclosed_name().ok_or("its path leaves the archive")?;
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
        return Err(TOO_LARGE.into());
    }
    if mode.is_some_and(|mode| mode & 0o111 != 0) {
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(text)?;
    }
    Ok(copied)
}

#[expect(clippy::needless_pass_by_value, reason = "it is for `map_err`")]
fn text(err: io::Error) -> String {
    err.to_string()
}
