//! Calls to the API of Docker and Podman.

use anyhow::{Context, Result, bail};
use bollard::{
    ClientVersion, Docker,
    query_parameters::{
        ListContainersOptionsBuilder, ListImagesOptions, ListVolumesOptions,
        PruneBuildOptionsBuilder, RemoveContainerOptionsBuilder, RemoveImageOptions,
    },
};

/// The time limit of a request in seconds. The removal of a container waits for its end.
const TIMEOUT: u64 = 30;

/// The API version of the oldest supported engine.
const VERSION: ClientVersion = ClientVersion {
    major_version: 1,
    minor_version: 41,
};

/// The name of an untagged image.
const NO_NAME: &str = "<none>:<none>";

/// Returns the version of an engine and of its API.
///
/// # Errors
/// Fails if no engine responds at this URL.
pub fn version(url: &str) -> Result<String> {
    call(url, async |docker| {
        let version = docker.version().await?;
        let text = |field: Option<String>| field.unwrap_or_else(|| "?".into());
        let (version, api) = (text(version.version), text(version.api_version));
        Ok(format!("{version}, API {api}"))
    })
}

/// Returns one line for each container, image and volume of an engine.
///
/// # Errors
/// Fails if the engine does not respond, or responds with an error.
pub fn contents(url: &str) -> Result<Vec<String>> {
    call(url, async |docker| {
        let mut lines = Vec::new();
        let all = ListContainersOptionsBuilder::new().all(true).build();
        for container in docker.list_containers(Some(all)).await? {
            let names = container.names.unwrap_or_default();
            let names = names.iter().map(|name| name.trim_start_matches('/'));
            lines.extend(names.map(|name| format!("container {name}")));
        }
        for image in docker.list_images(None::<ListImagesOptions>).await? {
            let mut names = image.repo_tags;
            names.retain(|name| name != NO_NAME);
            if names.is_empty() {
                lines.push(format!("image {}, which has no name", image.id));
            }
            lines.extend(names.iter().map(|name| format!("image {name}")));
        }
        let volumes = docker.list_volumes(None::<ListVolumesOptions>).await?;
        let volumes = volumes.volumes.unwrap_or_default();
        lines.extend(
            volumes
                .iter()
                .map(|volume| format!("volume {}", volume.name)),
        );
        Ok(lines)
    })
}

/// Removes all containers, running or not, so that none of their processes and mounts remain.
pub(crate) fn remove_containers(url: &str) -> Result<()> {
    call(url, async |docker| {
        let all = ListContainersOptionsBuilder::new().all(true).build();
        for container in docker.list_containers(Some(all)).await? {
            let options = RemoveContainerOptionsBuilder::new().force(true).v(true);
            let id = container.id.unwrap_or_default();
            docker.remove_container(&id, Some(options.build())).await?;
        }
        Ok(())
    })
}

/// Removes an image by its name. It stays under its other names.
///
/// # Errors
/// Fails if the engine does not respond, or responds with an error.
pub fn remove_image(url: &str, name: &str) -> Result<()> {
    call(url, async |docker| {
        let options = None::<RemoveImageOptions>;
        docker.remove_image(name, options, None).await?;
        Ok(())
    })
}

/// Empties the cache of `BuildKit`.
///
/// # Errors
/// Fails if the engine does not respond, or responds with an error.
pub fn prune_builds(url: &str) -> Result<()> {
    call(url, async |docker| {
        let all = PruneBuildOptionsBuilder::new().all(true).build();
        docker.prune_build(Some(all)).await?;
        Ok(())
    })
}

fn call<T>(
    url: &str,
    work: impl AsyncFnOnce(Docker) -> Result<T, bollard::errors::Error>,
) -> Result<T> {
    let docker = if let Some(socket) = url.strip_prefix("unix://") {
        Docker::connect_with_unix(socket, TIMEOUT, &VERSION)
    } else if url.starts_with("http://") || url.starts_with("tcp://") {
        Docker::connect_with_http(url, TIMEOUT, &VERSION)
    } else {
        bail!("`{url}` begins with neither unix:// nor http:// nor tcp://");
    };
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build()?;
    let failed = || format!("the engine at {url} failed");
    runtime.block_on(work(docker?)).with_context(failed)
}
