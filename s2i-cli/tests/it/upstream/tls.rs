//! Scenarios 22 and 66: TLS to the engine. The engine is a server that answers as a daemon does.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read, Write},
    net::TcpListener,
    os::unix::net::UnixListener,
    sync::Arc,
    thread,
};

use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};

use super::NO_ENGINE;
use crate::scene::{Done, Scene};

/// Answers requests of one connection.
fn answer(connection: &mut (impl Read + Write)) {
    loop {
        let mut head = String::new();
        let mut reader = BufReader::new(&mut *connection);
        loop {
            let before = head.len();
            match reader.read_line(&mut head) {
                Ok(0) | Err(_) => return,
                Ok(_) if head[before..].trim().is_empty() => break,
                Ok(_) => {}
            }
        }
        let path = head.split(' ').nth(1).unwrap_or_default();
        let body = match path.rsplit('/').next().unwrap_or_default() {
            "_ping" => "OK",
            "version" => {
                r#"{"Version":"20.10.24","ApiVersion":"1.41","MinAPIVersion":"1.12","Os":"linux","Arch":"amd64"}"#
            }
            _ if path.contains("/images/json") => "[]",
            _ => "{}",
        };
        let kind = if body == "OK" {
            "text/plain"
        } else {
            "application/json"
        };
        let length = body.len();
        let answered = write!(
            connection,
            "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        if answered.and_then(|()| connection.flush()).is_err() {
            return;
        }
    }
}

fn serve_tcp() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("tcp://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            thread::spawn(move || answer(&mut connection));
        }
    });
    url
}

fn serve_tls(config: ServerConfig) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("tcp://{}", listener.local_addr().unwrap());
    let config = Arc::new(config);
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let session = ServerConnection::new(Arc::clone(&config)).unwrap();
            thread::spawn(move || answer(&mut StreamOwned::new(session, connection)));
        }
    });
    url
}

/// An authority and certificates of it, in files.
struct Certificates {
    authority: Certificate,
    server: (Certificate, KeyPair),
}

impl Certificates {
    fn write(scene: &Scene) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);
        let signed = |name: &str| {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            (params.signed_by(&key, &issuer).unwrap(), key)
        };
        let (server, client) = (signed("127.0.0.1"), signed("client"));
        scene.write("certs/ca.pem", &authority.pem());
        scene.write("certs/cert.pem", &client.0.pem());
        scene.write("certs/key.pem", &client.1.serialize_pem());
        let stranger = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        scene.write(
            "other-ca.pem",
            &params.self_signed(&stranger).unwrap().pem(),
        );
        Self { authority, server }
    }

    fn config(&self, asks_clients: bool) -> ServerConfig {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if asks_clients {
            let mut roots = RootCertStore::empty();
            roots.add(self.authority.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let (certificate, key) = &self.server;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        builder
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap()
    }
}

/// Lists the images of the engine at a URL.
fn ask(scene: &Scene, url: &str, options: &[&str]) -> Done {
    scene.s2i(&[&["--url", url], options, &["images"]].concat())
}

/// Fails unless each list of options ends with its code.
#[track_caller]
fn check(scene: &Scene, url: &str, cases: &[(&str, u8)]) {
    let mut wrong = Vec::new();
    for (options, code) in cases {
        let options: Vec<_> = options.split_whitespace().collect();
        let done = ask(scene, url, &options);
        if done.code != Some((*code).into()) {
            wrong.push(format!(
                "{options:?} ended with {:?}: {}",
                done.code, done.stderr
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const CLIENT: &str = "--cert certs/cert.pem --key certs/key.pem";

// Scenario 22, the part of plain connections.
#[test]
fn plain_connections_know_no_tls() {
    let scene = Scene::new();
    Certificates::write(&scene);
    let cases = [
        ("", 0),
        ("--tls=false --tlsverify=false", 0),
        ("--ca certs/ca.pem", 0),
        ("--ca bad --cert bad --key bad", 0),
        ("--tls", NO_ENGINE),
        ("--tlsverify --ca certs/ca.pem", NO_ENGINE),
    ];
    check(&scene, &serve_tcp(), &cases);
    let listener = UnixListener::bind(scene.path("engine.sock")).unwrap();
    thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            thread::spawn(move || answer(&mut connection));
        }
    });
    let url = format!("unix://{}", scene.path("engine.sock").display());
    check(&scene, &url, &cases);
}

// Scenario 22, the part of TLS.
#[test]
fn server_is_verified_where_that_is_asked_for() {
    let scene = Scene::new();
    let certificates = Certificates::write(&scene);
    let url = serve_tls(certificates.config(false));
    check(
        &scene,
        &url,
        &[
            ("", NO_ENGINE),
            ("--tls", 0),
            ("--tls --ca certs/ca.pem", 0),
            ("--tls --ca other-ca.pem", 0),
            (&format!("--tls {CLIENT}"), 0),
            ("--tlsverify --ca certs/ca.pem", 0),
            ("--tls --tlsverify --ca certs/ca.pem", 0),
            (&format!("--tlsverify --ca certs/ca.pem {CLIENT}"), 0),
            ("--tlsverify --ca other-ca.pem", NO_ENGINE),
            ("--tlsverify", NO_ENGINE),
        ],
    );
    // Half a pair is a mistake.
    for half in ["--cert certs/cert.pem", "--key certs/key.pem"] {
        let options: Vec<_> = half.split(' ').chain(["--tls"]).collect();
        assert_ne!(ask(&scene, &url, &options).code, Some(0), "{half}");
    }
}

// Scenario 22, the part of certificates of clients.
#[test]
fn client_shows_its_certificate() {
    let scene = Scene::new();
    let certificates = Certificates::write(&scene);
    let url = serve_tls(certificates.config(true));
    check(
        &scene,
        &url,
        &[
            ("--tls", NO_ENGINE),
            (&format!("--tls {CLIENT}"), 0),
            ("--tlsverify --ca certs/ca.pem", NO_ENGINE),
            (&format!("--tlsverify --ca certs/ca.pem {CLIENT}"), 0),
        ],
    );
}

// Scenario 66: `eval $(minikube docker-env)`.
#[test]
fn variables_select_tls() {
    let scene = Scene::new();
    let certificates = Certificates::write(&scene);
    let url = serve_tls(certificates.config(true));
    let with = |variables: &[(&str, &str)]| {
        let mut command = scene.command(&["images"]);
        command
            .env("DOCKER_HOST", &url)
            .envs(variables.iter().copied());
        scene.done(&command.output().unwrap()).code
    };
    let certs = scene.path("certs");
    let path = ("DOCKER_CERT_PATH", certs.to_str().unwrap());
    assert_eq!(with(&[("DOCKER_TLS_VERIFY", "1"), path]), Some(0));
    assert_eq!(with(&[("DOCKER_TLS", "1"), path]), Some(0));
    // Any value but none means yes.
    assert_eq!(with(&[("DOCKER_TLS_VERIFY", "0"), path]), Some(0));
    assert_eq!(
        with(&[("DOCKER_TLS_VERIFY", ""), path]),
        Some(NO_ENGINE.into())
    );
    fs::rename(&certs, scene.path(".docker")).unwrap();
    assert_eq!(with(&[("DOCKER_TLS_VERIFY", "1")]), Some(0));
}
