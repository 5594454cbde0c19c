//! Objects of `OpenShift` and OKD: image streams, and builds that run again when their images change.
//!
//! A [`BuildConfig`] can't have two strategies or two sources, because its types can't; and its triggers are alive: the
//! API drops one that has no image to follow, without an error, and the build that it promises never runs. So a trigger
//! is written for every image stream that a build uses, and for nothing else.
//!
//! - [`Chain`]: the builds of an application, from its builder image to a small image with its artifacts alone.
//! - [`NewApp`]: the builds, the Deployment and the Service, as `oc new-app BUILDER~URL` makes them.
//! - [`migrate()`]: builds of OpenShift as commands, for users who leave it.
//!
//! ```
//! use s2i_kube::{document, openshift::{Chain, builder_and_source}};
//!
//! let (builder, source) = builder_and_source("golang~https://git.example.org/hello.git")?;
//! let chain = Chain::new("hello".parse()?, source, builder);
//! let yaml = document::write(&chain.objects()?, document::Format::Yaml);
//! assert!(yaml.contains("name: golang:latest"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod build_config;
mod chain;
mod dockerfile;
mod migrate;
mod new_app;
mod source;
mod stream;
mod webhook;

pub use build_config::{BuildConfig, ImageName, Strategy};
pub use chain::{Builder, Chain, ChainError, Runtime};
pub(crate) use dockerfile::INLINE;
pub use dockerfile::{DockerfileError, ImageFiles, ImagePath, InlineDockerfile, of_artifacts};
pub use migrate::{Migration, migrate};
pub use new_app::{
    BuilderAndSourceError, NewApp, NewAppError, builder, builder_and_source, git, import,
};
pub use source::{Git, Source};
pub use stream::{Import, StreamTag, StreamTagError, image_stream};
pub use webhook::{Webhook, WebhookError, WebhookKind};
