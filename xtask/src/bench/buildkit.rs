//! The other side of the comparison: BuildKit, with Dockerfiles for the same steps.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use s2i_test_engines::{api, host};

use super::{Turn, image, watched};
use crate::{dist::Profile, engine::Target};

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

/// Builds the tree, for the result or for a runtime image. A first build uses nothing of the previous one.
pub(crate) fn build(
    docker: &Path,
    url: &str,
    tree: &Path,
    is_first: bool,
    is_runtime: bool,
) -> Result<Turn> {
    let (builder, assemble, run) = (image::NAME, image::ASSEMBLE, image::RUN);
    let (runtime, from, to) = (image::RUNTIME, image::ARTIFACTS, image::RUNTIME_ARTIFACTS);
    let stage = if is_runtime {
        format!("FROM {runtime}\nCOPY --from=build {from} {to}\n")
    } else {
        String::new()
    };
    let text = format!(
        "FROM {builder} AS build\nRUN --mount=type=bind,target=/tmp/src [\"{assemble}\"]\n\
         {stage}CMD [\"{run}\"]\n"
    );
    let dockerfile = tree.with_extension("Dockerfile");
    fs::write(&dockerfile, text)
        .with_context(|| format!("can't write {}", dockerfile.display()))?;
    build_dockerfile(docker, url, &dockerfile, tree, is_first)
}

/// Lets `s2i` write a Dockerfile with its context into a new directory, and builds it.
pub(crate) fn build_written(docker: &Path, url: &str, tree: &Path, dir: &Path) -> Result<Turn> {
    let dockerfile = dir.join("Dockerfile");
    let mut s2i = Target::private().s2i(Profile::Release)?;
    s2i.args(["--progress", "json", "build", "--copy"])
        .args([
            "--pull-policy=never",
            "--assemble-user=0",
            "--as-dockerfile",
        ])
        .args([dockerfile.as_path(), tree])
        .arg(image::TOOLS_NAME);
    let write = watched::measure(&mut s2i)?;
    let build = build_dockerfile(docker, url, &dockerfile, dir, true)?;
    Ok(Turn {
        wall: write.wall + build.wall,
        memory: write.memory.max(build.memory),
        phases: vec![
            ("write Dockerfile".to_owned(), write.wall),
            ("build".to_owned(), build.wall),
        ],
    })
}

fn build_dockerfile(
    docker: &Path,
    url: &str,
    dockerfile: &Path,
    context: &Path,
    is_first: bool,
) -> Result<Turn> {
    let mut command = Command::new(docker);
    command
        .env("DOCKER_BUILDKIT", "1")
        .args(["-H", url, "build", "--quiet", "--tag", TAG, "--file"])
        .arg(dockerfile);
    if is_first {
        command.arg("--no-cache");
    }
    watched::measure(command.arg(context))
}
