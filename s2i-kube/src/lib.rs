//! Objects of Kubernetes, and of systems on it, that build and run images from source.
//!
//! Each module has requests, which are plain structs, and a function of each that returns its objects. Nothing here
//! connects to a cluster or reads a file, so objects can be written, compared and checked anywhere; only the feature
//! `client` brings a client.
//!
//! | module | objects |
//! |---|---|
//! | [`app`] | the Deployment and the Service of an application |
//! | [`job`] | the Job of a build in a cluster, and what it needs: secrets, rights, a claim for its cache |
//! | [`openshift`] | image streams and builds of OpenShift, and `BUILDER~URL` with all that runs it |
//! | [`tekton`] | a Task that builds without privileges |
//! | [`shipwright`] | a strategy that builds without privileges, builds and runs |
//! | [`kubesphere`] | templates, builders and runs of KubeSphere's S2I |
//! | [`s2irun`] | none: it reads what KubeSphere's operator gives to the program that builds, and writes its answer |
//! | [`lint`](mod@lint) | none: it finds what in the objects of others can't work |
//! | [`document`] | none: it writes objects as YAML or JSON, and reads them |
//!
//! What has to hold is in the types as far as they can express it: a build has one strategy, an inline Dockerfile has
//! less than 60,000 bytes, a [`Name`] is one that every kind of object may have. The objects satisfy the `restricted`
//! standard for pods wherever the system that runs them lets them.
//!
//! ```
//! use s2i_kube::{app::{App, AppImage}, document};
//!
//! let image = AppImage::Registry("registry.example.org/team/web:1".parse()?);
//! let mut app = App::new("web".parse()?, image);
//! app.ports.push("8080:http".parse()?);
//! let yaml = document::write(&app.objects()?, document::Format::Yaml);
//! assert!(yaml.starts_with("apiVersion: apps/v1\nkind: Deployment\n"));
//! assert!(yaml.contains("kind: Service\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod app;
#[cfg(feature = "client")]
pub mod client;
pub mod document;
pub mod job;
pub mod kubesphere;
pub mod labels;
pub mod lint;
mod name;
pub mod openshift;
mod pod;
mod port;
pub mod s2irun;
pub mod shipwright;
pub mod tekton;
mod template;
mod variable;

pub use name::{Name, NameError, Reference};
pub use pod::AGENT_IMAGE;
pub use port::{EXPOSE_SERVICES, Port, PortError, Protocol};

/// The example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
