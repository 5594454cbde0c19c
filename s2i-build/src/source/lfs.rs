//! Fetches the content of files that Git LFS keeps outside of the repository.
//!
//! Checkouts leave the pointers in place, because the user's filter would ask a remote that the checkout does not have.
//! Then `git lfs fetch` asks the address of the repository, and the content replaces the pointers that have the filter.
//! The settings of the user apply: credentials, proxies, addresses of servers.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use super::{
    SourceError,
    directory::handle_path,
    git::{Git, Remote},
    location::{Place, place, without_credentials},
};

/// The beginning of a pointer.
const POINTER: &str = "version https://git-lfs.github.com/spec/";

/// The maximal size of a pointer, in bytes.
const POINTER_SIZE: u64 = 1024;

/// The file in which a repository names its server.
const CONFIG_FILE: &str = ".lfsconfig";

/// The beginning of the line with the digest of the content.
const DIGEST: &str = "oid sha256:";

/// The directory for content, in Git's own. Users may have one for all their clones.
const STORAGE: &str = "lfs";

/// The characters that are escaped in the path of a URL.
const ESCAPED: AsciiSet = NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_');

/// The most files that an error names.
const NAMED: usize = 5;

/// Puts the content into the place of all pointers of a checkout.
pub(super) fn fetch(git: &Git<'_>, is_local: bool) -> Result<(), SourceError> {
    let pointers = pointers(git)?;
    if pointers.is_empty() {
        return Ok(());
    }
    check_config(git, is_local)?;
    if git.run("lfs", &["version"]).is_err() {
        git.cancel.check().map_err(SourceError::Interrupted)?;
        let files = named(&pointers);
        return Err(SourceError::NoLfs { files });
    }
    let (mut left, mut failure) = (pointers, None);
    for server in servers(git) {
        match download(git, &server) {
            Err(err @ SourceError::Interrupted(_)) => return Err(err),
            fetched => failure = fetched.err().or(failure),
        }
        // Some of the content may have come all the same.
        let mut missing = Vec::new();
        for pointer in left {
            if !pointer.replace(git.checkout)? {
                missing.push(pointer);
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        left = missing;
    }
    Err(SourceError::Lfs {
        files: named(&left),
        source: failure.map(Box::new),
    })
}

/// A file with a pointer.
struct Pointer {
    /// The path in the checkout.
    path: String,
    /// The SHA-256 of the content in lower-case hexadecimal digits, if Git LFS would find it too.
    digest: Option<String>,
}

/// Returns the pointers that have the filter of Git LFS.
fn pointers(git: &Git<'_>) -> Result<Vec<Pointer>, SourceError> {
    let listed = git.files_with_filter("lfs")?;
    let paths = listed.split_terminator('\0');
    Ok(paths
        .filter_map(|path| Pointer::read(git.checkout, path))
        .collect())
}

impl Pointer {
    fn read(checkout: &Path, path: &str) -> Option<Self> {
        // The name is not text, so the file can't be read, and may have a pointer.
        if path.contains(char::REPLACEMENT_CHARACTER) {
            return Some(Self {
                path: path.into(),
                digest: None,
            });
        }
        let file = checkout.join(path);
        let metadata = file.symlink_metadata().ok()?;
        if !metadata.is_file() || metadata.len() > POINTER_SIZE {
            return None;
        }
        let bytes = fs::read(file).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        text.starts_with(POINTER).then(|| Self {
            path: path.into(),
            digest: digest_in(&text).map(str::to_owned),
        })
    }

    /// Replaces the pointer by the content, and returns whether it was fetched.
    fn replace(&self, checkout: &Path) -> Result<bool, SourceError> {
        let Some(digest) = &self.digest else {
            return Ok(false);
        };
        let mut content: PathBuf = [".git", STORAGE, "objects"].iter().collect();
        content.extend([&digest[..2], &digest[2..4], digest]);
        let Ok(mut content) = File::open(checkout.join(content)) else {
            return Ok(false);
        };
        // The file keeps its mode.
        let path = checkout.join(&self.path);
        let replaced = File::create(&path).and_then(|mut file| io::copy(&mut content, &mut file));
        replaced.map_err(SourceError::io("write", path))?;
        Ok(true)
    }
}

/// Returns the digest of the content for which a pointer stands. Extensions store another content.
fn digest_in(pointer: &str) -> Option<&str> {
    let mut lines = pointer.lines();
    let digest = lines.nth(1)?.strip_prefix(DIGEST)?;
    let is_digit = |c| matches!(c, b'0'..=b'9' | b'a'..=b'f');
    (digest.len() == 64 && digest.bytes().all(is_digit)).then_some(digest)
}

/// Checks the addresses of servers that the repository names by the rules for sources.
fn check_config(git: &Git<'_>, is_local: bool) -> Result<(), SourceError> {
    let file = git.checkout.join(CONFIG_FILE);
    let Ok(metadata) = file.symlink_metadata() else {
        return Ok(());
    };
    // Git LFS follows a link, and this check reads the file of the commit.
    if !metadata.is_file() {
        return Err(SourceError::LfsConfig);
    }
    let listing = git.settings_in(CONFIG_FILE)?;
    for record in listing.split_terminator('\0') {
        let (key, value) = record.split_once('\n').unwrap_or((record, ""));
        let is_address = key == "lfs.url" || key.ends_with(".lfsurl") || key == "lfs.pushurl";
        if !is_address || value.is_empty() {
            continue;
        }
        if !is_allowed(value, is_local) {
            return Err(SourceError::LfsAddress(without_credentials(value)));
        }
    }
    Ok(())
}

/// Returns whether an address follows the rules for sources.
fn is_allowed(url: &str, is_local: bool) -> bool {
    let is_allowed = match place(url) {
        Ok(Place::Remote(_)) => true,
        Ok(Place::Directory(path)) => is_local && path.is_absolute(),
        Err(_) => false,
    };
    is_allowed && !url.chars().any(char::is_control)
}

/// A server that may have the content.
struct Server {
    /// The address of the repository.
    repository: String,
    /// The address of the content, if Git LFS shall not derive it from that of the repository and from `.lfsconfig`.
    content: Option<String>,
}

/// Returns the servers that may have the content: a local repository, and the one that it was cloned from.
fn servers(git: &Git<'_>) -> Vec<Server> {
    let Remote::Local(dir) = git.remote else {
        return vec![Server {
            repository: git.remote.url().to_owned(),
            content: None,
        }];
    };
    let own = handle_path(dir).canonicalize().ok().map(|path| Server {
        repository: file_url(&path),
        // `.lfsconfig` would lead away from it.
        content: Some(file_url(&path)),
    });
    let setting = |key| {
        git.setting_of(dir, key)
            .filter(|url| is_allowed(url, true))
            .map(|url| match place(&url) {
                Ok(Place::Directory(path)) => file_url(&path),
                _ => url,
            })
    };
    let origin = setting("remote.origin.url").map(|repository| Server {
        repository,
        content: setting("lfs.url").or_else(|| setting("remote.origin.lfsurl")),
    });
    own.into_iter().chain(origin).collect()
}

/// Returns the URL of a directory. Git LFS takes a path for a URL without escapes.
fn file_url(path: &Path) -> String {
    let path = path.as_os_str().as_encoded_bytes();
    format!("file://{}", percent_encode(path, &ESCAPED))
}

/// Fetches the content into Git's own directory.
fn download(git: &Git<'_>, server: &Server) -> Result<(), SourceError> {
    let repository = format!("remote.origin.url={}", server.repository);
    let storage = format!("lfs.storage={STORAGE}");
    let content = server.content.as_ref().map(|url| format!("lfs.url={url}"));
    let settings = [Some(&repository), Some(&storage), content.as_ref()];
    let settings = settings.into_iter().flatten();
    let mut args: Vec<&str> = settings.flat_map(|setting| ["-c", setting]).collect();
    // The source may exclude files from fetches.
    args.extend(["lfs", "fetch", "--include=", "--exclude=", "origin"]);
    git.run_with("lfs fetch", &args).map(drop)
}

/// Returns a list of files that is short enough for a message.
fn named(files: &[Pointer]) -> String {
    let first: Vec<_> = files
        .iter()
        .take(NAMED)
        .map(|file| format!("`{}`", file.path))
        .collect();
    let more = files.len().saturating_sub(NAMED);
    let first = first.join(", ");
    if more == 0 {
        first
    } else {
        format!("{first} and {more} more")
    }
}
