//! The configuration file.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    num::NonZeroU64,
    path::{Path, PathBuf},
};

use s2i_build::request::Builders;
use s2i_core::{UidRanges, bounds};
use s2i_oci::registry::registry_name;
use serde::Deserialize;
use thiserror::Error;

use crate::{
    args::EngineName,
    builders::{BuilderTable, TemplateFileError},
    host::Host,
};

/// The system-wide configuration file.
const SYSTEM: &str = "/etc/s2i/config.toml";

/// The content of the file; all keys are optional.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// The path of the file.
    #[serde(skip)]
    pub(crate) file: Option<PathBuf>,
    /// The value of `--engine`.
    pub(crate) engine: Option<EngineName>,
    /// The value of `--url`.
    pub(crate) url: Option<String>,
    /// The value of `--store`.
    pub(crate) store: Option<PathBuf>,
    /// The value of `--allowed-uids`.
    pub(crate) allowed_uids: UidRanges,
    /// The images that `s2i build` picks from if no builder is named.
    #[serde(skip)]
    pub(crate) builders: Builders,
    #[serde(rename = "builders")]
    builder_table: BuilderTable,
    /// The registry settings of the embedded engine.
    pub(crate) registry: Registry,
    /// The limits of the embedded engine.
    pub(crate) limits: Limits,
}

/// The limits for a layer of the embedded engine, and for an archive that it loads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    /// The size in bytes; 64 GiB by default.
    bytes: Option<NonZeroU64>,
    /// The number of files, directories and other entries; four million by default.
    entries: Option<NonZeroU64>,
}

impl Limits {
    pub(crate) fn get(self) -> bounds::Limits {
        let usual = bounds::Limits::default();
        bounds::Limits {
            bytes: self.bytes.map_or(usual.bytes, NonZeroU64::get),
            entries: self.entries.map_or(usual.entries, NonZeroU64::get),
            ..usual
        }
    }
}

/// The registry settings of the embedded engine. (Docker and Podman have their own files.)
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Registry {
    /// An additional directory in the format of `/etc/docker/certs.d`.
    pub(crate) certificates: Option<PathBuf>,
    /// A PEM file of certificate authorities that are trusted for every registry.
    pub(crate) trust_ca: Option<PathBuf>,
    /// The registries whose certificates are not verified, and which may have no TLS.
    pub(crate) insecure: Registries,
    /// The number of blobs that are transferred at the same time.
    pub(crate) parallel: Option<u8>,
    /// The mirrors, `host[:port][/prefix]`, that are tried before a registry, by the registry's host.
    pub(crate) mirrors: BTreeMap<String, Vec<String>>,
}

/// Names of registries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub(crate) struct Registries(pub(crate) BTreeSet<String>);

impl TryFrom<Vec<String>> for Registries {
    type Error = String;

