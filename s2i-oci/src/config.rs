//! The config of an image: what it is for, how it starts, which layers it has.
//!
//! The JSON of a config is what an image's ID is the digest of, so it has one form: fields in the
//! order of the types here, maps sorted, empty fields left out. Fields that these types have no name
//! for are kept in `other`, so that a config that was read can be changed and written without loss.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Digest;

/// What a program must run on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// The processor, by Go's names: `amd64`, `arm64`, …
    pub architecture: String,
    /// The operating system, by Go's names: `linux`, …
    pub os: String,
    /// The variant of the processor, for example `v8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl Platform {
    /// Linux on this processor, without a variant.
    #[must_use]
    pub fn linux(architecture: &str) -> Self {
        Self {
            architecture: architecture.into(),
            os: "linux".into(),
            variant: None,
        }
    }

    /// Linux on the processor that this program was compiled for.
    #[must_use]
    pub fn of_this_machine() -> Self {
        Self::linux(match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "x86" => "386",
            "aarch64" => "arm64",
            "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
            "powerpc64" => "ppc64",
            other => other,
        })
    }
}

impl fmt::Display for Platform {
    /// As engines write it: `os/architecture[/variant]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match self.variant.as_deref() {
            None | Some("") => Ok(()),
            Some(variant) => write!(f, "/{variant}"),
        }
    }
}

/// The config of an image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageConfig {
    /// When the image was made, as RFC 3339 text ([`timestamp`] makes one). Engines show an image
    /// without it as very old; reproducible images have a fixed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// What it runs on.
    #[serde(flatten)]
    pub platform: Platform,
    /// How it starts.
    #[serde(default, deserialize_with = "or_default")]
    pub config: ContainerConfig,
    /// What it consists of.
    pub rootfs: RootFs,
    /// How each layer came to be, lowest first.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "or_default"
    )]
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

    /// The same with these settings for containers.
    #[must_use]
    pub fn with_config(self, config: ContainerConfig) -> Self {
        Self { config, ..self }
    }

    /// The JSON whose digest is the image's ID.
    ///
    /// # Panics
    /// Never: all keys are texts.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("maps with text keys")
    }
}

/// How containers of an image start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerConfig {
    /// `user`, `uid`, `user:group` or `uid:gid`; empty for root.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Ports as `8080/tcp`.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", with = "set")]
    pub exposed_ports: BTreeSet<String>,
    /// Variables as `NAME=VALUE`, in this order.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    pub env: Vec<String>,
    /// The words that every command is put behind.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    pub entrypoint: Vec<String>,
    /// The command, or the arguments of the entrypoint.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    pub cmd: Vec<String>,
    /// Directories that engines make volumes for.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", with = "set")]
    pub volumes: BTreeSet<String>,
    /// The directory that the command starts in; empty for `/`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    /// Labels.
    #[serde(
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "or_default"
    )]
    pub labels: BTreeMap<String, String>,
    /// The signal that ends a container, for example `SIGTERM`; empty for the engine's own.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stop_signal: String,
    /// Fields that have no name here, such as Docker's `OnBuild` and `Healthcheck`.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// Docker writes `null` for what is empty.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Sets as configs write them: objects whose values are empty objects.
mod set {
    use super::{BTreeMap, BTreeSet, Value};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        set: &BTreeSet<String>,
        out: S,
    ) -> Result<S::Ok, S::Error> {
        out.collect_map(
            set.iter()
                .map(|member| (member, BTreeMap::<String, String>::new())),
        )
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
    #[serde(default, deserialize_with = "or_default")]
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

/// How a layer, or a change of the config, came to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// When, as RFC 3339 text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// By which command, or what it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Who.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Whether the step made no layer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
}

