//! What of a source tree is left out of a build: `.s2iignore` and `--exclude`.
//!
//! Patterns are rooted at the source's root, as in the Go tool: `*` and `?` stay within one
//! component and match dot files too. New here: `**` crosses components, a later line wins over an
//! earlier one, `!` can rescue what lies in an ignored directory, and `..` can't leave the tree.

use globset::{GlobBuilder, GlobMatcher};
use regex::Regex;
use thiserror::Error;

use crate::Diagnostic;

/// The expression that is excluded unless the user gives another one: Git's own directories.
pub const DEFAULT_EXCLUDE: &str = r"(^|/)\.git(/|$)";

/// Decides what of a source tree is left out.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    exclude: Option<Regex>,
    rules: Vec<Rule>,
    /// Directories that nothing rescues.
    foreign: Vec<String>,
}

#[derive(Clone, Debug)]
struct Rule {
    rescues: bool,
    glob: GlobMatcher,
}

/// A `--exclude` that is no regular expression.
#[derive(Debug, Error)]
#[error("`{expression}` is no regular expression")]
pub struct ExcludeError {
    /// What was given.
    pub expression: String,
    /// What is wrong with it.
    #[source]
    pub source: Box<regex::Error>,
}

impl Filter {
    /// A filter that leaves out what `expression` matches, on paths relative to the source's root.
    /// The empty expression leaves out nothing.
    ///
    /// # Errors
    /// [`ExcludeError`].
    pub fn excluding(expression: &str) -> Result<Self, ExcludeError> {
        let exclude = match expression {
            "" => None,
            _ => Some(Regex::new(expression).map_err(|source| ExcludeError {
                expression: expression.into(),
                source: Box::new(source),
            })?),
        };
        Ok(Self {
            exclude,
            ..Self::default()
        })
    }

    /// Leaves out what is at this `/`-separated path below the root too, whatever an ignore file says.
    #[must_use]
    pub fn without(mut self, path: impl Into<String>) -> Self {
        self.foreign.push(path.into());
        self
    }

    /// Adds the lines of an ignore file, `place` being its name in diagnostics.
    #[must_use]
    pub fn with_ignore_file(mut self, place: &str, text: &str) -> (Self, Vec<Diagnostic>) {
        let mut diagnostics = Vec::new();
        for (index, line) in text.lines().enumerate() {
            match parse_line(line) {
                Ok(rule) => self.rules.extend(rule),
                Err(message) => {
                    diagnostics.push(Diagnostic::new(format!("{place}:{}", index + 1), message));
                }
            }
        }
        (self, diagnostics)
    }

    /// Whether the file or directory at this `/`-separated path below the root is left out.
    ///
    /// A path is out when the last rule that matches it or a directory above it says so. The root
    /// itself never is.
    #[must_use]
    pub fn leaves_out(&self, path: &str) -> bool {
        !path.is_empty() && (self.is_excluded(path) || self.is_ignored(path))
    }

    /// Whether everything below this directory is left out as well, so that nobody need look.
    #[must_use]
    pub fn prunes(&self, directory: &str) -> bool {
        let may_rescue = self.rules.iter().any(|rule| rule.rescues);
        self.is_excluded(directory) || (!may_rescue && self.is_ignored(directory))
    }

    fn is_excluded(&self, path: &str) -> bool {
        let is_match = |part: &str| {
            let exclude = self.exclude.as_ref();
            self.foreign.iter().any(|foreign| foreign == part)
                || exclude.is_some_and(|exclude| exclude.is_match(part))
        };
        ancestors(path).any(is_match)
    }

    fn is_ignored(&self, path: &str) -> bool {
        let last = self
            .rules
            .iter()
            .rev()
            .find(|rule| ancestors(path).any(|part| rule.glob.is_match(part)));
        last.is_some_and(|rule| !rule.rescues)
    }
}

/// The path and every directory above it, the path first.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| {
        path.rsplit_once('/').map(|(above, _)| above)
    })
}

