//! The capabilities of Linux, by name.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The names, in the order of their numbers.
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// The name that stands for all capabilities.
const ALL: &str = "ALL";

/// A capability of Linux, or all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Capability(Option<u8>);

/// A text that names no capability.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "`{0}` is not a capability of Linux; their names are like CHOWN or NET_RAW, and ALL is all of them"
)]
pub struct CapabilityError(String);

impl Capability {
    /// Returns the mask of the capability: a bit for its number, or all bits.
    #[must_use]
    pub fn bits(self) -> u64 {
        self.0.map_or(u64::MAX, |number| 1 << number)
    }
}

impl FromStr for Capability {
    type Err = CapabilityError;

    /// Case and the prefix `CAP_` do not matter.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let upper = text.trim().to_ascii_uppercase();
        if upper == ALL {
            return Ok(Self(None));
        }
        let name = upper.strip_prefix("CAP_").unwrap_or(&upper);
        let number = NAMES.iter().position(|known| *known == name);
        let number = number.and_then(|number| u8::try_from(number).ok());
        number
            .map(|number| Self(Some(number)))
            .ok_or_else(|| CapabilityError(text.into()))
    }
}

impl TryFrom<String> for Capability {
    type Error = CapabilityError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Capability> for String {
    fn from(capability: Capability) -> Self {
        capability.to_string()
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.map_or(ALL, |number| NAMES[usize::from(number)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_docker_and_of_the_kernel() {
        for (text, bits, shown) in [
            ("CHOWN", 1, "CHOWN"),
            ("cap_net_raw", 1 << 13, "NET_RAW"),
            ("CAP_CHECKPOINT_RESTORE", 1 << 40, "CHECKPOINT_RESTORE"),
            ("all", u64::MAX, "ALL"),
        ] {
            let capability: Capability = text.parse().unwrap();
            assert_eq!(capability.bits(), bits, "{text}");
            assert_eq!(capability.to_string(), shown);
        }
        assert!("".parse::<Capability>().is_err());
        assert!("CAP_ALL".parse::<Capability>().is_err());
        assert!("ROOT".parse::<Capability>().is_err());
    }
}
