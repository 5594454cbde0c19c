//! The files of a source that its programs read when they run.
//!
//! A program of Go is one file, but many read others beside it: templates, pages, settings. They stay where the user
//! names them, or where the code names them in a text and does not embed them.

use std::{collections::BTreeSet, path::Path};

use super::{
    nested::is_ignored,
    scan::{LONGEST, Scan},
};
use crate::{Error, assembly::tree, globs::matches, variables};

/// Names of directories for files that are read at run time. One of these is kept even where the code names it by a
/// single word, and the build warns when it is left out.
const USUAL: [&str; 12] = [
    "assets",
    "conf",
    "config",
    "configs",
    "i18n",
    "locales",
    "migrations",
    "public",
    "static",
    "templates",
    "views",
    "www",
];

/// Names of files at the root that no program reads.
const UNREAD: [&str; 5] = ["Dockerfile", "Makefile", "go.mod", "go.sum", "go.work"];

/// The value of the variable that keeps nothing.
const NOTHING: &str = "none";

/// The depth of directories that are looked into for anything but code.
const MAX_DEPTH: usize = 12;

/// The files that stay beside the programs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Their paths, relative to the source; of a directory, everything but files of Go stays.
    pub(crate) paths: Vec<String>,
    /// The user has named them, so everything stays.
    pub(crate) is_requested: bool,
    /// Directories with a usual name that do not stay.
    pub(crate) left: Vec<String>,
}

impl Kept {
    /// Returns the files that the user names, else those that the code names.
    pub(super) fn find(
        source: &Path,
        scan: &Scan,
        requested: Option<&[String]>,
    ) -> Result<Self, Error> {
        if let Some(patterns) = requested {
            return Ok(Self {
                paths: named(source, patterns)?,
                is_requested: true,
                left: Vec::new(),
            });
        }
        let mut paths = BTreeSet::new();
        for text in &scan.texts {
            let path = candidate(source, text).filter(|path| !is_embedded(path, scan));
            let path = path.filter(|path| stays_below(source, path));
            paths.extend(path.filter(|path| has_data(&source.join(path), MAX_DEPTH)));
        }
        let paths = links_first(source, outermost(paths));
        let is_left = |name: &&str| {
            !is_embedded(name, scan)
                && !paths.iter().any(|path| overlap(path, name))
                && source.join(name).is_dir()
                && has_data(&source.join(name), MAX_DEPTH)
        };
        let left = USUAL.iter().filter(|name| is_left(name));
        let left = left.map(|&name| name.to_owned()).collect();
        Ok(Self {
            paths,
            is_requested: false,
            left,
        })
    }
}

/// Returns the paths that match the patterns of the user.
fn named(source: &Path, patterns: &[String]) -> Result<Vec<String>, Error> {
    let mut found = BTreeSet::new();
    for pattern in patterns.iter().filter(|pattern| *pattern != NOTHING) {
        let problem = |text: &str| Error::variable(variables::GO_KEEP_FILES, pattern, text);
        let parts: Vec<_> = pattern
            .split('/')
            .filter(|part| !matches!(*part, "" | "."))
            .collect();
        if pattern.starts_with('/') || parts.contains(&"..") || parts.is_empty() {
            return Err(problem("it is not a path below the source"));
        }
        let mut matches = vec![String::new()];
        for part in parts {
            matches = matches
                .iter()
                .flat_map(|base| expand(source, base, part))
                .collect();
        }
        if matches.is_empty() {
            return Err(problem("the source has no such file or directory"));
        }
        if !matches.iter().all(|path| stays_below(source, path)) {
            return Err(problem(
                "it is a link to nothing, or to a file outside of the source",
            ));
        }
        found.extend(matches);
    }
    Ok(links_first(source, outermost(found)))
}

/// Returns whether a path is there and, where it is a link, leads to a file of the source.
fn stays_below(source: &Path, path: &str) -> bool {
    let resolved = source
        .canonicalize()
        .ok()
        .zip(source.join(path).canonicalize().ok());
    resolved.is_some_and(|(source, path)| path.starts_with(source))
}

/// Returns paths with the links before all others: what they lead to is copied before it may be moved.
fn links_first(source: &Path, mut paths: Vec<String>) -> Vec<String> {
    paths.sort_by_key(|path| !source.join(path).is_symlink());
    paths
}

/// Returns the entries of a directory that match a pattern.
fn expand(source: &Path, base: &str, part: &str) -> Vec<String> {
    let children = tree::children(&source.join(base)).unwrap_or_default();
    let names = children
        .iter()
        .filter_map(|path| path.file_name()?.to_str());
    let names = names.filter(|name| matches(part, name));
    names
        .map(|name| match base {
            "" => name.to_owned(),
            base => format!("{base}/{name}"),
        })
        .collect()
}

