//! The name of a branch, tag or commit, or one of its ancestors.

use super::SourceError;

/// A checked reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reference<'a> {
    /// The branch, tag or commit.
    pub(super) base: &'a str,
    /// The way from it to an ancestor, as in `HEAD~1` and `v1^2`; empty for itself.
    pub(super) ancestor: &'a str,
}

impl<'a> Reference<'a> {
    /// Checks the rules of `git check-ref-format` that keep a name from being an option or another expression.
    pub(super) fn parse(text: &'a str) -> Result<Self, SourceError> {
        let end = text.find(['~', '^']).unwrap_or(text.len());
        let (base, ancestor) = text.split_at(end);
        let is_bad_char = |c: char| c.is_control() || c.is_whitespace() || ":?*[\\".contains(c);
        let is_bad = base.is_empty()
            || base.starts_with(['-', '/'])
            || base.ends_with(['/', '.'])
            || base.contains("..")
            || base.contains("@{")
            || base.contains(is_bad_char)
            || !is_ancestor(ancestor);
        if is_bad {
            return Err(SourceError::BadRef(text.into()));
        }
        let is_itself = matches!(ancestor, "^{}" | "^{commit}" | "^0" | "~0");
        let ancestor = if is_itself { "" } else { ancestor };
        Ok(Self { base, ancestor })
    }

    /// Returns the names under which a server may have it.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        let base = self.base;
        let origin = base.strip_prefix("refs/remotes/").unwrap_or(base);
        [Some(base), origin.strip_prefix("origin/")]
            .into_iter()
            .flatten()
    }
}

/// Returns whether a text consists of `~`, `^`, numbers after them, `^{}` and `^{commit}`.
fn is_ancestor(mut text: &str) -> bool {
    while !text.is_empty() {
        let Some(rest) = text.strip_prefix(['~', '^']) else {
            return false;
        };
        let rest = rest.strip_prefix("{}").unwrap_or(rest);
        let rest = rest.strip_prefix("{commit}").unwrap_or(rest);
        text = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refs_that_could_be_options_are_refused() {
        for bad in [
            "",
            "-h",
            "--upload-pack=x",
            "a b",
            "a..b",
            "a@{1}",
            "x:y",
            "/a",
            "a.",
            "~1",
            "a^{/text}",
            "a^-1",
            "a~1:b",
        ] {
            assert!(Reference::parse(bad).is_err(), "{bad}");
        }
        for (good, base, ancestor) in [
            ("main", "main", ""),
            ("v1.2.3", "v1.2.3", ""),
            ("feature/x-y", "feature/x-y", ""),
            ("HEAD~1", "HEAD", "~1"),
            ("v1^2~3", "v1", "^2~3"),
            ("v1^{commit}", "v1", ""),
        ] {
            let expected = Reference { base, ancestor };
            assert_eq!(Reference::parse(good).unwrap(), expected);
        }
    }

    #[test]
    fn branches_of_origin_have_two_names() {
        let names = |text| Reference::parse(text).unwrap().names().collect::<Vec<_>>();
        assert_eq!(names("main"), ["main"]);
        assert_eq!(names("origin/x"), ["origin/x", "x"]);
        assert_eq!(
            names("refs/remotes/origin/x"),
            ["refs/remotes/origin/x", "x"]
        );
    }
}
