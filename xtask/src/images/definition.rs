//! `image.toml`: what an image is, as data.
//!
//! The table `variant.NAME` holds what another image has in the place of the rest: keys of tables are
//! replaced one by one, everything else as a whole.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use anyhow::{Context, Result};
use s2i_core::{
    ImageRef,
    image::{ContainerConfig, ImageConfig, Platform},
};
use serde::Deserialize;
use toml::Table;

use super::{folder, lock::Lock};
use crate::dist::Arch;

/// The images that there are: a folder, or a folder and the variant in it that is meant.
pub(super) const NAMES: [&str; 9] = [
    "binary",
    "go",
    "go:test",
    "go-runtime",
    "node",
    "node:22",
    "node-runtime",
    "node-runtime:22",
    "scratch",
];

/// All names.
pub(super) fn all() -> Vec<String> {
    NAMES.map(str::to_owned).to_vec()
}

/// One image.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Definition {
    /// What it is called here: its folder, and its variant if it is one.
    #[serde(skip)]
    pub(super) name: String,
    /// The artifact whose version the image has: `go`, `node-24`. None for an image without anything.
    #[serde(default)]
    pub(super) toolchain: String,
    /// What engines are to know it by.
    pub(super) names: Vec<ImageRef>,
    /// The bytes that its layers may have together.
    pub(super) size_limit: u64,
    /// Its layers, lowest first.
    pub(super) contents: Vec<Part>,
    /// The scripts that it has.
    pub(super) scripts: BTreeSet<String>,
    /// Files of its folder, by their place in the image.
    #[serde(default)]
    pub(super) files: BTreeMap<String, String>,
    /// The user of its containers.
    pub(super) user: String,
    /// Where they start.
    pub(super) working_dir: String,
    /// Their ports.
    pub(super) ports: BTreeSet<String>,
    /// Their command.
    pub(super) cmd: Vec<String>,
    /// Their variables.
    pub(super) env: Vec<String>,
    /// Its labels.
    pub(super) labels: BTreeMap<String, String>,
}

/// What a layer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Part {
    /// Accounts, directories, certificates, time zones.
    System,
    /// The Go toolchain, and the files of the definition.
    Go,
    /// What tests and checks of Go need besides.
    GoTest,
    /// A shell and the usual tools.
    Shell,
    /// The C and C++ libraries.
    Libraries,
    /// Node.js.
    Node,
    /// npm.
    Npm,
    /// The scripts.
    Scripts,
}

impl Part {
    /// As definitions call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Go => "go",
            Self::GoTest => "go-test",
            Self::Shell => "shell",
            Self::Libraries => "libraries",
            Self::Node => "node",
            Self::Npm => "npm",
            Self::Scripts => "scripts",
        }
    }

    /// What `docker history` says of the layer.
    pub(super) fn history(self) -> &'static str {
        match self {
            Self::System => "accounts, certificates, time zones",
            Self::Go => "Go toolchain",
            Self::GoTest => "tests and checks of Go",
            Self::Shell => "shell and tools",
            Self::Libraries => "C and C++ libraries",
            Self::Node => "Node.js",
            Self::Npm => "npm",
            Self::Scripts => "s2i scripts",
        }
    }
}

impl Definition {
    /// Reads the description of an image.
    pub(super) fn read(name: &str, lock: &Lock) -> Result<Self> {
        let (folder, variant) = match name.split_once(':') {
            Some((folder, variant)) => (folder, Some(variant)),
            None => (name, None),
        };
        let path = super::folder().join(folder).join("image.toml");
        let understand = || format!("can't understand {}", path.display());
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("can't read {}", path.display()))?;
        let mut table = choose(&text, variant).with_context(understand)?;
        let version = match table.get("toolchain").and_then(toml::Value::as_str) {
            Some(toolchain) => lock.artifact(toolchain, Arch::Amd64)?.version.clone(),
            None => String::new(),
        };
        table
            .iter_mut()
            .for_each(|(_, value)| fill(value, &version));
        let definition: Self = table.try_into().with_context(understand)?;
        Ok(Self {
            name: name.to_owned(),
            ..definition
        })
    }

    /// The directory that describes it.
    pub(super) fn folder(&self) -> PathBuf {
        let name = self.name.split(':').next().unwrap_or(&self.name);
        folder().join(name)
    }

    /// The Dockerfile beside the description.
    pub(super) fn dockerfile(&self) -> PathBuf {
        self.folder().join(match self.name.split_once(':') {
            Some((_, variant)) => format!("Dockerfile.{variant}"),
            None => "Dockerfile".to_owned(),
        })
    }

    /// The config of the image, without layers.
    pub(super) fn config(&self, arch: Arch, created: &str) -> ImageConfig {
        let config = ContainerConfig {
            user: self.user.clone(),
            exposed_ports: self.ports.clone(),
            env: self.env.clone(),
            cmd: self.cmd.clone(),
            working_dir: self.working_dir.clone(),
            labels: self.labels.clone(),
            ..ContainerConfig::default()
        };
        let mut platform = Platform::linux(arch.go());
        platform.variant = (arch == Arch::Arm64).then(|| "v8".into());
        let mut image = ImageConfig::new(platform).with_config(config);
        image.created = Some(created.to_owned());
        image
    }
}

