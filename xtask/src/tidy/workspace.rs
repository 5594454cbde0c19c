//! The packages and files of the workspace, which the rules check.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use s2i_test_engines::{host, paths};

use super::metadata::Metadata;

/// The workspace on disk.
pub(crate) struct Workspace {
    pub(crate) metadata: Metadata,
    /// The root directory.
    pub(crate) root: PathBuf,
    /// The files that Git tracks.
    pub(crate) tracked: Vec<File>,
    /// The Rust sources, tracked or new.
    pub(crate) sources: Vec<File>,
}

/// A file of the workspace.
#[derive(Clone)]
pub(crate) struct File {
    /// The path relative to the root.
    pub(crate) path: PathBuf,
    pub(crate) content: Vec<u8>,
}

impl File {
    /// Returns the content as text. Invalid bytes are replaced.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.content).into_owned()
    }
}

impl Workspace {
    /// Reads the workspace of this task.
    pub(crate) fn read() -> Result<Self> {
        let root = paths::root();
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(["metadata", "--format-version", "1"]);
        let json = host::output(command.current_dir(root))?;
        let metadata = serde_json::from_str(&json);
        Ok(Self {
            metadata: metadata.context("can't read the output of `cargo metadata`")?,
            root: root.to_owned(),
            tracked: files(root, &["--cached"])?,
            sources: files(
                root,
                &["--cached", "--others", "--exclude-standard", "--", "*.rs"],
            )?,
        })
    }
}

/// Returns the files that `git ls-files` lists, without deleted files and links.
fn files(root: &Path, args: &[&str]) -> Result<Vec<File>> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z"]).args(args);
    let list = host::output(git.current_dir(root))?;
    let names = list.split_terminator('\0').map(PathBuf::from);
    let names =
        names.filter(|name| fs::symlink_metadata(root.join(name)).is_ok_and(|meta| meta.is_file()));
    let read = |path: PathBuf| {
        let content = fs::read(root.join(&path));
        let content = content.with_context(|| format!("can't read `{}`", path.display()))?;
        Ok(File { path, content })
    };
    names.map(read).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{super::metadata::tests::metadata, *};

    /// Returns a workspace that consists of files only.
    pub(crate) fn of_files(files: &[(&str, &str)]) -> Workspace {
        let file = |(path, text): &(&str, &str)| File {
            path: path.into(),
            content: text.as_bytes().to_vec(),
        };
        let files: Vec<File> = files.iter().map(file).collect();
        Workspace {
            metadata: metadata(&[]),
            root: "/checkout".into(),
            tracked: files.clone(),
            sources: files,
        }
    }

    /// Returns a workspace that consists of packages only.
    pub(crate) fn of_packages(metadata: Metadata) -> Workspace {
        Workspace {
            metadata,
            root: "/checkout".into(),
            tracked: vec![],
            sources: vec![],
        }
    }

    #[test]
    fn this_workspace_is_read() {
        let workspace = Workspace::read().unwrap();
        assert!(
            workspace
                .metadata
                .members()
                .any(|member| member.name == "xtask")
        );
        assert!(
            workspace
                .sources
                .iter()
                .any(|file| file.path.ends_with("xtask/src/tidy/workspace.rs"))
        );
        assert!(
            workspace
                .tracked
                .iter()
                .any(|file| file.path == Path::new("Cargo.toml"))
        );
    }
}
