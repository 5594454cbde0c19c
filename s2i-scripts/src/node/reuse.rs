//! Installed packages that the next build takes as they are, where nothing has changed that decides about them.
//!
//! A cache has the packages of one state of these files and tools, which its name is the digest of, in a directory for
//! those of production and one for all. Each directory has a digest of its own, which is verified before use.

use std::{
    fmt::Write as _,
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use s2i_core::{bounds, image::Digest};

use super::{
    Project,
    facts::{Node, Tool},
    manager::{Choice, Manager},
};
use crate::{Error, Host, assembly::tree};

/// The file with the digest of the packages beside it.
const DIGEST: &str = "digest";

/// The directory of installed packages.
const MODULES: &str = "node_modules";

/// Files of a source that decide about the packages, beside the lock file.
const FILES: [&str; 4] = ["package.json", ".npmrc", ".yarnrc", ".nvmrc"];

/// The largest lock file that is read, in bytes.
const MAX_LOCK: u64 = 64 << 20;

/// Packages whose installation makes files of the source.
const READ_SOURCE: [&str; 1] = ["@prisma/client"];

/// Packages whose installation is only about their own files.
const OWN_FILES: [&str; 8] = [
    "@parcel/watcher",
    "@swc/core",
    "core-js",
    "core-js-pure",
    "esbuild",
    "fsevents",
    "sharp",
    "unrs-resolver",
];

/// The start of the name of a cache.
pub(super) const PREFIX: &str = "modules";

/// The packages that a directory of a cache has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of them.
    All,
    /// Those of production.
    Production,
}

impl Part {
    /// Returns the name of its directory.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Production => "production",
        }
    }
}

/// Returns the name of the cache for the packages of a source; `None` where files of the source, scripts or other
/// packages decide about them too.
pub(super) fn cache_name(
    root: &Path,
    project: &Project,
    choice: &Choice,
    tool: &Tool,
    node: &Node,
    host: &Host<'_>,
) -> Result<Option<String>, Error> {
    let is_plain = matches!(choice.manager, Manager::Npm | Manager::Yarn)
        && project.packages.is_empty()
        && project.root.workspaces.is_empty()
        && project.root.paths.is_empty()
        && !project.root.has_lifecycle();
    let Some(lock) = choice.lock.filter(|_| is_plain && !project.is_bare) else {
        return Ok(None);
    };
    // npm compiles this one without any script.
    if root.join("binding.gyp").exists() || may_read_source(&root.join(lock)) {
        return Ok(None);
    }
    let version = match tool {
        Tool::Present {
            version: Some(version),
            ..
        } => version.to_string(),
        Tool::Registry { version, .. } => version.clone(),
        Tool::Source { file } => file.clone(),
        Tool::Present { version: None, .. } | Tool::Unneeded => return Ok(None),
    };
    let mut text = String::new();
    let manager = choice.manager.title();
    let abi = [&node.abi, &node.arch].map(String::as_str);
    add(&mut text, &[manager, &version, &node.version.to_string()]);
    add(&mut text, &abi);
    for name in FILES.into_iter().chain([lock]) {
        let path = root.join(name);
        match tree::digest(&path) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => {}
            digest => {
                let digest = digest.map_err(Error::file("read", path.display()))?;
                add(&mut text, &[name, &digest]);
            }
        }
    }
    let mut settings: Vec<_> = host
        .names()
        .filter(|name| name.to_ascii_lowercase().starts_with("npm_config_"))
        .collect();
    settings.sort_unstable();
    for name in settings {
        add(&mut text, &[name, &host.value(name).unwrap_or_default()]);
    }
    let digest = Digest::of(text.as_bytes()).hex();
    Ok(Some(format!("{PREFIX}-{}", &digest[..16])))
}

/// Returns whether a package of a lock file may make something of the files of the source when it is installed.
///
/// npm notes the packages that have a script for their installation; lock files of others are only searched for the names
/// of known ones. Without a lock file that can be read, the answer is that one may.
fn may_read_source(lock: &Path) -> bool {
    let Ok(text) = bounds::read_text_file(lock, MAX_LOCK) else {
        return true;
    };
    let Ok(json) = serde_json::from_str::<serde_json::Value>(&text) else {
        return READ_SOURCE.iter().any(|name| text.contains(name));
    };
    let packages = json["packages"].as_object();
    packages.into_iter().flatten().any(|(path, package)| {
        let name = path.rsplit("node_modules/").next().unwrap_or_default();
        package["hasInstallScript"] == true && !OWN_FILES.contains(&name)
    })
}

/// Adds a line to a text of which a digest is taken.
fn add(text: &mut String, words: &[&str]) {
    writeln!(text, "{words:?}").expect("a String takes everything");
}

/// Returns the parts of a saved cache that are as they were.
pub(super) fn complete_parts(cache: &Path) -> Vec<Part> {
    let is_complete = |part: &Part| {
        let path = cache.join(part.name());
        let known = fs::read_to_string(path.join(DIGEST)).ok();
        known.is_some() && known == digest_of(&path.join(MODULES)).ok()
    };
    let parts = [Part::All, Part::Production];
    parts.into_iter().filter(is_complete).collect()
}

/// Copies the installed packages of an application into a part of a cache, with their digest.
pub(crate) fn save(app: &Path, part: &Path) -> Result<(), Error> {
    let modules = app.join(MODULES);
    if !modules.is_dir() {
        return Ok(());
    }
    tree::remove(part)?;
    tree::copy(&modules, &part.join(MODULES))?;
    let digest = digest_of(&modules)?;
    let path = part.join(DIGEST);
    fs::write(&path, digest).map_err(Error::file("write", path.display()))
}

