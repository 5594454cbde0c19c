//! Fetches the content of files that Git LFS keeps outside of the repository.
//!
//! Checkouts leave the pointers in place, because the user's filter would ask a remote that the checkout does not have.
//! Then `git lfs pull` runs, with its own filters and no others, against the address of the repository. The settings
//! of the user apply: credentials, proxies, addresses of servers.

use std::{fs::File, io::Read as _, path::Path};

use super::{
    SourceError,
    directory::handle_path,
    git::{Git, Remote},
    location::{Place, place},
};

/// The beginning of a pointer.
const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// The maximal size of a pointer, in bytes.
const POINTER_SIZE: u64 = 1024;

/// The file in which a repository names its server.
const CONFIG_FILE: &str = ".lfsconfig";

/// The filters of Git LFS. Those of the configuration could be other programs.
const FILTERS: [&str; 4] = [
    "filter.lfs.clean=git-lfs clean -- %f",
    "filter.lfs.smudge=git-lfs smudge -- %f",
    "filter.lfs.process=git-lfs filter-process",
    "filter.lfs.required=true",
];

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
    for url in remotes(git) {
        match pull(git, &url) {
            Err(err @ SourceError::Interrupted(_)) => return Err(err),
            pulled => failure = pulled.err().or(failure),
        }
        left = self::pointers(git)?;
        if left.is_empty() {
            return Ok(());
        }
    }
    Err(SourceError::Lfs {
        files: named(&left),
        source: failure.map(Box::new),
    })
}

/// Returns the files that have the filter of Git LFS and are pointers.
fn pointers(git: &Git<'_>) -> Result<Vec<String>, SourceError> {
    let listed = git.files_with_filter("lfs")?;
    let paths = listed.split_terminator('\0');
    let pointers = paths.filter(|path| is_pointer(&git.checkout.join(path)));
    Ok(pointers.map(str::to_owned).collect())
}

fn is_pointer(path: &Path) -> bool {
    let metadata = path.symlink_metadata();
    if !metadata.is_ok_and(|found| found.is_file() && found.len() <= POINTER_SIZE) {
        return false;
    }
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| {
        let mut file = file.take(POINTER.len() as u64);
        file.read_to_end(&mut start)
    });
    read.is_ok() && start == POINTER
}

/// Checks the addresses of servers that the repository names by the rules for sources.
fn check_config(git: &Git<'_>, is_local: bool) -> Result<(), SourceError> {
    let file = git.checkout.join(CONFIG_FILE);
    if file.symlink_metadata().is_err() {
        return Ok(());
    }
    let listing = git.settings_in(CONFIG_FILE)?;
    for record in listing.split_terminator('\0') {
        let (key, value) = record.split_once('\n').unwrap_or((record, ""));
        let is_address = key == "lfs.url" || key.ends_with(".lfsurl") || key == "lfs.pushurl";
        if !is_address || value.is_empty() {
            continue;
        }
        let is_allowed = !value.chars().any(char::is_control)
            && match place(value) {
                Ok(Place::Remote(_)) => true,
                Ok(Place::Directory(path)) => is_local && path.is_absolute(),
                Err(_) => false,
            };
        if !is_allowed {
            return Err(SourceError::LfsAddress(value.into()));
        }
    }
    Ok(())
}

/// Returns the remotes that may have the content: a local repository, and the one that it was cloned from.
fn remotes(git: &Git<'_>) -> Vec<String> {
    let Remote::Local(dir) = git.remote else {
        return vec![git.remote.url().to_owned()];
    };
    let own = handle_path(dir).canonicalize();
    let own = own.ok().map(|path| format!("file://{}", path.display()));
    let origin = git.origin_of(dir);
    let origin = origin.filter(|url| match place(url) {
        Ok(Place::Remote(_)) => true,
        Ok(Place::Directory(path)) => path.is_absolute(),
        Err(_) => false,
    });
    own.into_iter().chain(origin).collect()
}

fn pull(git: &Git<'_>, url: &str) -> Result<(), SourceError> {
    let remote = format!("remote.origin.url={url}");
    let mut args = vec!["-c", &remote];
    args.extend(FILTERS.iter().flat_map(|filter| ["-c", filter]));
    // Files that the repository excludes from fetches would stay pointers.
    args.extend(["lfs", "pull", "--include=", "--exclude=", "origin"]);
    git.run_with("lfs pull", &args).map(drop)
}

/// Returns a list of files that is short enough for a message.
fn named(files: &[String]) -> String {
    let first: Vec<_> = files
        .iter()
        .take(NAMED)
        .map(|file| format!("`{file}`"))
        .collect();
    let more = files.len().saturating_sub(NAMED);
    let first = first.join(", ");
    if more == 0 {
        first
    } else {
        format!("{first} and {more} more")
    }
}
