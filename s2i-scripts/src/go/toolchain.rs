//! The choice of the toolchain: that of the image, or a newer one that the source asks for and that Go itself fetches
//! as a module, checked against the database of digests.

use super::{Error as GoError, ModFile, Version, environment::Environment, query::Query};
use crate::{Error, Host, pins::Pin, variables};

/// The value of `GOTOOLCHAIN` that never fetches.
pub(super) const LOCAL: &str = "local";

/// The module that has toolchains as its versions.
const MODULE: &str = "golang.org/toolchain";

/// The request of the user, in `GOTOOLCHAIN`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// The newest that the source asks for, unless the image has it or a newer one.
    #[default]
    Source,
    /// The toolchain of the image.
    Local,
    /// This version.
    Version(Version),
}

impl Toolchain {
    /// Reads the host's environment.
    pub(super) fn read(host: &Host<'_>) -> Result<Self, Error> {
        let Some(value) = host.variable(variables::GOTOOLCHAIN)? else {
            return Ok(Self::Source);
        };
        let (name, _) = value.split_once('+').unwrap_or((value, ""));
        match name {
            LOCAL => Ok(Self::Local),
            "auto" | "path" => Ok(Self::Source),
            name => Version::parse(name).map(Self::Version).ok_or_else(|| {
                Error::variable(
                    variables::GOTOOLCHAIN,
                    value,
                    "it is not `auto`, `local` or a version such as `go1.26.0`",
                )
            }),
        }
    }
}

/// A newer version of Go than that of the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) version: Version,
    /// The part of the source that asks for it.
    pub(super) origin: &'static str,
    /// An older Go does not build the source.
    pub(super) is_required: bool,
}

