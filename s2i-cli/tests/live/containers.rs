//! Containers of images that were built: started, awaited and asked through `testcontainers`.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use bollard::models::PortBinding;
use testcontainers::{
    Container, GenericImage, ImageExt as _, TestcontainersError,
    core::{WaitFor, wait::ExitWaitStrategy},
    runners::SyncRunner as _,
};

use crate::engine::VARIABLE;

/// How long a container may take to start or to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// How a container ended.
pub(crate) struct Ran {
    pub(crate) stdout: String,
    pub(crate) code: i64,
}

/// Runs a container of a local image to its end.
pub(crate) fn run(image: &str, command: &[&str]) -> Ran {
    let start = Instant::now();
    let container = loop {
        match run_once(image, command) {
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

/// Starts a server that listens on port 8080, and waits for a line of its output.
pub(crate) fn serve(image: &str, ready: WaitFor) -> Container<GenericImage> {
    generic(image)
        .with_wait_for(ready)
        .with_host_config_modifier(|host| {
            // Without an address, Podman names none for a port that it publishes.
            let binding = PortBinding {
                host_ip: Some("127.0.0.1".into()),
                host_port: Some(String::new()),
            };
            host.port_bindings = Some([("8080/tcp".into(), Some(vec![binding]))].into());
            host.publish_all_ports = None;
        })
        .start()
        .unwrap_or_else(|err| panic!("a container of {image}: {err}"))
}

/// The body of what a server answers, asked until it does.
pub(crate) fn get(server: &Container<GenericImage>, path: &str, header: &str) -> String {
    let port = server.get_host_port_ipv4(8080).unwrap();
    let start = Instant::now();
    loop {
        match request(port, path, header) {
            Ok(answer) if answer.contains("\r\n\r\n") => {
                return answer.split_once("\r\n\r\n").unwrap().1.to_owned();
            }
            other => {
                assert!(start.elapsed() < PATIENCE, "{other:?}");
                thread::sleep(Duration::from_millis(50));
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
