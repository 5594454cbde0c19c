//! The packages of a source: one, or those of a workspace.

use std::{fs, path::Path};

use super::{Error as NodeError, Manifest, settings};
use crate::{Error, globs::matches};

/// The depth to which patterns with `**` look.
const MAX_DEPTH: usize = 8;

/// A source for Node.js.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Project {
    /// The package.json at the root.
    pub(crate) root: Manifest,
    /// There is none.
    pub(crate) is_bare: bool,
    /// The packages of the workspace, by directory.
    pub(crate) packages: Vec<Package>,
}

/// A package of a workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Package {
    /// Its directory, relative to the root.
    pub(crate) directory: String,
    pub(crate) manifest: Manifest,
}

/// The package that is the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    /// The package of the root.
    Root,
    /// One of the workspace.
    Package(&'a Package),
}

impl Project {
    /// Reads a source, or the rest of it in an image.
    pub(crate) fn read(root: &Path) -> Result<Self, Error> {
        let manifest = Manifest::read(root)?;
        let is_bare = manifest.is_none();
        let manifest = manifest.unwrap_or_default();
        let mut patterns = manifest.workspaces.clone();
        if let Ok(text) = fs::read_to_string(root.join("pnpm-workspace.yaml")) {
            patterns.extend(settings::yaml_list(&text, "packages"));
        }
        let mut packages = Vec::new();
        for directory in directories(root, &patterns) {
            let manifest = Manifest::read(&root.join(&directory))?;
            packages.extend(manifest.map(|manifest| Package {
                directory,
                manifest,
            }));
        }
        Ok(Self {
            root: manifest,
            is_bare,
            packages,
        })
    }

    /// Returns the application: the requested package, else the root if it `is_startable`, else the only package
    /// with a start script.
    pub(crate) fn target(
        &self,
        requested: Option<&str>,
        is_startable: bool,
    ) -> Result<Target<'_>, NodeError> {
        if let Some(name) = requested {
            let path = name.trim_start_matches("./").trim_end_matches('/');
            if matches!(path, "" | ".") || self.root.name.as_deref() == Some(name) {
                return Ok(Target::Root);
            }
            let mut packages = self.packages.iter();
            let found = packages.find(|package| {
                package.directory == path || package.manifest.name.as_deref() == Some(name)
            });
            return found
                .map(Target::Package)
                .ok_or_else(|| NodeError::NoSuchPackage {
                    name: name.to_owned(),
                    packages: self.packages.iter().map(Package::name).collect(),
                });
        }
        if is_startable {
            return Ok(Target::Root);
        }
        let has_start = |package: &&Package| package.manifest.scripts.contains_key("start");
        let startable: Vec<_> = self.packages.iter().filter(has_start).collect();
        match startable[..] {
            [] => Ok(Target::Root),
            [only] => Ok(Target::Package(only)),
            _ => Err(NodeError::SeveralPackages {
                packages: startable.into_iter().map(Package::name).collect(),
            }),
        }
    }

    /// Returns the packages of the workspace that a target needs, itself included, each after those that it
    /// needs.
    pub(crate) fn closure<'a>(&'a self, target: Target<'a>) -> Vec<&'a Package> {
        let (mut seen, mut order) = (Vec::new(), Vec::new());
        self.visit(target, &mut seen, &mut order);
        order
    }

    fn visit<'a>(
        &'a self,
        target: Target<'a>,
        seen: &mut Vec<Target<'a>>,
        order: &mut Vec<&'a Package>,
    ) {
        // Two packages may need each other.
        if seen.contains(&target) {
            return;
        }
        seen.push(target);
        for name in target.manifest(self).all_dependencies() {
            let mut packages = self.packages.iter();
            let needed = packages.find(|package| package.manifest.name.as_ref() == Some(name));
            if let Some(package) = needed {
                self.visit(Target::Package(package), seen, order);
            }
        }
        if let Target::Package(package) = target {
            order.push(package);
        }
    }
}

impl Package {
    /// Returns the name for users, which is its directory.
    fn name(&self) -> String {
        self.directory.clone()
    }
}

impl<'a> Target<'a> {
    /// Returns its package.json.
    pub(crate) fn manifest(self, project: &'a Project) -> &'a Manifest {
        match self {
            Self::Root => &project.root,
            Self::Package(package) => &package.manifest,
        }
    }

    /// Returns its directory, relative to the root; empty for the root itself.
    pub(crate) fn directory(self) -> &'a str {
        match self {
            Self::Root => "",
            Self::Package(package) => &package.directory,
        }
    }
}

/// Returns the directories that match patterns, in order; a pattern that begins with `!` excludes some.
fn directories(root: &Path, patterns: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for pattern in patterns {
        let excluded = pattern.strip_prefix('!');
        let pattern = excluded.unwrap_or(pattern);
        let parts: Vec<_> = pattern
            .split('/')
            .filter(|part| !matches!(*part, "" | "."))
            .collect();
        if parts.contains(&"..") {
            continue;
        }
        let mut matches = Vec::new();
        expand(root, "", &parts, MAX_DEPTH, &mut matches);
        if excluded.is_some() {
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
    let join = |name: &str| match base {
        "" => name.to_owned(),
        base => format!("{base}/{name}"),
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

fn subdirectories(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let directories = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let names = directories.filter_map(|entry| entry.file_name().into_string().ok());
    names
        .filter(|name| name != "node_modules" && !name.starts_with('.'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assembly::testing::tree;

    #[test]
    fn workspace_has_the_packages_that_match_its_patterns() {
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
            .map(|package| package.directory.as_str())
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
    fn application_is_requested_or_the_only_one_that_starts() {
        let web = ("apps/web", r#"{"name":"@x/web","scripts":{"start":"x"}}"#);
        let lib = ("lib", r#"{"name":"@x/lib"}"#);
        let one = project(&[web, lib]);
        let target = |project: &Project, requested, is_startable| {
            project
                .target(requested, is_startable)
                .map(|target| target.directory().to_owned())
                .map_err(|err| err.to_string())
        };
        assert_eq!(target(&one, None, false).as_deref(), Ok("apps/web"));
        assert_eq!(target(&one, None, true).as_deref(), Ok(""));
        for requested in ["@x/lib", "lib", "./lib/"] {
            assert_eq!(target(&one, Some(requested), true).as_deref(), Ok("lib"));
        }
        assert_eq!(target(&project(&[lib]), None, false).as_deref(), Ok(""));
        let two = project(&[web, ("apps/api", r#"{"scripts":{"start":"y"}}"#)]);
        assert!(target(&two, None, false).is_err());
        assert!(target(&two, Some("none"), false).is_err());
    }

    #[test]
    fn dependencies_come_first_even_in_a_cycle() {
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
            .map(|package| package.directory.as_str())
            .collect();
        assert_eq!(order, ["c", "b", "a"]);
    }
}
