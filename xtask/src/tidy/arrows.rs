//! The allowed dependencies between members.

use super::{metadata::Package, workspace::Workspace};

/// Each member with the members that it may depend on.
const ALLOWED: &[(&str, &[&str])] = &[
    ("s2i-core", &[]),
    ("s2i-build", &["s2i-core"]),
    ("s2i-docker", &["s2i-build", "s2i-core"]),
    ("s2i-oci", &["s2i-core"]),
    ("s2i-native", &["s2i-build", "s2i-core", "s2i-oci"]),
    ("s2i-in-place", &["s2i-build", "s2i-core", "s2i-oci"]),
    ("s2i-kube", &["s2i-build", "s2i-core"]),
    ("s2i-agent", &["s2i-core"]),
    ("s2i-agent-bin", &["s2i-build"]),
    ("s2i-scripts", &["s2i-core"]),
    (
        "s2i-cli",
        &[
            "s2i-agent-bin",
            "s2i-build",
            "s2i-core",
            "s2i-docker",
            "s2i-in-place",
            "s2i-kube",
            "s2i-native",
            "s2i-oci",
        ],
    ),
    ("s2i-testkit", &["s2i-build", "s2i-core"]),
    ("s2i-test-engines", &[]),
    ("s2i-test-script", &["s2i-core"]),
    ("xtask", &["s2i-core", "s2i-oci", "s2i-test-engines"]),
];

/// The crate that the tests of every member may depend on.
const DEV_TARGET: &str = "s2i-testkit";

/// The member whose tests may depend on every member.
const DEV_SOURCE: &str = "s2i-cli";

pub(crate) fn check(workspace: &Workspace) -> Vec<String> {
    let members: Vec<&Package> = workspace.metadata.members().collect();
    let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let lines = members
        .iter()
        .flat_map(|member| check_member(member, &names));
    lines.collect()
}

fn check_member(member: &Package, members: &[&str]) -> Vec<String> {
    let from = member.name.as_str();
    let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == from) else {
        return vec![format!("{from} has no row in `{}`", file!())];
    };
    let forbidden = member.dependencies.iter().filter(|dep| {
        let dev = dep.is_dev() && (dep.name == DEV_TARGET || from == DEV_SOURCE);
        let name = dep.name.as_str();
        members.contains(&name) && !dev && !allowed.contains(&name)
    });
    let lines =
        forbidden.map(|dep| format!("{from} → {} is not an arrow of this workspace", dep.name));
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::{
        super::{metadata::tests::metadata, workspace::tests::of_packages},
        *,
    };

    #[test]
    fn arrows_outwards_are_found() {
        let graph = metadata(&[
            ("s2i-core", true, &[("s2i-build", None), ("serde", None)]),
            ("s2i-build", true, &[("s2i-core", None)]),
            ("serde", false, &[]),
        ]);
        assert_eq!(
            check(&of_packages(graph)),
            ["s2i-core → s2i-build is not an arrow of this workspace"]
        );
    }

    #[test]
    fn tests_may_name_the_test_kit_and_nothing_else() {
        let dev = Some("dev");
        let graph = metadata(&[
            ("s2i-core", true, &[("s2i-testkit", dev), ("s2i-oci", dev)]),
            ("s2i-cli", true, &[("xtask", dev)]),
            ("s2i-docker", true, &[("s2i-testkit", None)]),
            ("s2i-testkit", true, &[]),
            ("s2i-oci", true, &[]),
            ("xtask", true, &[]),
        ]);
        let expected = [
            "s2i-core → s2i-oci is not an arrow of this workspace",
            "s2i-docker → s2i-testkit is not an arrow of this workspace",
        ];
        assert_eq!(check(&of_packages(graph)), expected);
    }

    #[test]
    fn a_member_without_a_row_is_found() {
        let found = check(&of_packages(metadata(&[("s2i-new", true, &[])])));
        assert!(
            found.len() == 1 && found[0].starts_with("s2i-new has no row"),
            "{found:?}"
        );
    }
}
