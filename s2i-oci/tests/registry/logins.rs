//! Passwords, tokens, and who does not get them.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use s2i_oci::{
    credentials::CredentialStore,
    registry::{Options, Registry, RegistryError},
};

use crate::{
    image::{Image, amd64, chain, named, options, registry},
    redirects::{guarded, logged_in, store},
    server::{Reply, Request, Server},
};

/// A registry that wants tokens of this service, which good ones are.
fn tokened(
    image: Image,
    realm: String,
    is_good: impl Fn(&str) -> bool + Send + Sync + 'static,
) -> Server {
    Server::start(move |request| {
        let header = request.header("authorization").unwrap_or_default();
        if header.strip_prefix("Bearer ").is_some_and(&is_good) {
            return match request.method.as_str() {
                "GET" => image.answer(request).unwrap_or(Reply::new(404)),
                "HEAD" => Reply::new(404),
                "POST" => Reply::new(202).header("Location", "/v2/session"),
                _ => Reply::new(201),
            };
        }
        Reply::new(401).header(
            "www-authenticate",
            &format!(
                r#"Bearer realm="{realm}",service="a \"service\"",scope="repository:other:pull""#
            ),
        )
    })
}

fn query(request: &Request) -> &str {
    request.path.split_once('?').map_or("", |(_, query)| query)
}

const SERVICE: &str = "service=a+%22service%22";
const PULL: &str = "scope=repository%3Ateam%2Fapp%3Apull";