    fn try_from(texts: Vec<String>) -> Result<Self, String> {
        let name = |text: String| {
            let name = registry_name(&text);
            name.ok_or_else(|| format!("`{text}` is not a host with an optional port"))
        };
        texts
            .into_iter()
            .map(name)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// The reason for a rejected configuration file.
#[derive(Debug, Error)]
pub(crate) enum ConfigError {
    #[error("can't read the configuration `{}`", file.display())]
    Read { file: PathBuf, source: io::Error },
    #[error("{}:{line}: `{text}`: {message}", file.display())]
    Line {
        file: PathBuf,
        /// The line number, from 1.
        line: usize,
        /// The text of the line.
        text: String,
        message: String,
    },
    /// A file that `[builders]` names can't be used.
    #[error("can't use the template `{}`", file.display())]
    Template {
        file: PathBuf,
        source: TemplateFileError,
    },
}

impl Config {
    /// Reads the file that `S2I_CONFIG` names, or else the user's file, or the system's. Returns the default if
    /// there is none.
    pub(crate) fn read(host: &Host) -> Result<Self, ConfigError> {
        if let Some(file) = &host.config_file {
            return Self::read_file(file);
        }
        let home = host.config_home.iter();
        let mut files = home
            .map(|dir| dir.join("s2i/config.toml"))
            .chain([SYSTEM.into()]);
        // A parent directory that only others may enter holds no configuration for this user.
        match files.find(|file| file.symlink_metadata().is_ok()) {
            Some(file) => Self::read_file(&file),
            None => Ok(Self::default()),
        }
    }

    fn read_file(file: &Path) -> Result<Self, ConfigError> {
        let text =
            bounds::read_text_file(file, bounds::FILE).map_err(|source| ConfigError::Read {
                file: file.into(),
                source,
            })?;
        Self::parse(file, &text)
    }

    /// Parses the text of a file. Relative paths in it are relative to the file.
    pub(crate) fn parse(file: &Path, text: &str) -> Result<Self, ConfigError> {
        let mut config: Self = toml::from_str(text).map_err(|err| {
            let at = err.span().map_or(0, |span| span.start.min(text.len()));
            let line = text[..at].matches('\n').count();
            ConfigError::Line {
                file: file.into(),
                line: line + 1,
                text: text.lines().nth(line).unwrap_or_default().trim().into(),
                message: err.message().lines().collect::<Vec<_>>().join(", "),
            }
        })?;
        let dir = file.parent().unwrap_or(file);
        let paths = [
            &mut config.store,
            &mut config.registry.certificates,
            &mut config.registry.trust_ca,
        ];
        for path in paths.into_iter().flatten() {
            *path = dir.join(&path);
        }
        let builders = config.builder_table.read(dir);
        config.builders =
            builders.map_err(|(file, source)| ConfigError::Template { file, source })?;
        config.file = Some(file.into());
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let err = Config::parse(Path::new("/etc/s2i/config.toml"), text).unwrap_err();
        assert_eq!(err.to_string(), expected);
    }

    #[test]
    fn every_key_is_read() {
        let text = "engine = 'native'\nurl = 'unix:///x.sock'\nstore = '/srv/s2i'\n\
            allowed_uids = '1-'\n\
            [builders]\ngo = 'example.org/go:1'\n\
            [registry]\ncertificates = 'certs.d'\ntrust_ca = '/ca.pem'\nparallel = 5\n\
            insecure = ['registry.lan:5000', 'http://Other.lan']\n\
            [registry.mirrors]\n'docker.io' = ['mirror.example.org/hub', 'localhost:5000']\n\
            [limits]\nbytes = 1_000_000\nentries = 10\n";
        let config = Config::parse(Path::new("/etc/s2i/config.toml"), text).unwrap();
        let mirrors = ["mirror.example.org/hub", "localhost:5000"].map(str::to_owned);
        let expected = Config {
            builder_table: config.builder_table.clone(),
            file: Some("/etc/s2i/config.toml".into()),
            engine: Some(EngineName::Native),
            url: Some("unix:///x.sock".into()),
            store: Some("/srv/s2i".into()),
            allowed_uids: "1-".parse().unwrap(),
            builders: Builders {
                go: "example.org/go:1".parse().unwrap(),
                ..Builders::default()
            },
            registry: Registry {
                certificates: Some("/etc/s2i/certs.d".into()),
                trust_ca: Some("/ca.pem".into()),
                parallel: Some(5),
                insecure: Registries(["registry.lan:5000", "other.lan"].map(str::to_owned).into()),
                mirrors: [("docker.io".to_owned(), mirrors.to_vec())].into(),
            },
            limits: Limits {
                bytes: NonZeroU64::new(1_000_000),
                entries: NonZeroU64::new(10),
            },
        };
        assert_eq!(config, expected);
    }

    #[test]
    fn mistakes_are_told_with_file_and_line() {
        refused(
            "# mine\nengin = 'native'\n",
            "/etc/s2i/config.toml:2: `engin = 'native'`: unknown field `engin`, expected one of \
             `engine`, `url`, `store`, `allowed_uids`, `builders`, `registry`, `limits`",
        );
        refused(
            "engine = 'kaniko'",
            "/etc/s2i/config.toml:1: `engine = 'kaniko'`: unknown variant `kaniko`, expected one of \
             `docker`, `podman`, `native`, `here`",
        );
        refused(
            "\n[registry]\nparallel = 'many'",
            "/etc/s2i/config.toml:3: `parallel = 'many'`: invalid type: string \"many\", expected u8",
        );
        refused(
            "[registry]\ninsecure = ['a.lan', 'a.lan/team']",
            "/etc/s2i/config.toml:2: `insecure = ['a.lan', 'a.lan/team']`: `a.lan/team` is not a host \
             with an optional port",
        );
        refused(
            "[limits]\nbytes = 0",
            "/etc/s2i/config.toml:2: `bytes = 0`: invalid value: integer `0`, expected a nonzero u64",
        );
        refused(
            "[builders]\ngo = 'Go'",
            "/etc/s2i/config.toml:2: `go = 'Go'`: `Go`: the name of a repository must be lower case",
        );
        refused(
            "allowed_uids = '1-x'",
            "/etc/s2i/config.toml:1: `allowed_uids = '1-x'`: `1-x` is not a range of user numbers: \
             write n, n-m, n- or -m with decimal numbers",
        );
        refused(
            "store = ",
            "/etc/s2i/config.toml:1: `store =`: string values must be quoted, expected literal string",
        );
    }

    #[test]
    fn the_first_file_that_is_there_counts() {
        let dir = tempfile::tempdir().unwrap();
        let mut host = Host {
            config_home: Some(dir.path().into()),
            ..Host::default()
        };
        let own = dir.path().join("s2i/config.toml");
        std::fs::create_dir(dir.path().join("s2i")).unwrap();
        std::fs::write(&own, "store = 'own'").unwrap();
        let store = |host: &Host| Config::read(host).unwrap().store.unwrap();
        assert_eq!(store(&host), dir.path().join("s2i/own"));
        host.config_file = Some(dir.path().join("named.toml"));
        let err = Config::read(&host).unwrap_err();
        assert!(matches!(err, ConfigError::Read { .. }), "{err}");
        std::fs::write(dir.path().join("named.toml"), "store = '/named'").unwrap();
        assert_eq!(store(&host), Path::new("/named"));
    }
}
