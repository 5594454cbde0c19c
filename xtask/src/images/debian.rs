//! Debian packages: downloads, the search for the newest versions, and their contents.
//!
//! The address of Debian's archive is that of `DEBIAN_MIRROR`, or that of this machine's apt, or else Debian's
//! own. A point release removes packages from it; the snapshots of the archive, at Debian's own address or at
//! `DEBIAN_SNAPSHOT`, keep them.

use std::{
    fs::{self, File},
    io::{BufReader, Read},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use lzma_rust2::XzReader;
use s2i_oci::layer::LayerBuilder;
use s2i_test_engines::{host, web};

use super::put;
use crate::dist::Arch;

/// The suites of the packages. The second one has those that the first one lacks, because apt prefers the first.
const SUITES: [&str; 2] = ["bookworm", "bookworm-backports"];

/// The variable with the URL of an archive, which is the parent of `pool` and `dists`.
const MIRROR: &str = "DEBIAN_MIRROR";

/// The variable with the URL of the snapshots, which is the parent of their times.
const SNAPSHOT: &str = "DEBIAN_SNAPSHOT";

/// The archive for machines without apt or with another distribution.
const ARCHIVE: &str = "https://deb.debian.org/debian";

/// Debian's snapshots.
const SNAPSHOTS: &str = "https://snapshot.debian.org/archive/debian";

/// The program of apt that downloads one file.
const HELPER: &str = "/usr/lib/apt/apt-helper";

/// The keys of Debian's archive.
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The first bytes of a package.
const MAGIC: &[u8; 8] = b"!<arch>\n";

/// Downloads the package at this path below the URL `archive` into `directory`.
pub(super) fn download(archive: &str, path: &str, directory: &Path) -> Result<PathBuf> {
    let url = format!("{archive}/{}", path.replace('+', "%2b"));
    let to = directory.join("package.deb");
    if !Path::new(HELPER).is_file() {
        web::download(&url, &to)?;
        return Ok(to);
    }
    // This program uses the proxies of apt's configuration.
    let mut helper = Command::new(HELPER);
    helper.args(["-o", "APT::Sandbox::User=root", "download-file", &url]);
    host::captured(helper.arg(&to))?;
    ensure!(to.is_file(), "the download of {url} left no file");
    Ok(to)
}

/// Returns the URL of Debian's archive.
pub(crate) fn mirror() -> String {
    let known = std::env::var(MIRROR).ok().or_else(mirror_of_apt);
    let mirror = known.unwrap_or_else(|| ARCHIVE.to_owned());
    mirror.trim_end_matches('/').to_owned()
}

/// Returns the URL of the snapshots of Debian's archive.
pub(super) fn snapshots() -> String {
    let known = std::env::var(SNAPSHOT).unwrap_or_else(|_| SNAPSHOTS.to_owned());
    known.trim_end_matches('/').to_owned()
}

/// Returns the archive of this machine's apt, if the machine runs Debian.
fn mirror_of_apt() -> Option<String> {
    let mut apt = Command::new(host::find("apt-get")?);
    let format = "$(ORIGIN) $(LABEL) $(REPO_URI)";
    let targets = host::captured(apt.args(["indextargets", "--format", format]));
    let targets = String::from_utf8(targets.ok()?).ok()?;
    let mut lines = targets.lines();
    let url = lines.find_map(|line| line.strip_prefix("Debian Debian "))?;
    Some(url.to_owned())
}

/// A package that apt found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Its name.
    pub(super) name: String,
    /// Its version.
    pub(super) version: String,
    /// Its path in the archive, starting with `pool`.
    pub(super) path: String,
    /// The time of a snapshot with the package at the same path.
    pub(super) snapshot: String,
}

/// Returns the newest of these packages for a processor.
pub(super) fn newest(names: &[&str], arch: Arch) -> Result<Vec<Found>> {
    let apt = host::require("apt-get", "a system of Debian's family")?;
    let directory = tempfile::tempdir()?;
    let at = |name: &str| directory.path().join(name);
    for name in ["state/lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(at(name))?;
    }
    let sources = at("sources.list");
    let lines = SUITES.map(|suite| format!("deb [signed-by={KEYS}] {} {suite} main\n", mirror()));
    fs::write(&sources, lines.concat())?;
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
            command.args(["-o".into(), format!("{option}={}", value.display())]);
        }
        command
    };
    host::output(apt().args(["--quiet", "update"]))?;
    let snapshot = snapshot_time(&releases(&at("state/lists"))?)?;
    let found = host::output(apt().args(["download", "--print-uris"]).args(names))?;
    let packages = names.iter().map(|name| parse(&found, name, &snapshot));
    packages.collect()
}

/// Returns the release files of the suites from apt's lists.
fn releases(lists: &Path) -> Result<Vec<String>> {
    let mut releases = Vec::new();
    for entry in fs::read_dir(lists)? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with("Release") {
            releases.push(fs::read_to_string(path)?);
        }
    }
    Ok(releases)
}

