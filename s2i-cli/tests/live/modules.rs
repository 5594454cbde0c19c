//! Modules of Go that only who has a token may have: a proxy of them, and what a build leaves of the token.

use std::{
    io::{BufRead as _, BufReader, Cursor, Write as _},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{CertificateParams, KeyPair};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned, crypto::ring, pki_types::PrivatePkcs8KeyDer,
};
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::{
    containers,
    harness::{Live, has_network, skip},
    kit,
    process::{Done, Running},
    secrets,
};

const TOKEN: &str = "7c1e9a3f5b2d4860MARKERPROXY6e8a0c2d4";

const MODULE: &str = "example.org/team/greeting";

const GO_MOD: &str = "module example.org/team/greeting\n\ngo 1.24.0\n";

const SOURCE: &str = r#"// Package greeting knows how the team greets.
package greeting

// To returns a greeting.
func To(name string) string { return "hello, " + name }
"#;

/// A proxy of one module that asks for the token.
struct Proxy {
    port: u16,
    /// The certificate of the proxy.
    certificate: String,
}

impl Proxy {
    /// Serves until the tests end.
    fn start() -> Self {
        let _ = ring::default_provider().install_default();
        let key = KeyPair::generate().unwrap();
        let names = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let own = names.self_signed(&key).unwrap();
        let private = PrivatePkcs8KeyDer::from(key.serialize_der());
        let config = ServerConfig::builder().with_no_client_auth();
        let config = config.with_single_cert(vec![own.der().clone()], private.into());
        let config = Arc::new(config.unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let config = Arc::clone(&config);
                // A client that goes away is no failure of the test: what it wants is asked again.
                thread::spawn(move || answer(stream, config).ok());
            }
        });
        Self {
            port,
            certificate: own.pem(),
        }
    }

    fn url(&self, login: &str) -> String {
        format!("https://{login}localhost:{}", self.port)
    }
}

/// One request, one answer.
fn answer(stream: TcpStream, config: Arc<ServerConfig>) -> std::io::Result<()> {
    let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        head.push(line.trim().to_owned());
    }
    let login = STANDARD.encode(format!("me:{TOKEN}"));
    let expected = format!("authorization: basic {login}").to_ascii_lowercase();
    let is_known = head
        .iter()
        .any(|line| line.to_ascii_lowercase() == expected);
    let path = head.first().and_then(|line| line.split(' ').nth(1));
    let (status, body) = match path.and_then(file) {
        _ if !is_known => ("401 Unauthorized", Vec::new()),
        None => ("404 Not Found", Vec::new()),
        Some(body) => ("200 OK", body),
    };
    let stream = stream.get_mut();
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    stream.write_all(&body)?;
    stream.conn.send_close_notify();
    stream.flush()
}

/// Returns a file of the module in Go's protocol for proxies.
fn file(path: &str) -> Option<Vec<u8>> {
    let name = path.strip_prefix(&format!("/{MODULE}/@v/"))?;
    match name {
        "list" => Some(b"v1.0.0\n".to_vec()),
        "v1.0.0.info" => Some(br#"{"Version":"v1.0.0"}"#.to_vec()),
        "v1.0.0.mod" => Some(GO_MOD.into()),
        "v1.0.0.zip" => {
            let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
            for (name, text) in [("go.mod", GO_MOD), ("greeting.go", SOURCE)] {
                let name = format!("{MODULE}@v1.0.0/{name}");
                zip.start_file(name, SimpleFileOptions::default()).unwrap();
                zip.write_all(text.as_bytes()).unwrap();
            }
            Some(zip.finish().unwrap().into_inner())
        }
        _ => None,
    }
}

/// Builds the sample with this address of the proxy as a secret.
fn build(live: &Live, proxy: &Proxy, url: &str) -> Done {
    std::fs::write(live.path("proxy.pem"), &proxy.certificate).unwrap();
    let source = kit::sample("go", "private");
    let mut args = vec!["build", "--copy", "--no-cache", "--loglevel", "5"];
    args.extend(["--network", "host", "--trust-ca", "proxy.pem"]);
    args.extend(["--secret", "id=GOPROXY,env=TEAM_PROXY"]);
    args.extend(["-e", "GONOSUMDB=example.org/*", "-e", "S2I_KEEP_CACHE=true"]);
    let app = live.image("app");
    args.extend([source.to_str().unwrap(), "s2i/go", &app]);
    let mut command = live.command();
    command.env("TEAM_PROXY", url);
    Running::start(command.args(live.engine.options()).args(args))
        .finish()
        .never_says(TOKEN)
}

#[test]
fn private_module_is_fetched_with_a_token_that_is_not_stored() {
    let Some(live) = kit::with(&["s2i/go"]) else {
        return;
    };
    let proxy = Proxy::start();
    build(&live, &proxy, &proxy.url(""))
        .ends_with(4)
        .says("401");
    build(&live, &proxy, &proxy.url(&format!("me:{TOKEN}@"))).succeeds();
    // A text of the program, which is in the image.
    secrets::nothing_holds(&live, &[TOKEN], "listening on port", &[]);
    if !has_network() {
        return skip("containers of this engine have no network");
    }
    let server = containers::serve(&live);
    assert_eq!(server.get("/", ""), "hello, the team");
    server.stop();
}
