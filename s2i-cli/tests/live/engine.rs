//! The engine under test, asked past `s2i`: what is in it, what is left in it.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead as _, BufReader, Read},
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
        RemoveContainerOptionsBuilder, RemoveImageOptionsBuilder,
    },
};
use futures_util::StreamExt as _;

/// The variable that names the engine: `unix:///path` or `tcp://host:port`.
pub(crate) const VARIABLE: &str = "S2I_TEST_ENGINE";

/// How long something that was ended may still be seen.
pub(crate) const GOING: Duration = Duration::from_secs(15);

/// A connection to the engine.
pub(crate) struct Engine {
    pub(crate) url: String,
    docker: Docker,
    runtime: tokio::runtime::Runtime,
}

/// What a layer adds and changes.
pub(crate) type Layer = BTreeMap<String, LayerFile>;

/// A file of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LayerFile {
    pub(crate) kind: tar::EntryType,
    pub(crate) mode: u32,
    pub(crate) uid: u64,
    pub(crate) gid: u64,
    pub(crate) mtime: u64,
    pub(crate) size: u64,
    pub(crate) target: Option<String>,
}

impl Engine {
    /// The engine that the variable names.
    pub(crate) fn from_env() -> Option<Self> {
        let url = std::env::var(VARIABLE).ok().filter(|url| !url.is_empty())?;
        let docker = match url.strip_prefix("unix://") {
            Some(path) => Docker::connect_with_unix(path, 120, API_DEFAULT_VERSION),
            None => Docker::connect_with_http(&url, 120, API_DEFAULT_VERSION),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let docker = docker.unwrap_or_else(|err| panic!("{VARIABLE}={url}: {err}"));
        Some(Self {
            url,
            docker,
            runtime,
        })
    }

    pub(crate) fn is_podman(&self) -> bool {
        let version = self.runtime.block_on(self.docker.version()).unwrap();
        let components = version.components.unwrap_or_default();
        components
            .iter()
            .any(|component| component.name.starts_with("Podman"))
    }

    pub(crate) fn image(&self, name: &str) -> Option<ImageInspect> {
        self.runtime.block_on(self.docker.inspect_image(name)).ok()
    }

    /// Removes a name of an image, and the image with its last name.
    pub(crate) fn remove_image(&self, name: &str) -> Result<(), String> {
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

    /// The names of the containers that start with `prefix`.
    pub(crate) fn containers(&self, prefix: &str) -> Vec<String> {
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
        names
            .map(|name| name.trim_start_matches('/').to_owned())
            .filter(|name| name.starts_with(prefix))
            .collect()
    }

    pub(crate) fn container(&self, name: &str) -> ContainerInspectResponse {
        let inspected = self
            .docker
            .inspect_container(name, None::<InspectContainerOptions>);
        self.runtime.block_on(inspected).unwrap()
    }

    pub(crate) fn remove_container(&self, name: &str) {
        let options = RemoveContainerOptionsBuilder::new().force(true).build();
        let removed = self.docker.remove_container(name, Some(options));
        self.runtime.block_on(removed).unwrap();
    }

    /// Sends a signal to the first process of a container.
    pub(crate) fn kill_container(&self, name: &str, signal: &str) {
        let options = KillContainerOptions {
            signal: signal.into(),
        };
        let killed = self.docker.kill_container(name, Some(options));
        self.runtime.block_on(killed).unwrap();
    }

    /// What each layer of an image adds and changes, lowest first, by path without slashes at the
    /// ends.
    pub(crate) fn layers(&self, image: &str, scratch: &Path) -> Vec<Layer> {
        let file = scratch.join("exported.tar");
        self.export(image, &file).unwrap();
        let manifest = member(&file, "manifest.json", |bytes| {
            serde_json::from_reader(bytes)
        });
        let manifest: serde_json::Value = manifest.unwrap().unwrap();
        let layers = manifest[0]["Layers"].as_array().unwrap().iter();
        let layers = layers
            .map(|name| {
                member(&file, name.as_str().unwrap(), list)
                    .unwrap()
                    .unwrap()
            })
            .collect();
        std::fs::remove_file(file).unwrap();
        layers
    }

    /// What the highest layer of an image adds and changes.
    pub(crate) fn last_layer(&self, image: &str, scratch: &Path) -> Layer {
        self.layers(image, scratch).pop().unwrap()
    }

    fn export(&self, image: &str, to: &Path) -> io::Result<()> {
        let mut file = File::create(to)?;
        self.runtime.block_on(async {
            let mut stream = std::pin::pin!(self.docker.export_image(image));
            while let Some(piece) = stream.next().await {
                io::Write::write_all(&mut file, &piece.map_err(io::Error::other)?)?;
            }
            Ok(())
        })
    }
}

/// Reads a member of an archive; links in it are followed, as old `docker save` makes them.
fn member<T>(archive: &Path, name: &str, read: impl FnOnce(&mut dyn Read) -> T) -> io::Result<T> {
    let mut file = tar::Archive::new(BufReader::new(File::open(archive)?));
    for entry in file.entries()? {
        let mut entry = entry?;
        if entry.path_bytes().as_ref() != name.as_bytes() {
            continue;
        }
        return match entry.link_name()? {
            Some(target) => {
                let target = target.to_string_lossy();
                member(archive, target.trim_start_matches("../"), read)
            }
            None => Ok(read(&mut entry)),
        };
    }
    Err(io::Error::new(io::ErrorKind::NotFound, name.to_owned()))
}

/// Lists a layer, compressed or not.
fn list(layer: &mut dyn Read) -> io::Result<Layer> {
    let mut layer = BufReader::new(layer);
    if layer.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        list_plain(flate2::bufread::GzDecoder::new(layer))
    } else {
        list_plain(layer)
    }
}

fn list_plain(layer: impl Read) -> io::Result<Layer> {
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(layer).entries()? {
        let entry = entry?;
        let header = entry.header();
        let target = entry.link_name()?;
        let file = LayerFile {
            kind: header.entry_type(),
            mode: header.mode()? & 0o7777,
            uid: header.uid()?,
            gid: header.gid()?,
            mtime: header.mtime()?,
            size: header.size()?,
            target: target.map(|target| target.display().to_string()),
        };
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let path = path.trim_start_matches("./").trim_matches('/').to_owned();
        files.insert(path, file);
    }
    Ok(files)
}
