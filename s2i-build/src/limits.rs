//! The resource limits of containers, in the notation of Docker's options.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The resource limits of one container; an absent value means no limit. The embedded engine refuses to start a
/// container with a limit that it can't enforce; Docker starts it with a warning, which is passed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The memory in bytes; the container may use the same amount of swap.
    pub memory: Option<u64>,
    /// The processor time, in thousandths of a processor.
    pub cpu_millis: Option<u64>,
    /// The number of processes and threads.
    pub pids: Option<u64>,
}

/// The smallest memory limit that engines accept, in bytes.
const LEAST_MEMORY: u64 = 6 << 20;

/// The smallest processor limit that engines accept, in thousandths of a processor.
const LEAST_CPU: u64 = 10;

/// The largest number that is accepted: more than any machine has, and too small to overflow.
const MOST: f64 = 1e15;

/// A text that is not a limit.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LimitError {
    /// Not an amount of memory.
    #[error("`{0}` is not an amount of memory, such as 512m or 1.5g")]
    Memory(String),
    /// Less than engines accept.
    #[error("`{0}` is less memory than a container can have: 6m")]
    LittleMemory(String),
    /// Not a number of processors.
    #[error("`{0}` is not a number of processors from 0.01, such as 1.5")]
    Cpus(String),
}

impl Limits {
    /// Returns whether nothing is limited.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Parses an amount of memory in the notation of `docker run --memory` and returns bytes: a number with `b`, `k`, `m`,
/// `g` or `t` in powers of 1024, also as `mb` or `MiB`.
///
/// # Errors
/// [`LimitError::Memory`], [`LimitError::LittleMemory`].
pub fn memory(text: &str) -> Result<u64, LimitError> {
    let bad = || LimitError::Memory(text.into());
    let lower = text.to_ascii_lowercase();
    let end = lower.find(|c: char| c.is_ascii_alphabetic());
    let (number, unit) = lower.split_at(end.unwrap_or(lower.len()));
    let shift = match unit.trim_end_matches('b').trim_end_matches('i') {
        "" if matches!(unit, "" | "b") => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return Err(bad()),
    };
    let bytes = rounded(number, 2_f64.powi(shift)).ok_or_else(bad)?;
    if bytes < LEAST_MEMORY {
        return Err(LimitError::LittleMemory(text.into()));
    }
    Ok(bytes)
}

/// Parses a number of processors in the notation of `docker run --cpus` and returns thousandths of a processor.
///
/// # Errors
/// [`LimitError::Cpus`].
pub fn cpus(text: &str) -> Result<u64, LimitError> {
    let millis = rounded(text, 1000.0).filter(|millis| *millis >= LEAST_CPU);
    millis.ok_or_else(|| LimitError::Cpus(text.into()))
}

/// Parses a plain decimal number and returns it times a scale.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it was checked to be in the range"
)]
fn rounded(number: &str, scale: f64) -> Option<u64> {
    let is_plain = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let value = number.parse::<f64>().ok().filter(|_| is_plain)? * scale;
    (value < MOST).then(|| value.round() as u64)
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cpus = |millis: u64| format!("{}.{:03} processors", millis / 1000, millis % 1000);
        let parts = [
            self.memory.map(|bytes| format!("{bytes} bytes of memory")),
            self.cpu_millis.map(cpus),
            self.pids.map(|pids| format!("{pids} processes")),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        f.write_str(&parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_parsed_like_docker() {
        for (text, expected) in [
            ("512m", Some(512 << 20)),
            ("1g", Some(1 << 30)),
            ("1.5G", Some(3 << 29)),
            ("64MB", Some(64 << 20)),
            ("64MiB", Some(64 << 20)),
            ("8388608", Some(8 << 20)),
            ("8388608b", Some(8 << 20)),
            ("9000k", Some(9000 << 10)),
            ("2t", Some(2 << 40)),
            ("5m", None),
            ("", None),
            ("m", None),
            ("-1g", None),
            ("1e9", None),
            ("inf", None),
            ("1x", None),
            ("1mm", None),
            ("8388608i", None),
            ("1 g", None),
            ("9999999999t", None),
        ] {
            assert_eq!(memory(text).ok(), expected, "{text}");
        }
        assert_eq!(memory("1k"), Err(LimitError::LittleMemory("1k".into())));
    }

    #[test]
    fn fractional_processors_are_parsed() {
        for (text, expected) in [
            ("1.5", Some(1500)),
            ("2", Some(2000)),
            (".5", Some(500)),
            ("0.01", Some(10)),
            ("0.001", None),
            ("0", None),
            ("-1", None),
            ("", None),
            ("1m", None),
            ("nan", None),
        ] {
            assert_eq!(cpus(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn only_set_limits_are_shown() {
        let limits = Limits {
            memory: Some(1 << 20),
            cpu_millis: Some(1500),
            pids: None,
        };
        assert_eq!(
            limits.to_string(),
            "1048576 bytes of memory, 1.500 processors"
        );
        assert!(Limits::default().is_empty() && Limits::default().to_string().is_empty());
    }
}
