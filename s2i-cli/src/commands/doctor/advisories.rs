//! Known vulnerabilities of old versions of Docker, its runtimes and Git, and their relevance for `s2i`.

use crate::finding::Finding;

/// A vulnerability of all versions before the fix.
struct Advisory {
    /// The first fixed version of each branch that received the fix, in ascending order.
    fixed: &'static [&'static str],
    names: &'static str,
    effect: &'static str,
    /// The extent to which builds with s2i are affected.
    relevance: &'static str,
}

const DOCKER: [Advisory; 3] = [
    Advisory {
        fixed: &["19.03.1"],
        names: "CVE-2019-14271",
        effect: "`docker cp` out of a container can run code of its image as root",
        relevance: "s2i never copies out of containers that way",
    },
    Advisory {
        fixed: &["29.5.1"],
        names: "CVE-2026-41567",
        effect: "a compressed archive that is copied into a container is unpacked by a program of its image, as root",
        relevance: "s2i copies one file, uncompressed, and before the container starts",
    },
    Advisory {
        fixed: &["29.5.1"],
        names: "CVE-2026-41568, CVE-2026-42306",
        effect: "a container can lead what is copied into it elsewhere",
        relevance: "s2i copies before the container starts",
    },
];

const RUNC: [Advisory; 2] = [
    Advisory {
        fixed: &["1.1.12"],
        names: "CVE-2024-21626",
        effect: "an image can reach files of the host by its working directory",
        relevance: "builds start in `/`, but `s2i run` starts in the directory that the image names",
    },
    Advisory {
        fixed: &["1.2.8", "1.3.3", "1.4.0-rc.3"],
        names: "CVE-2025-31133, CVE-2025-52565, CVE-2025-52881",
        effect: "a container that shares a mount with another one can write to files of the host while it starts",
        relevance: "containers of s2i share none",
    },
];

const GIT: [Advisory; 2] = [
    Advisory {
        fixed: &[
            "2.39.4", "2.40.2", "2.41.1", "2.42.2", "2.43.4", "2.44.1", "2.45.1",
        ],
        names: "CVE-2024-32002",
        effect: "a clone with submodules can run a hook of the repository",
        relevance: "s2i fetches no submodules",
    },
    Advisory {
        fixed: &[
            "2.43.7", "2.44.4", "2.45.4", "2.46.4", "2.47.3", "2.48.2", "2.49.1", "2.50.1",
        ],
        names: "CVE-2025-48384",
        effect: "a clone with submodules can write one of them elsewhere, and run a hook of it",
        relevance: "s2i fetches no submodules",
    },
];

/// Returns the vulnerabilities of this version of Docker.
pub(super) fn of_docker(version: &str) -> Vec<Finding> {
    relevant(&DOCKER, "Docker", version)
}

/// Returns the vulnerabilities of this version of a container runtime.
pub(super) fn of_runtime(name: &str, version: &str) -> Vec<Finding> {
    match name {
        "runc" => relevant(&RUNC, name, version),
        _ => Vec::new(),
    }
}

/// Returns the vulnerabilities of this version of Git.
pub(super) fn of_git(version: &str) -> Vec<Finding> {
    relevant(&GIT, "Git", version)
}

fn relevant(advisories: &[Advisory], program: &str, version: &str) -> Vec<Finding> {
    let version = Version::parse(version);
    let relevant = advisories
        .iter()
        .filter(|advisory| version.is_before(advisory.fixed));
    let remarks = relevant.map(|advisory| {
        let Advisory {
            fixed,
            names,
            effect,
            relevance,
        } = advisory;
        Finding::new(
            format!(
                "{names}, unless your distribution has back-ported the fix: {effect}; {relevance}"
            ),
            Some(&format!(
                "update {program} to {}, or later",
                fixed.join(", ")
            )),
        )
    });
    remarks.collect()
}

/// A version, for example `20.10.24+dfsg1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    /// The first three numbers.
    numbers: [u64; 3],
    /// The number of the release candidate; the highest number for a release.
    candidate: u64,
}

impl Version {
    fn parse(text: &str) -> Self {
        let mut parts = text.split('.').map(leading_number);
        let numbers = std::array::from_fn(|_| parts.next().unwrap_or_default());
        let candidate = text.split_once("-rc").map(|(_, rest)| rest);
        let candidate = candidate.map(|rest| leading_number(rest.trim_start_matches('.')));
        Self {
            numbers,
            candidate: candidate.unwrap_or(u64::MAX),
        }
    }

    /// Returns whether the version is older than the fix in its branch, or than every fix if its branch received
    /// none.
    fn is_before(self, fixed: &[&str]) -> bool {
        let fixed: Vec<_> = fixed.iter().map(|fixed| Self::parse(fixed)).collect();
        let in_branch = |fixed: &&Self| fixed.numbers[..2] == self.numbers[..2];
        let fix = fixed.iter().find(in_branch).or(fixed.last());
        fix.is_some_and(|fix| self < *fix)
    }
}

fn leading_number(text: &str) -> u64 {
    let end = text.find(|c: char| !c.is_ascii_digit());
    text[..end.unwrap_or(text.len())]
        .parse()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_has_the_advisories_of_its_version() {
        for (version, count) in [
            ("18.09.9", 3),
            ("19.03.0", 3),
            ("19.03.1", 2),
            ("20.10.24+dfsg1", 2),
            ("29.5.0", 2),
            ("29.5.1", 0),
            ("30.0.0-rc.1", 0),
        ] {
            assert_eq!(of_docker(version).len(), count, "{version}");
        }
    }

    #[test]
    fn fixes_apply_to_their_branch() {
        for (version, count) in [
            ("1.1.11", 2),
            ("1.1.12+ds1", 1),
            ("1.2.7", 1),
            ("1.2.8", 0),
            ("1.3.0", 1),
            ("1.3.3", 0),
            ("1.4.0-rc.2", 1),
            ("1.4.0-rc.3", 0),
            ("1.4.0-rc.10", 0),
            ("1.4.0", 0),
            ("1.5.0-rc.1", 0),
        ] {
            assert_eq!(of_runtime("runc", version).len(), count, "{version}");
        }
        assert!(of_runtime("crun", "1.0").is_empty());
        for (version, count) in [
            ("2.30.2", 2),
            ("2.39.3", 2),
            ("2.39.5", 1),
            ("2.42.4", 1),
            ("2.43.6 (Apple Git-154)", 1),
            ("2.43.7", 0),
            ("2.50.0", 1),
            ("2.50.1", 0),
            ("2.51.0-rc1", 0),
        ] {
            assert_eq!(of_git(version).len(), count, "{version}");
        }
    }

    #[test]
    fn remark_names_the_fixed_versions() {
        let remarks = of_runtime("runc", "1.3.2");
        let step = remarks[0].step.as_deref();
        assert_eq!(
            step,
            Some("update runc to 1.2.8, 1.3.3, 1.4.0-rc.3, or later")
        );
        let text = &remarks[0].text;
        assert!(
            text.contains("unless your distribution has back-ported"),
            "{text}"
        );
    }
}
