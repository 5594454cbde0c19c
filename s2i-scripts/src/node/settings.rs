//! The settings of package managers: `.npmrc` and `.yarnrc.yml`.
//!
//! Only single lines are looked for; the package managers themselves read the rest.

/// The settings of an `.npmrc` that matter here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Npmrc {
    /// Packages whose `engines` are not those of the image are refused.
    pub(crate) engine_strict: bool,
    /// There are credentials in it, and not only the names of variables that have them.
    pub(crate) has_credentials: bool,
}

impl Npmrc {
    pub(crate) fn parse(text: &str) -> Self {
        let mut settings = Self::default();
        for line in text.lines().map(str::trim) {
            let Some((name, value)) = line.split_once('=') else {
                continue;
            };
            let (name, value) = (name.trim(), value.trim().trim_matches(['"', '\'']));
            if name.starts_with(['#', ';']) {
                continue;
            }
            if name == "engine-strict" {
                settings.engine_strict = value == "true";
            }
            let is_secret = ["_authToken", "_auth", "_password"]
                .iter()
                .any(|ending| name.ends_with(ending));
            settings.has_credentials |= is_secret && !value.is_empty() && !value.starts_with("${");
        }
        settings
    }
}

/// The settings of a `.yarnrc.yml` that matter here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Yarnrc {
    /// The file of Yarn itself, in the source.
    pub(crate) yarn_path: Option<String>,
    /// The layout of packages: `node-modules`, or `pnp`, the default.
    pub(crate) linker: Option<String>,
    /// The cache lies outside of the source.
    pub(crate) global_cache: Option<bool>,
    /// There are credentials in it, and not only the names of variables that have them.
    pub(crate) has_credentials: bool,
}

impl Yarnrc {
    pub(crate) fn parse(text: &str) -> Self {
        let value = |name: &str| yaml_value(text, name);
        let is_secret = |line: &str| {
            let (name, value) = line.trim().split_once(':')?;
            let value = value.trim().trim_matches(['"', '\'']);
            let is_secret = matches!(name, "npmAuthToken" | "npmAuthIdent");
            Some(is_secret && !value.is_empty() && !value.starts_with("${"))
        };
        Self {
            yarn_path: value("yarnPath"),
            linker: value("nodeLinker"),
            global_cache: value("enableGlobalCache").map(|value| value == "true"),
            has_credentials: text.lines().any(|line| is_secret(line).unwrap_or(false)),
        }
    }
}

/// Returns the value of a field at the top of a YAML document, if it is one word.
pub(super) fn yaml_value(text: &str, name: &str) -> Option<String> {
    text.lines()
        .find_map(|line| word(line.strip_prefix(name)?.strip_prefix(':')?))
}

/// Returns the entries of a list at the top of a YAML document.
pub(super) fn yaml_list(text: &str, name: &str) -> Vec<String> {
    let mut lines = text.lines();
    let first = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let Some(first) = first else {
        return Vec::new();
    };
    if let Some(list) = first.trim().strip_prefix('[') {
        let list = list.split(']').next().unwrap_or_default();
        return list.split(',').filter_map(word).collect();
    }
    lines
        .take_while(|line| line.is_empty() || line.starts_with([' ', '-', '#']))
        .filter_map(|line| word(line.trim().strip_prefix('-')?))
        .collect()
}

/// Returns a word of YAML without its quotes and the text behind it.
fn word(text: &str) -> Option<String> {
    let text = text.trim();
    let word = match text.chars().next()? {
        quote @ ('"' | '\'') => text[1..].split(quote).next()?,
        _ => text.split(" #").next()?.trim(),
    };
    (!word.is_empty()).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_literal_credentials_count() {
        for (text, expected) in [
            ("//example.org/:_authToken=abc", true),
            ("_auth = \"YTpi\"", true),
            ("//example.org/:_authToken=${NPM_TOKEN}", false),
            ("# _auth=abc\n; _auth=abc", false),
            ("registry=https://example.org", false),
        ] {
            assert_eq!(Npmrc::parse(text).has_credentials, expected, "{text}");
        }
        assert!(Npmrc::parse("engine-strict = true").engine_strict);
        assert!(!Npmrc::parse("engine-strict=false").engine_strict);
    }

    #[test]
    fn fields_at_the_top_of_a_yarnrc_are_read() {
        let text = "nodeLinker: node-modules # x\nyarnPath: \".yarn/releases/yarn-4.0.0.cjs\"\nnpmScopes:\n  x:\n    npmAuthToken: \"${T}\"\n";
        let yarnrc = Yarnrc::parse(text);
        assert_eq!(yarnrc.linker.as_deref(), Some("node-modules"));
        assert_eq!(
            yarnrc.yarn_path.as_deref(),
            Some(".yarn/releases/yarn-4.0.0.cjs")
        );
        assert!(!yarnrc.has_credentials);
        assert!(Yarnrc::parse("npmScopes:\n  x:\n    npmAuthToken: abc").has_credentials);
        assert_eq!(
            Yarnrc::parse("enableGlobalCache: false").global_cache,
            Some(false)
        );
    }

    #[test]
    fn lists_are_read_in_both_forms() {
        let expected = ["packages/*", "!x", "apps/web"];
        for text in [
            "# all\npackages:\n  - packages/* # those\n\n  - \"!x\"\n  # no\n  - 'apps/web'\nother:\n  - no\n",
            "packages: ['packages/*', \"!x\", apps/web]\n",
            "packages:\n- packages/*\n- '!x'\n- apps/web\n",
        ] {
            assert_eq!(yaml_list(text, "packages"), expected, "{text}");
        }
        assert!(yaml_list("onlyBuiltDependencies:\n  - x\n", "packages").is_empty());
    }
}
