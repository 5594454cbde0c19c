//! Images on their way to a registry and back, with a login and with a certificate of its own.

use std::{
    ffi::OsString,
    fs::{self, File},
    process::Command,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};

use crate::{
    harness::{Live, live, live_native, skip},
    process::{Done, Running, Stream},
    registry::{self, PASSWORD, Registry, USER},
};

/// Begins a test, where there are the engine and the registry for it.
fn ready() -> Option<Live> {
    let live = live_native("a daemon has its own way to registries")?;
    registry::is_installed().then_some(live)
}

/// Writes a login without a check.
fn write_login(live: &Live, registry: &str, password: &str) {
    let entry = json!({"username": USER, "password": password});
    configure(live, &json!({"auths": {registry: entry}}));
}

/// Logs in with this password.
fn log_in(live: &Live, registry: &str, password: &str) -> Done {
    let file = live.path("password");
    fs::write(&file, format!("{password}\n")).unwrap();
    let mut command = live.command();
    command.args(["login", "-u", USER, "--password-stdin", registry]);
    Running::start_with(&mut command, File::open(file).unwrap().into()).finish()
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

    write_login(live, registry, "wrong horse");
    live.s2i(["push", &own])
        .ends_with(22)
        .says("refuses")
        .says(&format!("s2i login {registry}"))
        .never_says("wrong horse");
    log_in(live, registry, "wrong horse")
        .ends_with(25)
        .says("does not accept the user `me`")
        .never_says("wrong horse");
    log_in(live, registry, PASSWORD)
        .succeeds()
        .says("logged in")
        .says("config.json")
        .never_says(PASSWORD);
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
    live.s2i(["logout", registry]).succeeds().says("removed");
    live.s2i(["pull", &own]).ends_with(21).says("anonymous");
    live.s2i(["logout", registry]).succeeds().says("no login");
}

#[test]
fn image_is_pushed_and_pulled_with_a_login() {
    let Some(live) = ready() else { return };
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::with_login(dir.path(), "");
    there_and_back(&live, &format!("127.0.0.1:{}", registry.port));
}

#[test]
fn image_is_pushed_and_pulled_with_a_private_certificate() {
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
    // Before it is trusted, and after.
    log_in(&live, &registry, PASSWORD)
        .ends_with(25)
        .says("secure");
    live.s2i(["pull", &app]).ends_with(21).says("secure");
    let trusted = live.path(".config/docker/certs.d").join(&registry);
    fs::create_dir_all(&trusted).unwrap();
    fs::write(trusted.join("ca.crt"), authority.pem()).unwrap();
    live.engine.give(&live.path(".config"));
    there_and_back(&live, &registry);
}

#[test]
fn image_is_pushed_and_pulled_with_a_credential_helper() {
    let Some(live) = live() else { return };
    if live.engine.is_podman() {
        return skip("Podman needs a configuration of the registries without TLS");
    }
    if !registry::is_installed() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::with_login(dir.path(), "");
    let registry = format!("127.0.0.1:{}", registry.port);
    let app = format!("{registry}/team/app:1");
    let source = live.instructions("write /app/made text");
    let build = ["build", "--copy", "--network", "none"];
    let names = [source.to_str().unwrap(), live.builder(), &app];
    live.s2i([&build[..], &names].concat()).succeeds();

    configure(&live, &json!({"credsStore": "missing"}));
    live.s2i(["push", &app])
        .ends_with(22)
        .says("docker-credential-missing")
        .says("hint: install it, or remove it from `credsStore`");
    let path = install_helper(&live, &registry);
    configure(&live, &json!({"credHelpers": {&registry: "test"}}));
    let s2i = |args: &[&str]| {
        let mut command = live.command();
        command.env("PATH", &path);
        Running::start(command.args(live.engine.options()).args(args)).finish()
    };
    for verb in ["push", "rmi", "pull", "rmi"] {
        s2i(&[verb, &app]).succeeds().never_says(PASSWORD);
    }
}

/// Builds an image of this name.
fn build_app(live: &Live, name: &str) {
    let source = live.source(&[("instructions", "write /app/made text")]);
    let options = ["build", "--copy", "--network", "none"];
    let names = [source.to_str().unwrap(), live.builder(), name];
    live.s2i([&options[..], &names].concat()).succeeds();
}

