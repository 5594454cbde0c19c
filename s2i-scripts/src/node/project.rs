//! The packages of a source: one, or those of a workspace.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Error as NodeError, Manifest, settings};
use crate::Error;

/// How deep patterns with `**` look.
const DEEPEST: usize = 8;

/// A source for Node.js.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Project {
    /// The package.json at the root.
    pub root: Manifest,
    /// There is none.
    pub is_bare: bool,
    /// The packages of the workspace, by directory.
    pub packages: Vec<Package>,
}

/// A package of a workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Package {
    /// Its directory, relative to the root.
    pub directory: String,
    /// Its package.json.
    pub manifest: Manifest,
}

/// The package that is the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// The package of the root.
    Root,
    /// One of the workspace.
    Package(&'a Package),
}

impl Project {
    /// Reads a source, or what is left of it in an image.
    ///
    /// # Errors
    /// When a file can't be read or is no JSON.
    pub fn read(root: &Path) -> Result<Self, Error> {
        let manifest = Manifest::read(root)?;
        let is_bare = manifest.is_none();
        let manifest = manifest.unwrap_or_default();
        let mut patterns = manifest.workspaces.clone();
        let pnpm = root.join("pnpm-workspace.yaml");
        if let Ok(text) = fs::read_to_string(pnpm) {
            patterns.extend(settings::yaml_list(&text, "packages"));
        }
        let mut packages = Vec::new();
        for directory in directories(root, &patterns) {
            if let Some(manifest) = Manifest::read(&root.join(&directory))? {
                packages.push(Package {
                    directory,
                    manifest,
                });
            }
        }
        Ok(Self {
            root: manifest,
            is_bare,
            packages,
        })
    }

    /// Returns the application: the wanted package, else the root if it `is_startable`, else the only package with a
    /// start script.
    ///
    /// # Errors
    /// When there is not the wanted one, or a choice.
    pub fn target(
        &self,
        wanted: Option<&str>,
        is_startable: bool,
    ) -> Result<Target<'_>, NodeError> {
        let names = |packages: &mut dyn Iterator<Item = &Package>| {
            let name = |package: &Package| package.directory.clone();
            packages.map(name).collect::<Vec<_>>()
        };
        if let Some(wanted) = wanted {
            let path = wanted.trim_start_matches("./").trim_end_matches('/');
            if matches!(path, "" | ".") || self.root.name.as_deref() == Some(wanted) {
                return Ok(Target::Root);
            }
            let is_it = |package: &&Package| {
                package.directory == path || package.manifest.name.as_deref() == Some(wanted)
            };
            let found = self.packages.iter().find(is_it);
            return found
                .map(Target::Package)
                .ok_or_else(|| NodeError::NoSuchPackage {
                    name: wanted.to_owned(),
                    found: names(&mut self.packages.iter()),
                });
        }
        if is_startable {
            return Ok(Target::Root);
        }
        let has_start = |package: &&Package| package.manifest.scripts.contains_key("start");
        let mut startable = self.packages.iter().filter(has_start);
        match (startable.next(), startable.next()) {
            (None, _) => Ok(Target::Root),
            (Some(only), None) => Ok(Target::Package(only)),
            (Some(_), Some(_)) => Err(NodeError::SeveralPackages {
                found: names(&mut self.packages.iter().filter(has_start)),
            }),
        }
    }

    /// The packages of the workspace that a target needs, itself included, each after those that it
    /// needs.
    #[must_use]
    pub fn closure<'a>(&'a self, target: Target<'a>) -> Vec<&'a Package> {
        let mut order = Vec::new();
        let mut seen = Vec::new();
        match target {
            Target::Root => self.visit_all(&self.root, &mut seen, &mut order),
            Target::Package(package) => self.visit(package, &mut seen, &mut order),
        }
        order
    }

    fn visit<'a>(
        &'a self,
        package: &'a Package,
        seen: &mut Vec<&'a str>,
        order: &mut Vec<&'a Package>,
    ) {
        // Two packages may need each other.
        if seen.contains(&package.directory.as_str()) {
            return;
        }
        seen.push(&package.directory);
        self.visit_all(&package.manifest, seen, order);
        order.push(package);
    }

    fn visit_all<'a>(
        &'a self,
        manifest: &'a Manifest,
        seen: &mut Vec<&'a str>,
        order: &mut Vec<&'a Package>,
    ) {
        for name in manifest
            .dependencies
            .iter()
            .chain(&manifest.dev_dependencies)
        {
            let is_it = |package: &&Package| package.manifest.name.as_ref() == Some(name);
            if let Some(package) = self.packages.iter().find(is_it) {
                self.visit(package, seen, order);
            }
        }
    }
}

impl<'a> Target<'a> {
    /// Its package.json.
    #[must_use]
    pub fn manifest(self, project: &'a Project) -> &'a Manifest {
        match self {
            Self::Root => &project.root,
            Self::Package(package) => &package.manifest,
        }
    }

    /// Its directory, relative to the root; empty for the root itself.
    #[must_use]
    pub fn directory(self) -> &'a str {
        match self {
            Self::Root => "",
            Self::Package(package) => &package.directory,
        }
    }
}

