//! The package manager that a source is for.

use super::{Error, Manifest, range::major, settings::yaml_value};
use crate::variables;

/// A package manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manager {
    Npm,
    Pnpm,
    /// Yarn 1.
    Yarn,
    /// Yarn 2 and later.
    Berry,
}

impl Manager {
    /// Returns the name of the program.
    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::Npm => "npm",
            Self::Pnpm => "pnpm",
            Self::Yarn | Self::Berry => "yarn",
        }
    }

    /// Returns the package that has the program.
    pub(crate) fn package(self) -> &'static str {
        match self {
            Self::Berry => "@yarnpkg/cli-dist",
            manager => manager.program(),
        }
    }

    /// Returns the name for users.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Yarn => "Yarn 1",
            Self::Berry => "Yarn",
            manager => manager.program(),
        }
    }

    /// Returns the lock files that it reads, in order of precedence.
    pub(crate) fn locks(self) -> &'static [&'static str] {
        match self {
            Self::Npm => &["npm-shrinkwrap.json", "package-lock.json"],
            Self::Pnpm => &["pnpm-lock.yaml"],
            Self::Yarn | Self::Berry => &["yarn.lock"],
        }
    }
}

/// The chosen package manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) manager: Manager,
    /// The version that the source asks for: an exact one, or the beginning of one.
    pub(crate) version: Option<String>,
    /// The part of the source that asks for it.
    pub(crate) reason: &'static str,
    pub(crate) lock: Option<&'static str>,
}

/// The files at the root of a source that show its package manager.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// The lock files of all package managers.
    pub(crate) locks: Vec<&'static str>,
    /// The beginning of pnpm-lock.yaml.
    pub(crate) pnpm_lock: String,
    /// The beginning of yarn.lock.
    pub(crate) yarn_lock: String,
    /// There is a `.yarnrc.yml`.
    pub(crate) has_yarnrc: bool,
}

/// Every known lock file.
pub(super) const LOCKS: [&str; 6] = [
    "npm-shrinkwrap.json",
    "package-lock.json",
    "pnpm-lock.yaml",
    "yarn.lock",
    "bun.lock",
    "bun.lockb",
];

/// Chooses: the request of the user, else `packageManager`, else the lock file, else `engines`, else npm.
pub(crate) fn choose(
    evidence: &Evidence,
    manifest: &Manifest,
    requested: Option<&str>,
) -> Result<Choice, Error> {
    if let Some(text) = requested {
        return parse(text, variables::NODE_PACKAGE_MANAGER, evidence);
    }
    if let Some(text) = &manifest.package_manager {
        return parse(text, "packageManager of package.json", evidence);
    }
    let mut found = Vec::new();
    for manager in [Manager::Npm, Manager::Pnpm, evidence.yarn()] {
        found.extend(evidence.lock_of(manager).map(|lock| (manager, lock)));
    }
    let choice = |manager, reason| Choice {
        manager,
        version: None,
        reason,
        lock: None,
    };
    let has_engine = |name| manifest.engines.contains_key(name);
    match found[..] {
        [(manager, lock)] => Ok(Choice {
            manager,
            version: evidence.version_of(manager),
            reason: lock,
            lock: Some(lock),
        }),
        [] if has_engine("pnpm") => Ok(choice(Manager::Pnpm, "engines of package.json")),
        [] if has_engine("yarn") => Ok(choice(evidence.yarn(), "engines of package.json")),
        [] => Ok(choice(Manager::Npm, "the absence of other settings")),
        _ => Err(Error::SeveralLocks {
            locks: found.iter().map(|(_, lock)| (*lock).to_owned()).collect(),
        }),
    }
}

/// Parses a name with or without a version: `pnpm`, `yarn@4`, `npm@11.2.0+sha512.…`.
fn parse(text: &str, reason: &'static str, evidence: &Evidence) -> Result<Choice, Error> {
    let (name, version) = match text.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (text, None),
    };
    // The digest behind it is for the archive that another tool fetches.
    let version = version
        .and_then(|version| version.split('+').next())
        .map(str::to_owned);
    let number = version.as_deref().and_then(major);
    let is_valid = version.is_none() || number.is_some();
    let manager = match (name, number) {
        ("npm", _) if is_valid => Manager::Npm,
        ("pnpm", _) if is_valid => Manager::Pnpm,
        ("yarn", Some(2..)) => Manager::Berry,
        ("yarn", Some(_)) => Manager::Yarn,
        ("yarn", None) if is_valid => evidence.yarn(),
        _ => {
            return Err(Error::UnknownManager {
                name: text.to_owned(),
                origin: reason,
            });
        }
    };
    Ok(Choice {
        manager,
        version: version.or_else(|| evidence.version_of(manager)),
        reason,
        lock: evidence.lock_of(manager),
    })
}

