//! The encodings in which programs print a secret.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The characters that are escaped in a URL: all but the unreserved ones.
const KEPT: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The smallest length of an encoded form. Shorter ones also occur in other texts.
const SHORTEST: usize = 6;

/// Returns the text itself, as part of a URL, of a string in JSON, of a quoted word in a shell, and as part of a
/// base64 text, as `user:password` is in requests and configurations.
pub(super) fn forms(text: &str) -> impl Iterator<Item = String> {
    let in_url = utf8_percent_encode(text, &KEPT).to_string();
    let in_base64 = (0..3).map(|before| part_of_base64(text, before));
    let encoded = in_base64.flat_map(|form| [form.replace('+', "-").replace('/', "_"), form]);
    let encoded = encoded.filter(|form| form.len() >= SHORTEST);
    let written = [text.to_owned(), in_url].into_iter();
    let written = written.chain(in_json(text)).chain(in_quotes(text));
    written.chain(encoded)
}

/// Returns the text as it is usually written in JSON, with HTML escapes as Go writes it, and in ASCII as Python does.
fn in_json(text: &str) -> [String; 3] {
    let usual = serde_json::Value::from(text).to_string();
    let usual = usual[1..usual.len() - 1].to_owned();
    let for_html = escape(&usual, |c| "<>&\u{2028}\u{2029}".contains(c));
    let in_ascii = escape(&usual, |c| !c.is_ascii());
    [usual, for_html, in_ascii]
}

/// Replaces some characters by their UTF-16 escapes.
fn escape(text: &str, is_escaped: impl Fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if is_escaped(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// Returns the text as written between single quotes, in both ways in which shells write a single quote there, and
/// between double quotes.
fn in_quotes(text: &str) -> [String; 3] {
    let mut double = String::with_capacity(text.len());
    for c in text.chars() {
        if "\"$`\\".contains(c) {
            double.push('\\');
        }
        double.push(c);
    }
    [
        text.replace('\'', r"'\''"),
        text.replace('\'', r#"'"'"'"#),
        double,
    ]
}

/// Returns the part of the base64 encoding that depends on the text alone, if `before` bytes, or a multiple of three
/// more, precede it. Characters that also encode bytes before or after the text are left out.
fn part_of_base64(text: &str, before: usize) -> String {
    const BITS: usize = 6;
    let bytes = [&vec![0; before][..], text.as_bytes()].concat();
    let mut encoded = STANDARD_NO_PAD.encode(&bytes);
    encoded.truncate(bytes.len() * 8 / BITS);
    encoded.split_off((before * 8).div_ceil(BITS).min(encoded.len()))
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    use super::*;

    #[test]
    fn secret_is_found_in_base64_of_a_text_around_it() {
        let secret = "p?ss>wörd~1";
        for before in ["", "u", "me", "you", "user:"] {
            for after in ["", "x", "xy", "xyz", "\n"] {
                let text = format!("{before}{secret}{after}");
                for encoded in [STANDARD.encode(&text), URL_SAFE.encode(&text)] {
                    let known: Vec<_> = forms(secret)
                        .filter(|form| encoded.contains(form))
                        .collect();
                    assert!(!known.is_empty(), "{text}: {encoded}");
                    let least = secret.len() * 8 / 6 - 2;
                    assert!(known.iter().all(|form| form.len() >= least), "{known:?}");
                }
            }
        }
    }

    #[test]
    fn secret_is_found_in_urls() {
        let forms: Vec<_> = forms("a b/c@d").collect();
        assert!(forms.contains(&"a%20b%2Fc%40d".to_owned()), "{forms:?}");
    }

    #[test]
    fn secret_is_found_in_json_and_in_quotes() {
        let secret = "it's \"<$é😀\\\u{1b}";
        let forms: Vec<_> = forms(secret).collect();
        for expected in [
            r#"it's \"<$é😀\\\u001b"#,
            r#"it's \"\u003c$é😀\\\u001b"#,
            r#"it's \"<$\u00e9\ud83d\ude00\\\u001b"#,
            "it'\\''s \"<$é😀\\\u{1b}",
            "it'\"'\"'s \"<$é😀\\\u{1b}",
            "it's \\\"<\\$é😀\\\\\u{1b}",
        ] {
            assert!(
                forms.iter().any(|form| form == expected),
                "{expected}: {forms:?}"
            );
        }
    }

    #[test]
    fn short_encodings_are_not_masked() {
        let forms: Vec<_> = forms("pass").collect();
        assert!(
            forms
                .iter()
                .all(|form| form == "pass" || form.len() >= SHORTEST),
            "{forms:?}"
        );
        assert!(forms.contains(&"pass".to_owned()));
    }
}