/// The directories that patterns mean, in order; a pattern that begins with `!` takes some away.
fn directories(root: &Path, patterns: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for pattern in patterns {
        let (is_negative, pattern) = match pattern.strip_prefix('!') {
            Some(pattern) => (true, pattern),
            None => (false, pattern.as_str()),
        };
        let parts: Vec<_> = pattern
            .split('/')
            .filter(|part| !matches!(*part, "" | "."))
            .collect();
        if parts.contains(&"..") {
            continue;
        }
        let mut matches = Vec::new();
        expand(root, "", &parts, DEEPEST, &mut matches);
        if is_negative {
            found.retain(|known| !matches.contains(known));
        } else {
            found.extend(matches);
        }
    }
    found.sort();
    found.dedup();
    found
}

fn expand(root: &Path, base: &str, parts: &[&str], depth: usize, found: &mut Vec<String>) {
    let Some((first, rest)) = parts.split_first() else {
        found.extend((!base.is_empty()).then(|| base.to_owned()));
        return;
    };
    let join = |name: &str| {
        if base.is_empty() {
            name.to_owned()
        } else {
            format!("{base}/{name}")
        }
    };
    if *first == "**" {
        expand(root, base, rest, depth, found);
        if depth > 0 {
            for name in subdirectories(&root.join(base)) {
                expand(root, &join(&name), parts, depth - 1, found);
            }
        }
    } else if first.contains('*') {
        for name in subdirectories(&root.join(base)) {
            if matches(first, &name) {
                expand(root, &join(&name), rest, depth, found);
            }
        }
    } else if root.join(join(first)).is_dir() {
        expand(root, &join(first), rest, depth, found);
    }
}

fn subdirectories(path: &PathBuf) -> Vec<String> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let directories = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let names = directories.filter_map(|entry| entry.file_name().into_string().ok());
    names
        .filter(|name| name != "node_modules" && !name.starts_with('.'))
        .collect()
}

/// Returns whether a name matches a pattern, in which `*` is anything.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, after)) => name.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len())
                .filter(|&start| rest.is_char_boundary(start))
                .any(|start| matches(after, &rest[start..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn a_workspace_has_the_packages_that_its_patterns_mean() {
        let root = tree(&[
            (
                "package.json",
                r#"{"name":"all","workspaces":["packages/*","!packages/old","tools/**","a-*b"]}"#,
            ),
            ("packages/lib/package.json", r#"{"name":"@x/lib"}"#),
            ("packages/old/package.json", r#"{"name":"@x/old"}"#),
            ("packages/none/readme", ""),
            ("tools/deep/er/package.json", r#"{"name":"deep"}"#),
            ("tools/deep/node_modules/x/package.json", "{}"),
            ("a-1b/package.json", "{}"),
            ("a-1c/package.json", "{}"),
        ]);
        let project = Project::read(root.path()).unwrap();
        let found: Vec<_> = project
            .packages
            .iter()
            .map(|one| one.directory.as_str())
            .collect();
        assert_eq!(found, ["a-1b", "packages/lib", "tools/deep/er"]);
    }

    fn project(packages: &[(&str, &str)]) -> Project {
        let package = |(directory, text): &(&str, &str)| Package {
            directory: (*directory).to_owned(),
            manifest: Manifest::parse(text).unwrap(),
        };
        Project {
            packages: packages.iter().map(package).collect(),
            ..Project::default()
        }
    }

    #[test]
    fn the_application_is_wanted_or_the_only_one_that_starts() {
        let web = ("apps/web", r#"{"name":"@x/web","scripts":{"start":"x"}}"#);
        let lib = ("lib", r#"{"name":"@x/lib"}"#);
        let one = project(&[web, lib]);
        let target = |project: &Project, wanted, is_startable| {
            project
                .target(wanted, is_startable)
                .map(|target| target.directory().to_owned())
                .map_err(|err| err.to_string())
        };
        assert_eq!(target(&one, None, false).as_deref(), Ok("apps/web"));
        assert_eq!(target(&one, None, true).as_deref(), Ok(""));
        for wanted in ["@x/lib", "lib", "./lib/"] {
            assert_eq!(target(&one, Some(wanted), true).as_deref(), Ok("lib"));
        }
        assert_eq!(target(&project(&[lib]), None, false).as_deref(), Ok(""));
        let two = project(&[web, ("apps/api", r#"{"scripts":{"start":"y"}}"#)]);
        assert!(target(&two, None, false).is_err());
        assert!(target(&two, Some("none"), false).is_err());
    }

    #[test]
    fn what_is_needed_comes_first_even_in_a_circle() {
        let project = project(&[
            (
                "a",
                r#"{"name":"a","dependencies":{"c":"1"},"devDependencies":{"b":"1"}}"#,
            ),
            ("b", r#"{"name":"b","dependencies":{"c":"1","a":"1"}}"#),
            ("c", r#"{"name":"c"}"#),
            ("d", r#"{"name":"d"}"#),
        ]);
        let target = project.target(Some("a"), true).unwrap();
        let order: Vec<_> = project
            .closure(target)
            .iter()
            .map(|one| one.directory.as_str())
            .collect();
        assert_eq!(order, ["c", "b", "a"]);
    }
}
