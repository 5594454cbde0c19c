//! Logins that are shown to a registry, kept and forgotten.

use std::{
    ffi::OsString,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use s2i_core::login::{Credential, Hidden};
use s2i_oci::registry::{Keeper, Keyring, RegistryError, Verdict};
use serde_json::{Value, json};

use crate::{
    image::{registry, told},
    redirects::guarded,
    server::{Reply, Server},
};

fn credential(password: &str) -> Credential {
    Credential::Password {
        user: "me".into(),
        password: Hidden::new(password.into()),
    }
}

fn keyring(files: &[&Path], helper_path: Option<OsString>) -> Keyring {
    Keyring {
        files: files.iter().map(|file| file.to_path_buf()).collect(),
        helper_path,
    }
}

fn read(file: &Path) -> Value {
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

/// The entry for this password of `me`.
fn entry(password: &str) -> Value {
    json!({"auth": STANDARD.encode(format!("me:{password}"))})
}

#[tokio::test]
async fn a_login_is_right_wrong_or_not_asked_for() {
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
        assert_eq!(verdict.unwrap(), Verdict::Accepted);
        let err = registry().log_in(&name, &credential("other-secret")).await;
        let err = err.unwrap_err();
        assert!(matches!(err, RegistryError::Refused { .. }), "{err:?}");
        assert_eq!(
            told(&err),
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

    let shown = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&shown);
    let open = Server::reserved(move |request| {
        seen.fetch_or(request.header("authorization").is_some(), Ordering::Relaxed);
        Reply::new(200)
    });
    let name = open.address.to_string();
    let verdict = registry().log_in(&name, &credential("top-secret")).await;
    assert_eq!(verdict.unwrap(), Verdict::NotAsked);
    assert!(!shown.load(Ordering::Relaxed));

    let other = Server::reserved(|_| Reply::new(404));
    let name = other.address.to_string();
    let err = registry().log_in(&name, &credential("top-secret")).await;
    let text = told(&err.unwrap_err());
    assert!(
        text.starts_with(&format!(
            "can't log in to the registry `{name}`: it answered 404"
        )),
        "{text}"
    );
}

/// A login replaces those that would be found, or is the first; nothing else in a file changes.
#[tokio::test]
async fn a_login_goes_where_it_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let [docker, podman] = ["deep/config.json", "auth.json"].map(|name| dir.path().join(name));
    let keys = keyring(&[&podman, &docker], None);
    let first = keys.keep("r.example", &credential("a"), &docker).await;
    assert_eq!(first.unwrap(), [Keeper::File(docker.clone())]);
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
    let both = keys.keep("r.example", &credential("b"), &docker).await;
    let files = [&podman, &docker].map(|path| Keeper::File(path.clone()));
    assert_eq!(both.unwrap(), files);
    let mut expected = podmans;
    expected["auths"]["https://r.example/v2/"] = entry("b");
    assert_eq!(read(&podman), expected);
    assert_eq!(read(&docker), json!({"auths": {"r.example": entry("b")}}));
    assert_eq!(mode(&podman), 0o600);

    assert_eq!(keys.forget("r.example").await.unwrap(), files);
    assert_eq!(keys.forget("r.example").await.unwrap(), []);
    assert_eq!(read(&docker), json!({"auths": {}}));
    assert_eq!(read(&podman)["auths"]["b.example"], other);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[tokio::test]
async fn docker_hub_is_filed_under_its_old_name_and_links_stay() {
    let dir = tempfile::tempdir().unwrap();
    let [link, file] = ["config.json", "elsewhere.json"].map(|name| dir.path().join(name));
    fs::write(&file, "{}").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let keys = keyring(&[&link], None);
    let kept = keys.keep("docker.io", &credential("a"), &link).await;
    assert_eq!(kept.unwrap(), [Keeper::File(link.clone())]);
    assert!(link.is_symlink());
    let expected = json!({"auths": {"https://index.docker.io/v1/": entry("a")}});
    assert_eq!(read(&file), expected);
}

/// A helper that keeps everything in a file, and answers as the protocol has it.
fn install_helper(dir: &Path) -> OsString {
    let script = "#!/bin/sh\ncd \"${0%/*}\"\ncase $1 in\nstore) cat >kept ;;\n\
        get) cat kept 2>/dev/null || { echo credentials not found in native keychain; exit 1; } ;;\n\
        erase) rm kept ;;\nesac\n";
    fs::write(dir.join("text"), script).unwrap();
    let mut install = Command::new("install");
    install.args(["-m", "755"]).arg(dir.join("text"));
    let installed = install.arg(dir.join("docker-credential-test")).status();
    assert!(installed.unwrap().success());
    let mut path = dir.as_os_str().to_owned();
    path.push(":/usr/bin:/bin");
    path
}

#[tokio::test]
async fn helpers_keep_what_files_say_they_keep() {
    let dir = tempfile::tempdir().unwrap();
    let path = install_helper(dir.path());
    let file = dir.path().join("config.json");
    let keys = keyring(&[&file], Some(path));
    let login = credential("top-secret");
    let old = json!({"auths": {"r.example": entry("old")}});
    for config in [
        json!({"credsStore": "test"}),
        json!({"credHelpers": {"r.example": "test"}, "auths": old["auths"]}),
    ] {
        fs::write(&file, config.to_string()).unwrap();
        let kept = keys.keep("r.example", &login, &file).await;
        assert_eq!(kept.unwrap(), [Keeper::Helper("test".into())]);
        assert_eq!(read(&file)["auths"], json!({"r.example": {}}));
        assert_eq!(
            read(&dir.path().join("kept")),
            json!({"ServerURL": "r.example", "Username": "me", "Secret": "top-secret"})
        );
        let image = "r.example/team/app".parse().unwrap();
        let found = keys.find_for(&image).await.unwrap();
        assert_eq!(found, Some(credential("top-secret")));
        let forgotten = keys.forget("r.example").await.unwrap();
        assert_eq!(forgotten, [Keeper::Helper("test".into())]);
        assert_eq!(keys.find_for(&image).await.unwrap(), None);
        assert_eq!(keys.forget("r.example").await.unwrap(), []);
    }
    fs::write(&file, r#"{"credsStore": "missing"}"#).unwrap();
    let kept = keys.keep("r.example", &login, &file).await;
    assert_eq!(
        kept.unwrap_err().to_string(),
        "there is no credential helper `docker-credential-missing`"
    );
    assert_eq!(read(&file), json!({"credsStore": "missing"}));
}

#[tokio::test]
async fn a_file_that_is_none_of_logins_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.json");
    let keys = keyring(&[&file], None);
    for text in [
        "",
        "[]",
        "{\"auths\": []}",
        "{\"auths\": {\"r.example\": 1}}",
    ] {
        fs::write(&file, text).unwrap();
        let kept = keys
            .keep("r.example", &credential("top-secret"), &file)
            .await;
        let told = kept.unwrap_err().to_string();
        assert!(told.contains("is no valid configuration"), "{told}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
}
