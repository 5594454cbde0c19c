//! Docker or Podman, asked past `s2i`.

use std::{
    fs::File,
    io::{self, Write as _},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use bollard::{
    API_DEFAULT_VERSION, Docker,
    errors::Error,
    models::{ContainerInspectResponse, ImageInspect},
    query_parameters::{
        InspectContainerOptions, KillContainerOptions, ListContainersOptionsBuilder,
        ListImagesOptionsBuilder, RemoveContainerOptionsBuilder, RemoveImageOptionsBuilder,
    },
};
use futures_util::StreamExt as _;

use super::{GOING, VARIABLE};

/// A connection to the engine.
pub(crate) struct Api {
    pub(crate) url: String,
    docker: Docker,
    runtime: tokio::runtime::Runtime,
}

impl Api {
    pub(super) fn connect(url: String) -> Self {
        let docker = match url.strip_prefix("unix://") {
            Some(path) => Docker::connect_with_unix(path, 120, API_DEFAULT_VERSION),
            None => Docker::connect_with_http(&url, 120, API_DEFAULT_VERSION),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let docker = docker.unwrap_or_else(|err| panic!("{VARIABLE}={url}: {err}"));
        Self {
            url,
            docker,
            runtime,
        }
    }

    pub(crate) fn is_podman(&self) -> bool {
        let version = self.runtime.block_on(self.docker.version()).unwrap();
        let components = version.components.unwrap_or_default();
        components
            .iter()
            .any(|component| component.name.starts_with("Podman"))
    }

    /// Returns whether containerd stores the images, as for the newest Docker.
    pub(super) fn has_containerd_store(&self) -> bool {
        let info = self.runtime.block_on(self.docker.info()).unwrap();
        let properties = info.driver_status.unwrap_or_default();
        properties.contains(&vec![
            "driver-type".into(),
            "io.containerd.snapshotter.v1".into(),
        ])
    }

    pub(super) fn image(&self, name: &str) -> Option<ImageInspect> {
        self.runtime.block_on(self.docker.inspect_image(name)).ok()
    }

    /// Removes a name of an image, and the image with its last name.
    pub(super) fn remove_image(&self, name: &str) -> Result<(), String> {
        let options = RemoveImageOptionsBuilder::new().force(true).build();
        let removed = self
            .runtime
            .block_on(self.docker.remove_image(name, Some(options), None));
        match removed {
            Ok(_)
            | Err(Error::DockerResponseServerError {
                status_code: 404, ..
            }) => Ok(()),
            Err(err) => Err(format!("can't remove {name}: {err}")),
        }
    }

    /// The number of images without a name that have this display name.
    pub(super) fn unnamed(&self, tag: &str) -> usize {
        let label = format!("{}={tag}", s2i_core::label::DISPLAY_NAME);
        let filters = [
            ("label", vec![label]),
            ("dangling", vec!["true".to_owned()]),
        ];
        let options = ListImagesOptionsBuilder::new()
            .filters(&filters.into())
            .build();
        let list = self.docker.list_images(Some(options));
        self.runtime.block_on(list).unwrap().len()
    }

    /// The containers of images whose names start with `prefix`.
    pub(super) fn containers(&self, prefix: &str) -> Vec<String> {
        let options = ListContainersOptionsBuilder::new().all(true).build();
        let start = Instant::now();
        let containers = loop {
            let list = self.docker.list_containers(Some(options.clone()));
            match self.runtime.block_on(list) {
                Ok(containers) => break containers,
                // Podman has a state between running and gone that the client does not know.
                Err(Error::JsonDataError { .. }) if start.elapsed() < GOING => {
                    thread::sleep(Duration::from_millis(20));
                }
                Err(err) => panic!("{err}"),
            }
        };
        let names = containers
            .into_iter()
            .flat_map(|container| container.names.unwrap_or_default());
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let prefix: String = prefix.chars().map(plain).collect();
        let prefix = format!("s2i_{prefix}");
        names
            .map(|name| name.trim_start_matches('/').to_owned())
            .filter(|name| name.starts_with(&prefix))
            .collect()
    }

    /// The settings of a container.
    pub(crate) fn container(&self, name: &str) -> ContainerInspectResponse {
        let inspected = self
            .docker
            .inspect_container(name, None::<InspectContainerOptions>);
        self.runtime.block_on(inspected).unwrap()
    }

    pub(super) fn remove_container(&self, name: &str) {
        let options = RemoveContainerOptionsBuilder::new().force(true).build();
        let removed = self.docker.remove_container(name, Some(options));
        self.runtime.block_on(removed).unwrap();
    }

    /// Sends a signal to the first process of a container.
    pub(super) fn kill_container(&self, name: &str, signal: &str) {
        let options = KillContainerOptions {
            signal: signal.into(),
        };
        let killed = self.docker.kill_container(name, Some(options));
        self.runtime.block_on(killed).unwrap();
    }

    pub(super) fn export(&self, image: &str, to: &Path) -> io::Result<()> {
        let mut file = File::create(to)?;
        // Without a tag, Docker would write all images of that name, in any order.
        let has_tag = image
            .rsplit('/')
            .next()
            .is_some_and(|last| last.contains(':'));
        let one = if has_tag {
            image.into()
        } else {
            format!("{image}:latest")
        };
        self.runtime.block_on(async {
            let mut stream = std::pin::pin!(self.docker.export_image(&one));
            while let Some(piece) = stream.next().await {
                file.write_all(&piece.map_err(io::Error::other)?)?;
            }
            Ok(())
        })
    }
}
