//! Logins, and the storing and erasing of their credentials.

use std::{
    ffi::OsString,
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use s2i_core::{Secret, credential::Credential};
use s2i_oci::{
    credentials::{CredentialLocation, CredentialStore},
    registry::{LoginOutcome, RegistryError},
};
use serde_json::{Value, json};

use crate::{
    image::{chain, registry},
    redirects::guarded,
    server::{Reply, Server},
};

fn credential(password: &str) -> Credential {
    Credential::Password {
        user: "me".into(),
        password: Secret::new(password.into()),
    }
}

fn store(files: &[&Path], helper_path: Option<OsString>) -> CredentialStore {
    CredentialStore {
        files: files.iter().map(|file| file.to_path_buf()).collect(),
        helper_path,
        auth_config: None,
    }
}

fn read(file: &Path) -> Value {
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

/// Erases the credentials and returns where they were; nothing may fail.
async fn erase(store: &CredentialStore) -> Vec<CredentialLocation> {
    let (locations, all) = store.erase("r.example").await;
    all.unwrap();
    locations
}

/// Returns the entry for this password of `me`.
fn entry(password: &str) -> Value {
    json!({"auth": STANDARD.encode(format!("me:{password}"))})
}

#[tokio::test]
async fn login_is_accepted_refused_or_not_requested() {
    let basic = Server::reserved(|request| guarded(request, || Reply::new(200)));
    let service = Server::start(|request| guarded(request, || Reply::ok(r#"{"token": "good"}"#)));
    let challenge = format!(
        r#"Bearer realm="http://{}/token",service="s""#,
        service.address
    );
    let bearer = Server::reserved(move |request| {
        if request.header("authorization") == Some("Bearer good") {
            Reply::new(200)
        } else {
            Reply::new(401).header("WWW-Authenticate", &challenge)
        }
    });
    for server in [&basic, &bearer] {
        let name = server.address.to_string();
        let verdict = registry().log_in(&name, &credential("top-secret")).await;
        assert_eq!(verdict.unwrap(), LoginOutcome::Accepted);
        let err = registry().log_in(&name, &credential("other-secret")).await;
        let err = err.unwrap_err();
        assert!(matches!(err, RegistryError::Refused { .. }), "{err:?}");
        assert_eq!(
            chain(&err),
            format!("the registry `{name}` does not accept the user `me` with this password")
        );
        assert!(!format!("{err:?}").contains("other-secret"));
        assert_eq!(server.lines(), [""; 0]);
    }
    // No right to anything is asked for.
    assert!(
        service
            .log()
            .iter()
            .all(|request| request.path == "/token?service=s")
    );
}

#[tokio::test]
async fn redirect_to_a_login_form_fails_the_login() {
    let server = Server::reserved(|request| match request.path.as_str() {
        "/v2/" => guarded(request, || Reply::new(302).header("location", "/sign-in")),
        _ => Reply::ok("{}"),
    });
    let name = server.address.to_string();
    let verdict = registry().log_in(&name, &credential("top-secret")).await;
    let err = verdict.unwrap_err();
    assert!(matches!(err, RegistryError::Login { .. }), "{err:?}");
}

#[tokio::test]
async fn credentials_are_not_sent_unchallenged() {
    let shown = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&shown);
    let open = Server::reserved(move |request| {
        seen.fetch_or(request.header("authorization").is_some(), Ordering::Relaxed);
        Reply::new(200)
    });
    let name = open.address.to_string();
    let verdict = registry().log_in(&name, &credential("top-secret")).await;
    assert_eq!(verdict.unwrap(), LoginOutcome::NotRequested);
    assert!(!shown.load(Ordering::Relaxed));
}

#[tokio::test]
async fn login_fails_where_there_is_no_registry() {
    for (reply, expected) in [
        (Reply::new(404), "it answered 404"),
        (
            Reply::new(403),
            "it refuses access without a `WWW-Authenticate` challenge",
        ),
        (
            Reply::ok("<html>").header("content-type", "text/html; charset=utf-8"),
            "it does not answer like a registry",
        ),
        (
            Reply::new(302).header("location", "/sign-in"),
            "it does not answer like a registry",
        ),
    ] {
        let other = Server::reserved(move |request| match request.path.as_str() {
            "/v2/" => reply.clone(),
            _ => Reply::ok("{}"),
        });
        let name = other.address.to_string();
        let err = registry().log_in(&name, &credential("top-secret")).await;
        let err = err.unwrap_err();
        assert!(matches!(err, RegistryError::Login { .. }), "{err:?}");
        let (text, start) = (
            chain(&err),
            format!("can't log in to the registry `{name}`: {expected}"),
        );
        assert!(text.starts_with(&start), "{text}");
    }
}

#[tokio::test]
async fn login_replaces_entries_or_is_the_first_and_changes_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let [docker, podman] = ["deep/config.json", "auth.json"].map(|name| dir.path().join(name));
    let store = store(&[&podman, &docker], None);
    let first = store.store("r.example", &credential("a"), &docker).await;
    assert_eq!(first.unwrap(), [CredentialLocation::File(docker.clone())]);
    assert_eq!(read(&docker), json!({"auths": {"r.example": entry("a")}}));
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&docker), 0o600);
    assert_eq!(mode(docker.parent().unwrap()), 0o700);

    let other = entry("x");
    let podmans = json!({
        "auths": {"https://r.example/v2/": {"auth": "b2xkOg=="}, "b.example": other},
        "HttpHeaders": {"X": ["y"]},
    });
    fs::write(&podman, podmans.to_string()).unwrap();
    let both = store.store("r.example", &credential("b"), &docker).await;
    let files = [&podman, &docker].map(|path| CredentialLocation::File(path.clone()));
    assert_eq!(both.unwrap(), files);
    let mut expected = podmans;
    expected["auths"]["https://r.example/v2/"] = entry("b");
    assert_eq!(read(&podman), expected);
    assert_eq!(read(&docker), json!({"auths": {"r.example": entry("b")}}));
    assert_eq!(mode(&podman), 0o600);

    assert_eq!(erase(&store).await, files);
    assert_eq!(erase(&store).await, []);
    assert_eq!(read(&docker), json!({"auths": {}}));
    assert_eq!(read(&podman)["auths"]["b.example"], other);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[tokio::test]
async fn docker_hub_has_its_first_address_and_links_stay() {
    let dir = tempfile::tempdir().unwrap();
    let [link, file] = ["config.json", "elsewhere.json"].map(|name| dir.path().join(name));
    std::os::unix::fs::symlink("between", &link).unwrap();
    std::os::unix::fs::symlink("elsewhere.json", dir.path().join("between")).unwrap();
    let store = store(&[&link], None);
    // First the target of the link does not exist, then it does.
    for password in ["a", "b"] {
        let stored = store.store("docker.io", &credential(password), &link).await;
        assert_eq!(stored.unwrap(), [CredentialLocation::File(link.clone())]);
        assert!(link.is_symlink());
        let expected = json!({"auths": {"https://index.docker.io/v1/": entry(password)}});
        assert_eq!(read(&file), expected);
    }
}

#[tokio::test]
async fn replaced_file_keeps_its_owner() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.json");
    fs::write(&file, "{}").unwrap();
    std::os::unix::fs::chown(&file, Some(1234), Some(1235)).unwrap();
    let store = store(&[&file], None);
    let stored = store.store("r.example", &credential("a"), &file).await;
    stored.unwrap();
    let meta = file.metadata().unwrap();
    assert_eq!((meta.uid(), meta.gid()), (1234, 1235));
    assert_eq!(meta.permissions().mode() & 0o777, 0o600);
}

/// Installs helpers of these names, each of which stores its credential in a file.
fn install_helpers<'n>(dir: &Path, names: impl IntoIterator<Item = &'n str>) -> OsString {
    let script = "#!/bin/sh\nfile=$0-kept\ncase $1 in\nstore) cat >\"$file\" ;;\n\
        get) cat \"$file\" 2>/dev/null || { echo credentials not found in native keychain; exit 1; } ;;\n\
        erase) rm \"$file\" ;;\nesac\n";
    fs::write(dir.join("text"), script).unwrap();
    for name in names {
        let mut install = Command::new("install");
        install.args(["-m", "755"]).arg(dir.join("text"));
        let installed = install.arg(dir.join(format!("docker-credential-{name}")));
        assert!(installed.status().unwrap().success());
    }
    let mut path = dir.as_os_str().to_owned();
    path.push(":/usr/bin:/bin");
    path
}

