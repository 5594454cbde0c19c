//! Images on their way to a registry and back, with a login and with a certificate of its own.

use std::fs;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::{
    harness::{Live, live, skip},
    registry::{self, PASSWORD, Registry, USER},
};

/// Begins a test, where there are the engine and the registry for it.
fn ready() -> Option<Live> {
    let live = live()?;
    if !live.engine.is_native() {
        skip("a daemon has its own way to registries");
        return None;
    }
    registry::is_installed().then_some(live)
}

/// Writes the credentials that `docker login` would.
fn log_in(live: &Live, registry: &str, password: &str) {
    let dir = live.path(".docker");
    fs::create_dir_all(&dir).unwrap();
    let config = serde_json::json!({"auths": {registry: {"username": USER, "password": password}}});
    fs::write(dir.join("config.json"), config.to_string()).unwrap();
    live.engine.give(&dir);
}

/// Builds an image, pushes it, loses it, pulls it and runs it.
fn there_and_back(live: &Live, registry: &str) {
    let app = live.image("app");
    let own = format!("{registry}/team/app:1");
    let made = live.source(&[("instructions", "write /app/made text")]);
    let build = |tag: &str| {
        let args = [
            "build",
            "--copy",
            "--network",
            "none",
            made.to_str().unwrap(),
        ];
        live.s2i([&args[..], &[live.builder(), tag]].concat())
    };
    build(&own).succeeds();

    log_in(live, registry, "wrong");
    live.s2i(["push", &own])
        .ends_with(22)
        .says("refuses")
        .never_says("wrong horse");
    log_in(live, registry, PASSWORD);
    live.s2i(["push", &own]).succeeds().says("sha256:");
    live.s2i(["push", &own]).succeeds().never_says(PASSWORD);
    live.s2i(["rmi", &own]).succeeds();
    live.s2i(["run", "--pull-policy", "never", &own])
        .ends_with(21);
    live.s2i(["pull", &own]).succeeds();
    live.s2i(["run", "--pull-policy", "never", &own])
        .succeeds()
        .says("run ended");
    live.s2i(["rmi", &own]).succeeds();
    // A builder from there as well.
    let nowhere = format!("{registry}/team/nothing");
    let source = made.to_str().unwrap();
    live.s2i(["build", source, &nowhere, &app]).ends_with(21);
}

#[test]
fn with_a_login() {
    let Some(live) = ready() else { return };
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::with_login(dir.path(), "");
    there_and_back(&live, &format!("127.0.0.1:{}", registry.port));
}

#[test]
fn with_a_certificate_that_nobody_else_trusts() {
    let Some(live) = ready() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
    let own = CertificateParams::new(names)
        .unwrap()
        .signed_by(&key, &authority);
    let (certificate, private) = (dir.path().join("own.crt"), dir.path().join("own.key"));
    fs::write(&certificate, own.unwrap().pem()).unwrap();
    fs::write(&private, key.serialize_pem()).unwrap();
    let tls = format!(
        "  tls:\n    certificate: {}\n    key: {}\n",
        certificate.display(),
        private.display(),
    );
    let registry = Registry::with_login(dir.path(), &tls);
    let registry = format!("localhost:{}", registry.port);
    let app = format!("{registry}/team/app:1");
    log_in(&live, &registry, PASSWORD);
    // Before it is trusted, and after.
    live.s2i(["pull", &app]).ends_with(21).says("secure");
    let trusted = live.path(".config/docker/certs.d").join(&registry);
    fs::create_dir_all(&trusted).unwrap();
    fs::write(trusted.join("ca.crt"), authority.pem()).unwrap();
    live.engine.give(&live.path(".config"));
    there_and_back(&live, &registry);
}
