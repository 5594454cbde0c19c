//! The engine under test, asked past `s2i`: what is in it, what is left in it.

mod api;
mod layers;
mod native;

use std::{ffi::OsString, path::Path, process::Command, time::Duration};

use bollard::models::ImageInspect;

pub(crate) use self::layers::{Layer, LayerFile};
use self::{api::Api, native::Native};

/// The variable that names the engine: `unix:///path`, `tcp://host:port` or `native`.
pub(crate) const VARIABLE: &str = "S2I_TEST_ENGINE";

/// The time in which an ended container or process may still be visible.
pub(crate) const GOING: Duration = Duration::from_secs(15);

/// The engine under test.
pub(crate) enum Engine {
    Api(Api),
    Native(Native),
}

impl Engine {
    /// The engine that the variable names.
    pub(crate) fn from_env() -> Option<Self> {
        let name = std::env::var(VARIABLE)
            .ok()
            .filter(|name| !name.is_empty())?;
        Some(match name.as_str() {
            // Images for a cluster are made by the embedded engine.
            "native" | "kubernetes" => Self::Native(Native::new()),
            _ => Self::Api(Api::connect(name)),
        })
    }

    /// The embedded engine, beside the one under test.
    pub(crate) fn beside() -> Self {
        Self::Native(Native::new())
    }

    /// Takes a new store from here on, if it has one.
    pub(crate) fn part(&mut self) {
        if let Self::Native(native) = self {
            native.part();
        }
    }

    /// Returns `s2i`, as the user of this engine starts it.
    pub(crate) fn s2i(&self) -> Command {
        match self {
            Self::Api(_) => Command::new(env!("CARGO_BIN_EXE_s2i")),
            Self::Native(native) => native.s2i(),
        }
    }

    /// The options of `s2i` that select it.
    pub(crate) fn options(&self) -> Vec<OsString> {
        match self {
            Self::Api(api) => vec!["--url".into(), (&api.url).into()],
            Self::Native(native) => native.options(),
        }
    }

    /// Makes the user of `s2i` the owner of a directory.
    pub(crate) fn give(&self, dir: &Path) {
        if let Self::Native(native) = self {
            native.give(dir);
        }
    }

    /// Docker or Podman, for what the embedded engine does not have.
    pub(crate) fn api(&self) -> Option<&Api> {
        match self {
            Self::Api(api) => Some(api),
            Self::Native(_) => None,
        }
    }

    pub(crate) fn is_podman(&self) -> bool {
        self.api().is_some_and(Api::is_podman)
    }

    pub(crate) fn has_containerd_store(&self) -> bool {
        self.api().is_some_and(Api::has_containerd_store)
    }

    pub(crate) fn is_native(&self) -> bool {
        self.api().is_none()
    }

    pub(crate) fn image(&self, name: &str) -> Option<ImageInspect> {
        match self {
            Self::Api(api) => api.image(name),
            Self::Native(native) => native.image(name),
        }
    }

    /// Removes a name of an image, and the image with its last name. One that is not there is fine.
    pub(crate) fn remove_image(&self, name: &str) -> Result<(), String> {
        match self {
            Self::Api(api) => api.remove_image(name),
            Self::Native(native) => native.remove_image(name),
        }
    }

    /// The number of images without a name that were built for this one.
    pub(crate) fn unnamed(&self, tag: &str) -> usize {
        match self {
            Self::Api(api) => api.unnamed(tag),
            Self::Native(native) => native.unnamed(tag),
        }
    }

    /// The containers of images whose names start with `prefix`.
    pub(crate) fn containers(&self, prefix: &str) -> Vec<String> {
        match self {
            Self::Api(api) => api.containers(prefix),
            Self::Native(native) => native.containers(prefix),
        }
    }

    /// The names of directories with unfinished files, as far as s2i has them by itself.
    pub(crate) fn unfinished(&self) -> Vec<String> {
        match self {
            Self::Api(_) => Vec::new(),
            Self::Native(native) => native.unfinished(),
        }
    }

    /// Removes a container behind the back of `s2i`.
    pub(crate) fn remove_container(&self, name: &str) {
        match self {
            Self::Api(api) => api.remove_container(name),
            Self::Native(native) => native.kill_container(name),
        }
    }

    /// Kills the first process of a container.
    pub(crate) fn kill_container(&self, name: &str) {
        match self {
            Self::Api(api) => api.kill_container(name, "SIGKILL"),
            Self::Native(native) => native.kill_container(name),
        }
    }

    /// Returns the entries of each layer of an image, lowest first, by path without slashes at the ends.
    pub(crate) fn layers(&self, image: &str, scratch: &Path) -> Vec<Layer> {
        let file = scratch.join("exported.tar");
        match self {
            Self::Api(api) => api.export(image, &file).unwrap(),
            Self::Native(native) => native.export(image, &file),
        }
        let layers = layers::layers(&file);
        std::fs::remove_file(file).unwrap();
        layers
    }

    /// Returns the entries of the highest layer of an image.
    pub(crate) fn last_layer(&self, image: &str, scratch: &Path) -> Layer {
        self.layers(image, scratch).pop().unwrap()
    }
}
