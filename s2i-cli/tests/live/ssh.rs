//! A server of OpenSSH for Git repositories, of one test.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::harness::skip;

/// Debian's server.
const PROGRAM: &str = "/usr/sbin/sshd";

/// The directory that the server wants to be there.
const RUN_DIR: &str = "/run/sshd";

/// A server with one key that may log in, until it is dropped.
pub(crate) struct Server {
    dir: PathBuf,
    repositories: PathBuf,
    host: String,
    port: u16,
    child: Child,
}

impl Server {
    /// Starts a server for the repositories in a directory, on an address of this machine. Without the program, the test
    /// is reported as skipped.
    pub(crate) fn start(dir: &Path, host: &str, repositories: &Path) -> Option<Self> {
        if !Path::new(PROGRAM).exists() || !rustix::process::geteuid().is_root() {
            skip("`openssh-server` is not installed, or the user is not root");
            return None;
        }
        fs::create_dir_all(dir).unwrap();
        fs::create_dir_all(RUN_DIR).unwrap();
        for name in ["host", "user"] {
            let mut keygen = Command::new("ssh-keygen");
            keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]);
            assert!(keygen.arg(dir.join(name)).status().unwrap().success());
        }
        let listener = TcpListener::bind((host, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let config = format!(
            "Port {port}\nListenAddress {host}\nHostKey {dir}/host\nAuthorizedKeysFile {dir}/user.pub\n\
             PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\n\
             AllowTcpForwarding no\nAcceptEnv GIT_PROTOCOL\nSetEnv GIT_CONFIG_COUNT=1 \
             GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0=*\n",
            dir = dir.display()
        );
        let file = dir.join("sshd_config");
        fs::write(&file, config).unwrap();
        let mut command = Command::new(PROGRAM);
        command.arg("-D").arg("-f").arg(file).stdin(Stdio::null());
        let child = command.stderr(Stdio::null()).spawn().unwrap();
        let start = Instant::now();
        while TcpStream::connect((host, port)).is_err() {
            assert!(start.elapsed() < Duration::from_secs(20), "no sshd");
            thread::sleep(Duration::from_millis(50));
        }
        Some(Self {
            dir: dir.into(),
            repositories: repositories.into(),
            host: host.into(),
            port,
            child,
        })
    }

    /// Returns the file with the private key of the user.
    pub(crate) fn key(&self) -> PathBuf {
        self.dir.join("user")
    }

    /// Writes the file by which clients know the server, and returns its path.
    pub(crate) fn known_hosts(&self) -> PathBuf {
        let key = fs::read_to_string(self.dir.join("host.pub")).unwrap();
        let file = self.dir.join("known_hosts");
        fs::write(&file, format!("[{}]:{} {key}", self.host, self.port)).unwrap();
        file
    }

    /// Returns the URL of a repository.
    pub(crate) fn url(&self, repository: &str) -> String {
        let path = self.repositories.join(repository);
        format!("ssh://root@{}:{}{}", self.host, self.port, path.display())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
