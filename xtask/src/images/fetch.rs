//! Downloads of artifacts with the standard clients of their ecosystems.
//!
//! Downloads are stored by digest, and the digest is checked at each use.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, Result, anyhow, bail};
use s2i_oci::Digest;
use s2i_test_engines::{host, paths, web};
use serde::Deserialize;

use super::{
    debian,
    lock::{Artifact, Package, RENEW, Source},
    megabytes,
};

/// Returns the file of the artifact: a stored download, or else one from the first source that works.
pub(super) fn artifact(artifact: &Artifact) -> Result<PathBuf> {
    for source in &artifact.sources {
        let kept = kept(source.digest()?);
        if kept.is_file() && check(&kept, source).is_ok() {
            return Ok(kept);
        }
    }
    first(artifact, download)
}

/// Returns the result of `download` for the first source of the artifact for which it does not fail.
fn first<T>(artifact: &Artifact, download: impl Fn(&Source) -> Result<T>) -> Result<T> {
    let mut problems = Vec::new();
    for source in &artifact.sources {
        match download(source) {
            Ok(downloaded) => return Ok(downloaded),
            Err(err) => {
                eprintln!("  failed: {err:#}");
                problems.push(format!("\n  {}: {err:#}", source.package));
            }
        }
    }
    let Artifact {
        name,
        version,
        arch,
        ..
    } = artifact;
    let problems = problems.concat();
    Err(anyhow!(
        "can't get `{name}` {version} for {arch} of images.lock:{problems}\n\
         If it is gone or has changed, renew the lock with: {RENEW}"
    ))
}

fn kept(digest: Digest) -> PathBuf {
    paths::made().join("downloads").join(digest.hex())
}

/// Downloads a source, even if it is stored already, and checks it.
fn download(source: &Source) -> Result<PathBuf> {
    let kept = kept(source.digest()?);
    let got = get(&source.package)?;
    check(&got.path, source)?;
    keep(&got.path, &kept)?;
    Ok(kept)
}

/// Downloads a package without a known digest, and returns it as a source.
pub(super) fn pin(package: Package) -> Result<Source> {
    let got = get(&package)?;
    let (digest, size) = Digest::of_reader(&mut File::open(&got.path)?)?;
    keep(&got.path, &kept(digest))?;
    Ok(Source {
        package,
        sha256: digest.hex(),
        size,
    })
}

/// Returns the file that [`pin`] stored.
pub(super) fn pinned(source: &Source) -> Result<PathBuf> {
    Ok(kept(source.digest()?))
}

fn check(path: &Path, source: &Source) -> Result<()> {
    let (digest, size) = Digest::of_reader(&mut File::open(path)?)?;
    if (digest, size) != (source.digest()?, source.size) {
        bail!(
            "it is {size} bytes with the digest {}, not {} with {}",
            digest.hex(),
            source.size,
            source.sha256
        );
    }
    Ok(())
}

/// The file is copied first, so that a file with this name is always complete.
fn keep(file: &Path, kept: &Path) -> Result<()> {
    let show = || format!("can't write {}", kept.display());
    fs::create_dir_all(kept.parent().context("a file in a directory")?).with_context(show)?;
    let unfinished = kept.with_extension(format!("{}.new", std::process::id()));
    fs::copy(file, &unfinished).with_context(show)?;
    fs::rename(&unfinished, kept).with_context(show)
}

/// A file that a client downloaded, and its temporary directory.
struct Got {
    path: PathBuf,
    _directory: tempfile::TempDir,
}

fn get(package: &Package) -> Result<Got> {
    eprintln!("downloading {package}");
    let start = Instant::now();
    fs::create_dir_all(paths::made())?;
    let directory = tempfile::tempdir_in(paths::made())?;
    let path = match package {
        Package::GoModule(module) => go_module(module, directory.path()),
        Package::Pypi(wheel) => pypi(wheel, directory.path()),
        Package::Npm(package) => npm(package, directory.path()),
        Package::Debian(path) => debian::download(&debian::mirror(), path, directory.path()),
        Package::DebianSnapshot(path) => {
            debian::download(&debian::snapshots(), path, directory.path())
        }
    }?;
    let size = fs::metadata(&path)?.len();
    let seconds = start.elapsed().as_secs_f32();
    eprintln!("  {} in {seconds:.1} s", megabytes(size));
    Ok(Got {
        path,
        _directory: directory,
    })
}

/// The output of `go mod download -json`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Downloaded {
    zip: PathBuf,
    error: String,
}

/// The proxy of the Go project, for machines without `go`.
const GO_PROXY: &str = "https://proxy.golang.org";

