//! Git repositories for tests, and servers for them on loopback.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use base64::Engine as _;

/// A repository with a work tree.
pub(crate) struct Repository {
    pub(crate) root: PathBuf,
}

impl Repository {
    /// Makes a repository of a directory and commits what is in it.
    pub(crate) fn of(root: &Path) -> Self {
        let repository = Self { root: root.into() };
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository.git(&["config", "user.name", "Ada Lovelace"]);
        repository.git(&["config", "user.email", "ada@example.org"]);
        repository.commit("first");
        repository
    }

    /// Commits everything and returns the commit's id.
    pub(crate) fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Runs Git in it, without the configuration of this machine and at a fixed time.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let mut command = git();
        command.args(args).current_dir(&self.root);
        command.env("GIT_AUTHOR_DATE", "2001-02-03T04:05:06Z");
        command.env("GIT_COMMITTER_DATE", "2001-02-03T04:05:06Z");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{command:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// A bare copy that servers of plain files can serve, at `to`.
    pub(crate) fn bare(&self, to: &Path) {
        self.git(&["clone", "--quiet", "--bare", ".", to.to_str().unwrap()]);
        Self { root: to.into() }.git(&["update-server-info"]);
    }
}

/// Returns a Git command without the configuration of this machine, for repositories of any user.
fn git() -> Command {
    let mut command = Command::new("git");
    command.env("GIT_CONFIG_GLOBAL", "/dev/null");
    command.env("GIT_CONFIG_SYSTEM", "/dev/null");
    command.env("GIT_CONFIG_COUNT", "1");
    command.env("GIT_CONFIG_KEY_0", "safe.directory");
    command.env("GIT_CONFIG_VALUE_0", "*");
    command
}

/// `git daemon` for the repositories below a directory.
pub(crate) struct Daemon {
    child: Child,
    pub(crate) url: String,
}

impl Daemon {
    pub(crate) fn start(base: &Path) -> Self {
        // A port that was free a moment ago.
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let child = git()
            .args(["daemon", "--reuseaddr", "--export-all"])
            .arg(format!("--listen={}", address.ip()))
            .arg(format!("--port={}", address.port()))
            .arg(format!("--base-path={}", base.display()))
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let daemon = Self {
            child,
            url: format!("git://{address}"),
        };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(start.elapsed() < Duration::from_secs(10), "no git daemon");
            thread::sleep(Duration::from_millis(10));
        }
        daemon
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // `git` hands SIGTERM on to the daemon that it started.
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}

/// Serves the plain files below a directory over HTTP for as long as the tests run; returns its URL.
pub(crate) fn serve_files(base: &Path) -> String {
    serve_files_to(base, "127.0.0.1", None)
}

/// Serves files as [`serve_files`] does, on this address and to the clients with this login alone.
pub(crate) fn serve_files_to(base: &Path, host: &str, login: Option<(&str, &str)>) -> String {
    let listener = TcpListener::bind((host, 0)).unwrap();
    let login = login.map(|(user, password)| {
        let text = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        format!("authorization: basic {text}").to_lowercase()
    });
    let url = format!("http://{}", listener.local_addr().unwrap());
    let base = base.to_owned();
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            // A client that goes away has no use for an error.
            let _ = answer(connection, &base, login.as_deref());
        }
    });
    url
}

fn answer(mut connection: TcpStream, base: &Path, login: Option<&str>) -> std::io::Result<()> {
    let lines = BufReader::new(connection.try_clone()?).lines();
    let head: Vec<_> = lines
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .collect();
    let has_login = login.is_none_or(|login| head.iter().any(|line| line.to_lowercase() == login));
    if !has_login {
        return connection.write_all(
            b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"test\"\r\n\
              Content-Length: 0\r\nConnection: close\r\n\r\n",
        );
    }
    let request = head.first().map(String::as_str).unwrap_or_default();
    let path = request.split(' ').nth(1).unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    match fs::read(base.join(path.trim_start_matches('/'))) {
        Ok(bytes) => {
            let length = bytes.len();
            write!(
                connection,
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
            )?;
            connection.write_all(&bytes)
        }
        Err(_) => connection
            .write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
    }
}