/// Seconds since 1970 as RFC 3339 text in UTC, for `created` fields.
///
/// ```
/// assert_eq!(s2i_oci::config::timestamp(315_532_801), "1980-01-01T00:00:01Z");
/// ```
#[must_use]
pub fn timestamp(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Civil date from days, with years that start in March (so that the leap day comes last).
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest % 3600 / 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The inverse of [`timestamp`], also for fractions of seconds, which are dropped, and other time zones;
/// `None` for a text that is no such time.
///
/// ```
/// use s2i_oci::config::seconds;
///
/// assert_eq!(seconds("1980-01-01T00:00:01Z"), Some(315_532_801));
/// assert_eq!(seconds("1980-01-01T01:30:01.5+01:30"), Some(315_532_801));
/// assert_eq!(seconds("yesterday"), None);
/// ```
#[must_use]
pub fn seconds(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let mut parts = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let (time, zone) = time.split_at(time.find(['Z', 'z', '+', '-'])?);
    let time = time.split('.').next()?;
    let ahead = match zone.split_at(1) {
        ("Z" | "z", "") => 0,
        ("+", zone) => clock(zone)?,
        ("-", zone) => -clock(zone)?,
        _ => return None,
    };
    if !(0..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Days from a civil date, with years that start in March.
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    Some(days * 86_400 + clock(time)? - ahead)
}

/// Seconds of `HH:MM[:SS]`.
fn clock(text: &str) -> Option<i64> {
    let units = [3600, 60, 1];
    let parts = text.split(':').map(|part| part.parse::<u8>().ok());
    let parts = parts.collect::<Option<Vec<_>>>()?;
    (2..=3).contains(&parts.len()).then(|| {
        let sums = parts.iter().zip(units);
        sums.map(|(part, unit)| i64::from(*part) * unit).sum()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_one_form() {
        let mut config = ImageConfig::new(Platform::linux("amd64")).with_config(ContainerConfig {
            user: "1001".into(),
            exposed_ports: BTreeSet::from(["8080/tcp".into()]),
            labels: BTreeMap::from([("b".into(), "2".into()), ("a".into(), "1".into())]),
            ..ContainerConfig::default()
        });
        config.created = Some(timestamp(0));
        let json = String::from_utf8(config.to_json()).unwrap();
        assert_eq!(
            json,
            r#"{"created":"1970-01-01T00:00:00Z","architecture":"amd64","os":"linux","config":{"User":"1001","ExposedPorts":{"8080/tcp":{}},"Labels":{"a":"1","b":"2"}},"rootfs":{"type":"layers","diff_ids":[]}}"#
        );
        assert_eq!(serde_json::from_str::<ImageConfig>(&json).unwrap(), config);
    }

    #[test]
    fn what_docker_writes_is_read_and_kept() {
        let json = r#"{"architecture":"amd64","os":"linux","docker_version":"20.10",
            "config":{"Cmd":null,"Env":["A=b"],"OnBuild":["RUN x"],"Labels":null,"Volumes":{"/data":{}},"ExposedPorts":null},
            "rootfs":{"type":"layers","diff_ids":[]}}"#;
        let config: ImageConfig = serde_json::from_str(json).unwrap();
        assert_eq!(config.config.env, ["A=b"]);
        assert_eq!(config.config.volumes, BTreeSet::from(["/data".to_owned()]));
        assert_eq!(config.other["docker_version"], "20.10");
        assert_eq!(config.config.other["OnBuild"][0], "RUN x");
        let again: ImageConfig = serde_json::from_slice(&config.to_json()).unwrap();
        assert_eq!(again, config);
    }

    #[test]
    fn years_have_four_digits() {
        for (year, is_one) in [
            ("9999", true),
            ("10000", false),
            ("9223372036854775807", false),
        ] {
            let time = seconds(&format!("{year}-01-01T00:00:00Z"));
            assert_eq!(time.is_some(), is_one, "{year}");
        }
    }

    #[test]
    fn timestamps() {
        for time in (0..4_000_000_000).step_by(86_399 * 17) {
            assert_eq!(
                seconds(&timestamp(time)),
                i64::try_from(time).ok(),
                "{time}"
            );
        }
        assert_eq!(timestamp(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(timestamp(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(timestamp(1_735_689_599), "2024-12-31T23:59:59Z");
        assert_eq!(timestamp(4_102_444_800), "2100-01-01T00:00:00Z");
    }
}