fn parse_line(line: &str) -> Result<Option<Rule>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (rescues, pattern) = match line.strip_prefix('!') {
        Some(pattern) => (true, pattern),
        None => (false, line),
    };
    let parts = pattern
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".");
    let pattern = parts.collect::<Vec<_>>().join("/");
    if pattern.split('/').any(|part| part == "..") {
        return Err(
            "a pattern with `..` can't match anything in the source and was skipped".into(),
        );
    }
    if pattern.is_empty() {
        return Err("a pattern of the root alone matches nothing and was skipped".into());
    }
    let glob = GlobBuilder::new(&pattern)
        .literal_separator(true)
        .backslash_escape(true)
        .build();
    let glob = glob.map_err(|err| format!("this is no pattern and was skipped: {}", err.kind()))?;
    Ok(Some(Rule {
        rescues,
        glob: glob.compile_matcher(),
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Shows which of the paths are left out.
    #[track_caller]
    fn check(ignore_file: &str, paths: &[&str], left_out: &[&str]) {
        let (filter, diagnostics) = Filter::excluding(DEFAULT_EXCLUDE)
            .unwrap()
            .with_ignore_file(".s2iignore", ignore_file);
        assert_eq!(diagnostics, []);
        let actual: Vec<_> = paths
            .iter()
            .copied()
            .filter(|path| filter.leaves_out(path))
            .collect();
        assert_eq!(actual, left_out);
    }

    #[test]
    fn git_is_left_out_by_default_and_look_alikes_are_not() {
        check(
            "",
            &[".git", ".git/config", "a/.git/x", ".gitignore", "x.git"],
            &[".git", ".git/config", "a/.git/x"],
        );
    }

    #[test]
    fn patterns_are_rooted_and_stay_in_a_component() {
        check("*.log", &["a.log", ".log", "dir/a.log"], &["a.log", ".log"]);
        check(
            "**/*.log",
            &["a.log", "dir/sub/a.log"],
            &["a.log", "dir/sub/a.log"],
        );
        check(
            "/build/ ",
            &["build", "build/x/y", "src/build"],
            &["build", "build/x/y"],
        );
    }

    #[test]
    fn nothing_rescues_what_is_foreign() {
        let (filter, _) = Filter::default()
            .without("a/b*")
            .with_ignore_file("f", "!a\n!a/b*");
        for (path, expected) in [
            ("a/b*", true),
            ("a/b*/c", true),
            ("a", false),
            ("a/b", false),
            ("b*", false),
        ] {
            assert_eq!(filter.leaves_out(path), expected, "{path}");
            assert_eq!(filter.prunes(path), expected, "{path}");
        }
    }

    #[test]
    fn the_last_matching_line_wins() {
        check(
            "docs\n!docs/keep.md",
            &["docs", "docs/a.md", "docs/keep.md"],
            &["docs", "docs/a.md"],
        );
        check("!a\na", &["a"], &["a"]);
    }

    #[test]
    fn bad_lines_are_reported_and_skipped() {
        let (filter, diagnostics) =
            Filter::default().with_ignore_file("f", "../x\n[\n/\n# comment\nok");
        let text: Vec<_> = diagnostics.iter().map(ToString::to_string).collect();
        assert_eq!(text.len(), 3, "{text:?}");
        assert!(text[0].starts_with("f:1: a pattern with `..`"));
        assert!(filter.leaves_out("ok"));
    }

    proptest! {
        #[test]
        fn no_ignore_file_panics_or_touches_the_root(text in "[a-c*?!./\\\\\\[\\]{}\n #]{0,40}", path in "[a-c/.]{0,12}") {
            let (filter, _) = Filter::excluding(DEFAULT_EXCLUDE).unwrap().with_ignore_file("f", &text);
            let _ = filter.leaves_out(&path);
            prop_assert!(!filter.leaves_out(""));
        }

        #[test]
        fn what_is_pruned_is_left_out_entirely(text in "[ab*!/\n]{0,20}", dir in "[ab]{1,2}", file in "[ab]{1,2}") {
            let (filter, _) = Filter::default().with_ignore_file("f", &text);
            let below = format!("{dir}/{file}");
            if filter.prunes(&dir) {
                prop_assert!(filter.leaves_out(&below));
            }
        }
    }
}
