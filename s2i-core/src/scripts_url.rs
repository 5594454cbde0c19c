//! The URL of a directory with scripts.

use std::{fmt, path::PathBuf, str::FromStr};

use thiserror::Error;

use crate::{ContainerPath, Script};

/// The longest URL.
const LONGEST: usize = 4096;

/// The URL of a directory with scripts, without the name of a script. `Display` and `Debug` leave out credentials.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScriptsUrl {
    /// `image://` and an absolute path: a directory of the image.
    Image(ContainerPath),
    /// `file://` and an absolute path, or a relative one (`file://dir`, `file://./dir`): a directory of this machine.
    File(PathBuf),
    /// `http://` or `https://`: a directory of a server.
    Http(String),
}

/// A text that is not the URL of a directory with scripts.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("this URL can't name a directory with scripts; {0}")]
pub struct ScriptsUrlError(&'static str);

impl ScriptsUrl {
    /// Returns the address of a script on a server; `None` for a directory.
    #[must_use]
    pub fn address(&self, script: Script) -> Option<String> {
        match self {
            Self::Http(url) => Some(format!("{url}/{script}")),
            Self::Image(_) | Self::File(_) => None,
        }
    }

    /// Returns whether the scripts come over a connection that anyone on the way can change.
    #[must_use]
    pub fn is_plain_http(&self) -> bool {
        matches!(self, Self::Http(url) if url.starts_with("http:"))
    }
}

impl FromStr for ScriptsUrl {
    type Err = ScriptsUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_text = text.len() <= LONGEST && !text.chars().any(char::is_control);
        let (scheme, rest) =
            is_text
                .then(|| text.split_once("://"))
                .flatten()
                .ok_or(ScriptsUrlError(
                    "it is `image://`, `file://`, `http://` or `https://` and a path",
                ))?;
        match scheme.to_ascii_lowercase().as_str() {
            "image" => {
                let path = rest.parse();
                path.map(Self::Image).map_err(|_| {
                    ScriptsUrlError("after `image://`, an absolute path of the image is needed")
                })
            }
            "file" if rest.is_empty() => {
                Err(ScriptsUrlError("after `file://`, a directory is needed"))
            }
            "file" => Ok(Self::File(rest.into())),
            scheme @ ("http" | "https") => {
                let has_host = !rest.is_empty() && !rest.starts_with('/');
                if !has_host || rest.contains(['?', '#', ' ', '\\']) {
                    return Err(ScriptsUrlError(
                        "an address has a host, and neither a query, a fragment nor blanks",
                    ));
                }
                let rest = rest.trim_end_matches('/');
                Ok(Self::Http(format!("{scheme}://{rest}")))
            }
            _ => Err(ScriptsUrlError(
                "its scheme is none of `image`, `file`, `http` and `https`",
            )),
        }
    }
}

impl fmt::Display for ScriptsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(path) => write!(f, "image://{path}"),
            Self::File(path) => write!(f, "file://{}", path.display()),
            Self::Http(url) => {
                let (scheme, rest) = url.split_once("://").unwrap_or_default();
                let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
                let host = host.rsplit('@').next().unwrap_or(host);
                let slash = if path.is_empty() { "" } else { "/" };
                write!(f, "{scheme}://{host}{slash}{path}")
            }
        }
    }
}

impl fmt::Debug for ScriptsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScriptsUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_have_their_forms() {
        for (text, expected) in [
            ("image:///usr/libexec/s2i", "image:///usr/libexec/s2i"),
            ("image:///usr/libexec/s2i/", "image:///usr/libexec/s2i"),
            ("file://.s2i/bin", "file://.s2i/bin"),
            ("file:///opt/scripts", "file:///opt/scripts"),
            ("HTTP://example.org/s2i/", "http://example.org/s2i"),
            (
                "https://me:word@example.org:8443/a/b",
                "https://example.org:8443/a/b",
            ),
            ("https://example.org", "https://example.org"),
        ] {
            assert_eq!(text.parse::<ScriptsUrl>().unwrap().to_string(), expected);
        }
        for text in [
            "/usr/libexec/s2i",
            "image://relative",
            "image:/usr",
            "file://",
            "http:///path",
            "https://example.org/a?b",
            "ftp://example.org/a",
            "https://example.org/a\nb",
            "",
        ] {
            assert!(text.parse::<ScriptsUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn address_of_a_script_has_the_credentials_that_the_text_lacks() {
        let url: ScriptsUrl = "https://me:word@example.org/s2i".parse().unwrap();
        assert_eq!(
            url.address(Script::Run).as_deref(),
            Some("https://me:word@example.org/s2i/run")
        );
        assert_eq!(format!("{url:?}"), "ScriptsUrl(https://example.org/s2i)");
        assert!(!url.is_plain_http());
    }
}
