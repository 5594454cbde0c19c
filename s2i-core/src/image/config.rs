//! The config of an image: its platform, its layers, and the settings of its containers.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{Digest, HealthCheck, Platform, health};

/// The fields that Docker adds to configs of committed images; without meaning elsewhere.
const CONTAINER_FIELDS: [&str; 3] = ["container", "container_config", "docker_version"];

/// The config of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageConfig {
    /// The time at which the image was made, as RFC 3339 text ([`format_timestamp`](super::format_timestamp)
    /// makes one). Engines show an image without it as very old; reproducible images have a fixed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Its author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The platform that it runs on.
    #[serde(flatten)]
    pub platform: Platform,
    /// The settings of its containers.
    #[serde(default, deserialize_with = "null_as_default")]
    pub config: ContainerConfig,
    /// Its layers.
    pub rootfs: RootFs,
    /// The origin of each layer, lowest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[serde(deserialize_with = "null_as_default")]
    pub history: Vec<History>,
    /// Fields that have no name here.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

impl ImageConfig {
    /// A config without layers.
    #[must_use]
    pub fn new(platform: Platform) -> Self {
        Self {
            created: None,
            author: None,
            platform,
            config: ContainerConfig::default(),
            rootfs: RootFs::default(),
            history: Vec::new(),
            other: BTreeMap::new(),
        }
    }

    /// Returns the same config with these settings for containers.
    #[must_use]
    pub fn with_config(self, config: ContainerConfig) -> Self {
        Self { config, ..self }
    }

    /// Returns the config of an image with one more layer, as a build makes it: with these settings for containers, this
    /// time, and without the fields that describe the container of another build.
    #[must_use]
    pub fn with_layer(&self, diff_id: Digest, config: ContainerConfig, created: String) -> Self {
        let mut built = self.clone();
        built.created = Some(created.clone());
        built.author = None;
        built.config = config;
        built
            .other
            .retain(|name, _| !CONTAINER_FIELDS.contains(&name.as_str()));
        built.rootfs.diff_ids.push(diff_id);
        built.history.push(History {
            created: Some(created),
            created_by: Some("s2i build".into()),
            ..History::default()
        });
        built
    }

    /// Returns the JSON whose digest is the image's ID.
    ///
    /// # Panics
    /// Never: all keys are strings.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("maps with string keys")
    }
}

/// The settings that the containers of an image start with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerConfig {
    /// `user`, `uid`, `user:group` or `uid:gid`; empty for root.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Ports as `8080/tcp`.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", with = "set")]
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, Value>"))]
    pub exposed_ports: BTreeSet<String>,
    /// Variables as `NAME=VALUE`, in this order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[serde(deserialize_with = "null_as_default")]
    pub env: Vec<String>,
    /// The program and the arguments that every command is appended to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[serde(deserialize_with = "null_as_default")]
    pub entrypoint: Vec<String>,
    /// The command, or the arguments of the entrypoint.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[serde(deserialize_with = "null_as_default")]
    pub cmd: Vec<String>,
    /// Directories that engines make volumes for.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", with = "set")]
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, Value>"))]
    pub volumes: BTreeSet<String>,
    /// The directory that the command starts in; empty for `/`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    /// Labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[serde(deserialize_with = "null_as_default")]
    pub labels: BTreeMap<String, String>,
    /// The signal that ends a container, for example `SIGTERM`; empty for the engine's own.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stop_signal: String,
    /// The health check; not in the OCI specification.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "health::read")]
    pub healthcheck: Option<HealthCheck>,
    /// The `ONBUILD` triggers, instructions that Docker runs when an image is built on this one; not in the
    /// OCI specification.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[serde(deserialize_with = "read_triggers")]
    pub on_build: Vec<String>,
    /// Fields that have no name here.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// The field of the triggers. Docker's reader of configs ignores the case of its name.
const ON_BUILD: &str = "OnBuild";

impl ContainerConfig {
    /// Returns the settings that engines act on: no health check that checks nothing, no fields without a name
    /// here, and triggers also where their field is in another case.
    #[must_use]
    pub fn normalised(self) -> Self {
        let mut on_build = self.on_build;
        for (field, value) in self.other {
            if field.eq_ignore_ascii_case(ON_BUILD) {
                on_build.extend(triggers(value));
            }
        }
        let healthcheck = self.healthcheck.filter(HealthCheck::is_enabled);
        let healthcheck = healthcheck.map(|check| HealthCheck {
            other: BTreeMap::new(),
            ..check
        });
        Self {
            healthcheck,
            on_build,
            other: BTreeMap::new(),
            ..self
        }
    }
}

fn read_triggers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Value::deserialize(deserializer).map(triggers)
}

/// Returns the triggers in a field of a config. A value that is no list of them counts as one, so that an image with
/// triggers in a form of its own is not taken for one without.
fn triggers(value: Value) -> Vec<String> {
    if value.is_null() {
        return Vec::new();
    }
    let as_text = value.to_string();
    serde_json::from_value(value).unwrap_or_else(|_| vec![as_text])
}

