//! The search for a credential in files.

use std::{collections::BTreeMap, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use s2i_core::credential::Credential;
use s2i_oci::credentials::CredentialStore;

/// Creates entries `name: user`, each with the password `p:w`.
fn store(dir: &Path, users: &[(&str, &str)]) -> CredentialStore {
    let auths: BTreeMap<_, _> = users
        .iter()
        .map(|(name, user)| {
            let auth = STANDARD.encode(format!("{user}:p:w\0"));
            (name, BTreeMap::from([("auth", auth)]))
        })
        .collect();
    let path = dir.join("config.json");
    let config = serde_json::json!({ "auths": auths, "HttpHeaders": {"x": "y"} });
    std::fs::write(&path, config.to_string()).unwrap();
    CredentialStore {
        files: vec![dir.join("absent/auth.json"), path],
        ..CredentialStore::default()
    }
}

#[tokio::test]
async fn most_particular_entry_counts() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(
        dir.path(),
        &[
            ("https://index.docker.io/v1/", "hub"),
            ("docker.io/team", "hub-team"),
            ("https://example.org/v2/", "scheme"),
            ("example.org:5000", "port"),
            ("example.org/a", "path"),
            ("example.org/a/b", "longer"),
            ("plain.example.org", "exact"),
            ("http://plain.example.org", "alias"),
        ],
    );
    for (registry, repository, expected) in [
        ("docker.io", "library/go", Some("hub")),
        ("docker.io", "team/go", Some("hub-team")),
        ("docker.io", "teamwork/go", Some("hub")),
        ("example.org", "x", Some("scheme")),
        ("example.org", "ab", Some("scheme")),
        ("example.org", "a", Some("path")),
        ("example.org", "a/c/d", Some("path")),
        ("example.org", "a/b/c", Some("longer")),
        ("example.org:5000", "a/b", Some("port")),
        ("example.org:5001", "a/b", None),
        ("plain.example.org", "a", Some("exact")),
        ("other.example.org", "a", None),
    ] {
        let image = format!("{registry}/{repository}").parse().unwrap();
        let found = store.get_for(&image).await.unwrap();
        assert_eq!(
            found.as_ref().map(Credential::user),
            expected,
            "{registry}/{repository}"
        );
        if let Some(Credential::Password { password, .. }) = found {
            assert_eq!(password.reveal(), "p:w");
        }
    }
}

#[tokio::test]
async fn text_of_the_environment_counts_after_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let config = |name: &str, user: &str| {
        let auth = STANDARD.encode(format!("{user}:p:w"));
        serde_json::json!({"auths": {name: {"auth": auth}}}).to_string()
    };
    let mut store = store(dir.path(), &[("r.example", "file")]);
    let image = |text: &str| text.parse().unwrap();
    for (name, expected) in [("r.example", "file"), ("other.example", "text")] {
        store.auth_config = Some(config(name, "text").into());
        let found = store.get_for(&image(&format!("{name}/a"))).await.unwrap();
        assert_eq!(found.unwrap().user(), expected, "{name}");
    }
    let none = store.get_for(&image("third.example/a")).await.unwrap();
    assert_eq!(none, None);
    store.auth_config = Some("top-secret".to_owned().into());
    let err = store.get_for(&image("third.example/a")).await.unwrap_err();
    assert_eq!(
        err.to_string(),
        "`DOCKER_AUTH_CONFIG` is not a valid configuration: see its line 1, column 2"
    );
    assert!(!format!("{store:?}").contains("top-secret"));
}

#[tokio::test]
async fn all_forms_of_entries_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("auth.json");
    let image = "r.example/a".parse().unwrap();
    let store = CredentialStore {
        files: vec![path.clone()],
        ..CredentialStore::default()
    };
    for (entry, expected) in [
        (r#"{"username": "u", "password": "p"}"#, Ok(Some("u"))),
        (
            r#"{"auth": "dTo=", "identitytoken": "t"}"#,
            Ok(Some("<token>")),
        ),
        (r#"{"email": "a@example.org"}"#, Ok(None)),
        ("{}", Ok(None)),
        (r#"{"auth": ""}"#, Ok(None)),
        (
            r#"{"auth": "top-secret"}"#,
            Err("the entry `r.example` in `FILE` does not hold a user and a password"),
        ),
        (
            r#""top-secret""#,
            Err("`FILE` is not a valid configuration: see its line 1, column 36"),
        ),
    ] {
        std::fs::write(&path, format!(r#"{{"auths": {{"r.example": {entry}}}}}"#)).unwrap();
        let found = store.get_for(&image).await;
        let found = found
            .as_ref()
            .map(|found| found.as_ref().map(Credential::user))
            .map_err(|err| {
                assert!(!format!("{err:?}").contains("top-secret"));
                err.to_string().replace(path.to_str().unwrap(), "FILE")
            });
        assert_eq!(found, expected.map_err(str::to_owned), "{entry}");
    }
}
