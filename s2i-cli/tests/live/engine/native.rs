//! The embedded engine, asked past `s2i` where that can be: its store is files.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs::{self, File},
    io,
    os::unix::fs::{MetadataExt as _, chown, lchown},
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, Weak},
};

use bollard::models::{ImageInspect, ImageInspectRootFs};
use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
    process::{Pid, Signal, kill_process},
};
use s2i_core::ImageRef;
use serde_json::Value;

use crate::harness::names_in;

/// The variable that names a store to use; without it there is one for the tests of a process.
const STORE: &str = "S2I_TEST_STORE";

/// The variable that names the user of `s2i`; by default, that of the tests.
const USER: &str = "S2I_TEST_USER";

/// The exit code of `s2i` for a missing image.
const NO_IMAGE: i32 = 21;

/// The store of the embedded engine.
pub(crate) struct Native {
    /// The one of most tests, which also has what all start.
    shared: Arc<Store>,
    store: Arc<Store>,
    user: Option<User>,
}

/// A directory for a store. One that is made for tests goes with the last of them.
enum Store {
    Named(PathBuf),
    Own {
        dir: tempfile::TempDir,
        store: PathBuf,
    },
}

/// An ordinary user of this machine.
struct User {
    uid: u32,
    gid: u32,
}

impl Native {
    pub(super) fn new() -> Self {
        static SHARED: Mutex<Weak<Store>> = Mutex::new(Weak::new());
        let user = std::env::var(USER).ok().map(|name| User::of_name(&name));
        let mut shared = SHARED.lock().unwrap();
        let store = shared.upgrade().unwrap_or_else(|| {
            let store = Arc::new(Store::make(user.as_ref()));
            *shared = Arc::downgrade(&store);
            store
        });
        Self {
            shared: Arc::clone(&store),
            store,
            user,
        }
    }

    /// Takes a store that no other test uses.
    pub(super) fn part(&mut self) {
        self.store = Arc::new(Store::own(self.user.as_ref()));
    }

    /// Returns `s2i` without the environment of the tests.
    pub(super) fn s2i(&self) -> Command {
        let mut command = self.program();
        command.env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
    }

    fn program(&self) -> Command {
        let program = env!("CARGO_BIN_EXE_s2i");
        let Some(user) = &self.user else {
            return Command::new(program);
        };
        let program = self.shared.program(Path::new(program));
        let mut command = Command::new("setpriv");
        let ids = [user.uid, user.gid].map(|id| id.to_string());
        command.args(["--reuid", &ids[0], "--regid", &ids[1], "--init-groups"]);
        command.arg(program);
        command
    }

    pub(super) fn options(&self) -> Vec<OsString> {
        let options = ["--engine", "native", "--store"].map(OsString::from);
        let store = self.store.path().into();
        options.into_iter().chain([store]).collect()
    }

    pub(super) fn give(&self, dir: &Path) {
        if let Some(user) = &self.user {
            let given = user.take(dir);
            given.unwrap_or_else(|error| panic!("can't give {}: {error}", dir.display()));
        }
    }

    pub(super) fn image(&self, name: &str) -> Option<ImageInspect> {
        let images = self.store.images();
        let full = name.parse::<ImageRef>().unwrap().normalised();
        let image = images
            .into_iter()
            .find(|image| image.name.as_ref() == Some(&full) || image.id == name)?;
        let layers = image.config["rootfs"]["diff_ids"].clone();
        Some(ImageInspect {
            id: Some(image.id),
            config: serde_json::from_value(image.config["config"].clone()).unwrap(),
            root_fs: Some(ImageInspectRootFs {
                typ: "layers".into(),
                layers: serde_json::from_value(layers).unwrap(),
            }),
            ..ImageInspect::default()
        })
    }

