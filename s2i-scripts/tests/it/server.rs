//! Applications that run, and their pages.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use s2i_core::Script;

use crate::image::Image;

/// A running application, stopped at the latest when the test ends.
pub(crate) struct Server(Child);

impl Server {
    pub(crate) fn start(image: &Image) -> Self {
        Self(
            image
                .command(Script::Run, &[])
                .stdin(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        )
    }

    /// Sends it SIGTERM, and returns its exit code.
    pub(crate) fn stop(&mut self) -> Option<i32> {
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
    /// SIGTERM comes first, which `run` forwards: its children would survive SIGKILL.
    fn drop(&mut self) {
        let is_running = |child: &mut Child| matches!(child.try_wait(), Ok(None));
        if is_running(&mut self.0) {
            let id = self.0.id().to_string();
            drop(Command::new("kill").arg(id).status());
            let end = Instant::now() + Duration::from_secs(5);
            while is_running(&mut self.0) && Instant::now() < end {
                thread::sleep(Duration::from_millis(5));
            }
        }
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Returns the answer to a request, with its head, as soon as the port is open.
pub(crate) fn get(port: u16, path: &str, header: &str) -> String {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        match ask(port, path, header) {
            Ok(answer) => return answer,
            Err(err) if Instant::now() > end => panic!("nothing answers on port {port}: {err}"),
            Err(_) => thread::sleep(Duration::from_millis(20)),
        }
    }
}

fn ask(port: u16, path: &str, header: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    write!(
        stream,
        "GET {path} HTTP/1.0\r\nHost: localhost\r\n{header}\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
