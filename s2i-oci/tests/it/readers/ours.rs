//! What the readers of this project see in an archive.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
};

use cap_std::{ambient_authority, fs::Dir};
use s2i_core::{
    archive::{self, Entries, Kind, Rules, unpack},
    image::{ImageConfig, Platform},
};
use s2i_oci::{
    Digest,
    overlay::{Limits, Part, list},
    store::{ImportFault, Store, StoreError},
};

use super::{Entry, others::trimmed, shown};
use crate::{overlay::raw, scratch};

/// The entries with their contents that the layer reader sees; none where it refuses the archive, or
/// finds it compressed.
pub(super) fn layer(archive: &[u8]) -> Option<Vec<Entry>> {
    let (digest, parts) = parts(archive)?;
    if digest != Digest::of(archive) {
        return None;
    }
    let entry = |(entry, content): Whole| {
        let content = (entry.kind == Kind::File).then(|| Digest::of(&content).hex());
        shown_entry(&entry, content)
    };
    Some(parts.into_iter().map(entry).collect())
}

fn shown_entry(entry: &archive::Entry, content: Option<String>) -> Entry {
    Entry {
        kind: entry.kind.flag().into(),
        name: shown(trimmed(&entry.name)),
        target: shown(&entry.target),
        size: entry.size,
        mode: entry.mode,
        content,
    }
}

/// The contents of all files, one after another, as the layer reader sees them; none where that reader
/// refuses the archive, or a file has holes: GNU tar writes no zeros for them to its standard output.
pub(super) fn contents(mut archive: &[u8]) -> Option<Vec<u8>> {
    let (mut contents, mut size) = (Vec::new(), 0);
    let read = list(&mut archive, &Limits::default(), &mut |part| match part {
        Part::Entry(entry) => size += entry.size,
        Part::Contents { bytes, .. } => contents.extend_from_slice(bytes),
    });
    (read.is_ok() && contents.len() as u64 == size).then_some(contents)
}

/// An entry of a layer with its contents.
type Whole = (archive::Entry, Vec<u8>);

fn parts(mut layer: &[u8]) -> Option<(Digest, Vec<Whole>)> {
    let limits = Limits {
        bytes: 1 << 20,
        ..Limits::default()
    };
    let mut parts: Vec<Whole> = Vec::new();
    let read = list(&mut layer, &limits, &mut |part| match part {
        Part::Entry(entry) => {
            let holes = vec![0; usize::try_from(entry.size).unwrap()];
            parts.push((entry, holes));
        }
        Part::Contents { offset, bytes } => {
            let (_, content) = parts.last_mut().expect("an entry before its contents");
            let offset = usize::try_from(offset).unwrap();
            content[offset..offset + bytes.len()].copy_from_slice(bytes);
        }
    });
    let (digest, _) = read.ok()?;
    Some((digest, parts))
}

/// The entries that the archive reader sees while it unpacks; none where it refuses. Contents are those of
/// the files that nothing in the archive replaces.
pub(super) fn archive(mut archive: &[u8]) -> Option<Vec<Entry>> {
    let temp = scratch::dir();
    let dir = Dir::open_ambient_dir(temp.path(), ambient_authority()).unwrap();
    let limits = Limits::default();
    unpack(&mut &*archive, &dir, &limits).ok()?;
    let mut entries = Entries::new(&mut archive, &Rules::TREE, &limits);
    let mut seen = Vec::new();
    while let Some(entry) = entries.next_entry().ok()? {
        seen.push(entry);
    }
    let mut last = BTreeMap::new();
    for (index, entry) in seen.iter().enumerate() {
        last.insert(normalised(&entry.name), index);
    }
    let entries = seen.iter().enumerate().map(|(index, entry)| {
        let path = normalised(&entry.name);
        let is_replaced = last[&path] != index;
        let content = (entry.kind == Kind::File && !is_replaced).then(|| {
            let path = temp.path().join(OsStr::from_bytes(&path));
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            Digest::of(&fs::read(path).unwrap()).hex()
        });
        shown_entry(entry, content)
    });
    Some(entries.collect())
}

/// A name without what means nothing in it.
fn normalised(name: &[u8]) -> Vec<u8> {
    let parts = name.split(|byte| *byte == b'/');
    let parts: Vec<_> = parts.filter(|part| !matches!(*part, b"" | b".")).collect();
    parts.join(&b'/')
}

/// Returns whether an image can be imported whose layers are all files of the archive: then the reader of image
/// archives has seen these names with these contents. Where it can't, the reader has refused the archive.
pub(super) fn is_imported(archive: &[u8], entries: &[Entry]) -> Result<bool, StoreError> {
    let files = || entries.iter().filter(|entry| entry.kind == '0');
    if files().any(|file| file.name.contains('\\')) {
        return Ok(false);
    }
    let mut config = ImageConfig::new(Platform::linux("amd64"));
    let digests = files().flat_map(|file| &file.content);
    config.rootfs.diff_ids = digests
        .map(|hex| format!("sha256:{hex}").parse().unwrap())
        .collect();
    let layers: Vec<_> = files().map(|file| &file.name).collect();
    let manifest = serde_json::json!([{"Config": "config", "Layers": layers}]).to_string();
    let config = String::from_utf8(config.to_json()).unwrap();
    let image = [
        &raw::file("manifest.json", &manifest)[..],
        &raw::file("config", &config),
        archive,
    ]
    .concat();
    let temp = scratch::dir();
    let store = Store::open(&temp.path().join("store")).unwrap();
    match store.import(&mut &image[..]) {
        Ok(_) => Ok(true),
        Err(StoreError::Import(
            ImportFault::Archive(_)
            | ImportFault::Entry { .. }
            | ImportFault::MemberName(_)
            | ImportFault::Twice(_),
        )) => Ok(false),
        Err(err) => Err(err),
    }
}
