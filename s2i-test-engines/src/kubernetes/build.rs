//! The program of all parts and the one that holds a pod's namespaces, built from source once and cached.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use sha2::{Digest as _, Sha256};

use crate::{go, host, paths};

/// The files of the Go module. The versions are pinned in `go.mod` only.
const SOURCES: [&str; 4] = ["go.mod", "go.sum", "main.go", "pause/main.go"];

/// The module whose version is that of the engine.
const MODULE: &str = "k8s.io/kubernetes ";

/// The package with the version that the parts report. Without it, a node reports v0.0.0.
const VERSION: &str = "k8s.io/component-base/version";

/// The programs with their packages, the slow one last: a folder with it is complete.
const PROGRAMS: [(&str, &str); 2] = [("pause", "./pause"), ("kube", ".")];

/// Returns the program of all parts.
pub(super) fn kube() -> Result<PathBuf> {
    Ok(dir()?.join("kube"))
}

/// Returns the program that holds a pod's namespaces.
pub(super) fn pause() -> Result<PathBuf> {
    Ok(dir()?.join("pause"))
}

/// Returns whether the programs are cached.
pub(crate) fn is_built() -> bool {
    dir().is_ok_and(|dir| dir.is_dir())
}

/// Builds the programs if they are not cached. This takes a quarter of an hour, and 2.5 GB of memory at its end.
pub(crate) fn build() -> Result<()> {
    let dir = dir()?;
    if dir.is_dir() {
        return Ok(());
    }
    let parent = engines();
    fs::create_dir_all(&parent).with_context(|| format!("can't create `{}`", parent.display()))?;
    // An interrupted build leaves no folder that looks complete.
    let unfinished = tempfile::Builder::new()
        .prefix("kubernetes-unfinished-")
        .tempdir_in(&parent)
        .with_context(|| format!("can't create a folder in `{}`", parent.display()))?;
    let flags = flags(&read("go.mod")?)?;
    eprintln!("building Kubernetes from source, once");
    for (program, package) in PROGRAMS {
        let mut command = Command::new("go");
        command.args([
            "build",
            "-v",
            "-trimpath",
            "-buildvcs=false",
            "-mod=readonly",
        ]);
        command.args(["-ldflags", &flags, "-o"]);
        command.arg(unfinished.path().join(program)).arg(package);
        command.env("CGO_ENABLED", "0").current_dir(sources());
        go::run(&mut command, program)?;
    }
    match fs::rename(unfinished.path(), &dir) {
        // Another build of the same was faster.
        Err(_) if dir.is_dir() => Ok(()),
        renamed => {
            renamed.with_context(|| format!("can't create `{}`", dir.display()))?;
            let _moved = unfinished.keep();
            Ok(())
        }
    }
}

/// Returns the linker's options: no symbols, and the version that the parts report.
fn flags(module: &str) -> Result<String> {
    let version = module
        .lines()
        .find_map(|line| line.trim().strip_prefix(MODULE));
    let version = version.context("`go.mod` has no version of Kubernetes")?;
    let numbers = version.strip_prefix('v').unwrap_or(version);
    let (Some(major), Some(minor)) = (numbers.split('.').next(), numbers.split('.').nth(1)) else {
        anyhow::bail!("`{version}` in `go.mod` is no version");
    };
    Ok(format!(
        "-s -w -X {VERSION}.gitVersion={version} -X {VERSION}.gitMajor={major} -X {VERSION}.gitMinor={minor}"
    ))
}

/// Returns the folder of the programs, which depends on everything that they are made of.
fn dir() -> Result<PathBuf> {
    let mut key = Sha256::new();
    for name in SOURCES {
        let text = read(name)?;
        key.update(format!("{name} {}\n{text}", text.len()));
    }
    let version = host::captured(Command::new("go").arg("version").current_dir("/"))?;
    ensure!(!version.is_empty(), "`go version` prints nothing");
    key.update(version);
    let key = base16ct::lower::encode_string(&key.finalize());
    let dir = engines().join(format!("kubernetes-{}", &key[..16]));
    std::path::absolute(&dir).with_context(|| format!("can't resolve `{}`", dir.display()))
}

fn engines() -> PathBuf {
    paths::made().join("engines")
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("kubernetes")
}

fn read(name: &str) -> Result<String> {
    let path = sources().join(name);
    fs::read_to_string(&path).with_context(|| format!("can't read `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_of_the_module_is_the_one_that_parts_report() {
        let flags = flags(&read("go.mod").unwrap()).unwrap();
        let (_, version) = flags.split_once("gitVersion=v").unwrap();
        let version = version.split(' ').next().unwrap();
        let mut numbers = version.split('.');
        let (major, minor) = (numbers.next().unwrap(), numbers.next().unwrap());
        assert!(flags.contains(&format!("gitMajor={major} ")), "{flags}");
        assert!(flags.ends_with(&format!("gitMinor={minor}")), "{flags}");
    }

    #[test]
    fn module_without_kubernetes_is_an_error() {
        assert!(flags("module a\n\ngo 1.26.0\n").is_err());
    }
}