#[tokio::test]
async fn token_is_shared_within_a_scope() {
    let service = Server::start(|_| Reply::ok(r#"{"token": "good", "expires_in": 300}"#));
    let realm = format!("http://{}/token?x=y", service.address);
    let server = tokened(Image::new(1, 1000), realm, |token| token == "good");
    let image = Image::new(1, 1000);
    let name = named(&server, ":1");
    let registry = registry();
    registry.manifest(&name, &amd64()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let blobs = [
        (image.layer(), dir.path().join("1")),
        (image.layer(), dir.path().join("2")),
    ];
    registry.blobs(&name, &blobs, &|_, _| ()).await.unwrap();
    // One of five requests was a question what to show.
    assert_eq!(server.log().len(), 5);
    let log = service.log();
    assert_eq!(log.len(), 1);
    assert_eq!(query(&log[0]), format!("x=y&{SERVICE}&{PULL}"));
    assert_eq!(log[0].header("authorization"), None);

    let mut push = image.push();
    push.mount_from = vec!["team/base".into(), "team/app".into(), "team/base".into()];
    registry.push(&name, &push, &|_, _| ()).await.unwrap();
    let log = service.log();
    assert_eq!(log.len(), 2);
    assert_eq!(
        query(&log[1]),
        format!("x=y&{SERVICE}&{PULL}%2Cpush&scope=repository%3Ateam%2Fbase%3Apull")
    );
}

#[tokio::test]
async fn expired_token_is_replaced() {
    let tokens = Arc::new(AtomicUsize::new(0));
    let given = Arc::clone(&tokens);
    let service = Server::start(move |_| {
        let token = given.fetch_add(1, Ordering::Relaxed);
        Reply::ok(format!(r#"{{"access_token": "{token}"}}"#))
    });
    let uses = AtomicUsize::new(0);
    let realm = format!("http://{}/", service.address);
    // Each token is good for two requests.
    let server = tokened(Image::new(1, 1000), realm, move |token| {
        let uses = uses.fetch_add(1, Ordering::Relaxed);
        token == (uses / 3).to_string() && uses % 3 != 2
    });
    let registry = registry();
    for _ in 0..3 {
        let name = named(&server, ":1");
        registry.manifest(&name, &amd64()).await.unwrap();
    }
    assert!(tokens.load(Ordering::Relaxed) >= 3);
}

#[tokio::test]
async fn token_service_gets_the_password_or_the_identity_token() {
    let service = Server::start(|_| Reply::ok(r#"{"token": "good"}"#));
    let realm = format!("http://{}/", service.address);
    let server = tokened(Image::new(1, 10), realm, |token| token == "good");
    let name = named(&server, ":1");
    let dir = tempfile::tempdir().unwrap();
    let registry = logged_in(dir.path(), &server);
    registry.manifest(&name, &amd64()).await.unwrap();
    let expected = format!("Basic {}", STANDARD.encode("me:top-secret"));
    assert_eq!(service.log()[0].header("authorization"), Some(&*expected));
    assert!(!format!("{registry:?}").contains("top-secret"));
    assert!(!format!("{registry:?}").contains(&STANDARD.encode("me:top-secret")));

    let auths = format!(
        r#"{{"auths": {{"{}": {{"identitytoken": "a&b"}}}}}}"#,
        server.address
    );
    let file = dir.path().join("auth.json");
    std::fs::write(&file, auths).unwrap();
    let registry = Registry::new(Options {
        credentials: CredentialStore {
            files: vec![file, dir.path().join("config.json")],
            ..CredentialStore::default()
        },
        ..options()
    });
    registry.unwrap().manifest(&name, &amd64()).await.unwrap();
    let log = service.log();
    assert_eq!(log[1].line(), "POST /");
    assert_eq!(log[1].header("authorization"), None);
    assert_eq!(
        String::from_utf8_lossy(&log[1].body),
        format!("grant_type=refresh_token&{SERVICE}&client_id=s2i&{PULL}&refresh_token=a%26b")
    );
}

#[tokio::test]
async fn refused_user_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let service = Server::start(|_| Reply::new(401));
    let realm = format!("http://{}/", service.address);
    let generous = Server::start(|_| Reply::ok(r#"{"token": "poor"}"#));
    let poor = format!("http://{}/", generous.address);
    let basic = |_: &Request| Reply::new(401).header("WWW-Authenticate", r#"Basic realm="x""#);
    for (server, asks) in [
        (tokened(Image::new(1, 10), realm, |_| false), true),
        (tokened(Image::new(1, 10), poor, |_| false), true),
        (Server::start(basic), true),
        (Server::start(|_| Reply::new(403)), false),
        (Server::start(|_| Reply::new(401)), false),
    ] {
        let address = server.address;
        for (registry, who) in [
            (registry(), "anonymous"),
            // A registry that sends no challenge gets no credential.
            (
                logged_in(dir.path(), &server),
                if asks { "the user `me`" } else { "anonymous" },
            ),
        ] {
            let name = named(&server, ":1");
            let err = registry.manifest(&name, &amd64()).await.unwrap_err();
            assert!(matches!(err, RegistryError::Denied { .. }));
            assert_eq!(
                chain(&err),
                format!("the registry `{address}` refuses {who} access to `team/app`")
            );
            let hint = err.hint().unwrap();
            assert!(hint.contains(&format!("s2i login {address}")), "{hint}");
            assert!(!format!("{err:?}").contains("top-secret"));
        }
        assert!(server.log().len() <= 8, "{:?}", server.lines());
    }
}

#[tokio::test]
async fn token_service_needs_tls() {
    for realm in ["http://login.example.org/token", "http://192.0.2.1/"] {
        let server = tokened(Image::new(1, 10), realm.into(), |_| false);
        let name = named(&server, ":1");
        let err = registry().manifest(&name, &amd64()).await.unwrap_err();
        let text = chain(&err);
        assert!(text.starts_with("can't log in for `team/app`"), "{text}");
        assert!(text.ends_with("which is not encrypted"), "{text}");
    }
}

#[tokio::test]
async fn unsupported_challenges_are_errors() {
    for challenge in ["Negotiate", "Bearer", r#"Bearer realm="not a url""#, ""] {
        let server = Server::start(move |_| Reply::new(401).header("WWW-Authenticate", &challenge));
        let name = named(&server, ":1");
        let err = registry().manifest(&name, &amd64()).await.unwrap_err();
        let text = chain(&err);
        assert!(text.ends_with("of a kind that is not supported"), "{text}");
    }
}

#[tokio::test]
async fn busy_token_service_is_retried_and_a_broken_one_fails() {
    let count = AtomicUsize::new(0);
    let service = Server::start(move |_| match count.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::new(503),
        _ => Reply::ok(r#"{"token": "good"}"#),
    });
    let realm = format!("http://{}/", service.address);
    let server = tokened(Image::new(1, 10), realm, |token| token == "good");
    let name = named(&server, ":1");
    assert!(registry().manifest(&name, &amd64()).await.is_ok());

    for answer in [
        "{}",
        "no",
        r#"{"token": ["top-secret"]}"#,
        r#"{"token": "top-secret\n"}"#,
    ] {
        let service = Server::start(move |_| Reply::ok(answer));
        let realm = format!("http://{}/", service.address);
        let server = tokened(Image::new(1, 10), realm, |_| false);
        let name = named(&server, ":1");
        let err = registry().manifest(&name, &amd64()).await.unwrap_err();
        assert!(chain(&err).ends_with("its token service did not answer with a token"));
        assert!(!format!("{err:?}").contains("top-secret"));
    }
}

#[tokio::test]
async fn refused_mounts_are_left_out_of_the_token() {
    let service = Server::start(|request| {
        if request.path.contains("base") {
            Reply::new(403)
        } else {
            Reply::ok(r#"{"token": "good"}"#)
        }
    });
    let realm = format!("http://{}/", service.address);
    let image = Image::new(1, 1000);
    let push = || {
        let mut push = image.push();
        push.mount_from = vec!["team/base".into()];
        push
    };
    let server = tokened(Image::new(1, 1000), realm, |token| token == "good");
    let name = named(&server, ":1");
    let pushed = registry().push(&name, &push(), &|_, _| ()).await.unwrap();
    assert_eq!(pushed.uploaded.blobs, 2);
    assert_eq!(service.log().len(), 2);
}

/// A helper that knows the password of `me` for everything that begins like this.
fn install_helper(dir: &Path, server: &str) {
    let text = dir.join("text");
    let script = format!(
        "#!/bin/sh\ntest \"$(cat)\" = {server} && echo '{{\"Username\":\"me\",\"Secret\":\"top-secret\"}}'\n"
    );
    std::fs::write(&text, script).unwrap();
    let installed = std::process::Command::new("install")
        .args(["-m", "755"])
        .args([&text, &dir.join("docker-credential-test")])
        .status();
    assert!(installed.unwrap().success());
}

#[tokio::test]
async fn credential_helpers_run_only_after_a_challenge() {
    let image = Image::new(1, 10);
    let server = Server::start(move |request| guarded(request, || image.answer(request).unwrap()));
    let address = server.address.to_string();
    let dir = tempfile::tempdir().unwrap();
    install_helper(dir.path(), &address);
    let mut path = dir.path().as_os_str().to_owned();
    path.push(":/usr/bin:/bin");
    for (config, helper_path, expected) in [
        (
            serde_json::json!({"credsStore": "test"}),
            Some(path.clone()),
            Ok(()),
        ),
        (
            serde_json::json!({"credHelpers": {&address: "test"}, "credsStore": "other"}),
            Some(path.clone()),
            Ok(()),
        ),
        (
            serde_json::json!({"credsStore": "test"}),
            None,
            Err("there is no credential helper `docker-credential-test`"),
        ),
        (
            serde_json::json!({"credsStore": "../test"}),
            Some(path),
            Err("`../test` can't be the name of a credential helper"),
        ),
    ] {
        std::fs::write(dir.path().join("config.json"), config.to_string()).unwrap();
        let registry = Registry::new(Options {
            credentials: CredentialStore {
                helper_path,
                ..store(dir.path())
            },
            ..options()
        });
        let name = named(&server, ":1");
        let outcome = registry.unwrap().manifest(&name, &amd64()).await.map(drop);
        let expected = expected.map_err(|text| {
            format!("can't get the credentials for the registry `{address}`: {text}")
        });
        assert_eq!(outcome.map_err(|err| chain(&err)), expected, "{config}");
    }
    // Credentials are not looked up without a challenge.
    let open = Arc::new(Image::new(1, 10)).serve();
    let registry = Registry::new(Options {
        credentials: store(dir.path()),
        ..options()
    });
    let name = named(&open, ":1");
    assert!(registry.unwrap().manifest(&name, &amd64()).await.is_ok());
}
