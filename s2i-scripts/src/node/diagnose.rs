//! Advice about installations and builds that have failed, by the messages of package managers and shells.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Facts, Request};
use crate::{
    Directories,
    assembly::tree,
    explain::abbreviated,
    symptoms::{self, has_word},
};

/// The file that makes a package a native add-on, which is compiled.
const GYP_FILE: &str = "binding.gyp";

/// Returns advice about a build that has failed with this output.
pub(crate) fn diagnose(
    facts: &Facts,
    request: &Request,
    output: &str,
    dirs: &Directories,
) -> Vec<String> {
    let mut advice: Vec<_> = symptoms::advice(output).into_iter().collect();
    if request.has_token && LOGIN.iter().any(|code| has_word(output, code)) {
        advice.push(
            "if the registry refuses NPM_TOKEN: where it wants user and password, give them base64-encoded with NPM_AUTH".into(),
        );
    }
    if let Some(lock) = facts.choice.lock.filter(|_| is_lock_drifted(output)) {
        let program = facts.choice.manager.program();
        advice.push(format!(
            "{lock} does not fit package.json: run `{program} install`, and commit {lock}"
        ));
    }
    let codes = CODES.iter();
    let known = codes.filter(|(codes, _)| codes.iter().any(|code| has_word(output, code)));
    advice.extend(known.map(|(_, text)| (*text).to_owned()));
    advice.extend(missing_program(output).map(|program| {
        format!(
            "`{program}` is neither in the image nor a program of an installed package: name its package in package.json"
        )
    }));
    if !facts.has_compiler && COMPILATION.iter().any(|text| output.contains(text)) {
        advice.extend(compiler(facts, dirs));
    }
    advice
}

/// Codes of registries that refuse a login; some have nothing for strangers.
const LOGIN: [&str; 5] = ["E401", "E403", "E404", "ENEEDAUTH", "ERR_PNPM_FETCH_401"];

/// Codes of package managers, each with what to do.
const CODES: &[(&[&str], &str)] = &[
    (
        &[
            "EBADENGINE",
            "ERR_PNPM_UNSUPPORTED_ENGINE",
            "ERR_PNPM_BAD_PM_VERSION",
        ],
        "a package is for other versions of Node.js or of the package manager: build with an image that has one of them, or name the package manager with NODE_PACKAGE_MANAGER",
    ),
    (
        &["EBADDEVENGINES"],
        "`devEngines` of package.json wants another tool: name the package manager with NODE_PACKAGE_MANAGER, or build with an image that has the wanted Node.js",
    ),
    (
        &[
            "E404",
            "ETARGET",
            "ERR_PNPM_FETCH_404",
            "ERR_PNPM_NO_MATCHING_VERSION",
        ],
        "the registry does not have a package or a version: correct its name in package.json, or name the registry that has it in .npmrc or with NPM_MIRROR",
    ),
    (
        &["ERESOLVE", "ERR_PNPM_PEER_DEP_ISSUES"],
        "packages want other versions of each other: change them in package.json, or set `legacy-peer-deps=true` in .npmrc as the author's own installation may have",
    ),
    (
        &["EINTEGRITY", "ERR_PNPM_TARBALL_INTEGRITY", "YN0018"],
        "a package is not the one that the lock file has the digest of: a registry or a proxy may have changed it",
    ),
    (
        &["ERR_PNPM_IGNORED_BUILDS"],
        "pnpm runs build scripts only of approved packages: run `pnpm approve-builds`, and commit pnpm-workspace.yaml",
    ),
    (
        &["spawn git", "ERR_PNPM_GIT_RESOLVE"],
        "a dependency is a Git address, and this image has no `git`: use a version of the registry, or the address of an archive",
    ),
    (
        &["heap out of memory", "ELIFECYCLE 137"],
        "Node.js had too little memory: give the build more, and its share of it with `-e NODE_OPTIONS=--max-old-space-size=4096`",
    ),
];

/// Texts of tools that compile native add-ons.
const COMPILATION: [&str; 5] = [
    "gyp ERR!",
    "npm error gyp",
    "node-gyp",
    "make: not found",
    "prebuild-install warn",
];

/// Texts of package managers about a lock file that does not fit package.json.
pub(super) const DRIFT: [&str; 4] = [
    "EUSAGE",
    "ERR_PNPM_OUTDATED_LOCKFILE",
    "Your lockfile needs to be updated",
    "YN0028",
];

fn is_lock_drifted(output: &str) -> bool {
    DRIFT.iter().any(|code| has_word(output, code))
}

/// Returns the program that a shell has not found.
fn missing_program(output: &str) -> Option<&str> {
    output.lines().find_map(|line| {
        let line = line.trim();
        let name = match line.strip_suffix(": command not found") {
            Some(before) => before.rsplit(": ").next()?,
            None => line.strip_suffix(": not found")?.rsplit(": ").next()?,
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.@/".contains(c);
        (!name.is_empty() && name.chars().all(is_name)).then_some(name)
    })
}

/// Returns advice about packages that have to be compiled.
fn compiler(facts: &Facts, dirs: &Directories) -> Vec<String> {
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
    fn program_that_is_missing_is_named() {
        for (output, expected) in [
            ("sh: 1: tsc: not found", Some("tsc")),
            ("sh: line 1: @x/cli: command not found", Some("@x/cli")),
            ("bash: vite: command not found\nother", Some("vite")),
            ("Error: module 'a b': not found", None),
            ("npm error code E404", None),
        ] {
            assert_eq!(missing_program(output), expected, "{output}");
        }
    }

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
