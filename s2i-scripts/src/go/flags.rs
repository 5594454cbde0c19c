//! `GOFLAGS`: a list of flags with Go's own quoting, in which a quote has a meaning only at the start of a word.

use crate::{Error, Host, launch::words, variables};

/// Reads the list. Quotes inside of words, as in `-ldflags="-s -w"`, mean the same as in a shell, and become Go's.
pub(super) fn read(host: &Host<'_>) -> Result<Option<String>, Error> {
    let Some(list) = host.variable(variables::GOFLAGS)? else {
        return Ok(None);
    };
    if is_go(list) {
        return Ok(Some(list.to_owned()));
    }
    let quoted: Option<Vec<_>> = words::split(list).iter().map(|word| quote(word)).collect();
    let problem = "a flag has both kinds of quotes, which Go cannot read from a variable";
    quoted
        .map(|words| Some(words.join(" ")))
        .ok_or_else(|| Error::variable(variables::GOFLAGS, list, problem))
}

/// Returns whether all quotes of a list are where Go reads them.
fn is_go(list: &str) -> bool {
    let mut rest = list.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = if matches!(first, '\'' | '"') {
            let Some(end) = rest[1..].find(first).map(|end| end + 2) else {
                return false;
            };
            end
        } else {
            rest.find(char::is_whitespace).unwrap_or(rest.len())
        };
        let (word, after) = rest.split_at(end);
        let is_quoted = matches!(first, '\'' | '"');
        let has_more = after.starts_with(|c: char| !c.is_whitespace());
        if has_more || (!is_quoted && word.contains(['\'', '"'])) {
            return false;
        }
        rest = after;
        rest = rest.trim_start();
    }
    true
}

/// Returns a word in Go's quotes, where it needs some.
fn quote(word: &str) -> Option<String> {
    match (word.contains('\''), word.contains('"')) {
        (true, true) => None,
        (true, false) => Some(format!("\"{word}\"")),
        (false, true) => Some(format!("'{word}'")),
        _ if word.contains(char::is_whitespace) => Some(format!("'{word}'")),
        _ => Some(word.to_owned()),
    }
}

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
    fn quotes_of_a_shell_become_those_of_go() {
        for (list, expected) in [
            (
                "-mod=vendor '-ldflags=-s -w'",
                Some("-mod=vendor '-ldflags=-s -w'"),
            ),
            ("-ldflags=\"-s -w\" -v", Some("'-ldflags=-s -w' -v")),
            ("-ldflags='-X a.b=c d'", Some("'-ldflags=-X a.b=c d'")),
            (
                "-ldflags=\"-X 'a.b=c d'\"",
                Some("\"-ldflags=-X 'a.b=c d'\""),
            ),
            ("\"-tags=a b\"", Some("\"-tags=a b\"")),
            ("-a=\"it's\"'\"'", None),
        ] {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let host = Host::new(["assemble"], [("GOFLAGS", list)], &mut out, &mut err);
            let read = read(&host);
            assert_eq!(read.ok().flatten().as_deref(), expected, "{list}");
        }
    }

    #[test]
    fn flag_is_appended() {
        assert_eq!(append(None, "-x"), "-x");
        assert_eq!(append(Some(" -a  "), "-x"), "-a -x");
    }
}
