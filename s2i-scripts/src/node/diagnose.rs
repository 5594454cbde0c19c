//! Advice about installations that have failed, beside the messages of the package manager.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::Facts;
use crate::{Directories, assembly::tree, explain::abbreviated};

/// The file that makes a package a native add-on, which is compiled.
const GYP_FILE: &str = "binding.gyp";

/// Returns advice about a build that has failed.
pub(crate) fn diagnose(facts: &Facts, _output: &str, dirs: &Directories) -> Vec<String> {
    if facts.has_compiler {
        return Vec::new();
    }
    let app = Path::new(dirs.app().as_str()).to_owned();
    let mut found = addons(&app);
    found.extend(locked(&app));
    found.sort();
    found.dedup();
    if found.is_empty() {
        return Vec::new();
    }
    let node = &facts.node;
    vec![
        format!(
            "these packages may have to compile a native add-on, and this image has no compiler (g++, make, python3): {}",
            abbreviated(&found)
        ),
        format!(
            "use versions of them that include one for Node.js {} (ABI {}) on linux-{}, or build with an image that has a compiler",
            node.version.major, node.abi, node.arch
        ),
    ]
}

/// Returns the installed packages, the application itself included, with add-ons that are not compiled.
fn addons(app: &Path) -> Vec<String> {
    let modules = app.join("node_modules");
    let mut homes = vec![(".".to_owned(), app.to_owned())];
    homes.extend(packages(&modules));
    for (_, entry) in directories(&modules.join(".pnpm")) {
        homes.extend(packages(&entry.join("node_modules")));
    }
    homes
        .into_iter()
        .filter(|(_, home)| home.join(GYP_FILE).is_file() && !is_compiled(home))
        .map(|(name, _)| name)
        .collect()
}

fn is_compiled(home: &Path) -> bool {
    let built = tree::children(&home.join("build/Release")).unwrap_or_default();
    let is_addon = |path: &PathBuf| path.extension().is_some_and(|end| end == "node");
    home.join("prebuilds").is_dir() || built.iter().any(is_addon)
}

/// Returns the packages of a directory, those of scopes included.
fn packages(modules: &Path) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    for (name, path) in directories(modules) {
        if name.starts_with('@') {
            let inner = directories(&path).into_iter();
            found.extend(inner.map(|(inner, path)| (format!("{name}/{inner}"), path)));
        } else if !name.starts_with('.') {
            found.push((name, path));
        }
    }
    found
}

fn directories(path: &Path) -> Vec<(String, PathBuf)> {
    let children = tree::children(path).unwrap_or_default().into_iter();
    children
        .filter(|path| path.is_dir())
        .filter_map(|path| Some((path.file_name()?.to_str()?.to_owned(), path)))
        .collect()
}

/// Returns the packages of npm's lock file that have scripts for their installation: npm removes packages whose
/// installation has failed.
fn locked(app: &Path) -> Vec<String> {
    let text = fs::read_to_string(app.join("package-lock.json")).unwrap_or_default();
    let lock: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let packages = lock["packages"].as_object().into_iter().flatten();
    packages
        .filter(|(_, package)| package.get("hasInstallScript").is_some())
        .filter_map(|(path, _)| path.rsplit_once("node_modules/"))
        .map(|(_, name)| name.to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn add_ons_are_named_unless_they_are_compiled() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        for home in ["a", "@x/b", "done", "ready", ".pnpm/c@1.0.0/node_modules/c"] {
            write(&format!("node_modules/{home}/binding.gyp"), "{}");
        }
        write("node_modules/done/build/Release/done.node", "");
        write("node_modules/ready/prebuilds/linux-x64/ready.node", "");
        write("node_modules/plain/package.json", "{}");
        let mut found = addons(root.path());
        found.sort();
        assert_eq!(found, ["@x/b", "a", "c"]);
        write(
            "package-lock.json",
            r#"{"packages":{"":{"hasInstallScript":true},"node_modules/x/node_modules/@y/z":{"hasInstallScript":true},"node_modules/q":{}}}"#,
        );
        assert_eq!(locked(root.path()), ["@y/z"]);
    }
}
