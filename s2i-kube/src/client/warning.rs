//! The warnings in the head of an answer: HTTP's header `Warning` with the code 299.

use http::HeaderMap;

/// The most warnings of one answer that are read.
const MOST: usize = 32;

/// The most bytes of a warning that are kept.
const LONGEST: usize = 4096;

/// The beginning of the text of a template whose pods the namespace will refuse. The API has no code for it.
const POD_SECURITY: &str = "would violate PodSecurity";

/// A warning of an API server about an object that it has accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The subject.
    pub kind: WarningKind,
    /// The server's words.
    pub words: String,
}

/// The subject of a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarningKind {
    /// The level of Pod Security of the namespace. If the level is enforced and not only a warning, no pod will be
    /// created, and this is all that the server writes about it.
    PodSecurity,
    /// Anything else, for example an old version of an API.
    Other,
}

/// Reads the warnings of an answer. Malformed ones are left out: they are hints.
pub(crate) fn warnings(headers: &HeaderMap) -> Vec<Warning> {
    let values = headers.get_all(http::header::WARNING).iter();
    let texts = values.filter_map(|value| text(&String::from_utf8_lossy(value.as_bytes())));
    let warnings = texts.map(|words| Warning {
        kind: if words.starts_with(POD_SECURITY) {
            WarningKind::PodSecurity
        } else {
            WarningKind::Other
        },
        words,
    });
    warnings.take(MOST).collect()
}

/// Returns the quoted text of `299 - "text"`.
fn text(value: &str) -> Option<String> {
    let quoted = value
        .strip_prefix("299 ")?
        .split_once(' ')?
        .1
        .strip_prefix('"')?;
    let mut text = String::new();
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return Some(text),
            '\\' => text.push(chars.next()?),
            _ => text.push(c),
        }
        if text.len() >= LONGEST {
            text.push('…');
            return Some(text);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_text_is_unquoted() {
        assert_eq!(
            text(r#"299 - "a \"b\" \\c""#).as_deref(),
            Some(r#"a "b" \c"#)
        );
        assert_eq!(text(r#"299 agent "a" "date""#).as_deref(), Some("a"));
        for malformed in [
            "",
            "299",
            r#"199 - "a""#,
            "299 - a",
            r#"299 - "a"#,
            r#"299 - "a\"#,
        ] {
            assert_eq!(text(malformed), None, "{malformed}");
        }
    }

    #[test]
    fn long_text_is_cut() {
        let text = text(&format!("299 - \"{}\"", "x".repeat(2 * LONGEST))).unwrap();
        assert!(text.len() < LONGEST + 10 && text.ends_with('…'));
    }
}
