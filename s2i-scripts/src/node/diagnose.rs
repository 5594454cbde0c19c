//! Advice about installations that have failed, beside the messages of the package manager.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::Facts;
use crate::Places;

/// The most packages that are named.
const FEW: usize = 5;

/// The dependencies that make a package a native add-on, which is compiled.
const RECIPE: &str = "binding.gyp";

/// Returns advice about a build that has failed.
pub(crate) fn diagnose(facts: &Facts, places: &Places) -> Vec<String> {
    if facts.compiler {
        return Vec::new();
    }
    let app = Path::new(places.app().as_str()).to_owned();
    let mut found = addons(&app);
    found.extend(locked(&app));
    found.sort();
    found.dedup();
    if found.is_empty() {
        return Vec::new();
    }
    let (few, more) = found.split_at(found.len().min(FEW));
    let more = if more.is_empty() { "" } else { ", …" };
    let node = &facts.node;
    vec![
        format!(
            "these packages may want to compile a native add-on, and this image has no compiler (g++, make, python3): {}{more}",
            few.join(", ")
        ),
        format!(
            "take versions of them that bring one for Node.js {} (ABI {}) on linux-{}, or build with an image that has a compiler",
            node.version.major, node.abi, node.arch
        ),
    ]
}

/// The packages that were installed, the application itself included, and have add-ons that are not
/// compiled.
fn addons(app: &Path) -> Vec<String> {
    let modules = app.join("node_modules");
    let mut homes = vec![(".".to_owned(), app.to_owned())];
    homes.extend(packages(&modules));
    for (_, entry) in directories(&modules.join(".pnpm")) {
        homes.extend(packages(&entry.join("node_modules")));
    }
    homes
        .into_iter()
        .filter(|(_, home)| home.join(RECIPE).is_file() && !is_compiled(home))
        .map(|(name, _)| name)
        .collect()
}

fn is_compiled(home: &Path) -> bool {
    let built = directories_and_files(&home.join("build/Release"));
    let is_addon = |name: &String| Path::new(name).extension().is_some_and(|end| end == "node");
    home.join("prebuilds").is_dir() || built.iter().any(is_addon)
}

/// The packages of a directory, those of scopes included.
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
    let names = directories_and_files(path).into_iter();
    names
        .map(|name| (name.clone(), path.join(name)))
        .filter(|(_, path)| path.is_dir())
        .collect()
}

fn directories_and_files(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

/// The packages of npm's lock file that have scripts for their installation: npm takes away what it
/// could not finish.
fn locked(app: &Path) -> Vec<String> {
    let text = fs::read_to_string(app.join("package-lock.json")).unwrap_or_default();
    let lock: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let packages = lock
        .get("packages")
        .and_then(|packages| packages.as_object());
    packages
        .into_iter()
        .flatten()
        .filter(|(_, package)| package.get("hasInstallScript").is_some())
        .filter_map(|(place, _)| place.rsplit_once("node_modules/"))
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
