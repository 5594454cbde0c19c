//! Images that tests make for themselves: no distribution, one static program for every script.

use std::{
    collections::BTreeMap,
    fs::File,
    io::BufWriter,
    path::{Path, PathBuf},
};

use s2i_core::{
    image::{ContainerConfig, ImageConfig, Platform},
    label,
};
use s2i_oci::{
    Image, archive,
    layer::{LayerBuilder, Owner},
};
use serde_json::Value;

/// The time of everything in these images, in seconds since 1970.
const MTIME: u64 = 315_532_801;

/// The directory of the scripts.
pub(crate) const SCRIPTS: &str = "/usr/libexec/s2i";

/// The user of these images.
pub(crate) const USER: Owner = Owner { uid: 1001, gid: 0 };

/// The variable that names a static `s2i` for images.
const AGENT: &str = "S2I_TEST_AGENT";

/// One file of an image.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    /// A directory for the user of the image, with this mode.
    Directory(u32),
    /// A file of root with this mode and text.
    Text(u32, &'static str),
    /// The test program.
    Program,
    /// The static `s2i` of the tests on Kubernetes.
    Agent,
    /// A symbolic link.
    Link(&'static str),
}

/// The description of an image; paths are relative to its root.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    pub(crate) os: &'static str,
    pub(crate) user: &'static str,
    pub(crate) working_dir: &'static str,
    pub(crate) entrypoint: Vec<&'static str>,
    pub(crate) env: Vec<&'static str>,
    pub(crate) labels: BTreeMap<&'static str, &'static str>,
    /// Fields of the config that no OCI config has.
    pub(crate) other: BTreeMap<&'static str, Value>,
    pub(crate) entries: BTreeMap<&'static str, Entry>,
}

impl Recipe {
    /// A builder: a world-writable `/tmp`, `/app` for user 1001 and the group 0.
    pub(crate) fn builder() -> Self {
        Self {
            os: "linux",
            user: "1001:0",
            working_dir: "/app",
            entrypoint: Vec::new(),
            env: vec!["FROM_IMAGE=builder", "PATH=/usr/bin:/bin"],
            labels: BTreeMap::from([(label::SCRIPTS_URL, "image:///usr/libexec/s2i")]),
            other: BTreeMap::new(),
            entries: BTreeMap::from([
                ("tmp", Entry::Directory(0o1777)),
                ("app", Entry::Directory(0o775)),
                ("usr/libexec/s2i/assemble", Entry::Program),
                ("usr/libexec/s2i/run", Entry::Program),
            ]),
        }
    }

    /// A runtime image that wants `/app` in its working directory `/srv`.
    pub(crate) fn runtime() -> Self {
        Self {
            os: "linux",
            user: "1001:0",
            working_dir: "/srv",
            entrypoint: Vec::new(),
            env: vec!["FROM_IMAGE=runtime", "PATH=/usr/bin:/bin"],
            labels: BTreeMap::from([
                (label::SCRIPTS_URL, "image:///usr/libexec/s2i"),
                (label::ASSEMBLE_INPUT_FILES, "/app"),
            ]),
            other: BTreeMap::new(),
            entries: BTreeMap::from([
                ("srv", Entry::Directory(0o775)),
                ("usr/libexec/s2i/assemble-runtime", Entry::Program),
                ("usr/libexec/s2i/run", Entry::Program),
            ]),
        }
    }

    /// The same with this entry, in place of one of the same name.
    pub(crate) fn with(mut self, name: &'static str, entry: Entry) -> Self {
        self.entries.insert(name, entry);
        self
    }

    /// The same without this entry.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.entries.remove(name).expect("an entry of the recipe");
        self
    }

    /// The same with this label.
    pub(crate) fn label(mut self, name: &'static str, value: &'static str) -> Self {
        self.labels.insert(name, value);
        self
    }

    /// Writes an archive of the image for `s2i load`. Its name is in its layer as well: tests that
    /// share layers would depend on how an engine removes what others begin to use.
    pub(crate) fn write(&self, name: &str, dir: &Path) -> PathBuf {
        let program = program();
        let mut layer = LayerBuilder::new(MTIME);
        for (path, entry) in &self.entries {
            if let Some((parent, _)) = path.rsplit_once('/') {
                layer.directories(parent, 0o755, Owner::ROOT).unwrap();
            }
            match entry {
                Entry::Directory(mode) => layer.directory(path, *mode, USER),
                Entry::Text(mode, text) => {
                    layer.file(path, *mode, Owner::ROOT, text.as_bytes().to_vec())
                }
                Entry::Agent => {
                    let agent = std::env::var_os(AGENT).expect("the variable of a static s2i");
                    layer.file(path, 0o755, Owner::ROOT, std::fs::read(agent).unwrap())
                }
                Entry::Program => layer.file(path, 0o755, Owner::ROOT, program.clone()),
                Entry::Link(target) => layer.symlink(path, target, Owner::ROOT),
            }
            .unwrap();
        }
        let own = format!("{name}\n").into_bytes();
        layer.file("s2i-test", 0o644, Owner::ROOT, own).unwrap();
        let platform = Platform {
            os: self.os.into(),
            ..Platform::linux(architecture())
        };
        let other = self.other.iter();
        let config = ImageConfig::new(platform).with_config(ContainerConfig {
            user: self.user.into(),
            working_dir: self.working_dir.into(),
            entrypoint: self.entrypoint.iter().map(ToString::to_string).collect(),
            env: self.env.iter().map(|entry| (*entry).to_owned()).collect(),
            labels: self
                .labels
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            exposed_ports: ["8080/tcp".to_owned()].into(),
            other: other
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
            ..ContainerConfig::default()
        });
        let layer = layer.build(&dir.join("layer.tar")).unwrap();
        let mut image = Image::new(config);
        image.push(layer, "made by a test");
        image.names.push(name.parse().unwrap());
        let archive = dir.join("image.tar");
        let mut file = BufWriter::new(File::create(&archive).unwrap());
        archive::write(&[image], &mut file).unwrap();
        archive
    }
}

/// This processor as images call it.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => panic!("there is no agent for {other}"),
    }
}

/// The static program that stands for all scripts.
fn program() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"),
        PathBuf::from,
    );
    let program = target
        .join("s2i")
        .join(std::env::consts::ARCH)
        .join("test-script");
    assert!(
        program.is_file(),
        "{} is not there; `cargo xtask test` makes it",
        program.display()
    );
    program
}
