//! The validators of a file, and the requests that are conditional on them (RFC 9110, sections 8.8 and 13).

use std::{
    collections::HashMap,
    fs::{File, Metadata},
    io::{self, Seek as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use httpdate::HttpDate;
use s2i_core::image::Digest;

use super::request::Request;

/// The number of hexadecimal digits of a digest in a tag.
const TAG_DIGITS: usize = 24;

/// The tags of requested files. A file in an image does not change, but one in a volume does.
#[derive(Default)]
pub(super) struct Tags(Mutex<HashMap<PathBuf, (Version, String)>>);

/// The fields that change with the content of a file: its device and inode, its size in bytes, and the times of the
/// last changes of its content and of its inode, with nanoseconds.
type Version = (u64, u64, u64, (i64, i64), (i64, i64));

/// The validators of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Validators {
    /// The tag, in quotes. It depends on the content alone, because files of two images may have the same time.
    pub(super) tag: String,
    /// The time of the last change, with a precision of seconds.
    pub(super) modified: HttpDate,
}

impl Validators {
    /// Returns the validators of an open file, which stays at its beginning.
    pub(super) fn of(file: &mut File, path: &Path, tags: &Tags) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            tag: tags.of(file, path, &metadata)?,
            modified: date(metadata.modified()?, SystemTime::now()),
        })
    }

    /// Returns whether the client has the current version. A tag is more exact than a time, which does not count then.
    pub(super) fn are_known(&self, request: &Request) -> bool {
        match (&request.if_none_match, &request.if_modified_since) {
            (Some(tags), _) => lists(tags, &self.tag),
            (None, Some(since)) => since.parse().is_ok_and(|since| self.modified <= since),
            (None, None) => false,
        }
    }
}

/// The seconds after which a file has another time when it changes again, on all file systems.
const SETTLED: i64 = 2;

impl Tags {
    fn of(&self, file: &mut File, path: &Path, metadata: &Metadata) -> io::Result<String> {
        let version: Version = (
            metadata.dev(),
            metadata.ino(),
            metadata.size(),
            (metadata.mtime(), metadata.mtime_nsec()),
            (metadata.ctime(), metadata.ctime_nsec()),
        );
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, tag)) = known().get(path)
            && *of == version
        {
            return Ok(tag.clone());
        }
        let now = SystemTime::now();
        let (digest, _) = Digest::of_reader(file)?;
        file.rewind()?;
        let tag = format!("\"{}\"", &digest.hex()[..TAG_DIGITS]);
        // A file that has just changed may change again without another time.
        let now = now.duration_since(SystemTime::UNIX_EPOCH);
        let now = now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
        if metadata.ctime() < now - SETTLED {
            known().insert(path.to_owned(), (version, tag.clone()));
        }
        Ok(tag)
    }
}

/// Returns the date of a change. A date after that of the response is not allowed, nor is one that HTTP can't express.
fn date(modified: SystemTime, now: SystemTime) -> HttpDate {
    modified.min(now).max(SystemTime::UNIX_EPOCH).into()
}

/// Returns whether the value of `If-None-Match` lists a tag. The comparison is weak.
fn lists(value: &str, tag: &str) -> bool {
    if value.trim() == "*" {
        return true;
    }
    let mut rest = value;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        rest = rest.strip_prefix("W/").unwrap_or(rest);
        let end = rest.strip_prefix('"').and_then(|rest| rest.find('"'));
        // Anything else is not a list of tags.
        let Some(end) = end else { return false };
        let (listed, after) = rest.split_at(end + 2);
        if listed == tag {
            return true;
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use super::*;

    fn time(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn only_the_current_version_is_known() {
        let validators = Validators {
            tag: "\"a,1\"".into(),
            modified: date(time(784_111_777), time(2_000_000_000)),
        };
        let now = "Sun, 06 Nov 1994 08:49:37 GMT";
        let later = "Sun, 06 Nov 1994 08:49:38 GMT";
        let before = "Sun, 06 Nov 1994 08:49:36 GMT";
        for (tags, since, expected) in [
            (None, None, false),
            (Some("\"a,1\""), None, true),
            (Some("W/\"a,1\""), None, true),
            (Some("\"b\" , \"a,1\""), None, true),
            (Some(",W/\"b\",,\"a,1\","), None, true),
            (Some(" * "), None, true),
            (Some("\"b\", *"), None, false),
            (Some("\"a\",\"1\""), None, false),
            (Some("a,1"), None, false),
            (Some("b\"a,1\""), None, false),
            (Some("\"a,1"), None, false),
            (Some(""), None, false),
            (None, Some(now), true),
            (None, Some(later), true),
            (None, Some(before), false),
            (None, Some("Sunday, 06-Nov-94 08:49:37 GMT"), true),
            (None, Some("Sun Nov  6 08:49:37 1994"), true),
            (None, Some("1994-11-06T08:49:37Z"), false),
            (None, Some("Sun, 06 Nov 1994 08:49:37 GMT, x"), false),
            (Some("\"b\""), Some(later), false),
            (Some("\"a,1\""), Some(before), true),
        ] {
            let request = Request {
                if_none_match: tags.map(str::to_owned),
                if_modified_since: since.map(str::to_owned),
                ..Request::default()
            };
            let is_known = validators.are_known(&request);
            assert_eq!(is_known, expected, "{tags:?} {since:?}");
        }
    }

    #[test]
    fn dates_are_neither_in_the_future_nor_before_1970() {
        let early = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        for (modified, expected) in [
            (time(5), "Thu, 01 Jan 1970 00:00:05 GMT"),
            (time(11), "Thu, 01 Jan 1970 00:00:10 GMT"),
            (early, "Thu, 01 Jan 1970 00:00:00 GMT"),
        ] {
            assert_eq!(date(modified, time(10)).to_string(), expected);
        }
    }

    #[test]
    fn tag_follows_the_content_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let (path, tags) = (dir.path().join("a"), Tags::default());
        let validators = |text: &str| {
            let next = dir.path().join("next");
            fs::write(&next, text).unwrap();
            // Two versions may have the same time and size.
            let file = File::options().write(true).open(&next).unwrap();
            file.set_modified(time(1_000_000_000)).unwrap();
            fs::rename(next, &path).unwrap();
            let mut file = File::open(&path).unwrap();
            let validators = Validators::of(&mut file, &path, &tags).unwrap();
            assert_eq!(io::read_to_string(file).unwrap(), text);
            validators
        };
        let (first, second) = (validators("1"), validators("2"));
        assert_ne!(first.tag, second.tag);
        assert_eq!(first.modified, second.modified);
        assert_eq!(validators("1"), first);
    }
}
