//! The health check of an image, a field that Docker adds to the config.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::null_as_default;

/// A command that an engine runs in a container from time to time, to find out whether the application
/// works. Times are in nanoseconds; the engine's own apply where one is missing or 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase", default)]
pub struct HealthCheck {
    /// The time between two checks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<i64>,
    /// The number of checks that fail in a row before the container counts as unhealthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<i64>,
    /// The time between two checks while the application starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_interval: Option<i64>,
    /// The time that the application may take to start; checks that fail in it don't count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_period: Option<i64>,
    /// `CMD` or `CMD-SHELL`, and the command; `NONE` for no check.
    #[serde(deserialize_with = "null_as_default")]
    pub test: Vec<String>,
    /// The time that one check may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<i64>,
    /// Fields that have no name here.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

impl HealthCheck {
    /// The health check that checks nothing, in the place of one that an image below has.
    #[must_use]
    pub fn disabled() -> Self {
        Self {
            test: vec!["NONE".into()],
            ..Self::default()
        }
    }

    /// Returns whether there is a command to run.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.test.first().is_some_and(|first| first != "NONE")
    }
}

/// Reads the health check of a config. A value in another form than Docker's is no health check.
pub(super) fn read<'de, D>(deserializer: D) -> Result<Option<HealthCheck>, D::Error>
where
    D: Deserializer<'de>,
{
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}