/// Reads a field of JSON in which `null`, Docker's form of an empty value, means the default.
///
/// # Errors
/// Errors of the deserializer.
pub fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads and writes sets in the form of configs: objects whose values are empty objects.
mod set {
    use super::{BTreeMap, BTreeSet, Value};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        set: &BTreeSet<String>,
        out: S,
    ) -> Result<S::Ok, S::Error> {
        let empty = BTreeMap::<String, String>::new();
        out.collect_map(set.iter().map(|member| (member, &empty)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeSet<String>, D::Error> {
        let map = Option::<BTreeMap<String, Value>>::deserialize(from)?;
        Ok(map.unwrap_or_default().into_keys().collect())
    }
}

/// The layers of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The digest of each uncompressed layer, lowest first.
    #[serde(default, deserialize_with = "null_as_default")]
    pub diff_ids: Vec<Digest>,
}

impl Default for RootFs {
    fn default() -> Self {
        Self {
            kind: "layers".into(),
            diff_ids: Vec::new(),
        }
    }
}

/// The origin of a layer, or of a change of the config.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// The time, as RFC 3339 text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The command that made it, or its content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// True for a step that made no layer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::format_timestamp;

    #[test]
    fn json_has_one_form() {
        let mut config = ImageConfig::new(Platform::linux("amd64")).with_config(ContainerConfig {
            user: "1001".into(),
            exposed_ports: BTreeSet::from(["8080/tcp".into()]),
            labels: BTreeMap::from([("b".into(), "2".into()), ("a".into(), "1".into())]),
            ..ContainerConfig::default()
        });
        config.created = Some(format_timestamp(0));
        let json = String::from_utf8(config.to_json()).unwrap();
        assert_eq!(
            json,
            r#"{"created":"1970-01-01T00:00:00Z","architecture":"amd64","os":"linux","config":{"User":"1001","ExposedPorts":{"8080/tcp":{}},"Labels":{"a":"1","b":"2"}},"rootfs":{"type":"layers","diff_ids":[]}}"#
        );
        assert_eq!(serde_json::from_str::<ImageConfig>(&json).unwrap(), config);
    }

    #[test]
    fn fields_that_docker_adds_are_read_and_kept() {
        let json = r#"{"architecture":"amd64","os":"linux","docker_version":"20.10",
            "config":{"Cmd":null,"Env":["A=b"],"OnBuild":["RUN x"],"Labels":null,"Volumes":{"/data":{}},"ExposedPorts":null,
                "Healthcheck":{"Test":["CMD","/check"],"Interval":5000000000,"Later":1.5},"ArgsEscaped":true},
            "rootfs":{"type":"layers","diff_ids":[]}}"#;
        let config: ImageConfig = serde_json::from_str(json).unwrap();
        assert_eq!(config.config.env, ["A=b"]);
        assert_eq!(config.config.volumes, BTreeSet::from(["/data".to_owned()]));
        assert_eq!(config.other["docker_version"], "20.10");
        assert_eq!(config.config.on_build, ["RUN x"]);
        assert_eq!(config.config.other["ArgsEscaped"], true);
        let check = config.config.healthcheck.as_ref().unwrap();
        assert_eq!(check.test, ["CMD", "/check"]);
        assert_eq!(check.interval, Some(5_000_000_000));
        assert_eq!(check.other["Later"], 1.5);
        let again: ImageConfig = serde_json::from_slice(&config.to_json()).unwrap();
        assert_eq!(again, config);
    }
    #[track_caller]
    fn normalised(fields: &str) -> ContainerConfig {
        let config: ContainerConfig = serde_json::from_str(&format!("{{{fields}}}")).unwrap();
        config.normalised()
    }

    #[test]
    fn triggers_in_any_form_are_triggers() {
        for (fields, expected) in [
            (r#""Other":1"#, &[][..]),
            (r#""OnBuild":null"#, &[]),
            (r#""OnBuild":[]"#, &[]),
            (r#""OnBuild":["RUN x"]"#, &["RUN x"]),
            (r#""OnBuild":"RUN x""#, &[r#""RUN x""#]),
            (r#""OnBuild":{"0":"RUN x"}"#, &[r#"{"0":"RUN x"}"#]),
            (r#""OnBuild":[["RUN x"]]"#, &[r#"[["RUN x"]]"#]),
            (r#""OnBuild":[null]"#, &["[null]"]),
            (r#""OnBuild":false"#, &["false"]),
            (r#""onbuild":["RUN x"]"#, &["RUN x"]),
        ] {
            let config = normalised(fields);
            assert_eq!(config.on_build, expected, "{fields}");
            assert!(config.other.is_empty());
        }
    }

    #[test]
    fn health_check_without_a_command_is_none() {
        for (value, is_one) in [
            ("null", false),
            ("7", false),
            ("{}", false),
            (r#"{"Test":null}"#, false),
            (r#"{"Test":[]}"#, false),
            (r#"{"Test":["NONE"]}"#, false),
            (r#"{"Test":["CMD","/check"],"Interval":"5s"}"#, false),
            (r#"{"Test":["CMD","/check"],"Later":1}"#, true),
        ] {
            let config = normalised(&format!(r#""Healthcheck":{value}"#));
            let expected = is_one.then(|| HealthCheck {
                test: vec!["CMD".into(), "/check".into()],
                ..HealthCheck::default()
            });
            assert_eq!(config.healthcheck, expected, "{value}");
        }
    }
    #[test]
    fn settings_that_a_build_writes_are_those_that_the_next_one_finds() {
        let written = ContainerConfig {
            env: vec!["A=1".into()],
            user: "1001".into(),
            working_dir: "/app".into(),
            cmd: vec!["/run".into()],
            stop_signal: "SIGINT".into(),
            healthcheck: Some(HealthCheck {
                test: vec!["CMD".into(), "/health".into()],
                retries: Some(3),
                ..HealthCheck::default()
            }),
            ..ContainerConfig::default()
        };
        let image = ImageConfig::new(Platform::linux("amd64")).with_config(written.clone());
        let found: ImageConfig = serde_json::from_slice(&image.to_json()).unwrap();
        assert_eq!(found.config.normalised(), written);
    }
}