/// Returns the newest version that the request, these modules or the pin ask for, where it is newer than the present
/// one. Only `go` lines bind.
pub(super) fn wanted(
    present: Version,
    request: Toolchain,
    modules: &[&ModFile],
    pin: Option<&Pin>,
) -> Option<Wanted> {
    let lines = |field: fn(&ModFile) -> &Option<String>| {
        let lines = modules
            .iter()
            .filter_map(move |module| field(module).as_deref());
        lines.filter_map(Version::parse).max()
    };
    let needed = lines(|module| &module.go);
    let candidates = [
        match request {
            Toolchain::Version(version) => Some((version, variables::GOTOOLCHAIN)),
            Toolchain::Source | Toolchain::Local => None,
        },
        needed.map(|version| (version, "the go line of go.mod")),
        lines(|module| &module.toolchain).map(|version| (version, "the toolchain line of go.mod")),
        pin.and_then(|pin| Some((Version::parse(&pin.version)?, pin.file))),
    ];
    let mut newest: Option<(Version, &'static str)> = None;
    for (version, origin) in candidates.into_iter().flatten() {
        let is_newer = newest.is_none_or(|(known, _)| version > known);
        if is_newer && version > present && !version.is_language_of(present) {
            newest = Some((version, origin));
        }
    }
    let is_forced = matches!(request, Toolchain::Version(_));
    newest.map(|(version, origin)| Wanted {
        version,
        origin,
        is_required: is_forced || needed.is_some_and(|needed| needed > present),
    })
}

/// Lets the environment use a newer toolchain, and returns what it answers to the query for its version; `None`, and
/// a warning, where it cannot be fetched and is not required.
pub(super) fn fetch(
    wanted: &Wanted,
    present: Version,
    request: Toolchain,
    query: &Query<'_>,
    environment: &mut Environment,
    warnings: &mut Vec<String>,
    host: &mut Host<'_>,
) -> Result<Option<String>, Error> {
    let needed = wanted.version.to_string();
    if request == Toolchain::Local {
        if wanted.is_required {
            let present = present.to_string();
            let reason = Some("GOTOOLCHAIN=local keeps newer ones from being fetched".to_owned());
            return Err(GoError::ToolchainTooOld {
                needed,
                present,
                reason,
            }
            .into());
        }
        warnings.push(format!(
            "{} prefers Go {needed}, and GOTOOLCHAIN=local keeps it from being fetched; Go {present} builds",
            wanted.origin
        ));
        return Ok(None);
    }
    let name = if wanted.version.is_language() {
        newest_release(wanted.version, query, environment, host)
    } else {
        format!("go{}", wanted.version)
    };
    host.console.detail(format_args!(
        "{} asks for Go {needed}, and this image has {present}: {name} is used, and fetched where it is not saved",
        wanted.origin
    ));
    environment.toolchain = name;
    match query.version(environment, host) {
        Ok(answer) => Ok(Some(answer)),
        Err(err) if wanted.is_required => Err(GoError::ToolchainTooOld {
            needed,
            present: present.to_string(),
            reason: Some(format!("{err}; a newer Go could not be fetched")),
        }
        .into()),
        Err(_) => {
            LOCAL.clone_into(&mut environment.toolchain);
            warnings.push(format!(
                "{} prefers Go {needed}, which could not be fetched; Go {present} builds",
                wanted.origin
            ));
            Ok(None)
        }
    }
}

/// Returns the name of the newest release of a version of the language, or of its first one where the list of all
/// cannot be had.
fn newest_release(
    language: Version,
    query: &Query<'_>,
    environment: &Environment,
    host: &mut Host<'_>,
) -> String {
    let list = query.modules(&["list", "-m", "-versions", MODULE], environment, host);
    newest_of(language, &list)
}

fn newest_of(language: Version, list: &str) -> String {
    let releases = list.split_whitespace().filter_map(|version| {
        // `v0.0.1-go1.27.4.linux-amd64`
        let (_, name) = version.split_once("-go")?;
        let (name, _) = name.strip_suffix("-amd64")?.rsplit_once('.')?;
        let version = Version::parse(name)?;
        (version.is_release() && language.is_language_of(version)).then_some(version)
    });
    releases.max().map_or_else(
        || format!("go{language}.0"),
        |version| format!("go{version}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    #[track_caller]
    fn check(go_mod: &str, pin: Option<&str>, request: Toolchain, expected: Option<&str>) {
        let pin = pin.map(|version| Pin {
            version: version.to_owned(),
            file: ".go-version",
        });
        let module = ModFile::parse(go_mod);
        let wanted = wanted(version("1.26.8"), request, &[&module], pin.as_ref());
        let actual = wanted.map(|wanted| {
            let is_required = if wanted.is_required { " required" } else { "" };
            format!("{} by {}{is_required}", wanted.version, wanted.origin)
        });
        assert_eq!(actual.as_deref(), expected, "{go_mod} {pin:?}");
    }

    #[test]
    fn newest_version_of_the_source_is_wanted_and_only_the_go_line_binds() {
        let source = Toolchain::Source;
        check("go 1.26.8", None, source, None);
        check("go 1.20\ntoolchain go1.26.1", Some("1.26"), source, None);
        check("module x", Some("1.25.3"), source, None);
        check("go 1.20\ntoolchain default", Some("latest"), source, None);
        check(
            "go 1.27",
            None,
            source,
            Some("1.27 by the go line of go.mod required"),
        );
        check(
            "go 1.26.9\ntoolchain go1.27.1",
            None,
            source,
            Some("1.27.1 by the toolchain line of go.mod required"),
        );
        check(
            "go 1.20\ntoolchain go1.27.0",
            Some("1.27.2"),
            source,
            Some("1.27.2 by .go-version"),
        );
        check(
            "go 1.20",
            None,
            Toolchain::Version(version("1.27.1")),
            Some("1.27.1 by GOTOOLCHAIN required"),
        );
    }

    #[test]
    fn version_of_the_language_becomes_its_newest_release() {
        let list = "golang.org/toolchain v0.0.1-go1.27.0.linux-amd64 v0.0.1-go1.27.4.linux-amd64 \
                    v0.0.1-go1.27rc1.linux-amd64 v0.0.1-go1.28.0.linux-amd64 v0.0.1-go1.27.9.linux-arm64";
        assert_eq!(newest_of(version("1.27"), list), "go1.27.4");
        assert_eq!(newest_of(version("1.29"), list), "go1.29.0");
        assert_eq!(newest_of(version("1.29"), ""), "go1.29.0");
    }

    #[test]
    fn variable_keeps_or_names_the_toolchain() {
        for (value, expected) in [
            ("local", Some(Toolchain::Local)),
            ("auto", Some(Toolchain::Source)),
            ("go1.27.1", Some(Toolchain::Version(version("1.27.1")))),
            ("go1.27.1+auto", Some(Toolchain::Version(version("1.27.1")))),
            ("newest", None),
        ] {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let env = [("GOTOOLCHAIN", value)];
            let host = Host::new(["assemble"], env, &mut out, &mut err);
            assert_eq!(Toolchain::read(&host).ok(), expected, "{value}");
        }
    }
}
