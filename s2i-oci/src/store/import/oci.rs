//! OCI layouts: `index.json` names manifests by digest.

use std::collections::BTreeMap;

use s2i_core::{ImageRef, image::Platform};

use super::{
    super::{
        error::StoreError,
        publish::{Listing, Parts},
    },
    Contents, ImportFault, MAX_IMAGES, Spooled, check_length, json, name,
};
use crate::{
    Digest,
    manifest::{Descriptor, IMAGE_NAME, INDEX, Index, Manifest, REF_NAME, is_index},
};

/// The number of indexes that may be nested.
const MAX_DEPTH: usize = 4;

/// The annotation of an entry that is about an image, and no image.
const REFERENCE_TYPE: &str = "vnd.docker.reference.type";

/// Returns the images; none if the archive has another format.
pub(super) fn images(contents: &Contents) -> Result<Vec<Listing>, StoreError> {
    let Some(blob) = contents.file("index.json")? else {
        return Ok(Vec::new());
    };
    let index = index(blob, INDEX)?;
    if index.manifests.len() > MAX_IMAGES {
        return Err(ImportFault::Images(MAX_IMAGES).into());
    }
    let mut named: BTreeMap<String, Vec<&Descriptor>> = BTreeMap::new();
    let mut images = Vec::new();
    for entry in index.manifests.iter().filter(|entry| is_image(entry)) {
        match full_name(entry)? {
            Some(name) => named.entry(name.normalised()).or_default().push(entry),
            None => images.push((resolve(contents, entry, 0)?, None)),
        }
    }
    for (name, entries) in named {
        // One name for several images: they are one for several platforms.
        let entry = choose(contents, &entries)?;
        let manifest = resolve(contents, entry, 0)?;
        images.push((manifest, Some(super::name(&name)?)));
    }
    let mut listings: Vec<Listing> = Vec::new();
    for ((digest, media_type), name) in images {
        let same = |listing: &&mut Listing| listing.parts.descriptor.digest == digest;
        match listings.iter_mut().find(same) {
            Some(listing) => listing.names.extend(name),
            None => listings.push(Listing {
                parts: read(contents, digest, &media_type)?,
                names: name.into_iter().collect(),
            }),
        }
    }
    Ok(listings)
}

fn is_image(entry: &Descriptor) -> bool {
    let is_known = |platform: &Platform| platform.os != "unknown";
    !entry.annotations.contains_key(REFERENCE_TYPE) && entry.platform.as_ref().is_none_or(is_known)
}

/// The name of an entry: its full name, or its reference name if that is more than a tag.
fn full_name(entry: &Descriptor) -> Result<Option<ImageRef>, ImportFault> {
    let short = entry.annotations.get(REF_NAME);
    let short = short.filter(|short| short.contains(['/', ':']));
    let text = entry.annotations.get(IMAGE_NAME).or(short);
    text.map(|text| name(text)).transpose()
}

/// Returns the manifest of an entry: from an index, the one for this machine.
fn resolve(
    contents: &Contents,
    entry: &Descriptor,
    depth: usize,
) -> Result<(Digest, String), StoreError> {
    if !is_index(&entry.media_type) {
        let manifest = contents.blob(entry.digest)?;
        check_length(manifest, entry.size)?;
        return Ok((entry.digest, entry.media_type.clone()));
    }
    if depth == MAX_DEPTH {
        return Err(ImportFault::Depth(MAX_DEPTH).into());
    }
    let index = index(contents.blob(entry.digest)?, &entry.media_type)?;
    let entries = index.manifests.iter().filter(|entry| is_image(entry));
    let entry = choose(contents, &entries.collect::<Vec<_>>())?;
    resolve(contents, entry, depth + 1)
}

/// Returns the entry for this platform, or the only one present: archives may lack the images of other platforms.
fn choose<'e>(
    contents: &Contents,
    entries: &[&'e Descriptor],
) -> Result<&'e Descriptor, ImportFault> {
    let wanted = Platform::of_this_machine();
    let is_wanted = |entry: &&&Descriptor| {
        let platform = entry.platform.as_ref();
        platform.is_some_and(|p| p.os == wanted.os && p.architecture == wanted.architecture)
    };
    let mut present = entries
        .iter()
        .filter(|entry| contents.blobs.contains_key(&entry.digest));
    let fitting = present.clone().find(is_wanted);
    match (fitting, present.next(), present.next()) {
        (Some(entry), ..) | (None, Some(entry), None) => Ok(entry),
        _ => Err(ImportFault::Platform {
            found: platforms(entries),
            wanted: wanted.to_string(),
        }),
    }
}

fn platforms(entries: &[&Descriptor]) -> String {
    let platforms = entries.iter().filter_map(|entry| entry.platform.as_ref());
    let platforms: Vec<_> = platforms.map(ToString::to_string).collect();
    match platforms.as_slice() {
        [] => "no platform that it names".into(),
        platforms => platforms.join(", "),
    }
}

fn index(blob: &Spooled, media_type: &str) -> Result<Index, StoreError> {
    let digest = blob.digest;
    let bytes = json(&digest.to_string(), blob)?;
    let index = Index::parse(&bytes, media_type);
    index.map_err(|fault| ImportFault::Manifest { digest, fault }.into())
}

fn read(contents: &Contents, digest: Digest, media_type: &str) -> Result<Parts, StoreError> {
    let bytes = json(&digest.to_string(), contents.blob(digest)?)?;
    let manifest = Manifest::parse(&bytes, media_type)
        .map_err(|fault| ImportFault::Manifest { digest, fault })?;
    let config = manifest.config.digest;
    let config = json(&config.to_string(), contents.blob(config)?)?;
    Parts::read(bytes, media_type, config)
}
