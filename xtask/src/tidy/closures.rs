//! The crates that a member must not depend on, even indirectly.
//!
//! Cargo resolves the features of the whole workspace at once, so an optional dependency that one
//! member turns on is on for all.

use super::workspace::Workspace;

/// Members with the crates that they must not depend on.
const DENIED: &[(&str, &[&str])] = &[
    ("s2i-core", &["tokio", "hyper", "bollard"]),
    ("s2i-build", &["tokio", "hyper", "bollard"]),
    ("s2i-scripts", &["tokio", "hyper", "bollard", "clap"]),
    ("s2i-agent", &["tokio", "hyper", "bollard", "clap"]),
    ("s2i-oci", &["bollard", "clap"]),
    ("s2i-native", &["bollard", "clap"]),
    (
        "s2i-in-place",
        &["bollard", "clap", "landlock", "seccompiler"],
    ),
    ("s2i-docker", &["clap"]),
    ("s2i-kube", &["bollard", "clap"]),
];

/// Crates with the only members that may depend on them directly.
const SOLE: &[(&str, &[&str])] = &[("bollard", &["s2i-docker", "s2i-test-engines"])];

/// Checks all normal dependencies, including indirect ones.
pub(crate) fn check(workspace: &Workspace) -> Vec<String> {
    let pairs = DENIED
        .iter()
        .flat_map(|(member, crates)| crates.iter().map(move |denied| (member, denied)));
    let paths = pairs.filter_map(|(member, denied)| workspace.metadata.path(member, denied));
    let lines = paths.map(|path| format!("denied: {}", path.join(" → ")));
    lines.collect()
}

/// Checks the direct dependencies.
pub(crate) fn check_direct(workspace: &Workspace) -> Vec<String> {
    let mut found = Vec::new();
    for member in workspace.metadata.members() {
        for dep in member.dependencies.iter().filter(|dep| !dep.is_dev()) {
            let is_other = |(name, owners): &&(&str, &[&str])| {
                *name == dep.name && !owners.contains(&member.name.as_str())
            };
            if let Some((_, owners)) = SOLE.iter().find(is_other) {
                let owners = owners.join(" and ");
                found.push(format!(
                    "{} → {}: only {owners} may name it",
                    member.name, dep.name
                ));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{
        super::{metadata::tests::metadata, workspace::tests::of_packages},
        *,
    };

    #[test]
    fn a_denied_crate_is_found_at_the_end_of_its_path() {
        let graph = metadata(&[
            ("s2i-build", true, &[("s2i-core", None), ("clap", None)]),
            ("s2i-core", true, &[("helper", None)]),
            ("helper", false, &[("tokio", None)]),
            ("tokio", false, &[]),
            ("clap", false, &[]),
        ]);
        let expected = [
            "denied: s2i-core → helper → tokio",
            "denied: s2i-build → s2i-core → helper → tokio",
        ];
        assert_eq!(check(&of_packages(graph)), expected);
    }

    #[test]
    fn tests_may_use_a_denied_crate() {
        let graph = metadata(&[
            ("s2i-core", true, &[("tokio", Some("dev"))]),
            ("tokio", false, &[]),
        ]);
        assert!(check(&of_packages(graph)).is_empty());
    }

    #[test]
    fn one_member_alone_names_the_client() {
        let graph = metadata(&[
            ("s2i-docker", true, &[("bollard", None)]),
            ("s2i-cli", true, &[("bollard", None)]),
            ("s2i-oci", true, &[("bollard", Some("dev"))]),
            ("bollard", false, &[]),
        ]);
        assert_eq!(
            check_direct(&of_packages(graph)),
            ["s2i-cli → bollard: only s2i-docker and s2i-test-engines may name it"]
        );
    }
}