/// Returns the zip archive of a module, from Go's own cache or, without `go`, from the first proxy of `GOPROXY`.
fn go_module(module: &str, directory: &Path) -> Result<PathBuf> {
    if host::find("go").is_none() {
        let to = directory.join("module.zip");
        let proxies = std::env::var("GOPROXY").unwrap_or_default();
        web::download(&module_url(module, &proxies)?, &to)?;
        return Ok(to);
    }
    let mut go = go()?;
    go.args(["mod", "download", "-json", module]);
    let output = go.current_dir(directory).output()?;
    let downloaded = serde_json::from_slice::<Downloaded>(&output.stdout).unwrap_or_default();
    if !downloaded.error.is_empty() {
        bail!("{}", downloaded.error);
    }
    if !output.status.success() || downloaded.zip.as_os_str().is_empty() {
        bail!(
            "`go mod download` ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(downloaded.zip)
}

/// Returns the address of the zip archive of a module at the first of these proxies that has one, as
/// <https://go.dev/ref/mod#goproxy-protocol> defines it.
fn module_url(module: &str, proxies: &str) -> Result<String> {
    let parts = module.split_once('@');
    let (path, version) = parts.context("it must be `path@version`")?;
    let mut proxies = proxies.split([',', '|']);
    let proxy = proxies.find(|proxy| proxy.starts_with("https://") || proxy.starts_with("http://"));
    let proxy = proxy.unwrap_or(GO_PROXY).trim_end_matches('/');
    let (path, version) = (escaped(path), escaped(version));
    Ok(format!("{proxy}/{path}/@v/{version}.zip"))
}

/// Escapes capital letters as Go's proxies expect them, `!a` for `A`.
fn escaped(text: &str) -> String {
    let letters = text.chars().map(|c| match c {
        'A'..='Z' => format!("!{}", c.to_ascii_lowercase()),
        c => c.to_string(),
    });
    letters.collect()
}

/// Returns the `go` of this machine, without other toolchains and without settings of a module.
pub(super) fn go() -> Result<Command> {
    let mut go = Command::new(host::require("go", "apt-get install golang-go")?);
    go.env("GOTOOLCHAIN", "local")
        .env("GOFLAGS", "-mod=mod")
        .env("GOWORK", "off");
    Ok(go)
}

/// Returns the only file that `pip download` writes to `directory`.
fn pypi(wheel: &str, directory: &Path) -> Result<PathBuf> {
    let parts = wheel.split_once(" for ");
    let (requirement, platform) = parts.context("it must be `name==version for platform`")?;
    let pip3 = || host::require("pip3", "apt-get install python3-pip");
    let pip = host::find("pip").map_or_else(pip3, Ok)?;
    let mut command = Command::new(pip);
    command.args(["download", "--quiet", "--disable-pip-version-check"]);
    command.args(["--no-deps", "--only-binary", ":all:"]);
    command.args(["--platform", platform, "--dest"]);
    command.arg(directory).arg(requirement);
    host::captured(command.current_dir(directory))?;
    only_file(directory).context("`pip download` left no file")
}

/// Returns the only file that `npm pack` writes to `directory`.
fn npm(package: &str, directory: &Path) -> Result<PathBuf> {
    let mut npm = npm_command()?;
    npm.args(["pack", "--silent", "--pack-destination"]);
    npm.arg(directory).arg(package);
    host::captured(npm.current_dir(directory))?;
    only_file(directory).context("`npm pack` left no file")
}

/// Returns the `npm` of this machine.
pub(super) fn npm_command() -> Result<Command> {
    Ok(Command::new(host::require("npm", "apt-get install npm")?))
}

fn only_file(directory: &Path) -> Result<PathBuf> {
    let mut files = fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path()));
    Ok(files.next().context("the directory is empty")??)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artifact() -> Artifact {
        let source = |package| Source {
            package,
            sha256: "a".repeat(64),
            size: 7,
        };
        Artifact {
            name: "a".into(),
            version: "1".into(),
            arch: "amd64".into(),
            sources: vec![
                source(Package::Debian("pool/a.deb".into())),
                source(Package::DebianSnapshot("T/pool/a.deb".into())),
            ],
        }
    }

    #[test]
    fn address_of_a_module_is_that_of_the_first_proxy() {
        let module = "example.org/Team/tool@v1.0.0-RC1";
        for (proxies, expected) in [
            ("", "https://proxy.golang.org"),
            ("direct", "https://proxy.golang.org"),
            ("file:///x|http://one/,https://two", "http://one"),
        ] {
            let path = "example.org/!team/tool/@v/v1.0.0-!r!c1.zip";
            let url = module_url(module, proxies).unwrap();
            assert_eq!(url, format!("{expected}/{path}"));
        }
    }

    #[test]
    fn sources_are_tried_in_the_order_of_the_lock() {
        let pool = first(&artifact(), |source| Ok(source.package.to_string()));
        assert_eq!(pool.unwrap(), "debian = \"pool/a.deb\"");
        let snapshot = first(&artifact(), |source| match &source.package {
            Package::DebianSnapshot(place) => Ok(place.clone()),
            _ => bail!("404 Not Found"),
        });
        assert_eq!(snapshot.unwrap(), "T/pool/a.deb");
    }

    #[test]
    fn an_artifact_without_a_working_source_names_each_failure() {
        let failed = first::<()>(&artifact(), |_| bail!("404 Not Found"));
        assert_eq!(
            failed.unwrap_err().to_string(),
            "can't get `a` 1 for amd64 of images.lock:\n  \
             debian = \"pool/a.deb\": 404 Not Found\n  \
             debian-snapshot = \"T/pool/a.deb\": 404 Not Found\n\
             If it is gone or has changed, renew the lock with: cargo xtask images --update"
        );
    }
}
