//! The other side of the comparison: BuildKit, with a Dockerfile for the same steps.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, bail};
use s2i_test_engines::{api, host};

use super::{Turn, image, watched::Watched};

/// The name of the resulting image.
pub(crate) const TAG: &str = "s2i-bench/buildkit";

/// Returns a client with BuildKit: up to version 22 it is built in, later versions need their plug-in.
pub(crate) fn client() -> Result<PathBuf> {
    let has_buildkit = |client: &PathBuf| {
        let output = |args: &[&str]| host::captured(Command::new(client).args(args)).ok();
        let version = output(&["--version"]).and_then(|text| String::from_utf8(text).ok());
        let major = version.and_then(|text| {
            let (_, version) = text.split_once("version ")?;
            version.split('.').next()?.parse::<u32>().ok()
        });
        major.is_some_and(|major| major < 23) || output(&["buildx", "version"]).is_some()
    };
    host::find_all("docker").find(has_buildkit).context(
        "no `docker` client with BuildKit is on this machine; install one with: apt-get install docker.io",
    )
}

/// Empties the build cache.
pub(crate) fn empty_cache(url: &str) -> Result<()> {
    api::prune_builds(url)
}

/// Builds the tree. A first build uses nothing of the previous one.
pub(crate) fn build(docker: &Path, url: &str, tree: &Path, is_first: bool) -> Result<Turn> {
    let dockerfile = tree.with_extension("Dockerfile");
    let text = format!(
        "FROM {}\nRUN --mount=type=bind,target=/tmp/src [\"/usr/libexec/s2i/assemble\"]\n\
         CMD [\"/usr/libexec/s2i/run\"]\n",
        image::NAME
    );
    fs::write(&dockerfile, text)
        .with_context(|| format!("can't write {}", dockerfile.display()))?;
    let mut command = Command::new(docker);
    command
        .env("DOCKER_BUILDKIT", "1")
        .args(["-H", url, "build", "--quiet", "--tag", TAG, "--file"]);
    command.arg(&dockerfile);
    if is_first {
        command.arg("--no-cache");
    }
    command.arg(tree).stdout(Stdio::null());
    let start = Instant::now();
    let mut child = command
        .spawn()
        .with_context(|| format!("can't start {command:?}"))?;
    let watched = Watched::new(&child);
    let status = child.wait()?;
    let wall = start.elapsed();
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(Turn {
        wall,
        memory: watched.most_memory(),
        phases: Vec::new(),
    })
}
