//! The platform of an image.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The operating system of images that containers can be made of, by Go's names.
pub const LINUX: &str = "linux";

/// The operating system and the processor that programs are compiled for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Platform {
    /// The processor, by Go's names: `amd64`, `arm64`, …
    pub architecture: String,
    /// The operating system, by Go's names, for example [`LINUX`].
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
            os: LINUX.into(),
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
    /// Writes the platform in the form of engines: `os/architecture[/variant]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match self.variant.as_deref() {
            None | Some("") => Ok(()),
            Some(variant) => write!(f, "/{variant}"),
        }
    }
}
