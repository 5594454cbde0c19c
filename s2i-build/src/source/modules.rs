//! The entries of `.gitmodules`, as data: parsed, checked, and never given to `git submodule`.

use std::{collections::BTreeMap, path::PathBuf};

use thiserror::Error;

use super::{
    SourceError,
    location::{LocationError, Place, place, without_credentials},
};

/// The reason why a submodule can't be fetched.
#[derive(Debug, Error)]
pub enum SubmoduleError {
    /// The tree records a commit for it, and `.gitmodules` has no address.
    #[error("`.gitmodules` has no address for it")]
    NoEntry,
    /// Several entries of `.gitmodules` are for one path.
    #[error("`.gitmodules` has several entries for it")]
    Ambiguous,
    /// `.gitmodules` is not a regular file.
    #[error("`.gitmodules` is not a regular file")]
    NoFile,
    /// A name that leads out of Git's own directory, or could be an option.
    #[error("its name {0:?} is not allowed")]
    Name(String),
    /// A path that leads out of the tree or into Git's own directory, could be an option, or has a control character.
    #[error("its path {0:?} is not allowed")]
    Path(String),
    /// There is something else in its place.
    #[error("its place in the tree is not an empty directory")]
    Occupied,
    /// An address that is not allowed for sources either.
    #[error(transparent)]
    Location(#[from] LocationError),
    /// An address that is neither a URL nor an absolute path.
    #[error("its address `{0}` is neither a URL nor a path that starts with `/`, `./` or `../`")]
    Relative(String),
    /// A relative address that leads out of the server or the file system.
    #[error("its address `{0}` leads above the root of the server that the repository comes from")]
    Above(String),
    /// A path of this machine in a repository that comes from elsewhere.
    #[error("its address `{0}` is a path of this machine, and the repository comes from elsewhere")]
    OtherMachine(String),
    /// Submodules are nested too deeply.
    #[error("submodules are nested more than {0} levels deep")]
    Deep(usize),
    /// There are too many submodules.
    #[error("the source has more than {0} submodules")]
    Many(usize),
    /// The server gave another commit.
    #[error("its repository gave the commit {0} in place of the recorded one")]
    OtherCommit(String),
    /// Fetching failed.
    #[error(transparent)]
    Source(Box<SourceError>),
}

/// An entry of `.gitmodules`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Module {
    pub(super) name: String,
    pub(super) path: String,
    url: String,
    update: String,
}

impl Module {
    /// Returns the entries of a listing by `git config --null --list`. The first value of a key counts, as for Git.
    pub(super) fn list(listing: &str) -> Vec<Self> {
        let mut entries: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
        for record in listing.split('\0') {
            let (key, value) = record.split_once('\n').unwrap_or((record, ""));
            let key = key.strip_prefix("submodule.");
            if let Some((name, variable)) = key.and_then(|key| key.rsplit_once('.')) {
                let entry = entries.entry(name).or_default();
                entry.entry(variable).or_insert(value);
            }
        }
        let entry = |(name, values): (&str, BTreeMap<&str, &str>)| {
            let value = |key| values.get(key).copied().unwrap_or_default().to_owned();
            Self {
                name: name.into(),
                path: value("path"),
                url: value("url"),
                update: value("update"),
            }
        };
        entries.into_iter().map(entry).collect()
    }

    /// Returns the one entry for a path.
    pub(super) fn of<'a>(modules: &'a [Self], path: &str) -> Result<&'a Self, SubmoduleError> {
        let mut entries = modules.iter().filter(|module| module.path == path);
        match (entries.next(), entries.next()) {
            (Some(module), None) => Ok(module),
            (None, _) => Err(SubmoduleError::NoEntry),
            (Some(_), Some(_)) => Err(SubmoduleError::Ambiguous),
        }
    }

    /// Returns whether the repository itself leaves the submodule out of checkouts. Other ways of an update, among them
    /// commands, have no effect.
    pub(super) fn is_left_out(&self) -> bool {
        self.update == "none"
    }

    /// Returns the place that the submodule is fetched from, after all checks of the entry. Credentials of the
    /// repository go along to the same server only.
    pub(super) fn place(&self, origin: &Origin) -> Result<Place, SubmoduleError> {
        check_name(&self.name)?;
        let url = &self.url;
        if url.is_empty() {
            return Err(SubmoduleError::NoEntry);
        }
        if url.chars().any(char::is_control) {
            return Err(LocationError::Control(url.clone()).into());
        }
        let found = if url.starts_with("./") || url.starts_with("../") {
            resolve(&origin.base, url)?
        } else {
            place(url)?
        };
        match found {
            Place::Directory(path) if !path.is_absolute() => {
                Err(SubmoduleError::Relative(without_credentials(url)))
            }
            Place::Directory(_) if !origin.is_local => {
                Err(SubmoduleError::OtherMachine(url.clone()))
            }
            Place::Directory(path) => Ok(Place::Directory(path)),
            Place::Remote(url) => Ok(Place::Remote(with_credentials(&origin.base, url))),
        }
    }
}

