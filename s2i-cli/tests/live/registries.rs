//! Images on their way to a registry and back, with a login and with a certificate of its own.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::harness::{Live, live, skip};

/// Debian's registry.
const PROGRAM: &str = "/usr/bin/docker-registry";

/// A user `me` with the password `correct horse`, as `htpasswd -B` writes it.
const USERS: &str = "me:$2b$04$iTftwzxHwUymuNHLJGDuU.uzO7TNtZmIHkEw9F5woLULiIZz.2eCq\n";

/// A registry, until it is dropped.
struct Registry {
    port: u16,
    child: Child,
}

impl Registry {
    /// Starts a registry in this directory, with more settings for HTTP.
    fn start(dir: &Path, http: &str) -> Self {
        // A port that was found free is not taken yet: one at a time, and again when others took it.
        static STARTING: Mutex<()> = Mutex::new(());
        let _one = STARTING.lock().unwrap();
        (0..5)
            .find_map(|_| Self::try_start(dir, http))
            .expect("a registry that starts")
    }

    /// `None` when it ended at once, as when somebody else has its port.
    fn try_start(dir: &Path, http: &str) -> Option<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let users = dir.join("users");
        fs::write(&users, USERS).unwrap();
        let settings = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\n\
             auth:\n  htpasswd:\n    realm: test\n    path: {}\n\
             http:\n  addr: 127.0.0.1:{port}\n{http}",
            dir.join("data").display(),
            users.display(),
        );
        let config = dir.join("registry.yml");
        fs::write(&config, settings).unwrap();
        let mut command = Command::new(PROGRAM);
        command.arg("serve").arg(config).stdout(Stdio::null());
        let mut registry = Self {
            port,
            child: command.stderr(Stdio::null()).spawn().unwrap(),
        };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < Duration::from_secs(20));
            thread::sleep(Duration::from_millis(50));
        }
        thread::sleep(Duration::from_millis(200));
        let has_ended = registry.child.try_wait().unwrap().is_some();
        (!has_ended).then_some(registry)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Begins a test, where there are the engine and the registry for it.
fn ready() -> Option<Live> {
    let live = live()?;
    if !live.engine.is_native() {
        skip("a daemon has its own way to registries");
        return None;
    }
    if !Path::new(PROGRAM).exists() {
        skip("`docker-registry` is not installed");
        return None;
    }
    Some(live)
}

/// Writes the credentials that `docker login` would.
fn log_in(live: &Live, registry: &str, password: &str) {
    let dir = live.path(".docker");
    fs::create_dir_all(&dir).unwrap();
    let config = serde_json::json!({"auths": {registry: {"username": "me", "password": password}}});
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
    log_in(live, registry, "correct horse");
    live.s2i(["push", &own]).succeeds().says("sha256:");
    live.s2i(["push", &own])
        .succeeds()
        .never_says("correct horse");
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
    let registry = Registry::start(dir.path(), "");
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
    let registry = Registry::start(dir.path(), &tls);
    let registry = format!("localhost:{}", registry.port);
    let app = format!("{registry}/team/app:1");
    log_in(&live, &registry, "correct horse");
    // Before it is trusted, and after.
    live.s2i(["pull", &app]).ends_with(21).says("secure");
    let trusted = live.path(".config/docker/certs.d").join(&registry);
    fs::create_dir_all(&trusted).unwrap();
    fs::write(trusted.join("ca.crt"), authority.pem()).unwrap();
    live.engine.give(&live.path(".config"));
    there_and_back(&live, &registry);
}
