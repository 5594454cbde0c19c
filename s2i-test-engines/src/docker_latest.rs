//! The newest Docker: `dockerd`, its proxy and `runc` are built from source once and cached.
//!
//! containerd and its shim are those of the host.

use std::{ffi::OsString, path::PathBuf, process::Command};

use anyhow::{Context, Result};

use crate::{docker, go, paths};

/// A program that is built from a module. Versions are pinned only here.
struct Built {
    program: &'static str,
    package: &'static str,
    version: &'static str,
    tags: &'static str,
    cgo: &'static str,
}

const MOBY: &str = "v2.0.0-beta.24";
const RUNC: &str = "v1.5.2";
/// The linker variable for the version that Docker reports; other programs ignore it.
const MOBY_VERSION: &str = "github.com/moby/moby/v2/dockerversion.Version";

const BUILT: [Built; 3] = [
    Built {
        program: "runc",
        package: "github.com/opencontainers/runc",
        version: RUNC,
        tags: "seccomp",
        cgo: "1",
    },
    Built {
        program: "docker-proxy",
        package: "github.com/moby/moby/v2/cmd/docker-proxy",
        version: MOBY,
        tags: "",
        cgo: "0",
    },
    Built {
        program: "dockerd",
        package: "github.com/moby/moby/v2/cmd/dockerd",
        version: MOBY,
        tags: "exclude_graphdriver_btrfs",
        cgo: "0",
    },
];

impl Built {
    /// Returns a separate folder for each version, so that a new pin causes a new build.
    fn dir(&self) -> Result<PathBuf> {
        let name = format!("{}-{}", self.program, self.version);
        let dir = paths::made().join("engines").join(name);
        std::path::absolute(&dir).with_context(|| format!("can't resolve `{}`", dir.display()))
    }

    fn is_there(&self) -> bool {
        self.dir().is_ok_and(|dir| dir.join(self.program).is_file())
    }

    fn build(&self) -> Result<()> {
        eprintln!(
            "building {} {} from source, once",
            self.program, self.version
        );
        let mut command = Command::new("go");
        let flags = format!("-X {MOBY_VERSION}={}", self.version.trim_start_matches('v'));
        let package = format!("{}@{}", self.package, self.version);
        command.args([
            "install", "-v", "-tags", self.tags, "-ldflags", &flags, &package,
        ]);
        command
            .env("GOBIN", self.dir()?)
            .env("CGO_ENABLED", self.cgo);
        go::run(command.current_dir("/"), self.program)
    }
}

/// Returns whether all programs are cached.
pub(crate) fn is_built() -> bool {
    BUILT.iter().all(Built::is_there)
}

/// Builds the programs that are not cached.
pub(crate) fn build() -> Result<()> {
    let mut missing = BUILT.iter().filter(|built| !built.is_there());
    missing.try_for_each(Built::build)
}

/// Returns the programs of this engine. Those that were built come first on its `PATH`.
pub(crate) fn programs() -> Result<docker::Programs> {
    let mut dirs = BUILT.iter().map(Built::dir).collect::<Result<Vec<_>>>()?;
    let dockerd = dirs.last().context("nothing is built")?.join("dockerd");
    let host: OsString = std::env::var_os("PATH").context("PATH is not set")?;
    dirs.extend(std::env::split_paths(&host));
    let path = std::env::join_paths(dirs).context("a folder on PATH holds a colon")?;
    Ok(docker::Programs { dockerd, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_that_were_built_come_before_those_of_the_host() {
        let programs = programs().unwrap();
        let first = std::env::split_paths(&programs.path).next().unwrap();
        assert_eq!(first, BUILT[0].dir().unwrap());
        assert!(
            programs
                .dockerd
                .ends_with(format!("dockerd-{MOBY}/dockerd"))
        );
    }
}
