//! A directory that stands for a builder image with a source in it.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, Permissions},
    io::Write as _,
    os::unix::{
        fs::{PermissionsExt as _, symlink},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use s2i_core::Script;
use tempfile::TempDir;

/// An image: `tmp` is its destination and its scratch space, `app-root` is what it keeps.
pub(crate) struct Image {
    root: TempDir,
    env: BTreeMap<String, String>,
    user: Option<u32>,
}

/// What a script did.
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Image {
    /// An image with a toolchain and without a source. `None`, and a word about it, where the host
    /// has no Go.
    pub(crate) fn with_go() -> Option<Self> {
        let path = env::var_os("PATH").unwrap_or_default();
        let usual = PathBuf::from("/usr/local/go/bin");
        let found = env::split_paths(&path)
            .chain([usual])
            .find(|directory| directory.join("go").is_file());
        let Some(directory) = found else {
            // Not through the macro: the test harness would keep it to itself.
            drop(writeln!(
                std::io::stderr(),
                "\n!!! SKIPPED: there is no Go on this host\n"
            ));
            return None;
        };
        Some(Self::new().env("PATH", directory.to_str().unwrap()))
    }

    /// An image with nothing but the scripts.
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        open(root.path(), 0o755);
        for (name, mode) in [
            ("tmp", 0o1777),
            ("tmp/src", 0o755),
            ("app-root", 0o775),
            ("app-root/bin", 0o775),
            ("s2i", 0o755),
        ] {
            fs::create_dir(root.path().join(name)).unwrap();
            open(&root.path().join(name), mode);
        }
        for script in Script::ALL {
            symlink(
                env!("CARGO_BIN_EXE_s2i-scripts"),
                root.path().join("s2i").join(script.file_name()),
            )
            .unwrap();
        }
        let text = |name: &str| root.path().join(name).to_str().unwrap().to_owned();
        let mut env = BTreeMap::from([
            ("PATH".to_owned(), "/nonexistent".to_owned()),
            ("HOME".to_owned(), "/nonexistent".to_owned()),
            ("APP_ROOT".to_owned(), text("app-root")),
            ("S2I_DESTINATION".to_owned(), text("tmp")),
            ("TMPDIR".to_owned(), text("tmp")),
        ]);
        // No test downloads unless it says so.
        env.insert("GOPROXY".to_owned(), "off".to_owned());
        Self {
            root,
            env,
            user: None,
        }
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.env.remove(name);
        self
    }

    /// Runs the scripts as this user of group 0.
    pub(crate) fn user(mut self, user: u32) -> Self {
        self.user = Some(user);
        self
    }

    /// Adds a file to the source.
    pub(crate) fn source(self, name: &str, content: &str) -> Self {
        self.write(&format!("tmp/src/{name}"), content);
        self
    }

    /// Takes a sample application as the source.
    pub(crate) fn sample(self, name: &str) -> Self {
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../builder-images/go/samples");
        copy(&samples.join(name), &self.path("tmp/src"));
        self
    }

    /// A path of the image.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.path(name)).unwrap().permissions().mode() & 0o7777
    }

    /// Everything below a directory, but for what is below the given names.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let mut found = Vec::new();
        walk(&self.path(name), "", &mut found);
        found
    }

    /// A command that starts a script.
    pub(crate) fn command(&self, script: Script, args: &[&str]) -> Command {
        let mut command = Command::new(self.path("s2i").join(script.file_name()));
        command
            .args(args)
            .env_clear()
            .envs(&self.env)
            .current_dir(self.path("app-root"));
        if let Some(user) = self.user {
            command.uid(user).gid(0);
        }
        command
    }

    /// Runs a script to its end.
    pub(crate) fn script(&self, script: Script, args: &[&str]) -> Outcome {
        Outcome::of(
            self.command(script, args)
                .stdin(Stdio::null())
                .output()
                .unwrap(),
        )
    }

    /// Runs `assemble`, which must work.
    #[track_caller]
    pub(crate) fn assemble(&self) -> String {
        let outcome = self.script(Script::Assemble, &[]);
        assert_eq!(
            outcome.code,
            Some(0),
            "{}{}",
            outcome.text(),
            outcome.stderr
        );
        assert!(!self.path("tmp/s2i-scratch").exists());
        outcome.text()
    }

    /// Runs `assemble`, which must not work, and returns what it said; `ROOT` stands for the image.
    #[track_caller]
    pub(crate) fn refuse(&self, code: i32) -> String {
        let outcome = self.script(Script::Assemble, &[]);
        assert_eq!(
            outcome.code,
            Some(code),
            "{}{}",
            outcome.text(),
            outcome.stderr
        );
        assert!(!self.path("tmp/s2i-scratch").exists());
        assert_eq!(self.list("app-root"), ["bin"]);
        outcome
            .stderr
            .replace(self.root.path().to_str().unwrap(), "ROOT")
    }
}

impl Outcome {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

fn open(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn walk(directory: &Path, prefix: &str, found: &mut Vec<String>) {
    let mut entries: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        let is_dir = entry.file_type().unwrap().is_dir();
        found.push(name.clone());
        if is_dir {
            walk(&entry.path(), &format!("{name}/"), found);
        }
    }
}
