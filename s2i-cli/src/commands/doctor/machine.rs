//! The facts about the machine that no engine reports.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use s2i_core::bounds;

use super::Store;

/// The unit of disk usage, in bytes.
const BLOCK: u64 = 512;

/// Returns the version of Git.
pub(super) fn git() -> Option<String> {
    let mut command = Command::new("git");
    command.arg("--version").stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let text = bounds::read_text(child.stdout.take()?, bounds::ANSWER);
    let status = child.wait().ok()?;
    let text = text.ok()?;
    let version = text.trim().trim_start_matches("git version ");
    (status.success() && !version.is_empty()).then(|| version.to_owned())
}

/// Returns the size of the store, as far as this user can read it.
pub(super) fn store(path: &Path) -> Store {
    let mut at_least = false;
    let bytes = path.symlink_metadata().is_ok().then(|| {
        let mut bytes = 0;
        let mut rest: Vec<PathBuf> = vec![path.into()];
        while let Some(path) = rest.pop() {
            let Ok(metadata) = path.symlink_metadata() else {
                continue;
            };
            bytes += metadata.blocks() * BLOCK;
            if metadata.is_dir() {
                match fs::read_dir(&path) {
                    Ok(entries) => rest.extend(entries.flatten().map(|entry| entry.path())),
                    Err(_) => at_least = true,
                }
            }
        }
        bytes
    });
    Store {
        path: path.display().to_string(),
        bytes,
        at_least,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn store_size_is_that_of_its_files() {
        let dir = tempfile::tempdir().unwrap();
        let missing = store(&dir.path().join("none"));
        assert_eq!((missing.bytes, missing.at_least), (None, false));
        fs::create_dir(dir.path().join("sub")).unwrap();
        fs::write(dir.path().join("sub/file"), vec![7; 100_000]).unwrap();
        std::os::unix::fs::symlink(".", dir.path().join("loop")).unwrap();
        let bytes = store(dir.path()).bytes.unwrap();
        assert!((100_000..200_000).contains(&bytes), "{bytes}");
    }
}
