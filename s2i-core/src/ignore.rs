//! Rules that exclude files of a source tree from a build: `.s2iignore` and `--exclude`.
//!
//! Patterns are rooted at the source's root, as in the Go tool: `*` and `?` stay within one component and match dot
//! files too. New here: `**` crosses components, a later line wins over an earlier one, `!` can include files of an
//! ignored directory again, and `..` can't leave the tree.

use std::borrow::Cow;

use globset::{Glob, GlobBuilder, GlobSet};
use regex::{Regex, RegexBuilder};
use thiserror::Error;

use crate::{Diagnostic, bounds, diagnostic::LineDiagnostics};

/// The default exclude expression: Git's own directories.
pub const DEFAULT_EXCLUDE: &str = r"(^|/)\.git(/|$)";

/// The filter that decides which files of a source tree are left out.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    exclude: Option<Regex>,
    rules: Rules,
    /// Directories that no rule can include again.
    excluded: Vec<String>,
    /// The directory that paths are relative to; empty for the source's root.
    base: String,
}

/// The rules of ignore files, in their order.
#[derive(Clone, Debug, Default)]
struct Rules {
    globs: Vec<Glob>,
    /// All patterns, compiled into one set.
    set: GlobSet,
    /// For each pattern, true if it includes its matches again (`!`).
    rescues: Vec<bool>,
}

struct Rule {
    rescues: bool,
    glob: Glob,
}

/// An error for an expression that can't be used to exclude files.
#[derive(Debug, Error)]
pub enum ExcludeError {
    /// The expression is not a valid regular expression, or compiling it takes too much memory.
    #[error("`{expression}` is not a regular expression")]
    Invalid {
        /// The given text.
        expression: String,
        /// The reason.
        #[source]
        source: Box<regex::Error>,
    },
    /// The expression is too long.
    #[error("the exclude expression has more than {} bytes", bounds::EXPRESSION)]
    TooLong,
}

/// An error for the rules of an ignore file.
#[derive(Debug, Error)]
pub enum IgnoreError {
    /// The file is too long.
    #[error("`{place}` has more than {} KiB", bounds::IGNORE_FILE >> 10)]
    TooLong {
        /// The file.
        place: String,
    },
    /// The file has too many rules.
    #[error("`{place}` has more than {} rules", bounds::RULES)]
    TooMany {
        /// The file.
        place: String,
    },
    /// The compiled rules take too much memory.
    #[error("the rules of `{place}` are too large to be used together")]
    TooLarge {
        /// The file.
        place: String,
        /// The error of the compiler.
        #[source]
        source: Box<globset::Error>,
    },
}

impl Filter {
    /// A filter that leaves out the paths matching `expression`, relative to the source's root. The empty expression
    /// leaves out nothing.
    ///
    /// # Errors
    /// [`ExcludeError`].
    pub fn excluding(expression: &str) -> Result<Self, ExcludeError> {
        let exclude = match expression {
            "" => None,
            _ if expression.len() > bounds::EXPRESSION => return Err(ExcludeError::TooLong),
            _ => {
                let built = RegexBuilder::new(expression)
                    .size_limit(bounds::COMPILED_EXPRESSION)
                    .build();
                Some(built.map_err(|source| ExcludeError::Invalid {
                    expression: expression.into(),
                    source: Box::new(source),
                })?)
            }
        };
        Ok(Self {
            exclude,
            ..Self::default()
        })
    }

    /// Also leaves out the file or directory at this `/`-separated path below the root, regardless of ignore files.
    #[must_use]
    pub fn without(mut self, path: impl Into<String>) -> Self {
        self.excluded.push(path.into());
        self
    }

    /// Returns the same filter for paths relative to a directory below the root.
    #[must_use]
    pub fn below(&self, directory: &str) -> Self {
        Self {
            base: self.path(directory).into_owned(),
            ..self.clone()
        }
    }