#[tokio::test]
async fn configured_helper_stores_and_erases() {
    let dir = tempfile::tempdir().unwrap();
    let path = install_helpers(dir.path(), ["one"]);
    let file = dir.path().join("config.json");
    let store = store(&[&file], Some(path));
    let login = credential("top-secret");
    let image = "r.example/team/app".parse().unwrap();
    let old = json!({"r.example": entry("old")});
    for config in [
        json!({"credsStore": "one"}),
        json!({"credHelpers": {"r.example": "one"}, "auths": old}),
    ] {
        fs::write(&file, config.to_string()).unwrap();
        let stored = store.store("r.example", &login, &file).await;
        assert_eq!(stored.unwrap(), [CredentialLocation::Helper("one".into())]);
        assert_eq!(read(&file)["auths"], json!({"r.example": {}}));
        assert_eq!(
            read(&dir.path().join("docker-credential-one-kept")),
            json!({"ServerURL": "r.example", "Username": "me", "Secret": "top-secret"})
        );
        let found = store.get_for(&image).await.unwrap();
        assert_eq!(found.as_ref(), Some(&login));
        assert_eq!(
            erase(&store).await,
            [CredentialLocation::Helper("one".into())]
        );
        assert_eq!(store.get_for(&image).await.unwrap(), None);
        assert_eq!(erase(&store).await, []);
    }
}

