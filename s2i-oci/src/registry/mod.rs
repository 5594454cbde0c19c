//! Pulling images from registries and pushing them there.
//!
//! A [`Registry`] speaks the distribution protocol of OCI and Docker: it resolves names to manifests, downloads blobs
//! into files and uploads blobs from readers. It knows digests and descriptors; the caller decides where content is
//! stored.
//!
//! - Everything is **verified**: manifests, configs and blobs against their digests and lengths.
//! - Every download is **resumed**: one that is cut or stalls continues where it ended, also in another process.
//! - Nothing is **unencrypted**, except to loopback addresses and to registries that the caller names as
//!   [insecure](Options::insecure). A credential goes only to the host that it is for and to the token service that this
//!   host names.
//! - Credentials are those of Docker and Podman ([`credentials`](crate::credentials)). They are looked up after a
//!   challenge of the registry, and are not in logs, errors and `Debug` texts.
//!
//! The API is asynchronous and needs a tokio runtime with time and I/O enabled; one thread is enough. Hashing and files
//! are dealt with on tokio's threads for blocking work.
//!
//! The layers, each of which knows only those before it: `http` (limits and retries), `auth` (challenges and tokens),
//! `host`, `repository`, `client` (the state of all hosts), and `pull`, `push` and `login`.

mod auth;
mod client;
mod error;
mod host;
mod http;
mod image;
mod login;
mod operation;
mod options;
mod pull;
mod push;
mod repository;

pub use auth::{Challenge, ChallengeError};
pub use client::Registry;
pub use error::{Mismatch, RegistryError};
pub use host::registry_name;
pub use login::LoginOutcome;
pub use options::{Insecure, InsecureObserver, Insecurity, LeastRate, Options};
pub use pull::Pulled;
pub use push::{Count, OpenBlob, Push, PushBlob, Pushed};