    /// Returns the path below the source's root.
    fn path<'p>(&self, path: &'p str) -> Cow<'p, str> {
        match (self.base.as_str(), path) {
            ("", path) => path.into(),
            (base, path) => format!("{base}/{path}").into(),
        }
    }

    /// Adds the lines of an ignore file, `place` being its name in diagnostics.
    ///
    /// # Errors
    /// [`IgnoreError`] for a text of more than [`bounds::IGNORE_FILE`] bytes or more than [`bounds::RULES`] rules in
    /// this filter.
    pub fn with_ignore_file(
        mut self,
        place: &str,
        text: &str,
    ) -> Result<(Self, Vec<Diagnostic>), IgnoreError> {
        if text.len() > bounds::IGNORE_FILE {
            let place = place.into();
            return Err(IgnoreError::TooLong { place });
        }
        let mut diagnostics = LineDiagnostics::new(place);
        for (index, line) in text.lines().enumerate() {
            match parse_line(line) {
                Ok(None) => {}
                Ok(Some(_)) if self.rules.globs.len() == bounds::RULES => {
                    let place = place.into();
                    return Err(IgnoreError::TooMany { place });
                }
                Ok(Some(Rule { rescues, glob })) => {
                    self.rules.globs.push(glob);
                    self.rules.rescues.push(rescues);
                }
                Err(message) => diagnostics.add(index, message),
            }
        }
        let set = GlobSet::new(&self.rules.globs);
        self.rules.set = set.map_err(|source| IgnoreError::TooLarge {
            place: place.into(),
            source: Box::new(source),
        })?;
        let diagnostics = diagnostics.finish("are not patterns and were skipped");
        Ok((self, diagnostics))
    }

    /// Returns whether the file or directory at this `/`-separated path below the root is left out.
    ///
    /// A path is left out when the last rule that matches it or a directory above it excludes it. The root itself is
    /// never left out.
    #[must_use]
    pub fn leaves_out(&self, path: &str) -> bool {
        let whole = self.path(path);
        !path.is_empty() && (self.is_excluded(&whole) || self.is_ignored(&whole))
    }

    /// Returns whether everything below this directory is left out as well, so that a walk can skip it.
    #[must_use]
    pub fn prunes(&self, directory: &str) -> bool {
        let may_rescue = self.rules.rescues.contains(&true);
        let directory = self.path(directory);
        self.is_excluded(&directory) || (!may_rescue && self.is_ignored(&directory))
    }

    fn is_excluded(&self, path: &str) -> bool {
        let is_match = |part: &str| {
            let exclude = self.exclude.as_ref();
            self.excluded.iter().any(|excluded| excluded == part)
                || exclude.is_some_and(|exclude| exclude.is_match(part))
        };
        ancestors(path).any(is_match)
    }

    fn is_ignored(&self, path: &str) -> bool {
        let rules = &self.rules;
        let last = ancestors(path)
            .filter_map(|part| rules.set.matches(part).into_iter().max())
            .max();
        last.is_some_and(|last| !rules.rescues[last])
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
        let message = "a pattern with `..` can't match anything in the source and was skipped";
        return Err(message.into());
    }
    if pattern.is_empty() {
        return Err("a pattern of the root alone matches nothing and was skipped".into());
    }
    if pattern.len() > bounds::PATTERN {
        return Err(format!(
            "a pattern of more than {} bytes was skipped",
            bounds::PATTERN
        ));
    }
    let bad =
        |err: globset::Error| format!("this is not a pattern and was skipped: {}", err.kind());
    let glob = GlobBuilder::new(&pattern)
        .literal_separator(true)
        .backslash_escape(true)
        .build()
        .map_err(bad)?;
    // A pattern that can't be compiled, such as one with too deeply nested braces, is skipped alone.
    GlobSet::new([&glob]).map_err(bad)?;
    Ok(Some(Rule { rescues, glob }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn of_many_lines_that_are_no_patterns_the_first_are_reported() {
        let (_, problems) = Filter::default()
            .with_ignore_file(".s2iignore", &"[\n".repeat(1000))
            .unwrap();
        assert_eq!(problems.len(), bounds::DIAGNOSTICS + 1);
        assert_eq!(
            problems.last().unwrap().to_string(),
            ".s2iignore: 980 more lines are not patterns and were skipped"
        );
    }

    /// Shows which of the paths are left out.
    #[track_caller]
    fn check(ignore_file: &str, paths: &[&str], left_out: &[&str]) {
        let (filter, diagnostics) = Filter::excluding(DEFAULT_EXCLUDE)
            .unwrap()
            .with_ignore_file(".s2iignore", ignore_file)
            .unwrap();
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
            .with_ignore_file("f", "!a\n!a/b*")
            .unwrap();
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
        let (filter, diagnostics) = Filter::default()
            .with_ignore_file("f", "../x\n[\n/\n# comment\nok")
            .unwrap();
        let text: Vec<_> = diagnostics.iter().map(ToString::to_string).collect();
        assert_eq!(text.len(), 3, "{text:?}");
        assert!(text[0].starts_with("f:1: a pattern with `..`"));
        assert!(filter.leaves_out("ok"));
    }

    /// A filter of one ignore file, and the number of its diagnostics.
    fn with_lines(lines: &str) -> (Filter, usize) {
        let (filter, diagnostics) = Filter::default().with_ignore_file("f", lines).unwrap();
        (filter, diagnostics.len())
    }

    #[test]
    fn a_pattern_that_is_too_large_is_skipped() {
        let nested = format!("{}a{}", "{".repeat(2000), "}".repeat(2000));
        for (pattern, problems) in [
            ("*a".repeat(2048), 0),
            ("*a".repeat(2049), 1),
            ("*a".repeat(100_000), 1),
            ("[a-z]".repeat(819), 0),
            ("?".repeat(bounds::PATTERN), 0),
            ("**/".repeat(1365), 0),
            ("{a,b}".repeat(819), 0),
            (nested, 1),
            ("/".repeat(100_000), 1),
        ] {
            let start: String = pattern.chars().take(20).collect();
            let (filter, diagnostics) = with_lines(&format!("{pattern}\nok"));
            assert_eq!(diagnostics, problems, "{start}");
            assert!(filter.leaves_out("ok"), "{start}");
        }
    }

    /// The kinds of pattern that long ignore files have.
    #[test]
    fn ten_thousand_rules_work_and_more_are_refused() {
        let line = |number: usize| match number % 5 {
            0 => format!("dir{number}/"),
            1 => format!("dir{number}/*.log\n# comment\n"),
            2 => format!("**/name{number}"),
            3 => format!("a*{number}[0-9]?"),
            _ => format!("!dir{}/keep*", number - 3),
        };
        let mut lines: Vec<_> = (0..bounds::RULES).map(line).collect();
        let (filter, diagnostics) = with_lines(&lines.join("\n"));
        assert_eq!(diagnostics, 0);
        for (path, expected) in [
            ("dir9995/x", true),
            ("dir1/a.log", true),
            ("dir1/keep.log", false),
            ("dir1/a.txt", false),
            ("deep/name7", true),
            ("deep/name1", false),
            ("axx3", false),
            ("axx3y", false),
            ("axx31y", true),
        ] {
            assert_eq!(filter.leaves_out(path), expected, "{path}");
        }
        lines.push("one-more".into());
        let err = Filter::default()
            .with_ignore_file(".s2iignore", &lines.join("\n"))
            .unwrap_err();
        assert_eq!(err.to_string(), "`.s2iignore` has more than 10000 rules");
    }

    #[test]
    fn large_rules_are_refused_together() {
        let line = format!("{}\n", "?".repeat(4000));
        let refused = |lines| Filter::default().with_ignore_file("f", &line.repeat(lines));
        assert!(matches!(refused(66), Err(IgnoreError::TooLong { .. })));
        assert!(matches!(refused(65), Err(IgnoreError::TooLarge { .. })));
        assert!(refused(10).is_ok());
    }

    #[test]
    fn an_expression_has_bounds() {
        let long = "a".repeat(bounds::EXPRESSION + 1);
        let err = Filter::excluding(&long).unwrap_err();
        assert!(matches!(err, ExcludeError::TooLong));
        let large = r"(\w{1000}){1000}";
        let err = Filter::excluding(large).unwrap_err();
        assert!(matches!(err, ExcludeError::Invalid { .. }));
    }

    /// One rule after another, each matched by itself.
    fn is_ignored_one_by_one(text: &str, path: &str) -> bool {
        let mut rules = text.lines().filter_map(|line| parse_line(line).ok()?);
        let matching = |rule: &Rule| {
            let matcher = rule.glob.compile_matcher();
            ancestors(path).any(|part| matcher.is_match(part))
        };
        let last = rules.rfind(matching);
        last.is_some_and(|rule| !rule.rescues)
    }

    proptest! {
        #[test]
        fn the_set_decides_as_one_rule_after_another(text in "([ab*!/]{1,8}(\\.[ab])?\n){0,6}", path in "[ab.]{1,3}(/[ab.]{1,3}){0,2}") {
            let (filter, _) = Filter::default().with_ignore_file("f", &text).unwrap();
            prop_assert_eq!(filter.is_ignored(&path), is_ignored_one_by_one(&text, &path));
        }

        #[test]
        fn no_ignore_file_panics_or_touches_the_root(text in "[a-c*?!./\\\\\\[\\]{}\n #]{0,40}", path in "[a-c/.]{0,12}") {
            let (filter, _) = Filter::excluding(DEFAULT_EXCLUDE).unwrap().with_ignore_file("f", &text).unwrap();
            let _ = filter.leaves_out(&path);
            prop_assert!(!filter.leaves_out(""));
        }

        #[test]
        fn pruned_directories_are_left_out_entirely(text in "[ab*!/\n]{0,20}", dir in "[ab]{1,2}", file in "[ab]{1,2}") {
            let (filter, _) = Filter::default().with_ignore_file("f", &text).unwrap();
            let below = format!("{dir}/{file}");
            if filter.prunes(&dir) {
                prop_assert!(filter.leaves_out(&below));
            }
        }
    }
}
