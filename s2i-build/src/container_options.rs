//! The options of the containers of a build, as those of `docker run`.

use std::{fmt, net::IpAddr, str::FromStr};

use s2i_core::{Capability, ContainerPath, ContainerPathError};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The address that stands for the host.
pub const HOST_GATEWAY: &str = "host-gateway";

/// The options of a mount that engines know beside `ro` and `rw`: labels of `SELinux`, ways of caching, whether a new
/// volume gets the files of the image, the owner, and the propagation of mounts.
const MOUNT_OPTIONS: [&str; 13] = [
    "z",
    "Z",
    "cached",
    "delegated",
    "consistent",
    "nocopy",
    "U",
    "shared",
    "slave",
    "private",
    "rshared",
    "rslave",
    "rprivate",
];

/// The options of a container beside user, network and limits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ContainerOptions {
    /// Directories and files of the host, which are not part of the result.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<HostMount>,
    /// Names of hosts beside those that the engine knows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<HostName>,
    /// The capabilities that programs can't have.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub without_capabilities: Vec<Capability>,
    /// Security options, in the notation of the engine.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub security: Vec<String>,
}

impl ContainerOptions {
    /// Returns whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A directory or file of the host in a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HostMount {
    /// The path on the host of the engine, or the name of a volume of the engine.
    pub source: String,
    /// The path in the container.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub at: ContainerPath,
    /// True if the container can't write there.
    #[serde(default)]
    pub read_only: bool,
    /// Other options, in the notation of the engine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

/// A text that is not a mount.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MountError {
    /// It lacks a half.
    #[error("`{0}` is not SOURCE:DESTINATION")]
    NoPair(String),
    /// The path in the container is invalid.
    #[error(transparent)]
    Path(#[from] ContainerPathError),
    /// A path that the container can't work without.
    #[error("nothing can be mounted at `{0}`, which belongs to the container itself")]
    System(ContainerPath),
    /// A path with two mounts.
    #[error("two volumes can't be mounted at `{0}`")]
    Twice(ContainerPath),
    /// An unknown option.
    #[error("`{0}` is not an option of a volume; `ro`, `rw`, `z` and `Z` are the usual ones")]
    Option(String),
}

impl FromStr for HostMount {
    type Err = MountError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let no_pair = || MountError::NoPair(text.into());
        let (source, rest) = text.split_once(':').ok_or_else(no_pair)?;
        let (at, options) = rest.split_once(':').unwrap_or((rest, ""));
        if source.is_empty() || at.is_empty() {
            return Err(no_pair());
        }
        let mut mount = Self {
            source: source.into(),
            at: at.parse()?,
            read_only: false,
            options: Vec::new(),
        };
        for option in options.split(',').filter(|option| !option.is_empty()) {
            match option {
                "ro" => mount.read_only = true,
                "rw" => mount.read_only = false,
                known if MOUNT_OPTIONS.contains(&known) => mount.options.push(known.into()),
                unknown => return Err(MountError::Option(unknown.into())),
            }
        }
        mount.check()?;
        Ok(mount)
    }
}

impl HostMount {
    /// Checks all mounts of a container: each of them, and that no two have the same path.
    ///
    /// # Errors
    /// [`MountError::System`], [`MountError::Twice`].
    pub fn check_all(mounts: &[Self]) -> Result<(), MountError> {
        for (number, mount) in mounts.iter().enumerate() {
            mount.check()?;
            if mounts[..number].iter().any(|other| other.at == mount.at) {
                return Err(MountError::Twice(mount.at.clone()));
            }
        }
        Ok(())
    }

    /// Checks that the container has its own root, devices and views of the kernel.
    ///
    /// # Errors
    /// [`MountError::System`].
    pub fn check(&self) -> Result<(), MountError> {
        let system = ["/dev", "/proc", "/sys"].map(str::parse::<ContainerPath>);
        let is_system = self.at == ContainerPath::root()
            || system
                .into_iter()
                .flatten()
                .any(|path| path.contains(&self.at));
        if is_system {
            return Err(MountError::System(self.at.clone()));
        }
        Ok(())
    }
}

/// In the notation of engines.
impl fmt::Display for HostMount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let access = if self.read_only { "ro" } else { "rw" };
        write!(f, "{}:{}:{access}", self.source, self.at)?;
        self.options
            .iter()
            .try_for_each(|option| write!(f, ",{option}"))
    }
}

/// The name of a host, and its address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HostName {
    /// The name.
    pub name: String,
    /// An address of IP, or [`HOST_GATEWAY`].
    pub address: String,
}

/// A text that is not a name of a host with its address.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not NAME:ADDRESS, with an address of IP or `{HOST_GATEWAY}`")]
pub struct HostNameError(String);

impl FromStr for HostName {
    type Err = HostNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || HostNameError(text.into());
        let (name, address) = text.split_once(':').ok_or_else(error)?;
        let bare = address
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let address = bare.unwrap_or(address);
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        let is_valid = !name.is_empty()
            && name.chars().all(is_name)
            && (address == HOST_GATEWAY || address.parse::<IpAddr>().is_ok());
        if !is_valid {
            return Err(error());
        }
        Ok(Self {
            name: name.into(),
            address: address.into(),
        })
    }
}

/// In the notation of engines.
impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_those_of_docker() {
        for (text, expected) in [
            ("/a:/b", "/a:/b:rw"),
            ("/a:/b/:z", "/a:/b:rw,z"),
            ("cache:/root/.m2:ro,Z", "cache:/root/.m2:ro,Z"),
            ("/a", "`/a` is not SOURCE:DESTINATION"),
            (":/a", "`:/a` is not SOURCE:DESTINATION"),
            ("/a:b", "`b` is not an absolute path inside the container"),
            (
                "/a:/b:exec",
                "`exec` is not an option of a volume; `ro`, `rw`, `z` and `Z` are the usual ones",
            ),
            (
                "/:/",
                "nothing can be mounted at `/`, which belongs to the container itself",
            ),
            (
                "/x:/proc/sys",
                "nothing can be mounted at `/proc/sys`, which belongs to the container itself",
            ),
        ] {
            let shown = match text.parse::<HostMount>() {
                Ok(mount) => mount.to_string(),
                Err(err) => err.to_string(),
            };
            assert_eq!(shown, expected, "{text}");
        }
    }

    #[test]
    fn path_has_one_mount() {
        let mounts = |texts: &[&str]| {
            let mounts = texts.iter().map(|text| text.parse::<HostMount>().unwrap());
            HostMount::check_all(&mounts.collect::<Vec<_>>())
        };
        assert_eq!(mounts(&["/a:/x", "/a:/x/y"]), Ok(()));
        let twice = mounts(&["/a:/x", "/c:/y", "/b:/x/"]).unwrap_err();
        assert_eq!(twice.to_string(), "two volumes can't be mounted at `/x`");
    }

    #[test]
    fn names_of_hosts_have_an_address() {
        for (text, expected) in [
            ("db:10.0.0.1", Some("db:10.0.0.1")),
            ("db:::1", Some("db:::1")),
            ("db:[::1]", Some("db:::1")),
            ("me:host-gateway", Some("me:host-gateway")),
            ("db", None),
            ("db:", None),
            (":10.0.0.1", None),
            ("a b:10.0.0.1", None),
            ("db:nowhere", None),
        ] {
            let shown = text.parse::<HostName>().ok().map(|host| host.to_string());
            assert_eq!(shown.as_deref(), expected, "{text}");
        }
    }
}
