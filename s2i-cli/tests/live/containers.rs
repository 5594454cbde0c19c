//! Containers of images that were built: started, awaited and asked through `testcontainers`, which
//! speaks to Docker and Podman, or `s2i run`.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use bollard::models::PortBinding;
use rustix::process::Signal;
use testcontainers::{
    Container, GenericImage, ImageExt as _, TestcontainersError,
    core::{WaitFor, wait::ExitWaitStrategy},
    runners::SyncRunner as _,
};

use crate::{
    engine::VARIABLE,
    harness::Live,
    process::{Running, Stream},
};

/// The time in which a container must start or answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// The result of a container.
pub(crate) struct Ran {
    pub(crate) stdout: String,
    pub(crate) code: i64,
}

/// Runs a container of the image `app` to its end.
pub(crate) fn run(live: &Live, command: &[&str]) -> Ran {
    let image = live.image("app");
    if live.engine.is_native() {
        let args = ["run", "--network", "none", &image];
        let done = live.s2i(args.iter().chain(command));
        let lines = done.stream(Stream::Stdout);
        return Ran {
            stdout: lines.iter().flat_map(|line| [line, "\n"]).collect(),
            code: done.status.code().expect("it has ended").into(),
        };
    }
    let start = Instant::now();
    let container = loop {
        match run_once(&image, command) {
            Ok(container) => break container,
            // Podman has a state between running and ended that the client does not know.
            Err(err) if is_odd_state(&err) && start.elapsed() < PATIENCE => {}
            Err(err) => panic!("a container of {image}: {err}"),
        }
    };
    let stdout = String::from_utf8(container.stdout_to_vec().unwrap()).unwrap();
    let code = container.exit_code().unwrap().expect("it has ended");
    Ran { stdout, code }
}

fn run_once(image: &str, command: &[&str]) -> Result<Container<GenericImage>, TestcontainersError> {
    let waiting = ExitWaitStrategy::new().with_poll_interval(Duration::from_millis(300));
    generic(image)
        .with_wait_for(WaitFor::exit(waiting))
        .with_cmd(command.iter().copied())
        .with_host_config_modifier(|host| {
            host.network_mode = Some("none".into());
            host.publish_all_ports = None;
        })
        .start()
}

fn is_odd_state(err: &TestcontainersError) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(err);
    while let Some(err) = cause {
        if err.to_string().contains("unknown variant `stopped`") {
            return true;
        }
        cause = err.source();
    }
    false
}

/// A server in a container of the image `app`.
pub(crate) struct Server {
    process: Process,
    port: u16,
}

enum Process {
    Container(Box<Container<GenericImage>>),
    S2i(Running),
}

impl Process {
    /// The output so far, for messages.
    fn output(&self) -> String {
        match self {
            Self::Container(container) => {
                let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
                let [stdout, stderr] = [container.stdout_to_vec(), container.stderr_to_vec()];
                text(&stdout.unwrap_or_default()) + &text(&stderr.unwrap_or_default())
            }
            Self::S2i(running) => running.output(),
        }
    }
}

/// The rights of a server.
#[derive(Clone, Copy, Default)]
pub(crate) struct Rights {
    /// The user, in place of that of the image.
    pub(crate) user: Option<&'static str>,
    /// True if only `/tmp` is writable.
    pub(crate) read_only: bool,
}

/// Starts a server on a port of this machine.
pub(crate) fn serve(live: &Live) -> Server {
    serve_with(live, Rights::default())
}

/// The same with these rights.
pub(crate) fn serve_with(live: &Live, rights: Rights) -> Server {
    let image = live.image("app");
    if live.engine.is_native() {
        return serve_natively(live, &image, rights);
    }
    let mut request = generic(&image).with_host_config_modifier(move |host| {
        host.readonly_rootfs = Some(rights.read_only);
        host.tmpfs = rights
            .read_only
            .then(|| [("/tmp".into(), String::new())].into());
        // Without an address, Podman names none for a port that it publishes.
        let binding = PortBinding {
            host_ip: Some("127.0.0.1".into()),
            host_port: Some(String::new()),
        };
        host.port_bindings = Some([("8080/tcp".into(), Some(vec![binding]))].into());
        host.publish_all_ports = None;
    });
    if let Some(user) = rights.user {
        request = request.with_user(user);
    }
    let container = request
        .start()
        .unwrap_or_else(|err| panic!("a container of {image}: {err}"));
    Server {
        port: container.get_host_port_ipv4(8080).unwrap(),
        process: Process::Container(Box::new(container)),
    }
}

/// Containers of the embedded engine have the host's own ports.
fn serve_natively(live: &Live, image: &str, rights: Rights) -> Server {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let variable = format!("PORT={port}");
    let mut args = vec!["run", "-e", &variable];
    if let Some(user) = rights.user {
        args.extend(["--user", user]);
    }
    if rights.read_only {
        args.push("--read-only");
    }
    args.push(image);
    let running = live.spawn(args);
    Server {
        process: Process::S2i(running),
        port,
    }
}

impl Server {
    /// The body of what it answers, asked until it does.
    pub(crate) fn get(&self, path: &str, header: &str) -> String {
        let start = Instant::now();
        loop {
            match request(self.port, path, header) {
                Ok(answer) if answer.contains("\r\n\r\n") => {
                    return answer.split_once("\r\n\r\n").unwrap().1.to_owned();
                }
                other => {
                    assert!(
                        start.elapsed() < PATIENCE,
                        "{other:?}\n{}",
                        self.process.output()
                    );
                    thread::sleep(Duration::from_millis(50));
                }
            }
        }
    }

    /// Asks it to end, and gives its status.
    pub(crate) fn stop(self) -> i64 {
        match self.process {
            Process::Container(container) => {
                container.stop_with_timeout(Some(30)).unwrap();
                container.exit_code().unwrap().expect("it has ended")
            }
            Process::S2i(running) => {
                running.signal(Signal::TERM);
                let status = running.finish().status;
                status.code().expect("it has ended").into()
            }
        }
    }
}

fn request(port: u16, path: &str, header: &str) -> std::io::Result<String> {
    let mut connection = TcpStream::connect(("127.0.0.1", port))?;
    connection.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(
        connection,
        "GET {path} HTTP/1.0\r\nHost: localhost\r\n{header}\r\n"
    )?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(answer)
}

fn generic(image: &str) -> GenericImage {
    let url = std::env::var(VARIABLE).unwrap();
    let host = std::env::var("DOCKER_HOST").unwrap_or_default();
    assert_eq!(
        host, url,
        "containers are started through DOCKER_HOST, which must be {VARIABLE}"
    );
    GenericImage::new(image, "latest")
}
