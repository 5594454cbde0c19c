//! `save-artifacts`: writes the caches of the image to the standard output, as a tar stream.
//!
//! Nothing else ever goes there. The end of the archive is written only when everything before it
//! was, so that a cut or failed one is never taken for a whole one.

use std::{
    fs::File,
    io::Write,
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _},
    path::Path,
};

use s2i_core::archive::Writer;

use crate::{Error, Host, tree, variables};

/// The caches that are saved, as the next build finds them in its artifacts.
pub(crate) const CACHES: [&str; 2] = ["build", "mod"];

/// Saves the caches; an image without any gives an empty archive.
pub(crate) fn save_artifacts(host: &mut Host<'_>) -> Result<(), Error> {
    let cache = host.places()?.cache();
    let cache = Path::new(cache.as_str());
    let epoch = host.epoch()?;
    let roots: Vec<_> = CACHES
        .into_iter()
        .filter(|name| cache.join(name).is_dir())
        .collect();
    if roots.is_empty() {
        let (path, name) = (cache.display(), variables::KEEP_CACHE);
        host.console.note(format_args!(
            "save-artifacts: there is nothing in {path}; build with {name}=true to keep caches"
        ));
    }
    let mut archive = Writer::new(host.console.data(), epoch);
    for name in roots {
        add(&mut archive, &cache.join(name), name.as_bytes())?;
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
    }
    Ok(())
}
