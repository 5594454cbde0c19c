//! The packages, and the workspace of the examples, which are built with them.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use flate2::read::GzDecoder;
use s2i_test_engines::{host, paths};

use super::list::{self, Package};

/// The directory of the examples, in the checkout and in their workspace.
const EXAMPLES: &str = "examples";

/// The archives that `cargo package` wrote.
pub(super) struct Packages(Vec<(Package, PathBuf)>);

impl Packages {
    /// Packages the published members. They are not compiled one by one; the examples compile them.
    pub(super) fn make() -> Result<Self> {
        let published = list::published()?;
        let mut command = cargo();
        command.args([
            "package",
            "--quiet",
            "--locked",
            "--no-verify",
            "--allow-dirty",
        ]);
        for package in &published {
            command.args(["--package", &package.name]);
        }
        host::run(command.current_dir(paths::root()))?;
        let archives = paths::target().join("package");
        let packages = published.into_iter().map(|package| {
            let archive = archives.join(format!("{}.crate", package.file_name()));
            (package, archive)
        });
        Ok(Self(packages.collect()))
    }

    /// Prints the packages and their sizes.
    pub(super) fn list(&self) {
        for (package, archive) in &self.0 {
            let size = fs::metadata(archive).map_or(0, |metadata| metadata.len());
            println!("{} {} {size} bytes", package.name, package.version);
        }
    }

    /// Unpacks the packages.
    pub(super) fn unpack(&self, dir: &Path) -> Result<()> {
        for (_, archive) in &self.0 {
            let file = File::open(archive);
            let file = file.with_context(|| format!("can't read {}", archive.display()))?;
            let mut archive_reader = tar::Archive::new(GzDecoder::new(file));
            // Packages have one fixed time, by which Cargo would not recognise a change.
            archive_reader.set_preserve_mtime(false);
            let unpacked = archive_reader.unpack(dir.join("crates"));
            unpacked.with_context(|| format!("can't unpack {}", archive.display()))?;
        }
        Ok(())
    }

    /// Returns the packages on which others depend.
    fn libraries(&self) -> impl Iterator<Item = &Package> {
        let packages = self.0.iter().map(|(package, _)| package);
        packages.filter(|package| self.is_needed(package))
    }

    /// Returns the packages on which no other one depends.
    fn programs(&self) -> impl Iterator<Item = &Package> {
        let packages = self.0.iter().map(|(package, _)| package);
        packages.filter(|package| !self.is_needed(package))
    }

    fn is_needed(&self, package: &Package) -> bool {
        self.0.iter().any(|(other, _)| other.needs(package))
    }
}

/// Builds the examples, and checks the programs, in a workspace of their own in this directory.
pub(super) fn build(packages: &Packages, dir: &Path) -> Result<()> {
    copy(&paths::root().join(EXAMPLES), &dir.join(EXAMPLES))?;
    // The versions of dependencies are those of the checkout, which are compiled already.
    copy(&paths::root().join("Cargo.lock"), &dir.join("Cargo.lock"))?;
    let manifest = dir.join("Cargo.toml");
    fs::write(&manifest, workspace(packages)?)
        .with_context(|| format!("can't write {}", manifest.display()))?;
    let in_workspace = |subcommand: &str| {
        let mut command = cargo();
        command
            .args([subcommand, "--quiet", "--target-dir"])
            .arg(paths::target())
            .env("CARGO_INCREMENTAL", "0")
            .env_remove("S2I_AGENT_DIR")
            .current_dir(dir);
        command
    };
    host::run(in_workspace("build").args(["--package", "s2i-example-*"]))?;
    // They are not built: that would replace those of the checkout.
    let mut check = in_workspace("check");
    for package in packages.programs() {
        check.args(["--package", &package.name]);
    }
    host::run(&mut check)?;
    // The crates with features that are on by default, or that all others turn on.
    host::run(in_workspace("check").args([
        "-p",
        "s2i-native",
        "-p",
        "s2i-oci",
        "--no-default-features",
    ]))
}

/// Returns the path of a built example.
pub(super) fn example(name: &str) -> PathBuf {
    let program = format!("s2i-example-{name}");
    paths::target().join("debug").join(program)
}

/// Returns the manifest of the workspace: the packages replace those of crates.io, and the profiles are those of the
/// checkout.
fn workspace(packages: &Packages) -> Result<String> {
    let root = paths::root().join("Cargo.toml");
    let text =
        fs::read_to_string(&root).with_context(|| format!("can't read {}", root.display()))?;
    let mut lines = vec![
        "[workspace]".to_owned(),
        "resolver = \"3\"".to_owned(),
        format!("members = [\"crates/*\", \"{EXAMPLES}/*\"]"),
        "[patch.crates-io]".to_owned(),
    ];
    for package in packages.libraries() {
        let (name, path) = (&package.name, package.file_name());
        lines.push(format!("{name} = {{ path = \"crates/{path}\" }}"));
    }
    lines.extend(profiles(&text).map(str::to_owned));
    Ok(lines.join("\n"))
}

/// Returns the lines of the profiles in a manifest.
fn profiles(manifest: &str) -> impl Iterator<Item = &str> {
    let mut is_in = false;
    manifest.lines().filter(move |line| {
        if line.starts_with('[') {
            is_in = line.starts_with("[profile.");
        }
        is_in
    })
}

/// Copies a file, or a directory with its content.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let copied = || format!("can't copy {} to {}", from.display(), to.display());
    if !from.is_dir() {
        return fs::copy(from, to).map(drop).with_context(copied);
    }
    fs::create_dir_all(to).with_context(copied)?;
    for entry in fs::read_dir(from).with_context(copied)? {
        let name = entry.with_context(copied)?.file_name();
        copy(&from.join(&name), &to.join(&name))?;
    }
    Ok(())
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_taken_from_the_manifest() {
        let manifest = "[workspace]\na = 1\n[profile.dev]\ndebug = 1\n\n[profile.dev.package]\nx = { a = 1 }\n[b]\n";
        let expected = [
            "[profile.dev]",
            "debug = 1",
            "",
            "[profile.dev.package]",
            "x = { a = 1 }",
        ];
        assert_eq!(profiles(manifest).collect::<Vec<_>>(), expected);
    }
}