/// The repository that a submodule belongs to.
pub(super) struct Origin {
    /// The place that relative addresses start from.
    pub(super) base: Place,
    /// True if the user named a directory of this machine, and all repositories down to this one are on it.
    pub(super) is_local: bool,
}

/// Checks the rules of Git for names. They are not used as paths here.
fn check_name(name: &str) -> Result<(), SubmoduleError> {
    let is_bad = name.is_empty()
        || name.starts_with('-')
        || name.chars().any(char::is_control)
        || name.split(['/', '\\']).any(|part| part == "..");
    if is_bad {
        return Err(SubmoduleError::Name(name.into()));
    }
    Ok(())
}

/// Checks that a path stays in the tree and out of Git's own directories.
pub(super) fn check_path(path: &str) -> Result<(), SubmoduleError> {
    let is_bad_part = |part: &str| {
        matches!(part, "" | "." | "..")
            || part.eq_ignore_ascii_case(".git")
            || part.to_ascii_lowercase().starts_with("git~")
    };
    let is_bad = path.starts_with('-')
        || path.contains(['\\', char::REPLACEMENT_CHARACTER])
        || path.chars().any(char::is_control)
        || path.split('/').any(is_bad_part);
    if is_bad {
        return Err(SubmoduleError::Path(path.into()));
    }
    Ok(())
}

/// Returns the place of a relative address: each `../` at its start removes one component of the base.
fn resolve(base: &Place, url: &str) -> Result<Place, SubmoduleError> {
    let text = match base {
        Place::Directory(path) => path.to_string_lossy().into_owned(),
        Place::Remote(url) => url.split('?').next().unwrap_or_default().to_owned(),
    };
    let (root, path) = split_root(&text);
    let mut components: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
    let mut rest = url;
    loop {
        if let Some(below) = rest.strip_prefix("./") {
            rest = below;
        } else if let Some(above) = rest.strip_prefix("../") {
            let removed = components.pop();
            removed.ok_or_else(|| SubmoduleError::Above(url.into()))?;
            rest = above;
        } else {
            break;
        }
    }
    if rest.split('/').any(|part| part == "..") {
        return Err(SubmoduleError::Above(url.into()));
    }
    components.push(rest);
    let path = components.join("/");
    match base {
        Place::Directory(_) => Ok(Place::Directory(PathBuf::from(format!("/{path}")))),
        Place::Remote(_) => Ok(place(&format!("{root}{path}"))?),
    }
}

/// Splits the address of a repository into the part that names the server, with the separator, and the path.
fn split_root(text: &str) -> (&str, &str) {
    let start = match text.find("://") {
        Some(at) => {
            let slash = text[at + 3..].find('/');
            slash.map_or(text.len(), |slash| at + 3 + slash + 1)
        }
        // `host:path`; an absolute path keeps its slash.
        None => text.find(':').map_or(0, |colon| {
            let is_absolute = text[colon + 1..].starts_with('/');
            colon + 1 + usize::from(is_absolute)
        }),
    };
    text.split_at(start)
}

