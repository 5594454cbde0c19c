//! The ports to an engine over Docker's API, which Podman speaks as well.
//!
//! [`Endpoint::find`] returns the socket to use, and [`DockerEngine`] is the engine. The first process of every
//! container is [s2i's agent](s2i_build::Agents): the container is created, the agent is uploaded before the start,
//! s2i attaches to the container, and from then on all requests go through that one connection. So the image needs no
//! programs of its own for this, no archive call touches a running container, and when s2i dies the connection ends,
//! the agent with it, and the engine removes the container. For registries the engine gets the credentials of a
//! [provider](DockerEngine::with_credentials), if there is one.
//!
//! ```no_run
//! use s2i_build::{Agents, ports::EngineProbe as _};
//! use s2i_docker::{DockerEngine, Endpoint, HostEnv};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let endpoint = Endpoint::find(Some("unix:///var/run/docker.sock"), None, &HostEnv::default())?;
//! let engine = DockerEngine::connect(endpoint, Agents::default())?;
//! println!("{:?}", engine.probe().await?);
//! # Ok(()) }
//! ```

mod about;
mod agent;
mod backend;
mod client;
mod container;
mod convert;
mod credentials;
mod endpoint;
mod engine;
mod env;
mod images;
mod launch;
mod limits;
mod ssh;
mod stored_content;
mod tls;
mod transfers;
mod transport;

pub use about::About;
pub use backend::{DockerBackend, DockerContainer};
pub use client::Refusal;
pub use endpoint::{Endpoint, Flavour, HostEnv, sockets};
pub use engine::DockerEngine;
pub use tls::{Tls, TlsRequest};

/// The example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
