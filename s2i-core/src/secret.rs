//! Values that are not shown.
//!
//! ```
//! use s2i_core::{EnvVar, Secret};
//!
//! let password = Secret::new("correct horse".to_owned());
//! assert_eq!(format!("{password:?} {}", password.reveal()), "… correct horse");
//!
//! let variable = Secret::new(EnvVar::new("TOKEN", "battery staple")?);
//! assert_eq!(format!("{variable} {variable:?}"), "TOKEN TOKEN=…");
//! # Ok::<(), s2i_core::EnvVarError>(())
//! ```

use std::fmt;

use serde::{Serialize, Serializer};

use crate::{EnvVar, text::Filter};

/// The fewest characters of a text that is masked wherever it stands: shorter ones are words as well.
const SHORTEST: usize = 4;

/// A value that is not shown: no log, no error and no file gets it by accident.
///
/// Without a type it is a variable that a build needs, of which `Debug`, `Display` and `Serialize` show the
/// name. Of a text, a password for example, `Debug` shows `…`. Neither can be read back.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T = EnvVar>(T);

impl<T> Secret<T> {
    /// Hides a value.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// Returns the value, for the process or the server that it is meant for.
    #[must_use]
    pub fn reveal(&self) -> &T {
        &self.0
    }
}

impl<T> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl fmt::Debug for Secret<String> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl Secret {
    /// Returns the name of the variable.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// Returns the texts that give it away where they stand in a line: each line of its value, and user
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

/// Returns the part before the host in each address of a text, `user:password` or a token, and each password
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
    fn value_is_not_shown() {
        let secret = secret("hunter22");
        let json = serde_json::to_string(&secret).unwrap();
        assert_eq!(
            format!("{secret:?} {secret} {json}"),
            "TOKEN=… TOKEN \"TOKEN\""
        );
        assert_eq!(secret.reveal().value(), "hunter22");
    }

    #[test]
    fn lines_and_credentials_of_a_secret_are_masked() {
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
