//! The location of a source: a directory, or a repository that Git can fetch.

use std::{fmt, path::PathBuf, str::FromStr};

use thiserror::Error;

/// The location of a source.
#[derive(Clone, PartialEq, Eq)]
pub struct SourceLocation {
    /// The place.
    pub place: Place,
    /// The branch, tag or commit that followed a `#`.
    pub fragment: Option<String>,
}

/// The kinds of place.
#[derive(Clone, PartialEq, Eq)]
pub enum Place {
    /// A directory of this machine.
    Directory(PathBuf),
    /// A URL or `[user@]host:path`, as Git takes it; may hold credentials.
    Remote(String),
}

/// The reason why a text is not a source location.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LocationError {
    /// The text is empty.
    #[error("the source can't be empty")]
    Empty,
    /// A host, user or path that a program could take for an option.
    #[error("the source `{0}` has a part that starts with `-`")]
    Option(String),
    /// A `file:` URL with a host or a relative path.
    #[error("`{0}` must be written as file:///absolute/path")]
    FileUrl(String),
    /// A scheme for which Git would run a helper.
    #[error("sources can't be fetched over `{0}`; use https, http, ssh, git, file or a directory")]
    Scheme(String),
    /// A text with a control character.
    #[error("the source {0:?} has a control character in it")]
    Control(String),
}

impl FromStr for SourceLocation {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(LocationError::Empty);
        }
        if text.chars().any(char::is_control) {
            return Err(LocationError::Control(text.into()));
        }
        let (rest, fragment) = match text.split_once('#') {
            Some((rest, fragment)) => (rest, Some(fragment.to_owned()).filter(|f| !f.is_empty())),
            None => (text, None),
        };
        Ok(Self {
            place: place(rest)?,
            fragment,
        })
    }
}

/// Returns the place of a location without a fragment.
pub(super) fn place(text: &str) -> Result<Place, LocationError> {
    if let Some((scheme, rest)) = text
        .split_once("://")
        .filter(|(scheme, _)| is_scheme(scheme))
    {
        return url(text, &scheme.to_ascii_lowercase(), rest);
    }
    if let Some((helper, rest)) = text.split_once("::")
        && is_http(helper)
        && rest
            .split_once("://")
            .is_some_and(|(scheme, _)| is_http(scheme))
    {
        return place(rest);
    }
    if text.contains("::") && is_scheme(text.split("::").next().unwrap_or_default()) {
        return Err(LocationError::Scheme(
            text.split("::").next().unwrap_or_default().into(),
        ));
    }
    match text.split_once(':') {
        Some((host, path)) if is_scp_host(host) => {
            let parts = host.split('@').chain([path]);
            check_no_option(text, parts).map(|()| Place::Remote(text.into()))
        }
        _ => Ok(Place::Directory(text.into())),
    }
}

fn url(text: &str, scheme: &str, rest: &str) -> Result<Place, LocationError> {
    match scheme {
        "file" if rest.starts_with('/') => {
            let path = rest.split('?').next().unwrap_or(rest);
            Ok(Place::Directory(path.into()))
        }
        "file" => Err(LocationError::FileUrl(text.into())),
        "https" | "http" | "ssh" | "git" | "git+ssh" | "ssh+git" => {
            let authority = rest.split('/').next().unwrap_or_default();
            let path = rest.split_once('/').map_or("", |(_, path)| path);
            check_no_option(text, authority.split('@').chain([path]))?;
            // Git looks for a helper of the name of the scheme, as it is written.
            Ok(Place::Remote(format!("{scheme}://{rest}")))
        }
        _ => Err(LocationError::Scheme(scheme.into())),
    }
}

fn check_no_option<'a>(
    text: &str,
    mut parts: impl Iterator<Item = &'a str>,
) -> Result<(), LocationError> {
    if parts.any(|part| part.starts_with('-')) {
        return Err(LocationError::Option(without_credentials(text)));
    }
    Ok(())
}

