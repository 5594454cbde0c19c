//! The branches and tags of a repository, in files of their own and in `packed-refs`.
//!
//! A repository with another kind of storage for them (`reftable`) has a `HEAD` that leads nowhere, by Git's own rule.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, ErrorKind},
    path::PathBuf,
    str::FromStr as _,
};

use gix_hash::ObjectId;
use s2i_core::bounds;

use super::Repository;
use crate::source::{directory::read_bounded, reference::Reference};

/// The maximal number of symbolic references on the way to a commit, as for Git.
const MAX_LINKS: usize = 5;

/// The maximal number of tags.
const MAX_TAGS: usize = 100_000;

/// The maximal length of `packed-refs`, in bytes.
const PACKED_REFS: u64 = 64 << 20;

/// The directory of tags.
const TAGS: &str = "refs/tags/";

/// The content of a reference.
enum Target {
    Object(ObjectId),
    /// The name of another reference.
    Reference(String),
}

/// The commit that is checked out.
pub(super) struct Head {
    /// The branch; `None` where the commit is checked out by itself.
    pub(super) branch: Option<String>,
    pub(super) id: ObjectId,
}

/// An object with a name in `refs/tags`.
pub(super) struct TagName {
    pub(super) name: String,
    pub(super) id: ObjectId,
    /// The object that an annotated tag leads to, where `packed-refs` has it.
    pub(super) peeled: Option<ObjectId>,
    /// True if the reference is in `packed-refs`, which has the target of each annotated tag.
    pub(super) is_packed: bool,
}

/// The references in `packed-refs`.
#[derive(Default)]
struct Packed(BTreeMap<String, (ObjectId, Option<ObjectId>)>);

impl Packed {
    fn parse(text: &str) -> io::Result<Self> {
        let mut found = Self::default();
        let mut last: Option<String> = None;
        for line in text.lines() {
            if let Some(peeled) = line.strip_prefix('^') {
                let entry = last.take().and_then(|name| found.0.get_mut(&name));
                if let Some((_, target)) = entry {
                    *target = Some(object_id(peeled)?);
                }
            } else if !line.starts_with('#')
                && let Some((id, name)) = line.split_once(' ')
            {
                found.0.insert(name.into(), (object_id(id)?, None));
                last = Some(name.into());
            }
        }
        Ok(found)
    }
}

impl Repository {
    /// Returns the commit that `HEAD` names.
    ///
    /// # Errors
    /// Those of the file system; [`ErrorKind::InvalidData`] for files that Git would not understand either;
    /// [`ErrorKind::NotFound`] for a branch without a commit.
    pub(super) fn head(&self) -> io::Result<Head> {
        let packed = self.packed()?;
        let head = read_bounded(&self.git_dir.join("HEAD"), bounds::FILE)?;
        let head = head.ok_or_else(|| missing("HEAD"))?;
        let mut target = target(&head)?;
        let mut branch = None;
        for _ in 0..=MAX_LINKS {
            match target {
                Target::Object(id) => return Ok(Head { branch, id }),
                Target::Reference(name) => {
                    if branch.is_none() {
                        branch = name.strip_prefix("refs/heads/").map(str::to_owned);
                    }
                    let found = self.target_of(&name, &packed)?;
                    target = found.ok_or_else(|| missing(&name))?;
                }
            }
        }
        Err(invalid("there are too many symbolic references"))
    }

    fn target_of(&self, name: &str, packed: &Packed) -> io::Result<Option<Target>> {
        let path = self.common_dir.join(name);
        // An empty directory stays when all branches in it were packed.
        if !path.is_dir()
            && let Some(bytes) = read_bounded(&path, bounds::FILE)?
        {
            return target(&bytes).map(Some);
        }
        let packed = packed.0.get(name);
        Ok(packed.map(|(id, _)| Target::Object(*id)))
    }

    fn packed(&self) -> io::Result<Packed> {
        let bytes = read_bounded(&self.common_dir.join("packed-refs"), PACKED_REFS)?;
        Packed::parse(&String::from_utf8_lossy(&bytes.unwrap_or_default()))
    }

    /// Returns all tags, with files of their own before packed ones.
    ///
    /// # Errors
    /// As [`head`](Self::head); [`ErrorKind::FileTooLarge`] for more than [`MAX_TAGS`].
    pub(super) fn tags(&self) -> io::Result<Vec<TagName>> {
        let mut tags = BTreeMap::new();
        for (name, (id, peeled)) in self.packed()?.0 {
            if let Some(name) = name.strip_prefix(TAGS) {
                let (name, is_packed) = (name.to_owned(), true);
                tags.insert(
                    name.clone(),
                    TagName {
                        name,
                        id,
                        peeled,
                        is_packed,
                    },
                );
            }
        }
        for (name, path) in self.tag_files()? {
            let bytes = read_bounded(&path, bounds::FILE)?;
            // Git warns of broken files and ignores them.
            if let Some(Ok(Target::Object(id))) = bytes.map(|bytes| target(&bytes)) {
                let tag = TagName {
                    name: name.clone(),
                    id,
                    peeled: None,
                    is_packed: false,
                };
                tags.insert(name, tag);
            }
        }
        Ok(tags.into_values().collect())
    }

    /// Returns the names and paths of the files below `refs/tags`. Links to directories are not followed.
    fn tag_files(&self) -> io::Result<Vec<(String, PathBuf)>> {
        let mut found = Vec::new();
        let mut waiting = vec![(String::new(), self.common_dir.join(TAGS))];
        let mut seen = 0;
        while let Some((prefix, directory)) = waiting.pop() {
            let entries = match fs::read_dir(directory) {
                Err(err) if err.kind() == ErrorKind::NotFound => continue,
                entries => entries?,
            };
            for entry in entries {
                let entry = entry?;
                seen += 1;
                if seen > MAX_TAGS {
                    let text = format!("there are more than {MAX_TAGS} tags");
                    return Err(io::Error::new(ErrorKind::FileTooLarge, text));
                }
                let Ok(name) = entry.file_name().into_string() else {
                    continue;
                };
                let name = format!("{prefix}{name}");
                if entry.file_type()?.is_dir() {
                    waiting.push((format!("{name}/"), entry.path()));
                } else if name.strip_suffix(".lock").is_none() {
                    found.push((name, entry.path()));
                }
            }
        }
        Ok(found)
    }
}

/// Reads the content of the file of a reference.
fn target(bytes: &[u8]) -> io::Result<Target> {
    let text = str::from_utf8(bytes).map_err(|_| invalid("a reference is not UTF-8"))?;
    let Some(name) = text.strip_prefix("ref:") else {
        return object_id(text.trim_end()).map(Target::Object);
    };
    let name = name.trim();
    if !name.starts_with("refs/") || Reference::parse(name).is_err() {
        return Err(invalid("a symbolic reference has a bad name"));
    }
    Ok(Target::Reference(name.into()))
}

fn object_id(text: &str) -> io::Result<ObjectId> {
    ObjectId::from_str(text).map_err(|_| invalid("a reference has no ID of an object"))
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, text)
}

fn missing(name: &str) -> io::Error {
    io::Error::new(ErrorKind::NotFound, format!("there is no `{name}`"))
}
