//! TLS to a real daemon on loopback, which asks clients for a certificate.

use std::{fs, io::Write as _, net::TcpListener, path::PathBuf, process::Command, thread};

use s2i_core::image::Digest;

use crate::{
    harness::{Live, live},
    images::Recipe,
    process::{Done, Running},
    report::skip,
};

/// The daemon under test as it listens with TLS: its certificates and its address.
struct Daemon {
    live: Live,
    dir: PathBuf,
    url: String,
}

impl Daemon {
    /// Those that `s2i-test-engines` starts have their files beside the socket.
    fn find() -> Option<Self> {
        let live = live()?;
        let api = live.engine.api().map(|api| api.url.clone());
        let socket = api.as_deref().and_then(|url| url.strip_prefix("unix://"));
        let dir = PathBuf::from(socket?).parent()?.join("tls");
        let Ok(url) = fs::read_to_string(dir.join("url")) else {
            skip("this engine does not listen with TLS");
            return None;
        };
        Some(Self { live, dir, url })
    }

    /// `s2i` with the variables for this daemon.
    fn command(&self, variables: &[(&str, &str)]) -> Command {
        let mut command = self.live.command();
        command.env_remove("DOCKER_HOST");
        command.envs(variables.iter().copied());
        command
    }

    fn file(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }

    /// Asks for the version of the engine.
    fn version(&self, variables: &[(&str, &str)], options: &[&str]) -> Done {
        let mut command = self.command(variables);
        Running::start(command.arg("version").args(options)).finish()
    }
}

#[test]
fn variables_and_options_select_tls() {
    let Some(daemon) = Daemon::find() else { return };
    let (url, dir) = (daemon.url.as_str(), daemon.dir.to_str().unwrap());
    let host = [("DOCKER_HOST", url)];
    let path = [("DOCKER_HOST", url), ("DOCKER_CERT_PATH", dir)];
    for (variables, options) in [
        (vec![path[0], path[1], ("DOCKER_TLS_VERIFY", "1")], vec![]),
        (vec![path[0], path[1], ("DOCKER_TLS", "1")], vec![]),
        (path.to_vec(), vec!["--tlsverify"]),
        (path.to_vec(), vec!["--tls=true"]),
    ] {
        daemon
            .version(&variables, &options)
            .succeeds()
            .says("Docker");
    }
    let [ca, cert, key] = ["ca.pem", "cert.pem", "key.pem"].map(|name| daemon.file(name));
    let files = ["--tlsverify", "--ca", &ca, "--cert", &cert, "--key", &key];
    daemon.version(&host, &files).succeeds().says("Docker");
    let mut with_url = files.to_vec();
    with_url.extend(["--url", url]);
    daemon.version(&[], &with_url).succeeds().says("Docker");
}

#[test]
fn wrong_certificates_are_errors_that_name_the_fault() {
    let Some(daemon) = Daemon::find() else { return };
    let host = [("DOCKER_HOST", daemon.url.as_str())];
    let file = |name: &str| daemon.file(name);
    let [ca, cert, key, other] = ["ca.pem", "cert.pem", "key.pem", "other-ca.pem"].map(file);
    for (options, fault) in [
        (vec!["--tlsverify", "--ca", &ca], "received fatal alert"),
        (
            vec!["--tlsverify", "--ca", &other],
            "invalid peer certificate",
        ),
        (vec!["--tlsverify"], "invalid peer certificate"),
        (
            vec!["--tlsverify", "--ca", &ca, "--cert", &cert],
            "has no key",
        ),
        (vec!["--tls", "--key", &key], "has no client certificate"),
        (
            vec!["--tlsverify", "--ca", "/no/such.pem"],
            "can't read `/no/such.pem`",
        ),
        (
            vec!["--tlsverify", "--ca", &key],
            "has no certificate in PEM",
        ),
        (
            vec!["--tls", "--cert", &cert, "--key", &cert],
            "has no private key in PEM",
        ),
    ] {
        let mut command = daemon.command(&host);
        let done = Running::start(command.arg("images").args(&options)).finish();
        done.ends_with(20).says(fault);
    }
    let mut command = daemon.command(&host);
    let done = Running::start(command.arg("images")).finish();
    done.ends_with(22).says("HTTP request to an HTTPS server");
    let plain = daemon.live.engine.options();
    let mut command = daemon.command(&[]);
    let done = Running::start(command.args(plain).args(["images", "--tls"])).finish();
    done.ends_with(20)
        .says("a socket of this machine, and TLS is requested");
}

#[test]
fn engine_without_tls_is_not_used_with_it() {
    let Some(daemon) = Daemon::find() else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("tcp://{}", listener.local_addr().unwrap());
    let answering = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    });
    let mut command = daemon.command(&[("DOCKER_TLS", "1")]);
    let done = Running::start(command.args(["images", "--url", &url])).finish();
    done.ends_with(20).says("no container engine answers");
    answering.join().unwrap();
}

/// The attached connection of a build goes through TLS as well.
#[test]
fn build_over_tls_makes_an_image() {
    let Some(daemon) = Daemon::find() else { return };
    let live = &daemon.live;
    let builder = live.load("tls-builder", &Recipe::builder());
    let source = live.instructions("print over TLS\nwrite /app/page x");
    let dir = daemon.dir.to_str().unwrap();
    let variables = [
        ("DOCKER_HOST", &*daemon.url),
        ("DOCKER_CERT_PATH", dir),
        ("DOCKER_TLS_VERIFY", "1"),
    ];
    let mut command = daemon.command(&variables);
    command.args(live.build_args(&builder, &[], source.as_os_str()));
    Running::start(&mut command)
        .finish()
        .succeeds()
        .says("over TLS");
    assert!(live.engine.image(&live.image("app")).is_some());
}

#[test]
fn contexts_of_docker_have_their_own_certificates() {
    let Some(daemon) = Daemon::find() else { return };
    let config = daemon.live.path("docker");
    let id = Digest::of(b"lab").hex();
    let (meta, files) = (
        config.join("contexts/meta").join(&id),
        config.join("contexts/tls").join(&id).join("docker"),
    );
    fs::create_dir_all(&meta).unwrap();
    fs::create_dir_all(&files).unwrap();
    let text = format!(
        r#"{{"Name":"lab","Endpoints":{{"docker":{{"Host":"{}","SkipTLSVerify":false}}}}}}"#,
        daemon.url
    );
    fs::write(meta.join("meta.json"), text).unwrap();
    let variables = [
        ("DOCKER_CONFIG", config.to_str().unwrap()),
        ("DOCKER_CONTEXT", "lab"),
    ];
    for (name, from) in [
        ("ca.pem", "ca.pem"),
        ("cert.pem", "cert.pem"),
        ("key.pem", "key.pem"),
    ] {
        fs::copy(daemon.file(from), files.join(name)).unwrap();
    }
    daemon.version(&variables, &[]).succeeds().says("Docker");
    fs::copy(daemon.file("other-ca.pem"), files.join("ca.pem")).unwrap();
    let mut command = daemon.command(&variables);
    let done = Running::start(command.arg("images")).finish();
    done.ends_with(20).says("invalid peer certificate");
}
