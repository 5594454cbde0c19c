//! `GOFLAGS`: a list of flags with Go's own quoting.

/// Returns the list with one more flag at its end, where it takes precedence.
pub(super) fn append(goflags: Option<&str>, flag: &str) -> String {
    match goflags.map(str::trim) {
        None | Some("") => flag.to_owned(),
        Some(list) => format!("{list} {flag}"),
    }
}

/// Returns whether the list sets the flag of this name.
pub(super) fn sets(goflags: Option<&str>, name: &str) -> bool {
    split(goflags.unwrap_or_default()).any(|word| {
        let flag = word.strip_prefix("--").or_else(|| word.strip_prefix('-'));
        flag.and_then(|flag| flag.split('=').next()) == Some(name)
    })
}

/// Returns the words of the list: a word that starts with a quote ends at the next one.
fn split(list: &str) -> impl Iterator<Item = &str> {
    let mut rest = list.trim_start();
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let (word, after) = if matches!(first, '\'' | '"') {
            rest[1..].split_once(first).unwrap_or((&rest[1..], ""))
        } else {
            rest.split_once(char::is_whitespace).unwrap_or((rest, ""))
        };
        rest = after.trim_start();
        Some(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_words_are_one_flag() {
        let list = Some("  -mod=vendor '-ldflags=-s -tags=x' --race\t\"-p=1");
        for (name, expected) in [
            ("mod", true),
            ("ldflags", true),
            ("tags", false),
            ("race", true),
            ("p", true),
            ("s", false),
        ] {
            assert_eq!(sets(list, name), expected, "{name}");
        }
        assert!(!sets(None, "mod"));
    }

    #[test]
    fn flag_is_appended() {
        assert_eq!(append(None, "-x"), "-x");
        assert_eq!(append(Some(" -a  "), "-x"), "-a -x");
    }
}
