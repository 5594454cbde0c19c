//! Runs of the examples, and looks at the images that they made.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use s2i_core::ImageRef;
use s2i_oci::store::Store;
use s2i_test_engines::{Kind, api, endpoint, host};

use super::{build::example, registry::TestRegistry};

/// The default socket of Docker.
const USUAL_SOCKET: &str = "unix:///var/run/docker.sock";

/// The number of layers of a result: that of the builder image, and the new one.
const LAYERS: usize = 2;

/// The runs of the examples.
pub(super) struct Examples {
    work: tempfile::TempDir,
    /// Docker, or the reason why its example is not run.
    docker: Result<String, String>,
}

impl Examples {
    /// Prepares a source, and looks for Docker unless it is not wanted.
    pub(super) fn new(no_docker: bool) -> Result<Self> {
        let work = tempfile::Builder::new().prefix("s2i-package-").tempdir()?;
        let source = work.path().join("source");
        fs::create_dir(&source)?;
        fs::write(source.join("page"), "hello")?;
        let docker = if no_docker {
            Err("docker, because of --no-docker".to_owned())
        } else {
            docker().ok_or_else(|| {
                "docker: no daemon responds; `cargo xtask engine up docker` starts one".to_owned()
            })
        };
        Ok(Self { work, docker })
    }

    /// Runs the examples, and returns those that could not be run, with the reason.
    pub(super) fn run(&self) -> Result<Vec<String>> {
        let missing = [
            (!is_root(), "root"),
            (host::find("docker-registry").is_none(), "docker-registry"),
        ];
        let missing: Vec<_> = missing
            .iter()
            .filter(|(is, _)| *is)
            .map(|(_, name)| *name)
            .collect();
        if !missing.is_empty() {
            return Ok(vec![format!(
                "any example; they need {}",
                missing.join(" and ")
            )]);
        }
        let registry = TestRegistry::start()?;
        let builder = registry.push_builder(self.work.path())?;
        self.layer(&registry, &builder)?;
        self.embedded(&builder)?;
        match &self.docker {
            Ok(url) => {
                self.docker(url, &builder)?;
                Ok(vec![])
            }
            Err(reason) => Ok(vec![reason.clone()]),
        }
    }

    fn layer(&self, registry: &TestRegistry, builder: &str) -> Result<()> {
        let name = registry.name("layer");
        self.start("layer", &[builder, &name], None)?;
        let config = registry.config(&name)?;
        ensure!(
            config.rootfs.diff_ids.len() == LAYERS && config.config.working_dir == "/srv",
            "the example pushed another image: {config:?}"
        );
        Ok(())
    }

    fn embedded(&self, builder: &str) -> Result<()> {
        let (name, store) = ("s2i-example/embedded", self.work.path().join("store"));
        self.start("embedded", &[builder, name, text(&store)?], None)?;
        let image = Store::open(&store)?.find(&name.parse::<ImageRef>()?)?;
        let layers = image.map_or(0, |image| image.layers().len());
        ensure!(layers == LAYERS, "the image has {layers} layers");
        Ok(())
    }

    fn docker(&self, url: &str, builder: &str) -> Result<()> {
        let name = "s2i-example/docker:latest";
        self.start("docker", &[builder, name], Some(url))?;
        let has_image = api::contents(url)?.contains(&format!("image {name}"));
        ensure!(has_image, "Docker does not have the image");
        api::remove_image(url, name)?;
        api::remove_image(url, &format!("{builder}:latest"))
    }

    /// Runs an example with the source and these arguments.
    fn start(&self, name: &str, arguments: &[&str], docker: Option<&str>) -> Result<()> {
        let mut command = Command::new(example(name));
        command.arg(self.work.path().join("source")).args(arguments);
        command.current_dir(self.work.path());
        if let Some(url) = docker {
            command.env("DOCKER_HOST", url);
        }
        host::run(&mut command)
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Returns the URL of a Docker that responds.
fn docker() -> Option<String> {
    let named = std::env::var("DOCKER_HOST").ok();
    let tested = || endpoint(Kind::Docker).map(|endpoint| endpoint.url);
    let url = named
        .or_else(tested)
        .unwrap_or_else(|| USUAL_SOCKET.to_owned());
    api::version(&url).is_ok().then_some(url)
}

fn text(path: &Path) -> Result<&str> {
    path.to_str()
        .context("the directory for temporary files has a name that is not UTF-8")
}
