//! The definition of an image in `image.toml`.
//!
//! The table `variant.NAME` overrides values for another image: the keys of tables are replaced one by one, and
//! all other values completely.

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

/// The names of builder and runtime images: a folder, or a folder and a variant in it.
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

/// The names of the images that have `s2i` in them. They are composed only on request, because a static `s2i` takes
/// minutes to compile.
pub(super) const NAMES_WITH_S2I: [&str; 6] = [
    "binary:ci",
    "go:ci",
    "node:ci",
    "s2i",
    "s2i:git",
    "s2i:kube",
];

/// Returns all names.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    NAMES.into_iter().chain(NAMES_WITH_S2I)
}

/// The definition of one image.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Definition {
    /// The name of the definition: its folder, with the variant if it is one.
    #[serde(skip)]
    pub(super) name: String,
    /// The artifact whose version the image has: `go`, `node-24`, or `s2i` for that of this workspace. Empty for an
    /// image without a version.
    #[serde(default)]
    pub(super) toolchain: String,
    /// The builder that the image is, but for its last layers, with `s2i` in them.
    #[serde(default)]
    pub(super) builder: Option<String>,
    /// Images that the layer with `s2i` has as archives, for builds without a registry.
    #[serde(default)]
    pub(super) images: Vec<String>,
    /// The names of the image in engines.
    pub(super) names: Vec<ImageRef>,
    /// The maximum total size of its layers in bytes.
    pub(super) size_limit: u64,
    /// Its layers, lowest first.
    pub(super) contents: Vec<Part>,
    /// Its scripts.
    pub(super) scripts: BTreeSet<String>,
    /// Files of its folder, by their path in the image.
    #[serde(default)]
    pub(super) files: BTreeMap<String, String>,
    /// The user of its containers.
    pub(super) user: String,
    /// The working directory of its containers.
    pub(super) working_dir: String,
    /// The exposed ports of its containers.
    pub(super) ports: BTreeSet<String>,
    /// The command of its containers.
    pub(super) cmd: Vec<String>,
    /// The environment variables of its containers.
    pub(super) env: Vec<String>,
    /// Its labels.
    pub(super) labels: BTreeMap<String, String>,
}

/// The content of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Part {
    /// Accounts, directories, certificates, time zones.
    System,
    /// The Go toolchain, and the files of the definition.
    Go,
    /// Additional programs for tests and checks of Go.
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
    /// The packer of executables.
    Upx,
    /// Git and the client of OpenSSH.
    Git,
    /// `s2i` with the client of clusters, beside the one without it.
    Kube,
    /// `s2i`, with what it has to know about the builder that it is added to.
    S2i,
}

impl Part {
    /// Returns the name in definitions.
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
            Self::Upx => "upx",
            Self::Git => "git",
            Self::Kube => "kube",
            Self::S2i => "s2i",
        }
    }

    /// Returns the text of the layer in `docker history`.
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
            Self::Upx => "UPX",
            Self::Git => "Git and OpenSSH client",
            Self::Kube => "s2i with the client of Kubernetes",
            Self::S2i => "s2i",
        }
    }
}

impl Definition {
    /// Reads the definition of an image.
    pub(super) fn read(name: &str, lock: &Lock) -> Result<Self> {
        let (folder, variant) = match name.split_once(':') {
            Some((folder, variant)) => (folder, Some(variant)),
            None => (name, None),
        };
        let path = super::folder().join(folder).join("image.toml");
        let parse = || format!("can't understand {}", path.display());
        let text = std::fs::read_to_string(&path);
        let text = text.with_context(|| format!("can't read {}", path.display()))?;
        let mut table = choose(&text, variant).with_context(parse)?;
        let version = match table.get("toolchain").and_then(toml::Value::as_str) {
            Some("s2i") => env!("CARGO_PKG_VERSION").to_owned(),
            Some(toolchain) => lock.artifact(toolchain, Arch::Amd64)?.version.clone(),
            None => String::new(),
        };
        for (_, value) in &mut table {
            fill(value, &version);
        }
        let definition: Self = table.try_into().with_context(parse)?;
        Ok(Self {
            name: name.to_owned(),
            ..definition
        })
    }

    /// Returns the directory of the definition.
    pub(super) fn folder(&self) -> PathBuf {
        let name = self.name.split(':').next().unwrap_or(&self.name);
        folder().join(name)
    }

