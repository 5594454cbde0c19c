//! Archives of images: what each layer adds and changes.

use std::{
    collections::BTreeMap,
    fs::File,
    hash::{DefaultHasher, Hasher as _},
    io::{self, BufRead as _, BufReader, Read},
    path::Path,
};

/// The entries of a layer.
pub(crate) type Layer = BTreeMap<String, LayerFile>;

/// A file of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LayerFile {
    pub(crate) kind: tar::EntryType,
    pub(crate) mode: u32,
    pub(crate) uid: u64,
    pub(crate) gid: u64,
    pub(crate) mtime: u64,
    pub(crate) size: u64,
    pub(crate) target: Option<String>,
    /// A digest of the content.
    pub(crate) content: u64,
    pub(crate) attributes: BTreeMap<String, Vec<u8>>,
}

/// Returns the entries of each layer of an image archive, lowest first, by path without slashes at the ends.
pub(crate) fn layers(archive: &Path) -> Vec<Layer> {
    let manifest = member(archive, "manifest.json", |bytes| {
        serde_json::from_reader(bytes)
    });
    let manifest: serde_json::Value = manifest.unwrap().unwrap();
    let names = manifest[0]["Layers"].as_array().unwrap().iter();
    let layer = |name: &str| member(archive, name, list).unwrap().unwrap();
    names.map(|name| layer(name.as_str().unwrap())).collect()
}

/// Reads a member of an archive; links in it are followed, as old `docker save` makes them.
fn member<T>(archive: &Path, name: &str, read: impl FnOnce(&mut dyn Read) -> T) -> io::Result<T> {
    let mut file = tar::Archive::new(BufReader::new(File::open(archive)?));
    for entry in file.entries()? {
        let mut entry = entry?;
        if entry.path_bytes().as_ref() != name.as_bytes() {
            continue;
        }
        return match entry.link_name()? {
            Some(target) => {
                let target = target.to_string_lossy();
                member(archive, target.trim_start_matches("../"), read)
            }
            None => Ok(read(&mut entry)),
        };
    }
    Err(io::Error::new(io::ErrorKind::NotFound, name.to_owned()))
}

/// Lists a layer, compressed or not.
fn list(layer: &mut dyn Read) -> io::Result<Layer> {
    let mut layer = BufReader::new(layer);
    if layer.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        list_plain(flate2::bufread::MultiGzDecoder::new(layer))
    } else {
        list_plain(layer)
    }
}

fn list_plain(layer: impl Read) -> io::Result<Layer> {
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(layer).entries()? {
        let mut entry = entry?;
        let attributes = attributes(&mut entry)?;
        let mut content = DefaultHasher::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match entry.read(&mut buffer)? {
                0 => break,
                count => content.write(&buffer[..count]),
            }
        }
        let header = entry.header();
        let target = entry.link_name()?;
        let file = LayerFile {
            kind: header.entry_type(),
            mode: header.mode()? & 0o7777,
            uid: header.uid()?,
            gid: header.gid()?,
            mtime: header.mtime()?,
            size: header.size()?,
            target: target.map(|target| target.display().to_string()),
            content: content.finish(),
            attributes,
        };
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let path = path.trim_start_matches("./").trim_matches('/').to_owned();
        files.insert(path, file);
    }
    Ok(files)
}

/// The extended attributes of an entry.
fn attributes(entry: &mut tar::Entry<'_, impl Read>) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    for record in entry.pax_extensions()?.into_iter().flatten() {
        let record = record?;
        let name = String::from_utf8_lossy(record.key_bytes()).into_owned();
        if let Some(name) = name.strip_prefix("SCHILY.xattr.") {
            found.insert(name.to_owned(), record.value_bytes().to_vec());
        }
    }
    Ok(found)
}
