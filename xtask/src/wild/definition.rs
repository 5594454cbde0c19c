//! The images and their repositories, in `wild.toml`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use s2i_core::{
    image::{ContainerConfig, ImageConfig, Platform},
    label,
};
use s2i_test_engines::{host, paths};
use serde::Deserialize;
use toml::Table;

use crate::{dist::Arch, images};

/// All definitions.
const TABLE: &str = include_str!("wild.toml");

/// A public repository and its commit.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Repository {
    owner: String,
    commit: String,
}

/// A line of a script that can't run: in an image on Debian, where it is replaced, or in one of the builds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stop {
    /// The file, as `REPOSITORY/PATH`.
    file: String,
    /// A part of the line that no earlier line has.
    text: String,
    /// The name of the build. `None` for a line that is replaced.
    #[serde(default)]
    pub(super) build: Option<String>,
    /// The reason, and the replacement.
    pub(super) why: String,
}

impl Stop {
    /// Returns the file with the number of the line: `REPOSITORY/PATH:LINE`.
    pub(super) fn place(&self, sources: &Path) -> Result<String> {
        let path = sources.join(&self.file);
        let script = std::fs::read_to_string(&path);
        let script = script.with_context(|| format!("can't read {}", path.display()))?;
        let at = script.lines().position(|line| line.contains(&self.text));
        let at = at.with_context(|| format!("{} has no `{}`", self.file, self.text))?;
        Ok(format!("{}:{}", self.file, at + 1))
    }
}

/// An image.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Definition {
    /// The packages of Debian that stand in for those of RHEL.
    pub(super) packages: Vec<String>,
    /// The file of the sample with the text of its answer.
    pub(super) page: String,
    /// A text in the log of a build with the artifacts of the previous one. `None` if no text shows it.
    #[serde(default)]
    pub(super) restores: Option<String>,
    /// Variables of the second build, as `NAME=VALUE`.
    #[serde(default)]
    pub(super) again: Vec<String>,
    /// The lines that can't run.
    #[serde(default)]
    pub(super) stops: Vec<Stop>,
    /// Its user.
    pub(super) user: String,
    working_dir: String,
    #[serde(default)]
    entrypoint: Vec<String>,
    cmd: Vec<String>,
    /// Its variables.
    pub(super) env: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
}

impl Definition {
    /// Returns the address of its scripts.
    pub(super) fn scripts_url(&self) -> &str {
        &self.labels[label::SCRIPTS_URL]
    }

    /// Returns the config of the image, without layers.
    pub(super) fn config(&self) -> Result<ImageConfig> {
        let env = self.env.iter();
        let config = ContainerConfig {
            user: self.user.clone(),
            exposed_ports: ["8080/tcp".to_owned()].into(),
            env: env.map(|(name, value)| format!("{name}={value}")).collect(),
            entrypoint: self.entrypoint.clone(),
            cmd: self.cmd.clone(),
            working_dir: self.working_dir.clone(),
            labels: self.labels.clone(),
            ..ContainerConfig::default()
        };
        let platform = Platform::linux(Arch::host()?.go());
        Ok(ImageConfig::new(platform).with_config(config))
    }
}

/// The content of `wild.toml`.
#[derive(Debug)]
pub(super) struct Definitions {
    /// The repositories by name.
    pub(super) repositories: BTreeMap<String, Repository>,
    /// The images by name.
    pub(super) images: BTreeMap<String, Definition>,
}

impl Definitions {
    /// Reads the table.
    pub(super) fn read() -> Result<Self> {
        let mut table: Table = toml::from_str(TABLE)?;
        let mut take = |key| table.remove(key).context("wild.toml has a table missing");
        let repositories = take("repositories")?.try_into()?;
        let core: Table = take("core")?.try_into()?;
        let tables: BTreeMap<String, Table> = take("images")?.try_into()?;
        let mut images = BTreeMap::new();
        for (name, mut own) in tables {
            let has_core = own.remove("core").is_some();
            let mut whole = if has_core { core.clone() } else { Table::new() };
            images::merge(&mut whole, own);
            let read = Definition::deserialize(whole);
            images.insert(name.clone(), read.with_context(|| name)?);
        }
        Ok(Self {
            repositories,
            images,
        })
    }
}

/// Returns the folder of an image.
pub(super) fn folder(name: &str) -> PathBuf {
    paths::root().join("xtask/src/wild").join(name)
}

impl Repository {
    /// Clones the commit into the directory, if it is not there yet.
    pub(super) fn clone_into(&self, name: &str, directory: &Path) -> Result<()> {
        if head(directory).is_ok_and(|head| head == self.commit) {
            return Ok(());
        }
        let git = || {
            let mut git = Command::new("git");
            git.arg("-C").arg(directory);
            git
        };
        std::fs::create_dir_all(directory)?;
        let url = format!("https://github.com/{}/{name}", self.owner);
        host::run(git().args(["init", "--quiet"]))?;
        let fetched = host::run(git().args(["fetch", "--depth", "1", &url, &self.commit]));
        fetched.context("without the network, give clones with --from DIR")?;
        host::run(git().args(["checkout", "--quiet", "--force", &self.commit]))
    }

    /// Checks that the directory has the repository, and warns if it is at another commit.
    pub(super) fn check(&self, name: &str, directory: &Path) -> Result<()> {
        ensure!(
            directory.is_dir(),
            "there is no clone of {}/{name} at {}",
            self.owner,
            directory.display()
        );
        match head(directory) {
            Ok(head) if head == self.commit => {}
            _ => eprintln!("warning: {name} is not at the commit {}", self.commit),
        }
        Ok(())
    }
}

fn head(directory: &Path) -> Result<String> {
    let mut git = Command::new("git");
    let git = git.arg("-C").arg(directory).args(["rev-parse", "HEAD"]);
    let head = String::from_utf8(host::captured(git)?)?;
    Ok(head.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_has_scripts_and_a_page_with_the_answer() {
        let definitions = Definitions::read().unwrap();
        assert_eq!(definitions.images.len(), 5);
        for (name, image) in &definitions.images {
            let folder = folder(name);
            assert!(folder.join("setup.sh").is_file(), "{name}");
            let page = std::fs::read_to_string(folder.join("source").join(&image.page)).unwrap();
            assert_eq!(page.matches("answer 1").count(), 1, "{name}");
            assert!(image.scripts_url().starts_with("image:///"), "{name}");
        }
        let core = &definitions.images["nodejs"];
        assert_eq!(core.working_dir, core.env["HOME"]);
        assert!(core.env["PATH"].starts_with("/opt/app-root/src/node_modules"));
    }

    #[test]
    fn line_of_a_script_is_found() {
        let sources = tempfile::tempdir().unwrap();
        std::fs::write(sources.path().join("script"), "one\ntwo\n").unwrap();
        let stop = |text: &str| Stop {
            file: "script".into(),
            text: text.into(),
            build: None,
            why: String::new(),
        };
        assert_eq!(stop("two").place(sources.path()).unwrap(), "script:2");
        assert!(stop("three").place(sources.path()).is_err());
    }
}
