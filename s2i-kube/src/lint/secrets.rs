//! The rules for secrets in places that more users may read than Secrets.

use serde_json::Value;

use super::{
    Findings,
    walk::{self, items},
};

/// The parts of a name that mark a secret.
const MARKS: [&str; 5] = ["password", "passwd", "secret", "token", "private_key"];

/// The ends of a name that only refers to a secret.
const REFERENCES: [&str; 5] = ["_file", "_path", "_name", "_url", "_dir"];

/// The keys of JSON and YAML that hold a login.
const KEYS: [&str; 5] = [
    "\"password\"",
    "\"auths\"",
    "\"auth\"",
    "password:",
    "PRIVATE KEY-----",
];

pub(super) fn check(findings: &mut Findings<'_>) {
    let object = findings.object;
    if findings.kind() == "ConfigMap" {
        config_map(findings, &object["data"]);
    }
    if findings.kind() == "Secret" {
        return;
    }
    walk::entries(object, &mut |path, key, value| {
        if matches!(key, "env" | "environment" | "buildArgs") {
            for (index, variable) in items(value).enumerate() {
                variable_value(findings, &format!("{path}[{index}].value"), variable);
            }
        }
        if key == "password" && value.as_str().is_some_and(is_literal) {
            findings.warning(
                "secret-in-object",
                path,
                "every reader of the object can read the password",
                "put it into a Secret, and name that",
            );
        }
        if value.as_str().is_some_and(has_login) {
            findings.warning(
                "secret-in-object",
                path,
                "the URL has a password, which every reader of the object can read",
                "put the login into a Secret, and name that",
            );
        }
    });
}

fn config_map(findings: &mut Findings<'_>, data: &Value) {
    for (key, value) in data.as_object().into_iter().flatten() {
        let text = value.as_str().unwrap_or_default();
        let has_key = KEYS.iter().any(|key| text.contains(key));
        if has_key || (is_secret(key) && is_literal(text)) {
            findings.warning(
                "secret-in-configmap",
                &format!("data.{}", walk::segment(key)),
                "the ConfigMap has a login, and more users may read it than a Secret",
                "make it a Secret; `s2i build --on cluster` reads logins of registries from one",
            );
        }
    }
}

fn variable_value(findings: &mut Findings<'_>, path: &str, variable: &Value) {
    let name = variable["name"].as_str().unwrap_or_default();
    let value = variable["value"].as_str().unwrap_or_default();
    if is_secret(name) && is_literal(value) {
        findings.warning(
            "secret-in-object",
            path,
            &format!("the value of `{name}` is in clear text, which every reader of the object can read"),
            "take it from a Secret with `valueFrom: {secretKeyRef: …}`; in a build, mount a Secret instead, because \
             variables stay in the image",
        );
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    MARKS.iter().any(|mark| name.contains(mark))
        && !REFERENCES.iter().any(|end| name.ends_with(end))
}

/// Returns whether the text is a value itself, and not empty, a path or a reference.
fn is_literal(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('/') && !text.starts_with("$(")
}

/// Returns whether the text is a URL with a password.
fn has_login(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let login = authority.rsplit_once('@').map(|(login, _)| login);
    login
        .and_then(|login| login.split_once(':'))
        .is_some_and(|(_, password)| is_literal(password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_urls_with_a_password_have_a_login() {
        assert!(has_login("https://me:pass@git.example.org/app.git"));
        assert!(!has_login("https://me@git.example.org/app.git"));
        assert!(!has_login("https://git.example.org:8443/a@b:c"));
        assert!(!has_login("git@git.example.org:app.git"));
        assert!(!has_login("https://me:$(TOKEN)@git.example.org/app.git"));
    }

    #[test]
    fn names_of_files_with_secrets_are_no_secrets() {
        assert!(is_secret("DB_PASSWORD") && is_secret("api-token"));
        assert!(!is_secret("PASSWORD_FILE") && !is_secret("SECRET_NAME"));
    }
}
