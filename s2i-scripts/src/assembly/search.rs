//! Looks for secrets in files.

use std::{
    fs::File,
    io::{self, ErrorKind, Read},
    path::{Path, PathBuf},
};

use super::tree;
use crate::Error;

/// The number of bytes of a file that are read at once.
const WINDOW: usize = 256 << 10;

/// A variable with its secret value.
type Secret = (String, String);

/// Returns the files of a tree that hold a secret, each with the variable of one.
///
/// Links are not followed. A file that cannot be read cannot have been written by this build either.
pub(super) fn search<'a>(
    path: &Path,
    secrets: &[&'a Secret],
) -> Result<Vec<(PathBuf, &'a str)>, Error> {
    let mut found = Vec::new();
    if !path.exists() {
        return Ok(found);
    }
    let data = tree::stat(path)?;
    if data.is_dir() {
        for child in tree::children(path)? {
            found.extend(search(&child, secrets)?);
        }
    } else if data.is_file() {
        let variable = match File::open(path) {
            Err(err) if err.kind() == ErrorKind::PermissionDenied => Ok(None),
            file => file.and_then(|file| search_stream(file, secrets)),
        };
        let variable = variable.map_err(Error::file("read", path.display()))?;
        found.extend(variable.map(|variable| (path.to_owned(), variable)));
    }
    Ok(found)
}

fn search_stream<'a>(mut stream: impl Read, secrets: &[&'a Secret]) -> io::Result<Option<&'a str>> {
    let longest = secrets.iter().map(|(_, value)| value.len()).max();
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
        let length = kept + read;
        let is_in = |(_, value): &&&Secret| contains(&window[..length], value.as_bytes());
        if let Some((variable, _)) = secrets.iter().find(is_in) {
            return Ok(Some(variable));
        }
        // The end may be the beginning of a secret.
        kept = overlap.min(length);
        window.copy_within(length - kept..length, 0);
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
    fn secret_is_found_in_any_file_and_links_are_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        fs::create_dir_all(path("tree/a/b")).unwrap();
        fs::write(path("outside"), "the-secret").unwrap();
        symlink(path("outside"), path("tree/link")).unwrap();
        fs::write(path("tree/a/x"), "no the-secre t").unwrap();
        let secret = ("NPM_TOKEN".to_owned(), "the-secret".to_owned());
        let secrets = [&secret];
        assert_eq!(search(&path("tree"), &secrets).unwrap(), []);
        assert_eq!(search(&path("none"), &secrets).unwrap(), []);
        let mut large = vec![b't'; WINDOW + 3];
        large.extend(b"the-secret");
        fs::write(path("tree/a/b/.npmrc"), large).unwrap();
        fs::write(path("tree/z"), "it is the-secret").unwrap();
        let holders = [path("tree/a/b/.npmrc"), path("tree/z")].map(|path| (path, "NPM_TOKEN"));
        assert_eq!(search(&path("tree"), &secrets).unwrap(), holders);
    }

    /// A stream that gives a few bytes at a time.
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
        fn search_of_a_stream_agrees_with_a_search_of_its_text(text in "[ab]{0,40}", value in "[ab]{1,6}", step in 1usize..7) {
            let secret = ("V".to_owned(), value.clone());
            let found = search_stream(Slow(text.as_bytes(), step), &[&secret]).unwrap();
            prop_assert_eq!(found.is_some(), text.contains(&value));
        }
    }
}
