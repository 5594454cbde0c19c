//! The package manager that a source is for.

use super::{
    Error, Manifest,
    range::{Range, Version, major},
    settings::yaml_value,
};
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
    /// The version that the source asks for: an exact one, the beginning of one, or a range.
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

/// Chooses: the request of the user, else `packageManager`, else `devEngines`, else the lock file, else `engines`, else
/// npm.
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
    if let Some((name, range)) = &manifest.dev_manager {
        return by_range(
            name,
            range.as_deref(),
            "devEngines of package.json",
            evidence,
        );
    }
    let mut found = Vec::new();
    for manager in [Manager::Npm, Manager::Pnpm, evidence.yarn()] {
        found.extend(evidence.lock_of(manager).map(|lock| (manager, lock)));
    }
    let has_engine = |name| manifest.engines.contains_key(name);
    match found[..] {
        [(manager, lock)] => Ok(Choice {
            manager,
            version: within(
                evidence.version_of(manager),
                manifest.engines.get(manager.program()),
            ),
            reason: lock,
            lock: Some(lock),
        }),
        [] if has_engine("pnpm") || has_engine("yarn") => {
            let name = if has_engine("pnpm") { "pnpm" } else { "yarn" };
            let range = manifest.engines.get(name).map(String::as_str);
            by_range(name, range, "engines of package.json", evidence)
        }
        [] => Ok(Choice {
            manager: Manager::Npm,
            version: None,
            reason: "the absence of other settings",
            lock: None,
        }),
        _ => Err(Error::SeveralLocks {
            locks: found.iter().map(|(_, lock)| (*lock).to_owned()).collect(),
        }),
    }
}

/// Returns the choice of a package manager by name, in a range of versions.
fn by_range(
    name: &str,
    range: Option<&str>,
    reason: &'static str,
    evidence: &Evidence,
) -> Result<Choice, Error> {
    let mut choice = parse(name, reason, evidence)?;
    let range = range.filter(|range| range.parse::<Range>().is_ok());
    // Yarn 1 is for ranges that have it, as engines of sources for Yarn 1 often have no upper end.
    if name == "yarn" && evidence.lock_of(Manager::Yarn).is_none() {
        let has_one = range.is_none_or(|range| has_major(range, 1));
        choice.manager = if has_one && !evidence.has_yarnrc {
            Manager::Yarn
        } else {
            Manager::Berry
        };
    }
    let default = match choice.manager {
        Manager::Npm => None,
        Manager::Pnpm => Some("10"),
        Manager::Yarn => Some("1"),
        Manager::Berry => Some("4"),
    };
    let preferred = evidence
        .version_of(choice.manager)
        .or_else(|| default.map(str::to_owned));
    choice.version = within(preferred, range.map(str::to_owned).as_ref());
    Ok(choice)
}

/// Returns a preferred major version, or a range where that has no version of it: then the newest of the range is meant.
fn within(preferred: Option<String>, range: Option<&String>) -> Option<String> {
    let Some(range) = range.filter(|range| range.parse::<Range>().is_ok()) else {
        return preferred;
    };
    let number = preferred.as_deref().and_then(major);
    match number {
        Some(number) if has_major(range, number) => preferred,
        _ => Some(range.clone()),
    }
}

/// Returns whether the newest versions with this major number are in a range.
fn has_major(range: &str, major: u64) -> bool {
    let newest = Version::new(major, 999, 999);
    range
        .parse::<Range>()
        .is_ok_and(|range| range.satisfies(&newest))
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
mod tests;
