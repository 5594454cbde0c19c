//! A directory that stands for a builder image with a source in it.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, Permissions},
    io::Write as _,
    os::unix::{
        fs::{PermissionsExt as _, lchown, symlink},
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

/// The result of a script.
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

/// Returns whether the run includes tests that take long, such as those that download. Otherwise the test is reported
/// as skipped.
pub(crate) fn is_thorough() -> bool {
    let is_thorough = env::var_os("S2I_TEST_THOROUGH").is_some();
    if !is_thorough {
        skip("`cargo xtask test --thorough` runs it");
    }
    is_thorough
}

impl Image {
    /// An image with a toolchain and without a source. `None`, and a note, where the host has no
    /// Go.
    pub(crate) fn with_go() -> Option<Self> {
        let path = env::var_os("PATH").unwrap_or_default();
        let usual = PathBuf::from("/usr/local/go/bin");
        let found = env::split_paths(&path)
            .chain([usual])
            .find(|directory| directory.join("go").is_file());
        let Some(directory) = found else {
            skip("there is no Go on this host");
            return None;
        };
        Some(Self::new().env("PATH", directory.to_str().unwrap()))
    }

    /// An image with Node.js, npm, a shell and `env`, and nothing else of the host. `None`, and a
    /// note, where the host has no Node.js.
    pub(crate) fn with_node() -> Option<Self> {
        let image = Self::new();
        fs::create_dir(image.path("tools")).unwrap();
        let image = ["node", "npm", "sh", "env"]
            .into_iter()
            .try_fold(image, Self::tool);
        if image.is_none() {
            skip("there is no Node.js with npm on this host");
        }
        let image = image?;
        let path = image.path("tools").to_str().unwrap().to_owned();
        // Only tests that call `online` download.
        Some(image.env("PATH", &path).env("npm_config_offline", "true"))
    }

    /// Adds a program of the host to the tools.
    pub(crate) fn tool(self, name: &str) -> Option<Self> {
        let path = env::var_os("PATH").unwrap_or_default();
        let found = env::split_paths(&path)
            .map(|directory| directory.join(name))
            .find(|path| path.is_file())?;
        symlink(found, self.path("tools").join(name)).unwrap();
        Some(self)
    }

    /// Lets the image download, as far as the host may. `None`, and a note, unless tests may take long.
    pub(crate) fn online(self) -> Option<Self> {
        if !is_thorough() {
            return None;
        }
        let mut image = self.without("GOPROXY").without("npm_config_offline");
        for name in [
            "GOPROXY",
            "GOSUMDB",
            "HTTPS_PROXY",
            "https_proxy",
            "NO_PROXY",
            "NODE_EXTRA_CA_CERTS",
            "npm_config_registry",
            "SSL_CERT_FILE",
        ] {
            if let Ok(value) = env::var(name) {
                image = image.env(name, &value);
            }
        }
        Some(image)
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
        // Only tests that call `online` download.
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

    /// Returns the value of a variable.
    pub(crate) fn variable(&self, name: &str) -> &str {
        &self.env[name]
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

    /// Takes a sample application, such as `go/web`, as the source.
    pub(crate) fn sample(self, name: &str) -> Self {
        copy(&sample(name), &self.path("tmp/src"));
        self
    }

    /// Takes the source of another image.
    pub(crate) fn source_of(self, other: &Self) -> Self {
        copy(&other.path("tmp/src"), &self.path("tmp/src"));
        self
    }

    /// Returns a path of the image.
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

    /// Returns the paths below a directory.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let mut found = Vec::new();
        walk(&self.path(name), "", &mut found);
        found
    }

    /// Returns the command that starts a script.
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
        if let (Some(user), Script::Assemble) = (self.user, script) {
            // As s2i unpacks it.
            own(&self.path("tmp/src"), user);
        }
        Outcome::of(
            self.command(script, args)
                .stdin(Stdio::null())
                .output()
                .unwrap(),
        )
    }

    /// Runs `assemble`, which must succeed.
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

    /// Runs `assemble`, which must fail, and returns its standard error; `ROOT` stands for the image.
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

/// Returns the directory of a sample application of a builder.
pub(crate) fn sample(name: &str) -> PathBuf {
    let (builder, name) = name.split_once('/').unwrap();
    let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("../builder-images");
    images.join(builder).join("samples").join(name)
}

/// Reports that a test was skipped. The macro would not do: the test harness captures its output.
pub(crate) fn skip(reason: &str) {
    drop(writeln!(std::io::stderr(), "\n!!! SKIPPED: {reason}\n"));
}

fn own(path: &Path, user: u32) {
    lchown(path, Some(user), Some(0)).unwrap();
    if fs::symlink_metadata(path).unwrap().is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            own(&entry.unwrap().path(), user);
        }
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
