//! The package manager that a source is for.

use super::{Error, Manifest, range::major, settings::yaml_value};

/// A package manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    /// npm.
    Npm,
    /// pnpm.
    Pnpm,
    /// Yarn 1.
    Yarn,
    /// Yarn 2 and later.
    Berry,
}

impl Manager {
    /// The program.
    #[must_use]
    pub fn program(self) -> &'static str {
        match self {
            Self::Npm => "npm",
            Self::Pnpm => "pnpm",
            Self::Yarn | Self::Berry => "yarn",
        }
    }

    /// The package that has the program.
    #[must_use]
    pub fn package(self) -> &'static str {
        match self {
            Self::Npm => "npm",
            Self::Pnpm => "pnpm",
            Self::Yarn => "yarn",
            Self::Berry => "@yarnpkg/cli-dist",
        }
    }

    /// The name for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Npm => "npm",
            Self::Pnpm => "pnpm",
            Self::Yarn => "Yarn 1",
            Self::Berry => "Yarn",
        }
    }

    /// The lock files that it reads, the first one first.
    #[must_use]
    pub fn locks(self) -> &'static [&'static str] {
        match self {
            Self::Npm => &["npm-shrinkwrap.json", "package-lock.json"],
            Self::Pnpm => &["pnpm-lock.yaml"],
            Self::Yarn | Self::Berry => &["yarn.lock"],
        }
    }
}

/// The chosen package manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The package manager.
    pub manager: Manager,
    /// The version that the source asks for: an exact one, or the beginning of one.
    pub version: Option<String>,
    /// The part of the source that asks for it.
    pub reason: &'static str,
    /// The lock file.
    pub lock: Option<&'static str>,
}

/// The files at the root of a source that show its package manager.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The lock files that are there, of all package managers.
    pub locks: Vec<&'static str>,
    /// The beginning of pnpm-lock.yaml.
    pub pnpm_lock: String,
    /// The beginning of yarn.lock.
    pub yarn_lock: String,
    /// `.yarnrc.yml` is there.
    pub has_yarnrc: bool,
}

/// Every lock file that is known.
pub(super) const LOCKS: [&str; 6] = [
    "npm-shrinkwrap.json",
    "package-lock.json",
    "pnpm-lock.yaml",
    "yarn.lock",
    "bun.lock",
    "bun.lockb",
];

/// Chooses: what the user wants, else `packageManager`, else the lock file, else `engines`, else npm.
///
/// # Errors
/// When the package manager is not known, or the lock files of several are there.
pub fn choose(
    evidence: &Evidence,
    manifest: &Manifest,
    wanted: Option<&str>,
) -> Result<Choice, Error> {
    let named = wanted
        .map(|text| (text, crate::variables::PACKAGE_MANAGER))
        .or_else(|| {
            let text = manifest.package_manager.as_deref()?;
            Some((text, "packageManager of package.json"))
        });
    if let Some((text, reason)) = named {
        return named_one(text, reason, evidence);
    }
    let mut found = Vec::new();
    for manager in [Manager::Npm, Manager::Pnpm, yarn_kind(evidence)] {
        found.extend(lock_of(manager, evidence).map(|lock| (manager, lock)));
    }
    match found[..] {
        [(manager, lock)] => {
            return Ok(Choice {
                manager,
                version: lock_version(manager, evidence),
                reason: lock,
                lock: Some(lock),
            });
        }
        [] => {}
        _ => {
            return Err(Error::SeveralLocks {
                found: found.iter().map(|(_, lock)| (*lock).to_owned()).collect(),
            });
        }
    }
    let by_engine = [("pnpm", Manager::Pnpm), ("yarn", Manager::Yarn)]
        .into_iter()
        .find(|(name, _)| manifest.engines.contains_key(*name));
    let manager = match by_engine {
        Some((_, Manager::Yarn)) => yarn_kind(evidence),
        Some((_, manager)) => manager,
        None => Manager::Npm,
    };
    Ok(Choice {
        manager,
        version: None,
        reason: if by_engine.is_some() {
            "engines of package.json"
        } else {
            "nothing else asked for"
        },
        lock: None,
    })
}

/// One that is named with or without a version: `pnpm`, `yarn@4`, `npm@11.2.0+sha512.…`.
fn named_one(text: &str, reason: &'static str, evidence: &Evidence) -> Result<Choice, Error> {
    let (name, version) = match text.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (text, None),
    };
    // The digest behind it is for the archive that another tool fetches.
    let version = version
        .and_then(|version| version.split('+').next())
        .map(str::to_owned);
    let number = version.as_deref().and_then(major);
    let unknown = || Error::UnknownManager {
        name: text.to_owned(),
        place: reason,
    };
    if version.is_some() && number.is_none() {
        return Err(unknown());
    }
    let manager = match (name, number) {
        ("npm", _) => Manager::Npm,
        ("pnpm", _) => Manager::Pnpm,
        ("yarn", Some(number)) if number >= 2 => Manager::Berry,
        ("yarn", Some(_)) => Manager::Yarn,
        ("yarn", None) => yarn_kind(evidence),
        _ => return Err(unknown()),
    };
    Ok(Choice {
        manager,
        version: version.or_else(|| lock_version(manager, evidence)),
        reason,
        lock: lock_of(manager, evidence),
    })
}

fn lock_of(manager: Manager, evidence: &Evidence) -> Option<&'static str> {
    let mut locks = manager.locks().iter();
    locks.find(|lock| evidence.locks.contains(lock)).copied()
}

fn yarn_kind(evidence: &Evidence) -> Manager {
    let is_berry = evidence.yarn_lock.contains("__metadata:")
        || (evidence.has_yarnrc && !evidence.yarn_lock.contains("yarn lockfile v1"));
    if is_berry {
        Manager::Berry
    } else {
        Manager::Yarn
    }
}

/// The major version that wrote a lock file of this form.
fn lock_version(manager: Manager, evidence: &Evidence) -> Option<String> {
    let major = match manager {
        Manager::Npm => return None,
        Manager::Yarn => "1",
        Manager::Pnpm => match yaml_value(&evidence.pnpm_lock, "lockfileVersion")?.as_str() {
            form if form.starts_with("5.") => "7",
            form if form.starts_with("6.") => "8",
            _ => "10",
        },
        Manager::Berry => {
            let form = evidence
                .yarn_lock
                .lines()
                .find_map(|line| line.strip_prefix("  version: "));
            match form?.trim() {
                "4" => "2",
                "5" | "6" => "3",
                _ => "4",
            }
        }
    };
    Some(major.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Explain as _;

    #[track_caller]
    fn check(locks: &str, package: &str, wanted: Option<&str>, expected: &str) {
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
        let actual = match choose(&evidence, &manifest, wanted) {
            Ok(choice) => format!(
                "{} {} {} by {}",
                choice.manager.title(),
                choice.version.as_deref().unwrap_or("-"),
                choice.lock.unwrap_or("-"),
                choice.reason
            ),
            Err(err) => format!("{err}: {}", err.cause().unwrap_or_default()),
        };
        assert_eq!(actual, expected);
    }

    #[test]
    fn the_manifest_comes_before_the_lock_file() {
        let by_manifest = "packageManager of package.json";
        check("", "{}", None, "npm - - by nothing else asked for");
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
    fn choices_and_strangers_are_told() {
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
            "`bun@1.2.0` is no package manager that this image knows: packageManager of package.json names it",
        );
        check(
            "",
            "{}",
            Some("npm@https://example.org/x.tgz"),
            "`npm@https://example.org/x.tgz` is no package manager that this image knows: NODE_PACKAGE_MANAGER names it",
        );
    }
}