fn is_http(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// Returns whether the text before the colon is that of `[user@]host:path`: without a slash, and not a drive letter.
fn is_scp_host(host: &str) -> bool {
    host.len() > 1 && !host.contains('/') && !host.starts_with('.')
}

/// Returns a URL with `user:password@` reduced to `user@`, and without `token@` of HTTP.
#[must_use]
pub fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.into();
    };
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let Some((user, host)) = authority.rsplit_once('@') else {
        return url.into();
    };
    match user.split_once(':') {
        _ if scheme.starts_with("http") => format!("{scheme}://{host}{path}"),
        Some((user, _)) => format!("{scheme}://{user}@{host}{path}"),
        None => url.into(),
    }
}

/// Returns a URL that Git can fetch over a network, without credentials; `None` for all other texts.
pub(super) fn public_url(text: &str) -> Option<String> {
    let place = place(text).ok()?;
    let fragment = None;
    matches!(place, Place::Remote(_)).then(|| SourceLocation { place, fragment }.public())
}

impl SourceLocation {
    /// Returns the place as text without credentials and fragment, for labels and messages.
    #[must_use]
    pub fn public(&self) -> String {
        match &self.place {
            Place::Directory(path) => path.display().to_string(),
            Place::Remote(url) => {
                let url = without_credentials(url);
                // Some servers accept a token in the query.
                url.split('?').next().unwrap_or(&url).to_owned()
            }
        }
    }
}

impl fmt::Display for SourceLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.public())?;
        self.fragment
            .as_ref()
            .map_or(Ok(()), |fragment| write!(f, "#{fragment}"))
    }
}

impl fmt::Debug for SourceLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceLocation({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let shown = match text.parse::<SourceLocation>() {
            Ok(location) => match location.place {
                Place::Directory(_) => format!("directory {location}"),
                Place::Remote(_) => format!("remote {location}"),
            },
            Err(err) => err.to_string(),
        };
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn directories_and_remotes_are_parsed() {
        check(".", "directory .");
        check("./app:dir", "directory ./app:dir");
        check("app#v1", "directory app#v1");
        check("C:\\app", "directory C:\\app");
        check("file:///srv/app.git#main", "directory /srv/app.git#main");
        check(
            "git@example.org:team/app.git",
            "remote git@example.org:team/app.git",
        );
        check(
            "https://user:secret@example.org/app.git#v1",
            "remote https://example.org/app.git#v1",
        );
        check(
            "https://token@example.org/app",
            "remote https://example.org/app",
        );
        check(
            "ssh://git:pw@example.org/app",
            "remote ssh://git@example.org/app",
        );
        check("HTTP://example.org/app", "remote http://example.org/app");
        check(
            "http::https://example.org/a",
            "remote https://example.org/a",
        );
        check(
            "git://127.0.0.1:9418/app",
            "remote git://127.0.0.1:9418/app",
        );
    }

    #[test]
    fn options_and_helpers_are_refused() {
        check("", "the source can't be empty");
        check(
            "ssh://-oProxyCommand=x/y",
            "the source `ssh://-oProxyCommand=x/y` has a part that starts with `-`",
        );
        check(
            "-oProxyCommand=x:y",
            "the source `-oProxyCommand=x:y` has a part that starts with `-`",
        );
        check(
            "host:-x",
            "the source `host:-x` has a part that starts with `-`",
        );
        check(
            "ssh://u@-h/x",
            "the source `ssh://u@-h/x` has a part that starts with `-`",
        );
        check(
            "ext::sh -c id",
            "sources can't be fetched over `ext`; use https, http, ssh, git, file or a directory",
        );
        check(
            "fd://7",
            "sources can't be fetched over `fd`; use https, http, ssh, git, file or a directory",
        );
        check(
            "file://host/x",
            "`file://host/x` must be written as file:///absolute/path",
        );
        check("a\nb", "the source \"a\\nb\" has a control character in it");
    }

    #[test]
    fn debug_output_has_no_credentials() {
        let location: SourceLocation = "https://u:hunter2@h/x".parse().unwrap();
        assert_eq!(format!("{location:?}"), "SourceLocation(https://h/x)");
    }
}
