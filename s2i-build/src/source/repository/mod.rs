//! A Git repository whose files are read without the program `git`: its commit, and the address of its origin.
//!
//! No setting of the repository takes effect, and no file of the user's is read. So the owner of the files does not
//! matter.

mod refs;

use std::{
    cmp::Ordering,
    io,
    path::{Path, PathBuf},
};

use gix_hash::ObjectId;
use gix_object::{
    CommitRef, FindExt as _, Kind, TagRef,
    bstr::{BStr, ByteSlice as _},
    date::time::format,
};

use self::refs::TagName;
use super::{
    SourceError,
    directory::{common_dir, read_small},
};
use crate::{facts::CommitFacts, ports::BoxError};

/// The maximal size of an object, in bytes. A commit has one line for each of its parents, and its message.
const MAX_OBJECT: usize = 16 << 20;

/// The maximal number of tags on the way from a tag to a commit.
const MAX_TAGS_OF_TAGS: usize = 5;

/// The name of a commit that no branch is checked out for.
pub(super) const DETACHED: &str = "HEAD";

/// The header of the section with the address of the origin, as Git writes it.
const ORIGIN: &str = "[remote \"origin\"]";

/// A repository.
pub(super) struct Repository {
    /// Git's own directory of the work tree.
    git_dir: PathBuf,
    /// Git's own directory of the main work tree, which has the objects, the branches and the tags.
    common_dir: PathBuf,
}

impl Repository {
    /// Opens the repository with this directory of Git's own.
    ///
    /// # Errors
    /// [`SourceError::Io`] when the directory of its objects can't be found.
    pub(super) fn open(git_dir: &Path) -> Result<Self, SourceError> {
        Ok(Self {
            common_dir: common_dir(git_dir)?,
            git_dir: git_dir.into(),
        })
    }

    /// Returns the commit that is checked out. It counts as `reference` if one is given, else as the branch.
    ///
    /// # Errors
    /// [`SourceError::Commit`] for a repository without a commit, or whose files can't be read.
    pub(super) fn commit(&self, reference: Option<&str>) -> Result<CommitFacts, SourceError> {
        let facts = self.read(reference);
        facts.map_err(|source| SourceError::Commit {
            path: self.git_dir.clone(),
            source,
        })
    }

    fn read(&self, reference: Option<&str>) -> Result<CommitFacts, BoxError> {
        let head = self.head()?;
        let objects = self.objects(head.id)?;
        let mut buffer = Vec::new();
        let commit = objects.find_commit(&head.id, &mut buffer)?;
        let (author, time) = (commit.author()?, commit.time()?);
        let decode = |text: &BStr| decode(text, commit.encoding);
        let (name, email) = (decode(author.name), decode(author.email));
        let tag = Tags {
            objects: &objects,
            commit: head.id,
            time: time.seconds,
        };
        Ok(CommitFacts {
            id: head.id.to_string(),
            reference: match (reference, head.branch) {
                (Some(reference), _) => reference.into(),
                (None, Some(branch)) => branch,
                (None, None) => DETACHED.into(),
            },
            author: format!("{name} <{email}>"),
            date: author.time()?.format_or_unix(format::DEFAULT),
            tag: tag.best(self.tags()?, reference),
            subject: shorten(&subject(&commit, &decode)),
            time: Some(u64::try_from(time.seconds).unwrap_or_default()),
        })
    }

    fn objects(&self, id: ObjectId) -> io::Result<gix_odb::Handle> {
        let options = gix_odb::store::init::Options {
            alloc_limit_bytes: Some(MAX_OBJECT),
            ..Default::default()
        };
        gix_odb::at_opts(self.common_dir.join("objects"), id.kind(), [], options)
    }

    /// Returns the address of the remote `origin`. One that Git would have to unquote is none.
    pub(super) fn origin(&self) -> Option<String> {
        let config = read_small(&self.common_dir.join("config")).ok()??;
        let config = String::from_utf8(config).ok()?;
        let lines = config.lines().map(str::trim);
        let section = lines.skip_while(|line| *line != ORIGIN).skip(1);
        let mut settings = section.take_while(|line| !line.starts_with('['));
        let url = settings.find_map(|line| {
            let (key, value) = line.split_once('=')?;
            key.trim().eq_ignore_ascii_case("url").then(|| value.trim())
        })?;
        let is_plain = !url.is_empty() && !url.contains(['"', '\\', '#', ';']);
        is_plain.then(|| url.to_owned())
    }
}

/// The tags of a commit.
struct Tags<'a> {
    objects: &'a gix_odb::Handle,
    commit: ObjectId,
    /// The time of the commit.
    time: i64,
}

