//! The time zone database.

use std::{
    collections::BTreeMap,
    io::{Cursor, Read},
};

use anyhow::{Context, Result};
use s2i_oci::layer::{LayerBuilder, Owner};
use zip::ZipArchive;

const DIRECTORY: &str = "usr/share/zoneinfo";

/// Adds the zones of `archive`, the `zoneinfo.zip` of a Go toolchain, at the path where programs in all
/// languages look for them. Zones with several names are links to the first.
pub(super) fn add(layer: &mut LayerBuilder, archive: Vec<u8>) -> Result<()> {
    let mut archive = ZipArchive::new(Cursor::new(archive))
        .context("the toolchain's zone data is not a zip archive")?;
    layer.directories(DIRECTORY, 0o755, Owner::ROOT)?;
    let mut first = BTreeMap::<Vec<u8>, String>::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        if entry.is_dir() {
            continue;
        }
        let zone = entry.name().to_owned();
        let name = format!("{DIRECTORY}/{zone}");
        let (parent, _) = name.rsplit_once('/').context("a name with a directory")?;
        layer.directories(parent, 0o755, Owner::ROOT)?;
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        if let Some(first) = first.get(&bytes) {
            let target = "../".repeat(zone.matches('/').count()) + first;
            layer.symlink(&name, &target, Owner::ROOT)?;
        } else {
            layer.file(&name, 0o644, Owner::ROOT, bytes.clone())?;
            first.insert(bytes, zone);
        }
    }
    Ok(())
}