#[test]
fn registry_without_tls_is_used_only_if_it_is_insecure() {
    let Some(live) = ready() else { return };
    let dir = tempfile::tempdir().unwrap();
    let server = Registry::with_login(dir.path(), "");
    // This address leads to this machine, but is no loopback address.
    let registry = format!("0.0.0.0:{}", server.port);
    let app = format!("{registry}/team/app:1");
    build_app(&live, &app);
    write_login(&live, &registry, PASSWORD);
    live.s2i(["push", &app])
        .ends_with(22)
        .says("can't make a secure connection")
        .says("or use `--tls-verify=false`");

    let warning = format!(
        "the registry `{registry}`: connections to it, with logins and images, are not encrypted"
    );
    let insecure = |args: &[&str]| {
        let done = live
            .s2i([args, &["--tls-verify=false"]].concat())
            .succeeds();
        let lines = done.stream(Stream::Stderr);
        let warnings = lines.iter().filter(|line| line.contains(&warning));
        assert_eq!(warnings.count(), 1, "{args:?}: {lines:?}");
    };
    insecure(&["push", &app]);
    insecure(&["inspect", "--registry", &app]);
    live.s2i(["rmi", &app]).succeeds();
    insecure(&["pull", &app]);

    // The same with the configuration, for this registry alone.
    let config = live.path(".config/s2i/config.toml");
    fs::create_dir_all(config.parent().unwrap()).unwrap();
    for (name, is_named) in [("registry.example.org", false), (&registry, true)] {
        fs::write(&config, format!("[registry]\ninsecure = ['{name}']\n")).unwrap();
        live.engine.give(&live.path(".config"));
        let code = if is_named { 0 } else { 22 };
        live.s2i(["push", &app]).ends_with(code);
    }
    let login = log_in(&live, &registry, PASSWORD).succeeds();
    login.says("logged in").says(&warning).never_says(PASSWORD);
    live.s2i(["rmi", &app]).succeeds();
}

#[test]
fn layers_are_pushed_with_the_requested_compression() {
    let Some(live) = ready() else { return };
    let dir = tempfile::tempdir().unwrap();
    let server = Registry::open(dir.path());
    let registry = format!("127.0.0.1:{}", server.port);
    let app = format!("{registry}/team/app:1");
    build_app(&live, &app);
    for (compression, media_type) in [("zstd:5", "tar+zstd"), ("gzip", "tar+gzip")] {
        live.s2i(["push", "--compression", compression, &app])
            .succeeds();
        let url = format!("http://{registry}/v2/team/app/manifests/1");
        let mut curl = Command::new("curl");
        curl.args([
            "-sf",
            "-H",
            "Accept: application/vnd.oci.image.manifest.v1+json",
            &url,
        ]);
        let manifest: Value = serde_json::from_slice(&curl.output().unwrap().stdout).unwrap();
        let layers = manifest["layers"].as_array().unwrap();
        let last = layers.last().unwrap()["mediaType"].as_str().unwrap();
        assert!(last.ends_with(media_type), "{last}");
        live.s2i(["rmi", &app]).succeeds();
        live.s2i(["pull", &app]).succeeds();
        live.s2i(["run", "--pull-policy", "never", &app])
            .succeeds()
            .says("run ended");
        live.s2i(["rmi", &app]).succeeds();
        build_app(&live, &app);
    }
    let zlib = ["push", "--compression", "zlib", &app];
    live.s2i(zlib)
        .ends_with(2)
        .says("use `gzip`, `zstd` or `zstd:LEVEL`");
    live.s2i(["rmi", &app]).succeeds();
}

/// Puts a helper `test` beside the programs of the machine, that knows this registry's password.
fn install_helper(live: &Live, registry: &str) -> OsString {
    let answer = json!({"Username": USER, "Secret": PASSWORD});
    let text = format!("#!/bin/sh\nread server\n[ \"$server\" = {registry} ] && echo '{answer}'\n");
    fs::write(live.path("helper"), text).unwrap();
    let dir = live.path("helpers");
    // Copied by a process of its own: a program that another test's process has open for writing, because
    // it was started meanwhile, can't be run.
    let mut install = Command::new("install");
    install.arg("-D").arg(live.path("helper"));
    let installed = install.arg(dir.join("docker-credential-test")).status();
    assert!(installed.unwrap().success());
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::iter::once(dir).chain(std::env::split_paths(&path))).unwrap()
}

fn configure(live: &Live, config: &Value) {
    let dir = live.path(".docker");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("config.json"), config.to_string()).unwrap();
    live.engine.give(&dir);
}