impl Tags<'_> {
    /// Returns the requested tag of the commit, or else the newest one, or of several equally new ones the highest
    /// version.
    fn best(&self, tags: Vec<TagName>, reference: Option<&str>) -> Option<String> {
        let tags = tags.into_iter();
        let mut tags: Vec<_> = tags
            .filter_map(|tag| Some((self.time_of(&tag)?, tag.name)))
            .collect();
        let requested = reference.map(|name| name.strip_prefix("refs/tags/").unwrap_or(name));
        if let Some(at) = tags
            .iter()
            .position(|(_, name)| Some(name.as_str()) == requested)
        {
            return Some(tags.swap_remove(at).1);
        }
        let newest = tags.into_iter().max_by(|(time, name), (others, other)| {
            time.cmp(others).then_with(|| compare_versions(name, other))
        });
        newest.map(|(_, name)| name)
    }

    /// Returns the time at which the commit got this tag; `None` where it does not have it.
    fn time_of(&self, tag: &TagName) -> Option<i64> {
        if tag.id == self.commit {
            return Some(self.time);
        }
        if tag.is_packed && tag.peeled != Some(self.commit) {
            return None;
        }
        let (mut id, mut time) = (tag.id, None);
        for _ in 0..MAX_TAGS_OF_TAGS {
            let mut buffer = Vec::new();
            let object = self.objects.find(&id, &mut buffer).ok()?;
            if object.kind != Kind::Tag {
                break;
            }
            let found = TagRef::from_bytes(object.data, id.kind()).ok()?;
            let tagger = found.tagger().ok()?.and_then(|tagger| tagger.time().ok());
            time = time.or(Some(tagger.map_or(0, |time| time.seconds)));
            id = found.target();
        }
        time.filter(|_| id == self.commit)
    }
}

/// Returns the first paragraph of the message, on one line.
fn subject(commit: &CommitRef<'_>, decode: &dyn Fn(&BStr) -> String) -> String {
    let message = decode(commit.message);
    let lines = message.lines().map(str::trim_end);
    let lines = lines.skip_while(|line| line.is_empty());
    let lines: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
    lines.join(" ")
}

/// Returns a text of a commit, in which `encoding` is named if it is not UTF-8. Of the others only Latin-1 is known.
fn decode(text: &BStr, encoding: Option<&BStr>) -> String {
    let encoding = encoding.map(|name| name.to_str_lossy().to_ascii_lowercase());
    match encoding.as_deref() {
        Some("iso-8859-1" | "iso8859-1" | "latin1" | "latin-1") => {
            text.iter().copied().map(char::from).collect()
        }
        _ => text.to_str_lossy().into_owned(),
    }
}

/// Shortens a text to 80 characters. The last two are `..` when it was truncated.
pub(super) fn shorten(subject: &str) -> String {
    match subject.chars().count() {
        0..=80 => subject.into(),
        _ => subject.chars().take(78).chain("..".chars()).collect(),
    }
}

/// Compares names in which numbers count as a whole: `v1.10` is after `v1.9`.
fn compare_versions(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one, other);
    loop {
        let (first, rest) = part(one);
        let (second, others) = part(other);
        let numbers = is_number(first) && is_number(second);
        let ordering = if numbers {
            let [first, second] = [first, second].map(|text| text.trim_start_matches('0'));
            let by_length = first.len().cmp(&second.len());
            by_length.then_with(|| first.cmp(second))
        } else {
            first.cmp(second)
        };
        if ordering.is_ne() || first.is_empty() {
            return ordering;
        }
        (one, other) = (rest, others);
    }
}

fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

/// Splits a text behind its leading digits, or else behind what is before the first digit.
fn part(text: &str) -> (&str, &str) {
    let is_number = is_number(text);
    let end = text.find(|c: char| c.is_ascii_digit() != is_number);
    text.split_at(end.unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_subjects_are_truncated() {
        assert_eq!(shorten("short"), "short");
        assert_eq!(shorten(&"é".repeat(81)).chars().count(), 80);
    }

    #[test]
    fn numbers_in_versions_count_as_a_whole() {
        for (lower, higher) in [
            ("v1.9", "v1.10"),
            ("v1", "v1.1"),
            ("1.0", "v1.0"),
            ("v09", "v10"),
            ("latest", "v1"),
        ] {
            assert_eq!(compare_versions(lower, higher), Ordering::Less, "{lower}");
            assert_eq!(compare_versions(higher, lower), Ordering::Greater);
        }
        assert_eq!(compare_versions("v1.0", "v1.0"), Ordering::Equal);
    }

    #[test]
    fn texts_in_latin_1_are_decoded() {
        let text = BStr::new(b"Andr\xe9");
        assert_eq!(decode(text, Some(BStr::new("ISO-8859-1"))), "André");
        assert_eq!(decode(text, None), "Andr\u{fffd}");
    }

    #[test]
    fn origin_is_read_from_its_section() {
        let dir = tempfile::tempdir().unwrap();
        let origin = |config: &str| {
            std::fs::write(dir.path().join("config"), config).unwrap();
            Repository::open(dir.path()).unwrap().origin()
        };
        let section = "[core]\n\turl = no\n[remote \"origin\"]\n\tfetch = x\n\turl = https://example.org/app\n[other]\n";
        assert_eq!(origin(section).as_deref(), Some("https://example.org/app"));
        assert_eq!(origin("[remote \"other\"]\nurl = x\n"), None);
        assert_eq!(origin("[remote \"origin\"]\n[core]\nurl = x\n"), None);
        assert_eq!(origin("[remote \"origin\"]\nurl = \"a b\"\n"), None);
    }
}