/// Copies the packages of a part of a cache into an application.
pub(crate) fn restore(part: &Path, app: &Path) -> Result<(), Error> {
    tree::copy(&part.join(MODULES), &app.join(MODULES))
}

/// Returns a digest of the paths, kinds and sizes of a tree's entries, and the targets of its links.
fn digest_of(root: &Path) -> Result<String, Error> {
    let mut text = String::new();
    describe(root, "", &mut text)?;
    Ok(Digest::of(text.as_bytes()).hex())
}

fn describe(path: &Path, name: &str, text: &mut String) -> Result<(), Error> {
    let data = tree::stat(path)?;
    if data.is_dir() {
        add(text, &[name, "directory"]);
        for child in tree::children(path)? {
            let last: PathBuf = child.file_name().unwrap_or_default().into();
            describe(&child, &format!("{name}/{}", last.display()), text)?;
        }
    } else if data.is_symlink() {
        let target = fs::read_link(path).map_err(Error::file("read", path.display()))?;
        add(text, &[name, "link", &target.display().to_string()]);
    } else {
        let is_program = data.permissions().mode() & 0o100 != 0;
        let kind = if is_program { "program" } else { "file" };
        add(text, &[name, kind, &data.len().to_string()]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assembly::testing::tree as write;

    #[test]
    fn packages_come_back_as_they_were_and_changed_ones_are_not_used() {
        let app = write(&[
            ("node_modules/a/index.js", "a"),
            ("node_modules/a/package.json", "{}"),
        ]);
        std::os::unix::fs::symlink("../a/index.js", app.path().join("node_modules/link")).unwrap();
        let cache = tempfile::tempdir().unwrap();
        assert!(complete_parts(cache.path()).is_empty());
        let part = cache.path().join(Part::All.name());
        save(app.path(), &part).unwrap();
        assert_eq!(complete_parts(cache.path()), [Part::All]);

        let other = tempfile::tempdir().unwrap();
        restore(&part, other.path()).unwrap();
        let modules = |root: &Path| digest_of(&root.join(MODULES)).unwrap();
        assert_eq!(modules(other.path()), modules(app.path()));

        fs::write(part.join("node_modules/a/index.js"), "cut off").unwrap();
        assert!(complete_parts(cache.path()).is_empty());
        fs::write(part.join("node_modules/a/index.js"), "a").unwrap();
        assert_eq!(complete_parts(cache.path()), [Part::All]);
        fs::remove_file(part.join("node_modules/link")).unwrap();
        assert!(complete_parts(cache.path()).is_empty());
    }

    #[test]
    fn whatever_decides_about_packages_is_in_the_name_of_their_cache() {
        let name = |files: &[(&str, &str)], abi: &str, env: &[(&str, &str)]| {
            let root = write(files);
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let host = Host::new(["assemble"], env.iter().copied(), &mut out, &mut err);
            let project = Project::read(root.path()).unwrap();
            let choice = Choice {
                manager: Manager::Npm,
                version: None,
                reason: "a test",
                lock: Some("package-lock.json"),
            };
            let node = Node {
                program: "node".into(),
                version: "20.20.2".parse().unwrap(),
                abi: abi.into(),
                arch: "x64".into(),
            };
            let tool = Tool::Present {
                program: "npm".into(),
                version: "11.2.0".parse().ok(),
            };
            cache_name(root.path(), &project, &choice, &tool, &node, &host).unwrap()
        };
        let files = [("package.json", "{}"), ("package-lock.json", "1")];
        let first = name(&files, "115", &[]);
        assert!(first.is_some());
        assert_eq!(name(&files, "115", &[("OTHER", "x")]), first);
        let with_rc = [files[0], files[1], (".npmrc", "x")];
        let names = [
            name(&with_rc, "115", &[]),
            name(&files, "116", &[]),
            name(&files, "115", &[("npm_config_omit", "optional")]),
            name(&[files[0], ("package-lock.json", "2")], "115", &[]),
            name(&[("package.json", "{ }"), files[1]], "115", &[]),
        ];
        assert!(names.iter().all(|other| other.is_some() && *other != first));
        let local = r#"{"dependencies":{"a":"file:./a"}}"#;
        assert_eq!(name(&[("package.json", local), files[1]], "115", &[]), None);
    }

    #[test]
    fn packages_that_read_the_source_when_they_are_installed_are_known() {
        let reads = |text: &str| {
            let root = write(&[("lock", text)]);
            may_read_source(&root.path().join("lock"))
        };
        let npm = |name: &str| {
            format!(
                r#"{{"packages":{{"":{{}},"node_modules/x/node_modules/{name}":{{"hasInstallScript":true}},"node_modules/plain":{{}}}}}}"#
            )
        };
        assert!(reads(&npm("@prisma/client")));
        assert!(reads(&npm("unknown")));
        assert!(!reads(&npm("esbuild")));
        assert!(!reads(r#"{"packages":{"node_modules/plain":{}}}"#));
        assert!(reads("\"@prisma/client@^6\":\n  version \"6.0.0\"\n"));
        assert!(!reads("plain@1:\n  version \"1.0.0\"\n"));
        assert!(may_read_source(Path::new("/no/such/lock")));
    }
}