/// Adds the credentials of the base to a URL of the same server over the same scheme that has none.
fn with_credentials(base: &Place, url: String) -> String {
    let Place::Remote(base) = base else {
        return url;
    };
    let (Some((scheme, base)), Some((own, rest))) = (base.split_once("://"), url.split_once("://"))
    else {
        return url;
    };
    let authority = |text: &str| text.split('/').next().unwrap_or_default().to_owned();
    let (base, rest_authority) = (authority(base), authority(rest));
    match base.rsplit_once('@') {
        Some((user, host))
            if scheme == own
                && scheme.starts_with("http")
                && host.eq_ignore_ascii_case(&rest_authority) =>
        {
            format!("{scheme}://{user}@{rest}")
        }
        _ => url,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(url: &str) -> Module {
        Module {
            name: "lib".into(),
            path: "lib".into(),
            url: url.into(),
            update: String::new(),
        }
    }

    #[track_caller]
    fn check(base: &str, url: &str, expected: &str) {
        let base = place(base).unwrap();
        let is_local = matches!(base, Place::Directory(_));
        let shown = match module(url).place(&Origin { base, is_local }) {
            Ok(Place::Directory(path)) => path.display().to_string(),
            Ok(Place::Remote(url)) => url,
            Err(err) => format!("error: {err}"),
        };
        assert_eq!(shown, expected, "{url}");
    }

    #[test]
    fn relative_addresses_start_from_the_repository() {
        let base = "https://example.org/team/app.git";
        check(base, "../lib.git", "https://example.org/team/lib.git");
        check(base, "../../other/lib", "https://example.org/other/lib");
        check(base, "./lib", "https://example.org/team/app.git/lib");
        check(
            "git@example.org:team/app",
            "../lib",
            "git@example.org:team/lib",
        );
        check(
            "git@example.org:/srv/app",
            "../lib",
            "git@example.org:/srv/lib",
        );
        check(
            "ssh://example.org:22/a/b",
            "../c",
            "ssh://example.org:22/a/c",
        );
        check("/srv/app", "../lib", "/srv/lib");
        let above = "leads above the root of the server that the repository comes from";
        for url in ["../../../evil.example.org/x", "../a/../../b", "../../.."] {
            check(base, url, &format!("error: its address `{url}` {above}"));
        }
    }

    #[test]
    fn credentials_go_to_the_same_server_alone() {
        let base = "https://me:secret@example.org/team/app.git";
        check(base, "../lib", "https://me:secret@example.org/team/lib");
        check(
            base,
            "https://example.org/x",
            "https://me:secret@example.org/x",
        );
        for url in [
            "https://other.example.org/x",
            "https://example.org:8443/x",
            "http://example.org/x",
            "https://you@example.org/x",
            "ssh://example.org/x",
            "git@example.org:x",
        ] {
            check(base, url, url);
        }
    }

    #[test]
    fn hostile_addresses_are_refused() {
        let base = "https://example.org/team/app.git";
        for url in [
            "-u./payload",
            "--upload-pack=x",
            "ssh://-oProxyCommand=x/y",
            "git@-oProxyCommand=x:y",
            "ext::sh -c x",
            "fd::7",
            "file:///srv/secret",
            "/srv/secret",
            "lib",
            "",
            "https://example.org/\nx",
            "../-x\r",
        ] {
            let base = place(base).unwrap();
            let is_local = false;
            let found = module(url).place(&Origin { base, is_local });
            assert!(found.is_err(), "{url:?}");
        }
        check("/srv/app", "file:///srv/lib", "/srv/lib");
    }

    #[test]
    fn hostile_names_and_paths_are_refused() {
        for name in ["", "..", "../../evil", "a\\..\\b", "-x", "a\n"] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        assert!(check_name("a/b..c").is_ok());
        for path in [
            "",
            "/a",
            "a/",
            "a//b",
            "..",
            "a/../b",
            "./a",
            "-evil",
            "end\r",
            ".git",
            ".GIT/x",
            "a/.git/hooks",
            "git~1/x",
            "a\\b",
        ] {
            assert!(check_path(path).is_err(), "{path:?}");
        }
        assert!(check_path("vendor/lib.git/.github").is_ok());
    }

    #[test]
    fn first_value_of_a_key_counts() {
        let listing = "submodule.a.b.path\nlib\0submodule.a.b.url\none\0submodule.a.b.url\ntwo\0\
                       submodule.x.path\0core.x\ny\0";
        let modules = Module::list(listing);
        let found = Module::of(&modules, "lib").unwrap();
        assert_eq!((found.name.as_str(), found.url.as_str()), ("a.b", "one"));
        assert!(Module::of(&modules, "other").is_err());
    }
}
