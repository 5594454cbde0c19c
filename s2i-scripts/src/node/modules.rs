//! The installed packages, in directories `node_modules`: those that production needs, and links that lead nowhere.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use super::{Error as NodeError, Manifest};
use crate::{Error, assembly::tree};

/// The directory of installed packages.
const MODULES: &str = "node_modules";

/// Removes the installed packages that these packages of the source do not need in production. Nothing is laid out
/// anew, so what scripts have changed in the others stays.
pub(crate) fn prune(root: &Path, homes: &[PathBuf]) -> Result<(), Error> {
    let mut kept = BTreeSet::new();
    for home in homes {
        keep(root, home, &mut kept)?;
    }
    let mut directories: Vec<_> = homes.iter().map(|home| home.join(MODULES)).collect();
    directories.push(root.join(MODULES));
    directories.iter().try_for_each(|path| sweep(path, &kept))
}

/// Adds the packages that a package needs, and those that these need.
fn keep(root: &Path, home: &Path, kept: &mut BTreeSet<PathBuf>) -> Result<(), Error> {
    let mut queue = vec![home.to_owned()];
    while let Some(home) = queue.pop() {
        let manifest = Manifest::read(&home)?.unwrap_or_default();
        for name in manifest.dependencies.iter().chain(&manifest.peers) {
            let above = home.ancestors().take_while(|path| path.starts_with(root));
            let mut places = above.map(|path| path.join(MODULES).join(name));
            let Some(found) = places.find(|path| tree::is_there(path)) else {
                // It is optional, or the package manager has reported it.
                continue;
            };
            if !kept.insert(found.clone()) {
                continue;
            }
            // A link leads to a package of the source, whose own place decides about what it needs.
            queue.extend(fs::canonicalize(&found));
        }
    }
    Ok(())
}

/// Removes the packages of a directory that are not kept, and links to programs that are gone with them.
fn sweep(modules: &Path, kept: &BTreeSet<PathBuf>) -> Result<(), Error> {
    for path in entries(modules) {
        if !kept.contains(&path) {
            tree::remove(&path)?;
        } else if fs::symlink_metadata(&path).is_ok_and(|data| data.is_dir()) {
            sweep(&path.join(MODULES), kept)?;
        }
    }
    for path in tree::children(modules).unwrap_or_default() {
        let is_scope = name_of(&path).starts_with('@');
        if is_scope && tree::children(&path).is_ok_and(|children| children.is_empty()) {
            tree::remove(&path)?;
        }
    }
    let programs = tree::children(&modules.join(".bin")).unwrap_or_default();
    let gone = programs.iter().filter(|path| !path.exists());
    gone.into_iter().try_for_each(|path| tree::remove(path))
}

/// Returns the packages of a directory, those of scopes included.
fn entries(modules: &Path) -> Vec<PathBuf> {
    let children = tree::children(modules).unwrap_or_default().into_iter();
    let packages = children.filter(|path| !name_of(path).starts_with('.'));
    packages
        .flat_map(|path| {
            if name_of(&path).starts_with('@') {
                tree::children(&path).unwrap_or_default()
            } else {
                vec![path]
            }
        })
        .collect()
}

fn name_of(path: &Path) -> &str {
    let name = path.file_name().and_then(|name| name.to_str());
    name.unwrap_or_default()
}

/// Returns the installed packages that are links to nothing.
fn dangling(root: &Path) -> Vec<PathBuf> {
    let mut links = entries(&root.join(MODULES));
    links.retain(|path| !path.exists());
    links
}

/// Fails where an installed package is a link to nothing: package managers make such links without a word.
pub(crate) fn check_links(root: &Path) -> Result<(), Error> {
    match dangling(root).first() {
        None => Ok(()),
        Some(path) => {
            let target = fs::read_link(path).unwrap_or_default();
            Err(NodeError::DanglingLink {
                path: path.display().to_string(),
                target: target.display().to_string(),
            }
            .into())
        }
    }
}

/// Removes the installed packages that are links to nothing, such as those to packages of a workspace that are gone.
pub(crate) fn remove_dangling(root: &Path) -> Result<(), Error> {
    dangling(root)
        .iter()
        .try_for_each(|path| tree::remove(path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::assembly::testing::tree as write;

    #[test]
    fn what_production_needs_stays_as_it_is() {
        let root = write(&[
            (
                "package.json",
                r#"{"dependencies":{"a":"1","@s/b":"1","none":"1"},"devDependencies":{"dev":"1"}}"#,
            ),
            (
                "node_modules/a/package.json",
                r#"{"dependencies":{"c":"1"},"peerDependencies":{"p":"1"}}"#,
            ),
            ("node_modules/a/patched.js", "patched"),
            ("node_modules/a/node_modules/c/package.json", "{}"),
            ("node_modules/a/node_modules/left/package.json", "{}"),
            ("node_modules/c/package.json", "{}"),
            ("node_modules/p/package.json", "{}"),
            ("node_modules/@s/b/package.json", "{}"),
            ("node_modules/@t/dev/package.json", "{}"),
            (
                "node_modules/dev/package.json",
                r#"{"dependencies":{"a":"1"}}"#,
            ),
            ("node_modules/dev/cli.js", ""),
            ("node_modules/.cache/x", ""),
            ("lib/package.json", r#"{"dependencies":{"l":"1"}}"#),
            ("node_modules/l/package.json", "{}"),
        ]);
        let modules = root.path().join("node_modules");
        fs::create_dir(modules.join(".bin")).unwrap();
        symlink("../dev/cli.js", modules.join(".bin/dev")).unwrap();
        symlink("../a/patched.js", modules.join(".bin/a")).unwrap();
        let root = fs::canonicalize(root.path()).unwrap();
        prune(&root, std::slice::from_ref(&root)).unwrap();
        let names = |path: &str| {
            let children = tree::children(&root.join(path)).unwrap();
            let names = children.iter().map(|path| name_of(path).to_owned());
            names.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names("node_modules"), ".bin .cache @s a p");
        assert_eq!(
            names("node_modules/a"),
            "node_modules package.json patched.js"
        );
        assert_eq!(names("node_modules/a/node_modules"), "c");
        assert_eq!(names("node_modules/.bin"), "a");
    }

    #[test]
    fn package_of_a_workspace_is_kept_with_what_it_needs() {
        let root = write(&[
            ("package.json", "{}"),
            ("web/package.json", r#"{"dependencies":{"lib":"1"}}"#),
            ("lib/package.json", r#"{"dependencies":{"l":"1"}}"#),
            ("node_modules/l/package.json", "{}"),
            ("node_modules/x/package.json", "{}"),
        ]);
        let root = fs::canonicalize(root.path()).unwrap();
        symlink("../lib", root.join("node_modules/lib")).unwrap();
        prune(&root, &[root.clone(), root.join("web")]).unwrap();
        let left = entries(&root.join("node_modules"));
        assert_eq!(
            left,
            ["l", "lib"].map(|name| root.join("node_modules").join(name))
        );
    }

    #[test]
    fn links_to_nothing_are_found() {
        let root = write(&[("node_modules/@s/x/package.json", "{}")]);
        assert!(check_links(root.path()).is_ok());
        symlink("../../../gone", root.path().join("node_modules/@s/gone")).unwrap();
        let err = check_links(root.path()).unwrap_err();
        assert!(
            err.to_string().contains("leads to `../../../gone`"),
            "{err}"
        );
        remove_dangling(root.path()).unwrap();
        assert!(check_links(root.path()).is_ok());
    }
}