    /// Returns the path of the Dockerfile beside the definition. There is none for an image with a label that depends
    /// on the content of layers.
    pub(super) fn dockerfile(&self) -> Option<PathBuf> {
        let name = match self.name.split_once(':') {
            Some((_, variant)) => format!("Dockerfile.{variant}"),
            None => "Dockerfile".to_owned(),
        };
        self.builder.is_none().then(|| self.folder().join(name))
    }

    /// Returns the config of the image, without layers.
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

/// Returns the definition with the overrides of the variant.
fn choose(text: &str, variant: Option<&str>) -> Result<Table> {
    let mut table: Table = toml::from_str(text)?;
    let variants = table.remove("variant");
    let Some(variant) = variant else {
        return Ok(table);
    };
    let of = |variants: toml::Value| variants.get(variant)?.as_table().cloned();
    let with = variants.and_then(of);
    let with = with.with_context(|| format!("it has no variant `{variant}`"))?;
    merge(&mut table, with);
    Ok(table)
}

/// Replaces the values of a table, and those of its tables one by one.
pub(crate) fn merge(table: &mut Table, with: Table) {
    for (key, value) in with {
        match (table.get_mut(&key), value) {
            (Some(toml::Value::Table(table)), toml::Value::Table(with)) => merge(table, with),
            (_, value) => {
                table.insert(key, value);
            }
        }
    }
}

/// Replaces `{version}`, `{minor}` and `{major}` by the version.
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
    fn runtime_images_alone_have_no_shell_and_its_licences() {
        let lock = Lock::read().unwrap();
        for name in all() {
            let image = Definition::read(name, &lock).unwrap();
            let has_shell = image.contents.contains(&Part::Shell);
            let is_runtime = name.starts_with("scratch") || name.contains("-runtime");
            assert_eq!(has_shell, !is_runtime, "{name}");
            let licences = &image.labels["org.opencontainers.image.licenses"];
            for licence in ["GPL-2.0-only", "GPL-3.0-or-later"] {
                assert_eq!(licences.contains(licence), has_shell, "{name}: {licence}");
            }
            let has_sources = image.labels.contains_key("io.s2i.sources");
            assert_eq!(has_sources, has_shell, "{name}");
        }
    }

    #[test]
    fn images_for_jobs_differ_from_their_builders_in_names_and_licences_only() {
        let lock = Lock::read().unwrap();
        let read = |name: &str| Definition::read(name, &lock).unwrap();
        for name in NAMES_WITH_S2I {
            let image = read(name);
            assert_eq!(image.contents.last(), Some(&Part::S2i), "{name}");
            let Some(builder) = image.builder.as_deref().map(read) else {
                continue;
            };
            assert_eq!(image.folder(), builder.folder(), "{name}");
            assert!(image.contents.starts_with(&builder.contents), "{name}");
            assert!(image.dockerfile().is_none(), "{name}");
            let licences = "org.opencontainers.image.licenses";
            assert!(
                image.labels[licences].starts_with(&builder.labels[licences]),
                "{name}"
            );
            let kept = |image: &Definition| {
                let mut config = image.config(Arch::Amd64, "").config;
                for label in [licences, "io.s2i.sources"] {
                    config.labels.remove(label);
                }
                config
            };
            assert_eq!(kept(&image), kept(&builder), "{name}");
        }
    }

    #[test]
    fn s2i_alone_has_no_scripts() {
        let lock = Lock::read().unwrap();
        for name in all() {
            let image = Definition::read(name, &lock).unwrap();
            let is_s2i = image.folder().ends_with("s2i");
            let program = image.cmd[0].split('-').next();
            assert_eq!(program == Some("s2i"), is_s2i, "{name}");
            if is_s2i {
                assert!(
                    image.scripts.is_empty() && image.builder.is_none(),
                    "{name}"
                );
                assert_eq!(image.labels["version"], env!("CARGO_PKG_VERSION"), "{name}");
                assert_eq!(image.user, "1001", "{name}");
            }
        }
    }

    #[test]
    fn all_images_of_builds_can_be_read_and_follow_the_rules() {
        let lock = Lock::read().unwrap();
        for name in NAMES.into_iter().chain(["binary:ci", "go:ci", "node:ci"]) {
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
            // An image without artifacts contains only its script.
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
