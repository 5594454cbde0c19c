//! Looks for secrets in files.

use std::{
    fs::File,
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
};

use super::tree;
use crate::Error;

/// How much of a file is looked at at once.
const WINDOW: usize = 256 << 10;

/// A secret, and the variable that holds it.
pub(super) struct Needle<'a> {
    pub(super) variable: &'a str,
    pub(super) value: &'a [u8],
}

/// The files of a tree that hold a needle, each with the variable of one.
///
/// A link is looked at, not what it leads to. What can't be read can't have been written by this
/// build either.
pub(super) fn search<'a>(
    path: &Path,
    needles: &[Needle<'a>],
) -> Result<Vec<(PathBuf, &'a str)>, Error> {
    let mut found = Vec::new();
    if !path.exists() {
        return Ok(found);
    }
    let data = tree::stat(path)?;
    if data.is_dir() {
        for child in tree::children(path)? {
            found.extend(search(&child, needles)?);
        }
    } else if data.is_file() {
        let variable = match File::open(path) {
            Err(err) if err.kind() == ErrorKind::PermissionDenied => Ok(None),
            file => file.and_then(|file| search_stream(file, needles)),
        };
        let variable = variable.map_err(Error::file("read", path.display()))?;
        found.extend(variable.map(|variable| (path.to_owned(), variable)));
    }
    Ok(found)
}

fn search_stream<'a>(
    mut stream: impl Read,
    needles: &[Needle<'a>],
) -> std::io::Result<Option<&'a str>> {
    let longest = needles.iter().map(|needle| needle.value.len()).max();
    let overlap = longest.unwrap_or(1).saturating_sub(1);
    let mut window = vec![0; WINDOW + overlap];
    let mut kept = 0;
    loop {
        let read = match stream.read(&mut window[kept..]) {
            Ok(0) => return Ok(None),
            Ok(read) => read,
            Err(err) if err.kind() == ErrorKind::Interrupted => continue,
            Err(err) => return Err(err),
        };
        let seen = &window[..kept + read];
        if let Some(needle) = needles.iter().find(|needle| contains(seen, needle.value)) {
            return Ok(Some(needle.variable));
        }
        // The end may be the beginning of a needle.
        let keep = overlap.min(seen.len());
        let from = seen.len() - keep;
        window.copy_within(from..from + keep, 0);
        kept = keep;
    }
}

fn contains(text: &[u8], needle: &[u8]) -> bool {
    let Some((first, rest)) = needle.split_first() else {
        return false;
    };
    let mut text = text;
    while let Some(at) = text.iter().position(|byte| byte == first) {
        text = &text[at + 1..];
        if text.starts_with(rest) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_secret_is_found_in_any_file_and_behind_no_link() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        fs::create_dir_all(path("tree/a/b")).unwrap();
        fs::write(path("outside"), "the-secret").unwrap();
        symlink(path("outside"), path("tree/link")).unwrap();
        fs::write(path("tree/a/x"), "no the-secre t").unwrap();
        let needles = [Needle {
            variable: "NPM_TOKEN",
            value: b"the-secret",
        }];
        assert_eq!(search(&path("tree"), &needles).unwrap(), []);
        assert_eq!(search(&path("none"), &needles).unwrap(), []);
        let mut large = vec![b't'; WINDOW + 3];
        large.extend(b"the-secret");
        fs::write(path("tree/a/b/.npmrc"), large).unwrap();
        fs::write(path("tree/z"), "it is the-secret").unwrap();
        let holders = [path("tree/a/b/.npmrc"), path("tree/z")].map(|path| (path, "NPM_TOKEN"));
        assert_eq!(search(&path("tree"), &needles).unwrap(), holders);
    }

    /// Gives a few bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
            let count = self.1.min(self.0.len()).min(to.len());
            to[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    proptest! {
        #[test]
        fn it_finds_what_a_simple_search_finds(text in "[ab]{0,40}", needle in "[ab]{1,6}", step in 1usize..7) {
            let needles = [Needle { variable: "V", value: needle.as_bytes() }];
            let found = search_stream(Slow(text.as_bytes(), step), &needles).unwrap();
            prop_assert_eq!(found.is_some(), text.contains(&needle));
        }
    }
}
