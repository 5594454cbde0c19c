//! The choice of the package manager.

use super::*;

#[track_caller]
fn check(locks: &str, package: &str, requested: Option<&str>, expected: &str) {
    let is_there = |lock: &&&str| locks.split(' ').any(|known| known == **lock);
    let evidence = Evidence {
        locks: LOCKS.iter().filter(is_there).copied().collect(),
        pnpm_lock: if locks.contains("pnpm-lock.yaml") {
            "lockfileVersion: '6.0'\n".into()
        } else {
            String::new()
        },
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
        "yarn.lock package-lock.json",
        r#"{"packageManager":"pnpm@9.1.0"}"#,
        Some("npm"),
        "npm - package-lock.json by NODE_PACKAGE_MANAGER",
    );
}

#[test]
fn ranges_decide_where_the_lock_file_leaves_a_choice() {
    check(
        "",
        r#"{"engines":{"pnpm":">=9"}}"#,
        None,
        "pnpm 10 - by engines of package.json",
    );
    check(
        "pnpm-lock.yaml",
        r#"{"engines":{"pnpm":">=11 <12"}}"#,
        None,
        "pnpm >=11 <12 pnpm-lock.yaml by pnpm-lock.yaml",
    );
    check(
        "pnpm-lock.yaml",
        r#"{"engines":{"pnpm":">=8"}}"#,
        None,
        "pnpm 8 pnpm-lock.yaml by pnpm-lock.yaml",
    );
    check(
        "",
        r#"{"engines":{"pnpm":"9.x"}}"#,
        None,
        "pnpm 9.x - by engines of package.json",
    );
    check(
        "",
        r#"{"engines":{"yarn":">=1.22"}}"#,
        None,
        "Yarn 1 1 - by engines of package.json",
    );
    check(
        "",
        r#"{"engines":{"yarn":"^4.1"}}"#,
        None,
        "Yarn 4 - by engines of package.json",
    );
    check(
        "",
        r#"{"devEngines":{"packageManager":{"name":"pnpm","version":"^10.0.0","onFail":"error"}}}"#,
        None,
        "pnpm 10 - by devEngines of package.json",
    );
    check(
        "yarn.lock",
        r#"{"devEngines":{"packageManager":{"name":"bun"}}}"#,
        None,
        "`bun` is not a known package manager: devEngines of package.json names it",
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