    pub(super) fn remove_image(&self, name: &str) -> Result<(), String> {
        let output = self.s2i().args(self.options()).args(["rmi", name]).output();
        let output = output.unwrap();
        match output.status.code() {
            Some(0 | NO_IMAGE) => Ok(()),
            _ => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    /// The number of images without a name that have this display name.
    pub(super) fn unnamed(&self, tag: &str) -> usize {
        let images = self.store.images();
        let unnamed = images.iter().filter(|image| image.name.is_none());
        let is_it =
            |image: &&Image| image.config["config"]["Labels"][s2i_core::label::DISPLAY_NAME] == tag;
        unnamed.filter(is_it).count()
    }

    /// The directories of what runs on images with such names.
    pub(super) fn containers(&self, prefix: &str) -> Vec<String> {
        let images = self.store.images();
        let full = prefix.parse::<ImageRef>().map(|name| name.full_name());
        let full = full.unwrap_or_else(|_| format!("docker.io/{prefix}"));
        let has_name = |image: &&Image| {
            image
                .name
                .as_ref()
                .is_some_and(|name| name.starts_with(&full))
        };
        let manifests: BTreeSet<_> = images
            .iter()
            .filter(has_name)
            .map(|image| &image.manifest)
            .collect();
        let works = fs::read_dir(self.store.path().join("work"))
            .into_iter()
            .flatten();
        let live = works
            .map(|work| work.unwrap().path())
            .filter(|work| is_live(work));
        live.filter(|work| {
            leased(work)
                .iter()
                .any(|manifest| manifests.contains(manifest))
        })
        .map(|work| work.file_name().unwrap().to_str().unwrap().to_owned())
        .collect()
    }

    pub(super) fn unfinished(&self) -> Vec<String> {
        names_in(&self.store.path().join("work"))
    }

    /// Kills the first process of a container, and with it all of them.
    pub(super) fn kill_container(&self, name: &str) {
        let work = self.store.path().join("work").join(name);
        let owner = owner(&work.join("lock"));
        let first = processes().find(|pid| is_first(*pid) && is_below(*pid, owner));
        let first = first.unwrap_or_else(|| panic!("no container below process {owner}"));
        kill_process(Pid::from_raw(first).unwrap(), Signal::KILL).unwrap();
    }

    pub(super) fn export(&self, image: &str, to: &Path) {
        let file = File::create(to).unwrap();
        let mut command = self.s2i();
        let command = command
            .args(self.options())
            .args(["export", image])
            .stdout(file);
        let output = command.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
    }
}

impl Store {
    fn make(user: Option<&User>) -> Self {
        if let Some(path) = std::env::var_os(STORE) {
            return Self::Named(path.into());
        }
        Self::own(user)
    }

    fn own(user: Option<&User>) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("live-store-")
            .tempdir()
            .unwrap();
        if let Some(user) = user {
            chown(dir.path(), Some(user.uid), Some(user.gid)).unwrap();
        }
        let store = dir.path().join("store");
        Self::Own { dir, store }
    }

    /// A copy of the program beside the store: it may lie where its user can't look.
    fn program(&self, original: &Path) -> PathBuf {
        static COPY: Mutex<Option<PathBuf>> = Mutex::new(None);
        let mut copy = COPY.lock().unwrap();
        let made = copy.get_or_insert_with(|| {
            let dir = match self {
                Self::Named(path) => path.parent().unwrap(),
                Self::Own { dir, .. } => dir.path(),
            };
            let own = dir.join("s2i-under-test");
            fs::copy(original, &own).unwrap();
            own
        });
        made.clone()
    }

    fn path(&self) -> &Path {
        match self {
            Self::Named(path) => path,
            Self::Own { store, .. } => store,
        }
    }

    fn images(&self) -> Vec<Image> {
        let Ok(index) = fs::read(self.path().join("index.json")) else {
            return Vec::new();
        };
        let index: Value = serde_json::from_slice(&index).unwrap();
        let entries = index["manifests"].as_array().into_iter().flatten();
        // One that is removed meanwhile is not there any more.
        entries.filter_map(|entry| self.entry(entry)).collect()
    }

    fn entry(&self, entry: &Value) -> Option<Image> {
        let manifest = entry["digest"].as_str()?.to_owned();
        let id = self.blob(&manifest)?["config"]["digest"]
            .as_str()?
            .to_owned();
        let name = entry["annotations"]["io.containerd.image.name"].as_str();
        Some(Image {
            name: name.map(str::to_owned),
            config: self.blob(&id)?,
            id,
            manifest,
        })
    }

    fn blob(&self, digest: &str) -> Option<Value> {
        let hex = digest.strip_prefix("sha256:")?;
        let bytes = fs::read(self.path().join("blobs/sha256").join(hex)).ok()?;
        serde_json::from_slice(&bytes).ok()
    }
}

/// An entry of the index.
struct Image {
    name: Option<String>,
    id: String,
    manifest: String,
    config: Value,
}

/// Returns whether a process holds the lock of this directory.
fn is_live(work: &Path) -> bool {
    let Ok(lock) = File::open(work.join("lock")) else {
        return false;
    };
    flock(&lock, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK)
}

/// The manifests that a directory keeps.
fn leased(work: &Path) -> Vec<String> {
    let lease = fs::read(work.join("lease.json")).unwrap_or_default();
    let lease: Value = serde_json::from_slice(&lease).unwrap_or_default();
    let images = lease["images"].as_array().into_iter().flatten();
    let digests = images.filter_map(|image| image["digest"].as_str());
    digests.map(str::to_owned).collect()
}

fn processes() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").unwrap();
    entries.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
}

/// Returns whether it is the first process of a namespace other than the initial one.
fn is_first(pid: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    let numbers: Vec<_> = numbers.unwrap_or_default().split_whitespace().collect();
    numbers.len() > 1 && numbers.last() == Some(&"1")
}

/// Returns whether it is a descendant of this process.
fn is_below(pid: i32, ancestor: i32) -> bool {
    let mut pid = pid;
    while pid > 1 {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
        pid = parent
            .and_then(|pid| pid.trim().parse().ok())
            .unwrap_or_default();
        if pid == ancestor {
            return true;
        }
    }
    false
}

/// The process that holds a lock.
fn owner(lock: &Path) -> i32 {
    let inode = format!(":{}", fs::metadata(lock).unwrap().ino());
    let locks = fs::read_to_string("/proc/locks").unwrap();
    let lines = locks
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let held = lines
        .into_iter()
        .find(|fields| fields.iter().any(|field| field.ends_with(&inode)));
    let held = held.unwrap_or_else(|| panic!("no process holds {}", lock.display()));
    held[4].parse().unwrap()
}

impl User {
    fn of_name(name: &str) -> Self {
        let passwd = fs::read_to_string("/etc/passwd").unwrap();
        let fields = passwd
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>());
        let entry = fields.into_iter().find(|fields| fields[0] == name);
        let entry = entry.unwrap_or_else(|| panic!("{USER}={name}: there is no such user"));
        let [uid, gid] = [2, 3].map(|field: usize| entry[field].parse().unwrap());
        Self { uid, gid }
    }

    /// Takes over what is at a path and all in it. What the user has already is left alone: a new owner,
    /// even the old one, is a change of the file. What a build that is running takes away needs no owner.
    fn take(&self, path: &Path) -> io::Result<()> {
        let found = fs::symlink_metadata(path)?;
        if (found.uid(), found.gid()) != (self.uid, self.gid) {
            lchown(path, Some(self.uid), Some(self.gid))?;
        }
        if !found.is_dir() {
            return Ok(());
        }
        for child in fs::read_dir(path)? {
            match self.take(&child?.path()) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                taken => taken?,
            }
        }
        Ok(())
    }
}
