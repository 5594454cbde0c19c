//! Variables whose values nobody may see.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::{EnvVar, text::Filter};

/// The fewest characters of a text that is masked wherever it stands: shorter ones are words as well.
const SHORTEST: usize = 4;

/// A variable that a build needs and nobody may see: not in the image, not in a log.
///
/// `Debug`, `Display` and `Serialize` show the name only, and nothing reads one back.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(EnvVar);

impl Secret {
    /// The name of the variable.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// The variable with its value, for the process that it is for.
    #[must_use]
    pub fn reveal(&self) -> &EnvVar {
        &self.0
    }

    /// The texts that give it away where they stand in a line: each line of its value, and user
    /// information and passwords of URLs in it. One with characters that a [`Filter`] takes out is also there
    /// without them. Texts of less than four characters are none.
    pub fn texts(&self) -> impl Iterator<Item = String> {
        let value = self.0.value();
        let texts = value.lines().map(str::trim).chain(credentials(value));
        let texts = texts.flat_map(|text| {
            let shown = Some(Filter::strip(text)).filter(|shown| shown != text);
            [Some(text.to_owned()), shown].into_iter().flatten()
        });
        texts.filter(|text| text.chars().count() >= SHORTEST)
    }
}

impl From<EnvVar> for Secret {
    fn from(variable: EnvVar) -> Self {
        Self(variable)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// What stands before the host in each address of a text, `user:password` or a token, and each password
/// by itself. An address is a URL; a text without one is an address as a whole.
pub fn credentials(text: &str) -> impl Iterator<Item = &str> {
    let whole = Some(text).filter(|text| !text.contains("://"));
    let urls = text
        .match_indices("://")
        .map(|(at, sign)| &text[at + sign.len()..]);
    let authority = |address: &'_ str| {
        let end = address.find(|c: char| c.is_whitespace() || "/?#".contains(c));
        end.unwrap_or(address.len())
    };
    whole
        .into_iter()
        .chain(urls)
        .filter_map(move |address| address[..authority(address)].rsplit_once('@'))
        .flat_map(|(user, _)| {
            let password = user.split_once(':').map(|(_, password)| password);
            [Some(user), password].into_iter().flatten()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(value: &str) -> Secret {
        EnvVar::new("TOKEN", value).unwrap().into()
    }

    #[test]
    fn nothing_shows_the_value() {
        let secret = secret("hunter22");
        let json = serde_json::to_string(&secret).unwrap();
        assert_eq!(
            format!("{secret:?} {secret} {json}"),
            "TOKEN=… TOKEN \"TOKEN\""
        );
        assert_eq!(secret.reveal().value(), "hunter22");
    }

    #[test]
    fn lines_and_credentials_give_a_secret_away() {
        for (value, expected) in [
            ("abc", &[][..]),
            ("äöüß", &["äöüß"]),
            ("key one\r\n  key two  \n}\n", &["key one", "key two"]),
            (
                "http://me:pass@proxy.example.org:3128",
                &["http://me:pass@proxy.example.org:3128", "me:pass", "pass"],
            ),
            (
                "https://example.org,http://token@example.org/a@b",
                &["https://example.org,http://token@example.org/a@b", "token"],
            ),
            ("http://u:p@x", &["http://u:p@x"]),
            // The mark of some editors at the beginning of a file.
            ("\u{feff}hunter22", &["\u{feff}hunter22", "hunter22"]),
            ("a\u{1b}[31mbc", &["a\u{1b}[31mbc"]),
        ] {
            let secret = secret(value);
            assert_eq!(secret.texts().collect::<Vec<_>>(), expected, "{value}");
        }
    }
}
