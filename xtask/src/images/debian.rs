//! Packages of Debian: getting them, finding the newest, and what is in them.
//!
//! Where Debian's archive is, the apt of this machine knows, or `DEBIAN_MIRROR`. The suite is one that
//! is finished: its packages stay where they are for as long as the archive has the suite.

use std::{
    fs::{self, File},
    io::{BufReader, Read},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use lzma_rust2::XzReader;

use crate::{dist::Arch, host};

/// The suite that packages are from.
const SUITE: &str = "bookworm";

/// The variable with the URL of an archive, which is above `pool` and `dists`.
const MIRROR: &str = "DEBIAN_MIRROR";

/// The program of apt that downloads one file.
const HELPER: &str = "/usr/lib/apt/apt-helper";

/// The keys of Debian's archive.
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// How a package starts.
const MAGIC: &[u8; 8] = b"!<arch>\n";

/// Downloads the package at this place in the archive into `directory`.
pub(super) fn download(place: &str, directory: &Path) -> Result<PathBuf> {
    let url = format!("{}/{}", mirror()?, place.replace('+', "%2b"));
    let to = directory.join("package.deb");
    let mut command = if Path::new(HELPER).is_file() {
        let mut helper = Command::new(HELPER);
        helper.args(["-o", "APT::Sandbox::User=root", "download-file", &url]);
        helper.arg(&to);
        helper
    } else {
        let mut curl = Command::new(host::require("curl", "apt-get install curl")?);
        curl.args([
            "--fail",
            "--silent",
            "--show-error",
            "--location",
            "--output",
        ]);
        curl.arg(&to).arg(&url);
        curl
    };
    let output = command.output()?;
    if !output.status.success() || !to.is_file() {
        bail!(
            "the download of {url} ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(to)
}

fn mirror() -> Result<String> {
    let known = std::env::var(MIRROR).ok().or_else(mirror_of_apt);
    let mirror = known.with_context(|| {
        format!(
            "nobody here knows where Debian's archive is; set {MIRROR} to the URL of one, \
             or of a snapshot of it where packages are gone"
        )
    })?;
    Ok(mirror.trim_end_matches('/').to_owned())
}

/// Debian's archive, if this machine is one of Debian's.
fn mirror_of_apt() -> Option<String> {
    let mut apt = Command::new(host::find("apt-get")?);
    let format = "$(ORIGIN) $(LABEL) $(REPO_URI)";
    let targets = apt
        .args(["indextargets", "--format", format])
        .output()
        .ok()?;
    let targets = String::from_utf8(targets.stdout).ok()?;
    let mut urls = targets
        .lines()
        .filter_map(|line| line.strip_prefix("Debian Debian "));
    urls.next().map(str::to_owned)
}

/// The places of the newest of these packages for a processor, each with its name and version.
pub(super) fn newest(names: &[&str], arch: Arch) -> Result<Vec<(String, String, String)>> {
    let apt = host::require("apt-get", "a system of Debian's family")?;
    let directory = tempfile::tempdir()?;
    let at = |name: &str| directory.path().join(name);
    for name in ["state/lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(at(name))?;
    }
    let sources = at("sources.list");
    fs::write(
        &sources,
        format!("deb [signed-by={KEYS}] {} {SUITE} main\n", mirror()?),
    )?;
    let apt = || {
        let mut command = Command::new(&apt);
        for (option, value) in [
            ("Dir::State", at("state")),
            ("Dir::State::status", "/dev/null".into()),
            ("Dir::Cache", at("cache")),
            ("Dir::Etc::SourceList", sources.clone()),
            ("Dir::Etc::SourceParts", "/dev/null".into()),
            ("APT::Architecture", arch.go().into()),
            ("APT::Architectures", arch.go().into()),
            ("APT::Sandbox::User", "root".into()),
        ] {
            command
                .arg("-o")
                .arg(format!("{option}={}", value.display()));
        }
        command
    };
    host::output(apt().args(["--quiet", "update"]))?;
    let found = host::output(apt().args(["download", "--print-uris"]).args(names))?;
    names.iter().map(|name| parse(&found, name)).collect()
}

/// Finds a package in lines like `'URL' NAME_VERSION_ARCH.deb SIZE SHA256:DIGEST`.
fn parse(found: &str, name: &str) -> Result<(String, String, String)> {
    let lines = found
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>());
    let mut lines = lines.filter_map(|words| Some((*words.first()?, *words.get(1)?)));
    let line = lines.find_map(|(url, file)| {
        let version = file
            .strip_prefix(name)?
            .strip_prefix('_')?
            .split('_')
            .next()?;
        let (_, place) = url.trim_matches('\'').split_once("/pool/")?;
        let place = format!("pool/{}", place.replace("%2b", "+"));
        Some((name.to_owned(), version.to_owned(), place))
    });
    line.with_context(|| format!("apt has no package `{name}`"))
}

/// A file or a link of a package.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// A file.
    File(Vec<u8>),
    /// A link, and where it leads.
    Link(String),
}

/// The files and links of a package with their names, which have no slash before them.
pub(super) fn items(package: &Path) -> Result<Vec<(String, Item)>> {
    let file = File::open(package).with_context(|| format!("can't open {}", package.display()))?;
    let mut package = BufReader::new(file);
    let mut magic = [0; MAGIC.len()];
    package.read_exact(&mut magic)?;
    ensure!(&magic == MAGIC, "it is no package of Debian");
    loop {
        let mut head = [0; 60];
        package
            .read_exact(&mut head)
            .context("the package has no `data.tar.xz`")?;
        let head = std::str::from_utf8(&head).context("the package has a bad header")?;
        let size: u64 = head[48..58]
            .trim()
            .parse()
            .context("the package has a bad header")?;
        let mut member = package.by_ref().take(size + size % 2);
        if head[..16].trim() == "data.tar.xz" {
            return unpack(XzReader::new(member.take(size), false));
        }
        std::io::copy(&mut member, &mut std::io::sink())?;
    }
}

fn unpack(archive: impl Read) -> Result<Vec<(String, Item)>> {
    let mut items = Vec::new();
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        let name = entry.path()?.display().to_string();
        let name = name.trim_start_matches("./").to_owned();
        let item = match entry.header().entry_type() {
            tar::EntryType::Regular => {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes)?;
                Item::File(bytes)
            }
            tar::EntryType::Symlink => {
                let target = entry.link_name()?.context("a link without a target")?;
                Item::Link(target.display().to_string())
            }
            _ => continue,
        };
        items.push((name, item));
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_that_apt_prints() {
        let found = "'http://a.example.org/debian/pool/main/g/gcc-12/libstdc%2b%2b6_12.2_amd64.deb' libstdc++6_12.2_amd64.deb 1 SHA256:0\n\
             'http://a.example.org/debian/pool/main/g/glibc/libc6_2.36-9%2bdeb12u14_amd64.deb' libc6_2.36-9+deb12u14_amd64.deb 2 SHA256:1\n";
        let expected = (
            "libc6",
            "2.36-9+deb12u14",
            "pool/main/g/glibc/libc6_2.36-9+deb12u14_amd64.deb",
        );
        let (name, version, place) = parse(found, "libc6").unwrap();
        assert_eq!((&*name, &*version, &*place), expected);
        assert!(
            parse(found, "libstdc++6")
                .unwrap()
                .2
                .contains("libstdc++6_12.2")
        );
        assert!(parse(found, "libc").is_err());
    }

    #[test]
    fn what_is_no_package_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.deb");
        for (bytes, expected) in [
            (&b"PK\x03\x04PK\x03\x04"[..], "it is no package of Debian"),
            (b"!<arch>\n", "the package has no `data.tar.xz`"),
        ] {
            fs::write(&path, bytes).unwrap();
            assert_eq!(items(&path).unwrap_err().to_string(), expected);
        }
    }
}