#[tokio::test]
async fn all_helpers_on_the_search_path_are_updated() {
    let dir = tempfile::tempdir().unwrap();
    let path = install_helpers(dir.path(), ["one", "all"]);
    let [first, second] = ["auth.json", "config.json"].map(|name| dir.path().join(name));
    let store = store(&[&first, &second], Some(path));
    let image = "r.example/team/app".parse().unwrap();
    let [old, new] = ["old", "new"].map(credential);
    fs::write(&first, r#"{"credsStore": "all"}"#).unwrap();
    store.store("r.example", &old, &first).await.unwrap();
    fs::write(&first, r#"{"credsStore": "all"}"#).unwrap();
    let stored = store.store("r.example", &new, &second).await.unwrap();
    assert_eq!(stored, [CredentialLocation::Helper("all".into())]);
    assert_eq!(store.get_for(&image).await.unwrap(), Some(new));
    let both = json!({"credsStore": "all", "credHelpers": {"https://r.example": "all", "r.example": "one"}});
    fs::write(&first, both.to_string()).unwrap();
    let stored = store.store("r.example", &old, &second).await.unwrap();
    assert_eq!(stored, [CredentialLocation::Helper("one".into())]);
    let helpers = ["one", "all"].map(|name| CredentialLocation::Helper(name.into()));
    assert_eq!(erase(&store).await, helpers);
    assert_eq!(store.get_for(&image).await.unwrap(), None);
}

#[tokio::test]
async fn missing_helper_stores_nothing_and_stops_no_erasure() {
    let dir = tempfile::tempdir().unwrap();
    let [first, second] = ["auth.json", "config.json"].map(|name| dir.path().join(name));
    let store = store(&[&first, &second], None);
    let known = json!({"r.example": entry("old")});
    let missing = json!({"credsStore": "missing", "auths": known});
    fs::write(&first, missing.to_string()).unwrap();
    fs::write(&second, json!({"auths": known}).to_string()).unwrap();
    let text = "there is no credential helper `docker-credential-missing`";
    let stored = store.store("r.example", &credential("new"), &second).await;
    assert_eq!(stored.unwrap_err().to_string(), text);
    assert_eq!(read(&first), missing);
    let (erased, all) = store.erase("r.example").await;
    assert_eq!(all.unwrap_err().to_string(), text);
    let files = [&first, &second].map(|path| CredentialLocation::File(path.clone()));
    assert_eq!(erased, files);
    let left = json!({"credsStore": "missing", "auths": {}});
    assert_eq!(read(&first), left);
    assert_eq!(read(&second), json!({"auths": {}}));
    // It would be asked before what is kept in the second file.
    fs::write(&first, r#"{"credsStore": "missing"}"#).unwrap();
    let stored = store.store("r.example", &credential("new"), &second).await;
    assert_eq!(stored.unwrap_err().to_string(), text);
}

#[tokio::test]
async fn broken_file_does_not_stop_erasure_in_others() {
    let dir = tempfile::tempdir().unwrap();
    let [first, second] = ["auth.json", "config.json"].map(|name| dir.path().join(name));
    let store = store(&[&first, &second], None);
    fs::write(&first, "{").unwrap();
    fs::write(
        &second,
        json!({"auths": {"r.example": entry("a")}}).to_string(),
    )
    .unwrap();
    let (erased, all) = store.erase("r.example").await;
    assert_eq!(erased, [CredentialLocation::File(second)]);
    assert!(all.unwrap_err().to_string().contains("not a valid"));
}

/// The old format has the entries at the top of the file.
#[tokio::test]
async fn entries_of_the_old_format_are_read_moved_and_erased() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(".dockercfg");
    let old = json!({"https://r.example/v1/": entry("old"), "other.example": entry("other")});
    fs::write(&file, old.to_string()).unwrap();
    let store = store(&[&file], None);
    let image = "r.example/app".parse().unwrap();
    let found = store.get_for(&image).await.unwrap();
    assert_eq!(found, Some(credential("old")));
    let new = credential("new");
    store.store("r.example", &new, &file).await.unwrap();
    assert_eq!(
        read(&file),
        json!({"other.example": entry("other"), "auths": {"https://r.example/v1/": entry("new")}})
    );
    assert_eq!(erase(&store).await.len(), 1);
    assert_eq!(
        read(&file),
        json!({"other.example": entry("other"), "auths": {}})
    );
}

#[tokio::test]
async fn invalid_file_is_not_changed() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.json");
    let store = store(&[&file], None);
    for text in [
        "",
        "[]",
        "{\"auths\": []}",
        "{\"auths\": {\"r.example\": 1}}",
    ] {
        fs::write(&file, text).unwrap();
        let stored = store
            .store("r.example", &credential("top-secret"), &file)
            .await;
        let message = stored.unwrap_err().to_string();
        assert!(
            message.contains("is not a valid configuration"),
            "{message}"
        );
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
}
