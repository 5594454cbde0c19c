//! A root directory and a process namespace of its own for an agent that is the first process.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::agent::Agent;

/// The programs of the host in the root directory.
const PROGRAMS: [&str; 7] = ["sh", "sleep", "touch", "ln", "id", "setsid", "mkdir"];

/// The time that what was there before has, in seconds since 1970.
pub(crate) const OLD: u64 = 1_000_000_000;

pub(crate) struct Root(tempfile::TempDir);

impl Root {
    /// Makes a small root directory, or reports why this test does nothing.
    pub(crate) fn new() -> Option<Self> {
        let probe = Command::new("unshare")
            .args(["--mount", "--pid", "--fork", "--kill-child", "true"])
            .stderr(Stdio::null())
            .status();
        if !probe.is_ok_and(|status| status.success()) {
            eprintln!("SKIPPED: `unshare --mount --pid` is not possible here");
            return None;
        }
        let root = Self(tempfile::tempdir().unwrap());
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for dir in ["bin", "etc", "proc", "dev", "tmp"] {
            fs::create_dir(root.at(dir)).unwrap();
        }
        fs::set_permissions(root.at("tmp"), fs::Permissions::from_mode(0o1777)).unwrap();
        fs::write(root.at("dev/null"), "").unwrap();
        let passwd = "root:x:0:0:root:/root:/bin/sh\ndefault:x:1001:0::/opt/app-root/src:\n";
        fs::write(root.at("etc/passwd"), passwd).unwrap();
        fs::write(root.at("etc/group"), "root:x:0:\nbuild:x:7:default\n").unwrap();
        for program in PROGRAMS {
            let found = ["/bin", "/usr/bin"].map(|dir| Path::new(dir).join(program));
            let found = found.iter().find(|path| path.exists()).expect(program);
            root.install(found, &format!("bin/{program}"));
        }
        root.put("old", "old");
        root.install(Path::new(env!("CARGO_BIN_EXE_s2i-agent")), ".s2i-agent");
        Some(root)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn at(&self, relative: &str) -> PathBuf {
        self.path().join(relative)
    }

    /// Writes a file that has been there for long.
    pub(crate) fn put(&self, relative: &str, content: &str) {
        fs::write(self.at(relative), content).unwrap();
        set_old(&self.at(relative));
    }

    /// Seconds since 1970 of the last change to the content; of a link itself.
    pub(crate) fn mtime(&self, relative: &str) -> u64 {
        let metadata = fs::symlink_metadata(self.at(relative)).unwrap();
        let since = metadata
            .modified()
            .unwrap()
            .duration_since(std::time::UNIX_EPOCH);
        since.unwrap().as_secs()
    }

    /// Copies a program and the libraries that it needs.
    fn install(&self, program: &Path, relative: &str) {
        let listed = Command::new("ldd").arg(program).output().unwrap().stdout;
        let listed = String::from_utf8_lossy(&listed).into_owned();
        let libraries = listed
            .split_whitespace()
            .filter(|word| word.starts_with('/'));
        for library in libraries {
            let into = self.at(&library[1..]);
            fs::create_dir_all(into.parent().unwrap()).unwrap();
            copy(Path::new(library), &into);
        }
        copy(program, &self.at(relative));
    }

    /// Starts the agent as the first process of a namespace whose root directory this is.
    pub(crate) fn start(&self) -> Agent {
        let mut root = std::ffi::OsString::from("--root=");
        root.push(self.path());
        let mut command = Command::new("unshare");
        command.args([
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc=/proc",
        ]);
        let mut agent = Agent::spawn(command.arg(root).arg("/.s2i-agent"));
        agent.expect_hello();
        agent
    }
}

/// Copies by another process: a program that this one has open for writing can't be started, and what
/// another test starts at the same moment would hold it open for longer.
fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg(from).arg(to).status().unwrap();
    assert!(copied.success());
}

fn set_old(path: &Path) {
    let old = std::time::UNIX_EPOCH + std::time::Duration::from_secs(OLD);
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_modified(old).unwrap();
}
