//! A registry on loopback for one test: Debian's `docker-registry` over a directory.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use crate::harness::skip;

/// Debian's registry.
const PROGRAM: &str = "/usr/bin/docker-registry";

/// The one user of a registry with a login.
pub(crate) const USER: &str = "me";

/// The password of that user.
pub(crate) const PASSWORD: &str = "correct horse";

/// The user with the password, as `htpasswd -B` writes them.
const USERS: &str = "me:$2b$04$iTftwzxHwUymuNHLJGDuU.uzO7TNtZmIHkEw9F5woLULiIZz.2eCq\n";

/// A registry, until it is dropped.
pub(crate) struct Registry {
    pub(crate) port: u16,
    child: Child,
}

/// Returns whether the registry is installed. If not, the test is reported as skipped.
pub(crate) fn is_installed() -> bool {
    let is_there = Path::new(PROGRAM).exists();
    if !is_there {
        skip("`docker-registry` is not installed");
    }
    is_there
}

impl Registry {
    /// Starts a registry without logins in this directory.
    pub(crate) fn open(dir: &Path) -> Self {
        Self::start(dir, "", "")
    }

    /// Starts one with a login, and with more settings for HTTP.
    pub(crate) fn with_login(dir: &Path, http: &str) -> Self {
        let users = dir.join("users");
        fs::write(&users, USERS).unwrap();
        let auth = format!(
            "auth:\n  htpasswd:\n    realm: test\n    path: {}\n",
            users.display()
        );
        Self::start(dir, &auth, http)
    }

    fn start(dir: &Path, auth: &str, http: &str) -> Self {
        // A port that was found free is not taken yet: one at a time, and again when others took it.
        static STARTING: Mutex<()> = Mutex::new(());
        let _one = STARTING.lock().unwrap();
        (0..5)
            .find_map(|_| Self::try_start(dir, auth, http))
            .expect("a registry that starts")
    }

    /// `None` if it ended at once, for example because its port was taken.
    fn try_start(dir: &Path, auth: &str, http: &str) -> Option<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let settings = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\n\
             {auth}http:\n  addr: 127.0.0.1:{port}\n{http}",
            dir.join("data").display(),
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
            if registry.child.try_wait().unwrap().is_some() {
                return None;
            }
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
