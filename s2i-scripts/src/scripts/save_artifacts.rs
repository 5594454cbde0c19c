//! `save-artifacts`: writes the caches of the image to the standard output, as a tar stream.
//!
//! Nothing else ever goes there. The next build finds the content of `cache/` in its artifacts. The end of the
//! archive is written only when everything before it was, so that a cut or failed one is never taken for a whole one.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _},
    path::Path,
};

use s2i_core::archive::Writer;

use crate::{Error, Host, assembly::tree, variables};

/// Saves the caches; an image without any gives an empty archive.
pub(super) fn save_artifacts(host: &mut Host<'_>) -> Result<(), Error> {
    let cache = host.directories()?.cache();
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
            variables::S2I_KEEP_CACHE
        ));
    }
    let mut archive = Writer::new(host.console.data(), epoch);
    for root in roots {
        let name = root.file_name().unwrap_or_default().as_bytes().to_owned();
        add(&mut archive, &root, &name)?;
    }
    archive.finish().map_err(save_error(cache))?;
    Ok(())
}

fn add<W: Write>(archive: &mut Writer<W>, path: &Path, name: &[u8]) -> Result<(), Error> {
    let data = tree::stat(path)?;
    let mode = data.permissions().mode() & 0o777;
    if data.is_dir() {
        archive.directory(name, mode).map_err(save_error(path))?;
        for child in tree::children(path)? {
            let last = child.file_name().unwrap_or_default().as_bytes();
            add(archive, &child, &[name, b"/", last].concat())?;
        }
    } else if data.is_file() {
        let mut content = File::open(path).map_err(save_error(path))?;
        archive
            .file(name, mode, data.len(), &mut content)
            .map_err(save_error(path))?;
    } else if data.is_symlink() {
        let target = fs::read_link(path).map_err(save_error(path))?;
        archive
            .symlink(name, target.as_os_str().as_bytes())
            .map_err(save_error(path))?;
    }
    Ok(())
}

fn save_error(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.display().to_string();
    move |source| Error::Save { path, source }
}
