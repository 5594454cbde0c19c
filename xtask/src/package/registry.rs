//! A registry on loopback, which has the builder image of the examples.

use std::path::Path;

use anyhow::{Context, Result};
use s2i_core::{
    ImageRef,
    image::{ImageConfig, Platform},
};
use s2i_oci::registry::{Options, Push, Registry};
use s2i_test_engines::{Kind, down, endpoint, up};

use crate::bench::builder_image;

/// The registry, which is stopped when it is dropped if it was started for this.
pub(super) struct TestRegistry {
    host: String,
    client: Registry,
    started: bool,
}

impl Drop for TestRegistry {
    fn drop(&mut self) {
        if !self.started {
            return;
        }
        if let Err(err) = down(Kind::Registry) {
            eprintln!("warning: can't stop the registry: {err:#}");
        }
    }
}

impl TestRegistry {
    /// Starts a registry if none is up.
    pub(super) fn start() -> Result<Self> {
        let started = endpoint(Kind::Registry).is_none();
        let url = up(Kind::Registry)?.url;
        let host = url.strip_prefix("http://").unwrap_or(&url).to_owned();
        Ok(Self {
            host,
            client: Registry::new(Options::default())?,
            started,
        })
    }

    /// Returns the name of an image in the registry.
    pub(super) fn name(&self, name: &str) -> String {
        format!("{}/s2i-example/{name}", self.host)
    }

    /// Pushes the builder image, and returns its name.
    pub(super) fn push_builder(&self, work: &Path) -> Result<String> {
        let name = self.name("builder");
        let image: ImageRef = name.parse()?;
        let push = Push::from(&builder_image(work)?);
        block_on(self.client.push(&image, &push, &|_, _| ()))?
            .with_context(|| format!("can't push {name}"))?;
        Ok(name)
    }

    /// Returns the config of an image.
    pub(super) fn config(&self, name: &str) -> Result<ImageConfig> {
        let image: ImageRef = name.parse()?;
        let pulled = block_on(self.client.manifest(&image, &Platform::of_this_machine()))?;
        let pulled = pulled.with_context(|| format!("can't read {name}"))?;
        serde_json::from_slice(&pulled.config_bytes)
            .with_context(|| format!("can't read the config of {name}"))
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> Result<T> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    Ok(runtime.enable_all().build()?.block_on(work))
}
