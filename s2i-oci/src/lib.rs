//! OCI images without a daemon.
//!
//! An image is a few [layers](layer), a [config](s2i_core::image::ImageConfig) with the command to start, and a
//! [manifest](manifest::Manifest) that names both by [digest](Digest). Creating one needs no container engine: this
//! crate makes layers from explicit lists of entries, writes the JSON, and puts everything into [archives](archive)
//! that every engine and tool can read. A [store] keeps images, with their layers as [trees](overlay) that can be
//! mounted.
//!
//! Everything is **deterministic**: entries are sorted, times and owners come from the caller, JSON has one form,
//! compression has a pinned level. The same input gives the same bytes and therefore the same digests, so an image has
//! the same ID wherever and whenever it was composed. (Compressed bytes also depend on the version of the compressor,
//! which `Cargo.lock` pins; the image ID does not, as it names uncompressed layers.)
//!
//! Everything **streams**: a layer is spooled to a file that the caller names and is never in memory as a whole, so
//! memory use does not grow with the image.
//!
//! The crate is synchronous, starts no process and opens no connection, but for the feature `registry`:
//! pulling from and pushing to registries.
//!
//! ```
//! use s2i_core::image::{ContainerConfig, ImageConfig, Platform};
//! use s2i_oci::{
//!     Image, archive,
//!     layer::{LayerBuilder, Owner},
//! };
//!
//! # let spool = tempfile::tempdir()?;
//! // A layer with one program and the directories that it lies in.
//! let mut builder = LayerBuilder::new(315_532_801);
//! builder.directories("usr/bin", 0o755, Owner::ROOT)?;
//! builder.file("usr/bin/hello", 0o755, Owner::ROOT, b"\x7fELF...".to_vec())?;
//! let layer = builder.build(&spool.path().join("layer.tar"))?;
//!
//! // How to start it.
//! let config = ImageConfig::new(Platform::linux("amd64")).with_config(ContainerConfig {
//!     user: "1001".into(),
//!     cmd: vec!["/usr/bin/hello".into()],
//!     ..ContainerConfig::default()
//! });
//!
//! // One file for `docker load`, `podman load`, skopeo and everything that reads OCI layouts.
//! let mut image = Image::new(config);
//! image.push(layer, "the program");
//! image.names.push("example/hello:latest".parse()?);
//! let mut file = Vec::new();
//! archive::write(&[image], &mut file)?;
//! assert_eq!(file.len() % 512, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod archive;
pub mod changes;
mod compression;
mod compressor;
mod copy;
#[cfg(feature = "registry")]
pub mod credentials;
#[cfg(feature = "registry")]
pub mod download;
mod image;
pub mod layer;
pub mod manifest;
pub mod overlay;
#[cfg(feature = "registry")]
pub mod registry;
pub mod store;
mod tree;

pub use image::{Blob, Image};
pub use s2i_core::image::{Digest, DigestError, HashingWriter};

/// The example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
