//! The sample applications of the Go builder, each as its page says.

use std::{
    env,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use s2i_core::Script;

use crate::image::Image;

#[test]
fn plain_prints_its_arguments_and_gives_its_status() {
    let Some(image) = Image::with_go() else {
        return;
    };
    let image = image.sample("plain");
    image.assemble();
    let outcome = image.script(Script::Run, &["exit=3", "-h", "two words"]);
    assert_eq!(
        (outcome.text().as_str(), outcome.code),
        ("exit=3\n-h\ntwo words\n", Some(3))
    );
}

#[test]
fn vendored_builds_without_a_network() {
    let Some(image) = Image::with_go() else {
        return;
    };
    let image = image.sample("vendored");
    image.assemble();
    assert_eq!(image.list("app-root/bin"), ["name2uuid"]);
    let outcome = image.script(Script::Run, &["https://example.com/"]);
    assert_eq!(outcome.text(), "dd2c1780-811a-5296-81c5-178a0ef488bc\n");
}

#[test]
fn web_answers_and_ends_well() {
    let Some(image) = Image::with_go() else {
        return;
    };
    let port = free_port();
    let image = image
        .sample("web")
        .env("PORT", &port.to_string())
        .env("GO_LDFLAGS", "-s -w -X main.version=2.0");
    image.assemble();
    let mut server = Server::start(&image);
    let page = get(port, "");
    assert!(
        page.contains("\r\n\r\nhello from s2i, version 2.0, built with go1."),
        "{page}"
    );
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn modules_are_downloaded() {
    let Some(image) = Image::with_go() else {
        return;
    };
    if env::var_os("S2I_TEST_NETWORK").is_none() {
        drop(writeln!(
            std::io::stderr(),
            "\n!!! SKIPPED: S2I_TEST_NETWORK=1 lets a test download modules\n"
        ));
        return;
    }
    let port = free_port();
    let mut image = image
        .sample("modules")
        .env("PORT", &port.to_string())
        .without("GOPROXY");
    for name in [
        "GOPROXY",
        "GOSUMDB",
        "HTTPS_PROXY",
        "https_proxy",
        "SSL_CERT_FILE",
    ] {
        if let Ok(value) = env::var(name) {
            image = image.env(name, &value);
        }
    }
    image.assemble();
    assert_eq!(image.list("app-root"), ["bin", "bin/modules"]);
    let mut server = Server::start(&image);
    assert!(get(port, "").ends_with("\r\n\r\nhello from s2i"));
    assert!(get(port, "Accept-Language: de-AT, en;q=0.5\r\n").ends_with("\r\n\r\nhallo von s2i"));
    server.stop();
}

/// A running application, stopped at the latest when the test ends.
struct Server(Child);

impl Server {
    fn start(image: &Image) -> Self {
        Self(
            image
                .command(Script::Run, &[])
                .stdin(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        )
    }

    fn stop(&mut self) -> Option<i32> {
        assert!(
            Command::new("kill")
                .arg(self.0.id().to_string())
                .status()
                .unwrap()
                .success()
        );
        self.0.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn get(port: u16, header: &str) -> String {
    let end = Instant::now() + Duration::from_secs(20);
    let mut stream = loop {
        match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            Ok(stream) => break stream,
            Err(err) if Instant::now() > end => panic!("nothing listens on port {port}: {err}"),
            Err(_) => thread::sleep(Duration::from_millis(20)),
        }
    };
    write!(stream, "GET / HTTP/1.0\r\nHost: localhost\r\n{header}\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