impl Evidence {
    fn lock_of(&self, manager: Manager) -> Option<&'static str> {
        let mut locks = manager.locks().iter();
        locks.find(|lock| self.locks.contains(lock)).copied()
    }

    /// Returns the kind of Yarn.
    fn yarn(&self) -> Manager {
        let is_berry = self.yarn_lock.contains("__metadata:")
            || (self.has_yarnrc && !self.yarn_lock.contains("yarn lockfile v1"));
        if is_berry {
            Manager::Berry
        } else {
            Manager::Yarn
        }
    }

    /// Returns the major version that writes a lock file of this format.
    fn version_of(&self, manager: Manager) -> Option<String> {
        let major = match manager {
            Manager::Npm => return None,
            Manager::Yarn => "1",
            Manager::Pnpm => match yaml_value(&self.pnpm_lock, "lockfileVersion")?.as_str() {
                format if format.starts_with("5.") => "7",
                format if format.starts_with("6.") => "8",
                _ => "10",
            },
            Manager::Berry => {
                let mut lines = self.yarn_lock.lines();
                match lines
                    .find_map(|line| line.strip_prefix("  version: "))?
                    .trim()
                {
                    "4" => "2",
                    "5" | "6" => "3",
                    _ => "4",
                }
            }
        };
        Some(major.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(locks: &str, package: &str, requested: Option<&str>, expected: &str) {
        let is_there = |lock: &&&str| locks.split(' ').any(|known| known == **lock);
        let evidence = Evidence {
            locks: LOCKS.iter().filter(is_there).copied().collect(),
            pnpm_lock: "lockfileVersion: '6.0'\n".into(),
            yarn_lock: if locks.contains("berry") {
                "\n__metadata:\n  version: 8\n".into()
            } else {
                "# yarn lockfile v1\n".into()
            },
            has_yarnrc: false,
        };
        let manifest = Manifest::parse(package).unwrap();
        let actual = match choose(&evidence, &manifest, requested) {
            Ok(choice) => format!(
                "{} {} {} by {}",
                choice.manager.title(),
                choice.version.as_deref().unwrap_or("-"),
                choice.lock.unwrap_or("-"),
                choice.reason
            ),
            Err(err) => format!("{err}: {}", err.explain().cause.unwrap_or_default()),
        };
        assert_eq!(actual, expected);
    }

    #[test]
    fn manifest_takes_precedence_over_the_lock_file() {
        let by_manifest = "packageManager of package.json";
        check("", "{}", None, "npm - - by the absence of other settings");
        check(
            "package-lock.json",
            "{}",
            None,
            "npm - package-lock.json by package-lock.json",
        );
        check(
            "package-lock.json npm-shrinkwrap.json",
            "{}",
            None,
            "npm - npm-shrinkwrap.json by npm-shrinkwrap.json",
        );
        check(
            "pnpm-lock.yaml",
            "{}",
            None,
            "pnpm 8 pnpm-lock.yaml by pnpm-lock.yaml",
        );
        check("yarn.lock", "{}", None, "Yarn 1 1 yarn.lock by yarn.lock");
        check(
            "yarn.lock berry",
            "{}",
            None,
            "Yarn 4 yarn.lock by yarn.lock",
        );
        check(
            "yarn.lock",
            r#"{"packageManager":"pnpm@10.2.0+sha512.abc"}"#,
            None,
            &format!("pnpm 10.2.0 - by {by_manifest}"),
        );
        check(
            "yarn.lock berry",
            r#"{"packageManager":"yarn@4.5.1"}"#,
            None,
            &format!("Yarn 4.5.1 yarn.lock by {by_manifest}"),
        );
        check(
            "",
            r#"{"engines":{"pnpm":">=9"}}"#,
            None,
            "pnpm - - by engines of package.json",
        );
        check(
            "yarn.lock package-lock.json",
            r#"{"packageManager":"pnpm@9.1.0"}"#,
            Some("npm"),
            "npm - package-lock.json by NODE_PACKAGE_MANAGER",
        );
    }

    #[test]
    fn several_locks_and_unknown_managers_are_errors() {
        check(
            "yarn.lock package-lock.json",
            "{}",
            None,
            "there are lock files of several package managers: found package-lock.json, yarn.lock",
        );
        check(
            "",
            r#"{"packageManager":"bun@1.2.0"}"#,
            None,
            "`bun@1.2.0` is not a known package manager: packageManager of package.json names it",
        );
        check(
            "",
            "{}",
            Some("npm@https://example.org/x.tgz"),
            "`npm@https://example.org/x.tgz` is not a known package manager: NODE_PACKAGE_MANAGER names it",
        );
    }
}
