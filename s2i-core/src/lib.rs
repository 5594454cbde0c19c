//! The scripts' protocol and the layout rules of source-to-image.
//!
//! A *builder image* carries a toolchain and five [scripts](Script). s2i puts the source of an
//! application into a container of it, below the builder's [destination](Layout), runs `assemble`,
//! and commits the result as an image whose command is `run`. Everything that both sides must agree
//! on is here: [labels](label), [paths](Layout), [environment files](environment),
//! [ignore rules](ignore), [kinds of source](detect), [archives](archive), [image names](ImageRef),
//! [image configs](image), and the [frames](wire) in which s2i talks to its agent in the container.
//!
//! The crate is a synchronous leaf: it uses no engine, starts no process, opens no connection, and touches files only
//! where a caller passes it a directory. So the static programs inside containers can share it with the command on the
//! host.
//!
//! ```
//! use s2i_core::{Layout, Script};
//!
//! let layout = Layout::default();
//! assert_eq!(layout.source().as_str(), "/tmp/src");
//! assert_eq!(layout.script(Script::Assemble).as_str(), "/tmp/scripts/assemble");
//! ```

mod account;
pub mod archive;
pub mod bounds;
mod capability;
mod chain;
mod container_path;
pub mod credential;
pub mod detect;
mod diagnostic;
pub mod env_var;
pub mod environment;
pub mod ignore;
pub mod image;
mod image_metadata;
mod image_ref;
pub mod instruction;
pub mod label;
mod layout;
pub mod mapping;
#[cfg(unix)]
pub mod mounts;
pub mod needles;
pub mod open_dir;
pub mod pod;
mod script;
mod scripts_url;
pub mod secret;
pub mod text;
pub mod times;
mod uid_ranges;
pub mod upload;
pub mod wire;

pub use account::{Account, AccountError};
pub use capability::{Capability, CapabilityError};
pub use chain::ErrorChain;
pub use container_path::{ContainerPath, ContainerPathError};
pub use diagnostic::Diagnostic;
pub use environment::{EnvVar, EnvVarError};
pub use image_metadata::{IMAGE_METADATA_FILE, ImageMetadataError, parse_image_metadata};
pub use image_ref::{ImageRef, ImageRefError};
pub use layout::{
    IGNORE_FILE, Layout, OLD_SOURCE_SCRIPTS_DIR, SOURCE_ENVIRONMENT_FILE, SOURCE_SCRIPTS_DIR,
};
pub use open_dir::OpenDir;
pub use script::Script;
pub use scripts_url::{ScriptsUrl, ScriptsUrlError};
pub use secret::Secret;
pub use text::Printable;
pub use times::Times;
pub use uid_ranges::{UidRangeError, UidRanges};

/// The example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