/// The description, with what the variant has instead of it.
fn choose(text: &str, variant: Option<&str>) -> Result<Table> {
    let mut table: Table = toml::from_str(text)?;
    let variants = table.remove("variant");
    let Some(variant) = variant else {
        return Ok(table);
    };
    let of = |variants: toml::Value| variants.get(variant)?.as_table().cloned();
    let with = variants
        .and_then(of)
        .with_context(|| format!("it has no variant `{variant}`"))?;
    merge(&mut table, with);
    Ok(table)
}

fn merge(table: &mut Table, with: Table) {
    for (key, value) in with {
        match (table.get_mut(&key), value) {
            (Some(toml::Value::Table(table)), toml::Value::Table(with)) => merge(table, with),
            (_, value) => {
                table.insert(key, value);
            }
        }
    }
}

/// Puts the version where `{version}`, `{minor}` and `{major}` are.
fn fill(value: &mut toml::Value, version: &str) {
    match value {
        toml::Value::String(text) => {
            let upto = |dots| {
                let numbers: Vec<_> = version.split('.').take(dots).collect();
                numbers.join(".")
            };
            *text = text
                .replace("{version}", version)
                .replace("{minor}", &upto(2))
                .replace("{major}", &upto(1));
        }
        toml::Value::Array(values) => values.iter_mut().for_each(|value| fill(value, version)),
        toml::Value::Table(table) => table.iter_mut().for_each(|(_, value)| fill(value, version)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_have_what_they_say_and_the_rest() {
        let text =
            "a = 1\nb = [1]\n[c]\nd = 1\ne = 1\n[variant.x]\nb = [2]\n[variant.x.c]\ne = 2\n";
        let check = |variant, expected: &str| {
            let expected: Table = toml::from_str(expected).unwrap();
            assert_eq!(choose(text, variant).unwrap(), expected);
        };
        check(None, "a = 1\nb = [1]\nc = { d = 1, e = 1 }");
        check(Some("x"), "a = 1\nb = [2]\nc = { d = 1, e = 2 }");
        let err = choose(text, Some("y")).unwrap_err();
        assert_eq!(err.to_string(), "it has no variant `y`");
    }

    #[test]
    fn versions_are_filled_in() {
        let mut value = toml::Value::Array(vec!["{version} {minor} {major}".into(), 1.into()]);
        fill(&mut value, "1.27.3");
        let expected = vec!["1.27.3 1.27 1".into(), 1.into()];
        assert_eq!(value, toml::Value::Array(expected));
    }

    #[test]
    fn builders_alone_have_a_shell_and_its_licences() {
        let lock = Lock::read().unwrap();
        for name in NAMES {
            let image = Definition::read(name, &lock).unwrap();
            let has_shell = image.contents.contains(&Part::Shell);
            let is_builder = image.scripts.contains("assemble");
            assert_eq!(has_shell, is_builder, "{name}");
            let licences = &image.labels["org.opencontainers.image.licenses"];
            for licence in ["GPL-2.0-only", "GPL-3.0-or-later"] {
                assert_eq!(licences.contains(licence), has_shell, "{name}: {licence}");
            }
            let has_sources = image.labels.contains_key("io.s2i.sources");
            assert_eq!(has_sources, has_shell, "{name}");
        }
    }

    #[test]
    fn all_images_can_be_read_and_follow_the_rules() {
        let lock = Lock::read().unwrap();
        for name in NAMES {
            let Definition {
                names,
                size_limit,
                contents,
                scripts,
                user,
                ports,
                cmd,
                env,
                labels,
                ..
            } = Definition::read(name, &lock).unwrap();
            // What goes into an image without anything is its script.
            let is_empty = contents.is_empty();
            assert!((size_limit == 0) == is_empty && !names.is_empty(), "{name}");
            assert!(user.parse::<u32>().is_ok_and(|user| user > 0), "{name}");
            assert!(
                is_empty || scripts.contains("run") && scripts.contains("usage"),
                "{name}"
            );
            let (url, script) = if is_empty {
                (Some("image:///app"), "/app/run")
            } else {
                (Some("image:///usr/libexec/s2i"), "/usr/libexec/s2i/usage")
            };
            assert_eq!(cmd, [script], "{name}");
            assert!(
                is_empty || env.contains(&"HOME=/opt/app-root/src".into()),
                "{name}"
            );
            let label = |key: &str| labels.get(key).map(String::as_str);
            assert_eq!(label("io.openshift.s2i.scripts-url"), url, "{name}");
            assert_eq!(label("io.s2i.scripts-url"), url, "{name}");
            for port in &ports {
                let port = port.trim_end_matches("/tcp");
                assert!(port.parse::<u16>().is_ok_and(|port| port > 1024), "{name}");
                let services = label("io.openshift.expose-services").unwrap();
                assert_eq!(services, format!("{port}:http"), "{name}");
            }
            let is_runtime = is_empty || scripts.contains("assemble-runtime");
            let inputs = label("io.openshift.s2i.assemble-input-files");
            assert_eq!(inputs.is_some(), is_runtime, "{name}");
            let tags = label("io.openshift.tags").unwrap();
            let kind = if is_runtime { "runtime," } else { "builder," };
            assert!(tags.starts_with(kind) && !tags.contains(' '), "{name}");
            for key in [
                "io.k8s.display-name",
                "io.k8s.description",
                "summary",
                "usage",
            ] {
                assert!(
                    label(key).is_some_and(|text| !text.is_empty()),
                    "{name}: {key}"
                );
            }
            assert!(labels.values().all(|text| !text.contains('{')), "{name}");
        }
    }
}