/// Returns the time of a snapshot with all packages of some releases: the end of the day of the newest one, whose date
/// has the form `Sat, 05 Sep 2026 09:58:40 UTC`. A time without a snapshot stands for the last snapshot before
/// it.
fn snapshot_time(releases: &[String]) -> Result<String> {
    let times = releases.iter().map(|release| end_of_day(release));
    let newest = times.collect::<Result<Vec<_>>>()?.into_iter().max();
    newest.with_context(|| format!("apt has got no description of {}", SUITES.join(", ")))
}

/// Returns the end of the day of a release.
fn end_of_day(release: &str) -> Result<String> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let date = release.lines().find_map(|line| line.strip_prefix("Date: "));
    let words: Vec<_> = date.unwrap_or_default().split_whitespace().collect();
    let time = match words[..] {
        [_, day, month, year, ..] => {
            let month = MONTHS.iter().position(|known| *known == month);
            month.map(|month| format!("{year}{:02}{day:0>2}T235959Z", month + 1))
        }
        _ => None,
    };
    time.context("the description of a suite has no date")
}

/// Finds a package in lines of the form `'URL' NAME_VERSION_ARCH.deb SIZE SHA256:DIGEST`.
fn parse(found: &str, name: &str, snapshot: &str) -> Result<Found> {
    let lines = found
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>());
    let mut lines = lines.filter_map(|words| Some((*words.first()?, *words.get(1)?)));
    let line = lines.find_map(|(url, file)| {
        let version = file.strip_prefix(name)?.strip_prefix('_')?;
        let version = version.split('_').next()?;
        let (_, path) = url.trim_matches('\'').split_once("/pool/")?;
        Some(Found {
            name: name.to_owned(),
            version: version.replace("%3a", ":"),
            path: format!("pool/{}", path.replace("%2b", "+")),
            snapshot: snapshot.to_owned(),
        })
    });
    line.with_context(|| format!("apt has no package `{name}`"))
}

/// A file or a link of a package.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// A file.
    File(Vec<u8>),
    /// A link and its target.
    Link(String),
}

/// Returns the files and links of a package by name, without a leading slash.
pub(super) fn items(package: &Path) -> Result<Vec<(String, Item)>> {
    let file = File::open(package).with_context(|| format!("can't open {}", package.display()))?;
    let mut package = BufReader::new(file);
    let mut magic = [0; MAGIC.len()];
    package.read_exact(&mut magic)?;
    ensure!(&magic == MAGIC, "it is not a package of Debian");
    loop {
        let mut head = [0; 60];
        let read = package.read_exact(&mut head);
        read.context("the package has no `data.tar.xz`")?;
        let head = std::str::from_utf8(&head).context("the package has a bad header")?;
        let size: Result<u64, _> = head[48..58].trim().parse();
        let size = size.context("the package has a bad header")?;
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

/// Adds the licences of the packages of these items, at the same paths as in Debian.
pub(super) fn add_licences(layer: &mut LayerBuilder, items: &[(String, Item)]) -> Result<()> {
    for (name, item) in items {
        if let (Item::File(bytes), true) = (item, name.ends_with("/copyright")) {
            put(layer, name, 0o644, bytes.clone())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_those_that_apt_prints() {
        let found = "'http://a.example.org/debian/pool/main/g/gcc-12/libstdc%2b%2b6_12.2_amd64.deb' libstdc++6_12.2_amd64.deb 1 SHA256:0\n\
             'http://a.example.org/debian/pool/main/b/busybox/busybox-static_1.35.0-4%2bb1_amd64.deb' busybox-static_1%3a1.35.0-4+b1_amd64.deb 2 SHA256:1\n";
        let expected = Found {
            name: "busybox-static".into(),
            version: "1:1.35.0-4+b1".into(),
            path: "pool/main/b/busybox/busybox-static_1.35.0-4+b1_amd64.deb".into(),
            snapshot: "time".into(),
        };
        assert_eq!(parse(found, "busybox-static", "time").unwrap(), expected);
        let other = parse(found, "libstdc++6", "time").unwrap();
        assert!(other.path.contains("libstdc++6_12.2"));
        assert!(parse(found, "busybox", "time").is_err());
    }

    #[test]
    fn snapshot_is_of_the_day_of_the_newest_release() {
        let release = "Origin: Debian\nDate: Sat, 5 Sep 2026 09:58:40 UTC\nSuite: stable\n";
        let older = "Date: Fri, 28 Aug 2026 09:58:40 UTC\n";
        let releases = [older, release, older].map(str::to_owned);
        assert_eq!(snapshot_time(&releases).unwrap(), "20260905T235959Z");
        assert!(snapshot_time(&[]).is_err());
        for wrong in ["", "Date: today\n", "Date: Sat, 05 May\n"] {
            assert!(snapshot_time(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn invalid_package_is_rejected() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.deb");
        for (bytes, expected) in [
            (
                &b"PK\x03\x04PK\x03\x04"[..],
                "it is not a package of Debian",
            ),
            (b"!<arch>\n", "the package has no `data.tar.xz`"),
        ] {
            fs::write(&path, bytes).unwrap();
            assert_eq!(items(&path).unwrap_err().to_string(), expected);
        }
    }
}
