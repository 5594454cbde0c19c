//! Modules below a root that is a module or a workspace itself, which `go list ./...` does not look into.

use std::{fs, io::Read as _, path::Path};

use super::{Layout, ModFile, facts::normal};
use crate::assembly::tree;

/// The depth to which modules are looked for, in directories.
const MAX_DEPTH: usize = 6;

/// The number of modules that are looked at.
const MAX_MODULES: usize = 64;

/// The number of bytes of a go.mod that are read.
const MAX_SIZE: u64 = 1 << 20;

/// The end of a target that stands for all programs below a directory.
pub(super) const ALL: &str = "...";

/// A module below the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Nested {
    /// Its directory, such as `./cmd/web`.
    pub(crate) directory: String,
    pub(crate) module: ModFile,
}

/// Returns the modules below the root, in order; without those that a workspace names, for they are parts of the root.
pub(super) fn find(source: &Path, layout: &Layout, root: &ModFile) -> Vec<Nested> {
    let mut found = Vec::new();
    if matches!(layout, Layout::Module { .. } | Layout::Workspace) {
        let used: Vec<_> = root.uses.iter().map(|path| normal(path)).collect();
        visit(source, ".", MAX_DEPTH, &used, &mut found);
    }
    found
}

fn visit(path: &Path, name: &str, depth: usize, used: &[String], found: &mut Vec<Nested>) {
    for child in tree::children(path).unwrap_or_default() {
        let Some(last) = child.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        let is_directory = fs::symlink_metadata(&child).is_ok_and(|data| data.is_dir());
        if !is_directory || is_ignored(last) || found.len() >= MAX_MODULES {
            continue;
        }
        let name = format!("{name}/{last}");
        if let Some(module) = read(&child.join("go.mod")).filter(|_| !used.contains(&name)) {
            let directory = name.clone();
            found.push(Nested { directory, module });
        }
        if depth > 1 {
            visit(&child, &name, depth - 1, used, found);
        }
    }
}

/// Returns whether a directory has no packages of the source: Go itself ignores most of these.
pub(super) fn is_ignored(name: &str) -> bool {
    name.starts_with(['.', '_']) || matches!(name, "vendor" | "node_modules" | "testdata")
}

fn read(path: &Path) -> Option<ModFile> {
    let mut text = Vec::new();
    let file = fs::File::open(path).ok()?;
    file.take(MAX_SIZE).read_to_end(&mut text).ok()?;
    Some(ModFile::parse(&String::from_utf8_lossy(&text)))
}

impl Nested {
    /// Returns whether a target of the user may be a package of this module.
    pub(super) fn may_have(&self, target: &str) -> bool {
        let target = normal(target);
        let below = format!("{}/", self.directory);
        match target.strip_suffix(ALL) {
            Some(start) => below.starts_with(start) || start.starts_with(&below),
            None => target == self.directory || target.starts_with(&below),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assembly::testing::tree;

    #[test]
    fn modules_below_the_root_are_found_but_not_those_of_a_workspace_or_of_dependencies() {
        let root = tree(&[
            ("go.mod", "module fleet"),
            (
                "cmd/controller/go.mod",
                "module fleet/cmd/controller\ngo 1.25",
            ),
            ("cmd/controller/tools/go.mod", "module tools"),
            ("vendor/x/go.mod", "module x"),
            ("web/node_modules/y/go.mod", "module y"),
            ("lib/testdata/go.mod", "module z"),
            (".cache/go.mod", "module c"),
            ("used/go.mod", "module used"),
        ]);
        let layout = Layout::Module { vendored: false };
        let names = |layout: &Layout, root_file: &str| {
            let found = find(root.path(), layout, &ModFile::parse(root_file));
            let names = found.into_iter().map(|nested| nested.directory);
            names.collect::<Vec<_>>()
        };
        assert_eq!(
            names(&layout, "module fleet"),
            ["./cmd/controller", "./cmd/controller/tools", "./used"]
        );
        assert_eq!(
            names(&Layout::Workspace, "use ./used\nuse ./cmd/controller/"),
            ["./cmd/controller/tools"]
        );
        assert!(names(&Layout::Files, "").is_empty());
    }

    #[test]
    fn target_is_in_the_module_whose_directory_is_above_it() {
        let nested = Nested {
            directory: "./cmd/web".into(),
            module: ModFile::default(),
        };
        for (target, expected) in [
            ("cmd/web", true),
            ("./cmd/web/x", true),
            ("./cmd/webs", false),
            ("./...", true),
            ("./cmd/...", true),
            ("./cmd/web/x/...", true),
            ("./api/...", false),
            (".", false),
        ] {
            assert_eq!(nested.may_have(target), expected, "{target}");
        }
    }
}
