//! `--exclude`: patterns that match a name from any of its components on, and all that lies below.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// The patterns.
#[derive(Debug, Default)]
pub(super) struct Exclude(GlobSet);

impl Exclude {
    /// Understands the patterns. The error is a text.
    pub(super) fn new(patterns: &[String]) -> Result<Self, String> {
        let mut set = GlobSetBuilder::new();
        for pattern in patterns {
            let glob = GlobBuilder::new(pattern.trim_end_matches('/'));
            set.add(glob.build().map_err(|err| err.to_string())?);
        }
        Ok(Self(set.build().map_err(|err| err.to_string())?))
    }

    /// Whether something of this name is left out.
    pub(super) fn matches(&self, name: &[u8]) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let name = String::from_utf8_lossy(name);
        let name = name.trim_end_matches('/');
        let starts = std::iter::once(0).chain(name.match_indices('/').map(|(at, _)| at + 1));
        starts.into_iter().any(|start| {
            let rest = &name[start..];
            let ends = rest.match_indices('/').map(|(at, _)| at);
            ends.chain([rest.len()])
                .any(|end| self.0.is_match(&rest[..end]))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_from_any_component_on() {
        let matches = |pattern: &str, name: &str| {
            Exclude::new(&[pattern.into()])
                .unwrap()
                .matches(name.as_bytes())
        };
        assert!(matches(".git", "./a/.git/config"));
        assert!(matches("*.log", "a/b.log"));
        assert!(matches("./a", "./a/b"));
        assert!(matches("a/b", "x/a/b"));
        assert!(matches("a/", "a/b"));
        assert!(matches("a*c", "a/b/c"));
        assert!(!matches("a", "ab/c"));
        assert!(!matches(".git", "a/.gitignore"));
    }
}
