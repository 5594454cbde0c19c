//! `save-artifacts`: writes the caches of the image to the standard output, as a tar stream.
//!
//! Nothing else ever goes there. The next build finds in its artifacts what is in `cache/` here. The end of the archive is written only when everything before it
//! was, so that a cut or failed one is never taken for a whole one.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _},
    path::Path,
};

use s2i_core::archive::Writer;

use crate::{Error, Host, assembly::tree, variables};

/// Saves the caches; an image without any gives an empty archive.
pub(super) fn save_artifacts(host: &mut Host<'_>) -> Result<(), Error> {
    let cache = host.places()?.cache();
    let cache = Path::new(cache.as_str());
    let epoch = host.epoch()?;
    let roots = if cache.is_dir() {
        tree::children(cache)?
    } else {
        Vec::new()
    };
    if roots.is_empty() {
        let path = cache.display();
        host.console.note(format_args!(
            "save-artifacts: there is nothing in {path}; builds with --incremental or {}=true keep caches",
            variables::KEEP_CACHE
        ));
    }
    let mut archive = Writer::new(host.console.data(), epoch);
    for root in roots {
        let name = root.file_name().unwrap_or_default().as_bytes().to_owned();
        add(&mut archive, &root, &name)?;
    }
    let failed = |source| Error::Save {
        path: cache.display().to_string(),
        source,
    };
    archive.finish().map(drop).map_err(failed)
}

fn add<W: Write>(archive: &mut Writer<W>, path: &Path, name: &[u8]) -> Result<(), Error> {
    let data = tree::stat(path)?;
    let mode = data.permissions().mode() & 0o777;
    let failed = |source| Error::Save {
        path: path.display().to_string(),
        source,
    };
    if data.is_dir() {
        archive.directory(name, mode).map_err(failed)?;
        for child in tree::children(path)? {
            let last = child.file_name().unwrap_or_default().as_bytes();
            add(archive, &child, &[name, b"/", last].concat())?;
        }
    } else if data.is_file() {
        let mut content = File::open(path).map_err(failed)?;
        archive
            .file(name, mode, data.len(), &mut content)
            .map_err(failed)?;
    } else if data.is_symlink() {
        let target = fs::read_link(path).map_err(failed)?;
        archive
            .symlink(name, target.as_os_str().as_bytes())
            .map_err(failed)?;
    }
    Ok(())
}