/// Returns the path of the source that a text of the code names: a directory, the directory of a file, or a file at the
/// root.
fn candidate(source: &Path, text: &str) -> Option<String> {
    let is_odd = |c: char| c.is_control() || c.is_whitespace() || c == '\\';
    if text.len() > LONGEST || text.contains("://") || text.contains(is_odd) {
        return None;
    }
    let is_absolute = text.starts_with('/');
    let is_plain = |part: &&str| !part.contains(['*', '?', '[', '{', '}', '%', '<', '$', ':']);
    let all: Vec<_> = text
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect();
    let parts: Vec<_> = all.iter().copied().take_while(is_plain).collect();
    let is_cut = parts.len() < all.len();
    let first = parts.first()?;
    if parts
        .iter()
        .any(|part| part.starts_with('.') || is_ignored(part))
    {
        return None;
    }
    let is_word = parts.len() == 1 && !is_cut && !text.contains(['/', '.']);
    if (is_word || is_absolute) && !USUAL.contains(first) {
        return None;
    }
    let path = parts.join("/");
    let full = source.join(&path);
    if full.is_dir() {
        return Some(path);
    }
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", &path));
    if directory.is_empty() {
        let ending = full.extension().unwrap_or_default();
        let is_read = !UNREAD.contains(&name) && ending != "go" && ending != "md";
        return (is_read && full.is_file()).then_some(path);
    }
    let is_there = source.join(directory).is_dir();
    // The end of the name may be added by the code.
    is_there.then(|| directory.to_owned())
}

/// Returns whether a path is, or is below, one that the code embeds.
fn is_embedded(path: &str, scan: &Scan) -> bool {
    let mut embedded = scan.embedded.iter();
    embedded.any(|known| path == known || path.starts_with(&format!("{known}/")))
}

fn overlap(one: &str, other: &str) -> bool {
    one == other || one.starts_with(&format!("{other}/")) || other.starts_with(&format!("{one}/"))
}

/// Returns whether a tree has a file that is not code of Go.
fn has_data(path: &Path, depth: usize) -> bool {
    if !path.is_dir() {
        return path.is_file() && path.extension().is_none_or(|ending| ending != "go");
    }
    let children = tree::children(path).unwrap_or_default();
    depth > 0 && children.iter().any(|child| has_data(child, depth - 1))
}

/// Returns the paths that are not below another one.
fn outermost(paths: BTreeSet<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for path in paths {
        if !kept.iter().any(|above| overlap(above, &path)) {
            kept.push(path);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assembly::testing::tree as write;

    const FILES: &[(&str, &str)] = &[
        ("main.go", ""),
        ("README.md", ""),
        ("settings.json", "{}"),
        ("templates/index.html", ""),
        ("templates/mail/a.txt", ""),
        ("static/a.css", ""),
        ("log/log.go", ""),
        ("docs/a.txt", ""),
        ("web/pages/p.html", ""),
        ("views/v.html", ""),
    ];

    #[track_caller]
    fn check(texts: &[&str], embedded: &[&str], expected: &str, left: &str) {
        let root = write(FILES);
        let set = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        let scan = Scan {
            texts: set(texts),
            embedded: set(embedded),
            ..Scan::default()
        };
        let kept = Kept::find(root.path(), &scan, None).unwrap();
        assert_eq!(kept.paths.join(" "), expected, "{texts:?}");
        assert_eq!(kept.left.join(" "), left, "{texts:?}");
    }

    #[test]
    fn files_that_the_code_names_are_kept() {
        let left = "static templates views";
        check(&[], &[], "", left);
        check(
            &["templates/*.html", "/static/", "."],
            &[],
            "static templates",
            "views",
        );
        check(&["templates"], &[], "templates", "static views");
        check(&["./web/pages/p.html"], &[], "web/pages", left);
        check(&["web/pages/%s.html", "web"], &[], "web/pages", left);
        check(&["templates/mail/b"], &[], "templates/mail", "static views");
        check(
            &["settings.json", "README.md", "main.go"],
            &[],
            "settings.json",
            left,
        );
        check(
            &["log/", "log", "docs", "/docs", "../x", "a b/c"],
            &[],
            "",
            left,
        );
        check(&["docs/"], &[], "docs", left);
    }

    #[test]
    fn links_are_first_and_lead_to_files_of_the_source() {
        let root = write(&[("web/templates/a.html", "a")]);
        let link = |target: &str, name: &str| {
            std::os::unix::fs::symlink(target, root.path().join(name)).unwrap();
        };
        link("web/templates", "templates");
        link("/etc", "static");
        link("nothing", "views");
        let scan = Scan {
            texts: ["templates/*.html", "web/templates", "static/", "views/"]
                .map(str::to_owned)
                .into(),
            ..Scan::default()
        };
        let kept = Kept::find(root.path(), &scan, None).unwrap();
        assert_eq!(kept.paths, ["templates", "web/templates"]);
        for name in ["static", "views"] {
            assert!(Kept::find(root.path(), &scan, Some(&[name.to_owned()])).is_err());
        }
    }

    #[test]
    fn embedded_files_are_neither_kept_nor_missed() {
        check(
            &["templates/*.html", "static"],
            &["templates", "static/a.css"],
            "static",
            "views",
        );
    }

    #[test]
    fn user_names_files_by_patterns_and_every_pattern_must_match() {
        let root = write(FILES);
        let find = |patterns: &[&str]| {
            let patterns: Vec<_> = patterns.iter().map(|&text| text.to_owned()).collect();
            Kept::find(root.path(), &Scan::default(), Some(&patterns))
        };
        let kept = find(&["templates/*.html", "./web", "web/pages"]).unwrap();
        assert_eq!(kept.paths, ["templates/index.html", "web"]);
        assert!(find(&["none"]).unwrap().paths.is_empty());
        for pattern in ["*.xml", "/etc", "../x", "."] {
            assert!(find(&[pattern]).is_err(), "{pattern}");
        }
    }
}
