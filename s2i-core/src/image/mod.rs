//! The types that describe an image: its config, its platform, and the digests that name its parts.
//!
//! They are those of the [OCI image specification](https://github.com/opencontainers/image-spec), with the fields that
//! Docker adds. The digest of the config's JSON is the image's ID, so the JSON has one form: fields in the order of the
//! types here, maps sorted, empty fields left out. Unknown fields are kept in `other`, so that a config can be read,
//! changed and written without loss.

mod config;
mod digest;
mod health;
mod platform;
mod time;

pub use config::{ContainerConfig, History, ImageConfig, RootFs, null_as_default};
pub use digest::{Digest, DigestError, Hasher, HashingWriter};
pub use health::HealthCheck;
pub use platform::{LINUX, Platform};
pub use time::{format_timestamp, parse_timestamp};
