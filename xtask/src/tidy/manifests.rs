//! The check that members inherit lints, package fields and dependencies from the workspace, and that those that are
//! published have what a registry shows of them.

use std::fs;

use toml::{Table, Value};

use super::workspace::Workspace;

const PACKAGE_FIELDS: [&str; 4] = ["version", "edition", "rust-version", "license"];
/// The fields of a package that is published.
const PUBLISHED_FIELDS: [&str; 6] = [
    "description",
    "readme",
    "keywords",
    "categories",
    "include",
    "metadata",
];

const TABLES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

pub(crate) fn check(workspace: &Workspace) -> Vec<String> {
    let mut found = Vec::new();
    for member in workspace.metadata.members() {
        let problems = match fs::read_to_string(&member.manifest_path) {
            Ok(text) => check_manifest(&text),
            Err(err) => vec![format!("can't be read: {err}")],
        };
        let problems = problems.into_iter();
        found.extend(problems.map(|problem| format!("{}: {problem}", member.name)));
    }
    found
}

fn check_manifest(text: &str) -> Vec<String> {
    let manifest: Table = match text.parse() {
        Ok(manifest) => manifest,
        Err(err) => return vec![format!("is not TOML: {err}")],
    };
    let mut found = Vec::new();
    if !manifest.get("lints").is_some_and(inherits) {
        found.push("lacks `[lints] workspace = true`".to_owned());
    }
    let package = manifest.get("package");
    for field in PACKAGE_FIELDS {
        let value = package.and_then(|package| package.get(field));
        if !value.is_some_and(inherits) {
            found.push(format!("does not inherit `{field}`"));
        }
    }
    let has = |field: &str| package.and_then(|package| package.get(field)).is_some();
    if !has("publish") {
        let missing = PUBLISHED_FIELDS.iter().filter(|field| !has(field));
        found.extend(missing.map(|field| format!("is published without `{field}`")));
    }
    for (name, value) in dependencies(&manifest) {
        if !inherits(value) {
            found.push(format!("takes `{name}` not from the workspace's table"));
        }
    }
    found
}

/// Returns the dependencies of every kind, for every platform.
fn dependencies(manifest: &Table) -> impl Iterator<Item = (&String, &Value)> {
    let platforms = manifest.get("target").and_then(Value::as_table);
    let platforms = platforms.into_iter().flat_map(Table::values);
    let owners = platforms.filter_map(Value::as_table).chain([manifest]);
    let tables = owners.flat_map(|owner| TABLES.map(|table| owner.get(table)?.as_table()));
    tables.flatten().flatten()
}

fn inherits(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[package]\nname = \"a\"\nversion.workspace = true\nedition.workspace = true\n\
        rust-version.workspace = true\nlicense.workspace = true\npublish = false\n[lints]\nworkspace = true\n\
        [dependencies]\nserde = { workspace = true, features = [\"rc\"] }\n";

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(check_manifest(text), expected);
    }

    #[test]
    fn inherited_fields_pass() {
        check(GOOD, &[]);
    }

    #[test]
    fn fields_that_are_not_inherited_are_found() {
        check(
            &GOOD.replace("[lints]\nworkspace = true\n", ""),
            &["lacks `[lints] workspace = true`"],
        );
        check(
            &GOOD.replace("edition.workspace = true", "edition = \"2024\""),
            &["does not inherit `edition`"],
        );
        check(
            &GOOD.replace("license.workspace = true\n", ""),
            &["does not inherit `license`"],
        );
    }

    #[test]
    fn fields_for_the_registry_are_required_of_published_members() {
        let fields = "description = \"A\"\nreadme = \"README.md\"\nkeywords = []\ncategories = []\ninclude = []\n\
            metadata.docs.rs.all-features = true\n";
        let published = GOOD.replace("publish = false\n", fields);
        check(&published, &[]);
        check(
            &published.replace("readme = \"README.md\"\n", ""),
            &["is published without `readme`"],
        );
    }

    #[test]
    fn dependencies_with_versions_of_their_own_are_found() {
        let found = "takes `libc` not from the workspace's table";
        for table in [
            "build-dependencies",
            "dev-dependencies",
            "target.'cfg(unix)'.dependencies",
        ] {
            check(&format!("{GOOD}[{table}]\nlibc = \"0.2\"\n"), &[found]);
        }
        check(
            &format!("{GOOD}libc = {{ path = \"../libc\" }}\n"),
            &[found],
        );
    }
}
