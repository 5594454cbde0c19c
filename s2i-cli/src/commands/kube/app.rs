//! `s2i kube app`, and the ports of images.

use s2i_core::{Account, ImageRef, image::ContainerConfig};
use s2i_kube::{
    Name, Port,
    app::{App, AppImage, Probe},
};
use s2i_oci::registry::Registry;
use serde_json::Value;

use super::{KubeError, source};
use crate::{
    args::kube::{self, Check, PortArgs},
    commands::registry_image::RegistryImage,
    context::CommandContext,
    error::Error,
    native,
};

pub(super) async fn objects(
    args: &kube::App,
    context: &CommandContext<'_>,
) -> Result<Vec<Value>, Error> {
    let (name, image) = match (&args.stream, &args.image) {
        (Some(tag), _) => {
            let name = args
                .name
                .clone()
                .or_else(|| Name::suggest(tag.stream.as_str()));
            let name = name.ok_or_else(|| KubeError::NoName(tag.to_string()))?;
            (name, AppImage::Stream(tag.clone()))
        }
        (None, Some(image)) => {
            let name = source::of_image(args.name.as_ref(), image)?;
            (name, AppImage::Registry(image.clone()))
        }
        (None, None) => unreachable!("the command line has an image or a stream"),
    };
    let mut app = App::new(name, image);
    let config = match &args.image {
        Some(image) if !args.ports.offline => Some((image, config(image, context).await?)),
        _ => None,
    };
    if let Some((image, config)) = &config
        && args.uid.is_none()
    {
        check_user(image, config)?;
    }
    let config = config.as_ref().map(|(_, config)| config);
    app.ports = ports(&args.ports, config, context);
    app.namespace.clone_from(&args.objects.namespace);
    app.replicas = args.replicas;
    app.env.clone_from(&args.env);
    app.readiness = args.ports.readiness.as_ref().map(probe);
    app.liveness = args.liveness.as_ref().map(probe);
    app.uid = args.uid;
    app.pull_secret.clone_from(&args.pull_secret);
    Ok(app.objects().map_err(KubeError::from)?)
}

/// Returns the settings of an image, from its registry.
pub(super) async fn config(
    image: &ImageRef,
    context: &CommandContext<'_>,
) -> Result<ContainerConfig, Error> {
    let registry = Registry::new(native::registry(context)?)?;
    let read = RegistryImage::read(&registry, image).await;
    let read = read.map_err(|source| Error::Inspect {
        image: image.clone(),
        source,
    })?;
    Ok(read.config.config)
}

/// Returns the ports: those of the command line, or else those of the image. Without any, a warning names the effect.
pub(super) fn ports(
    args: &PortArgs,
    config: Option<&ContainerConfig>,
    context: &CommandContext<'_>,
) -> Vec<Port> {
    if !args.given.is_empty() {
        return args.given.clone();
    }
    let (ports, diagnostics) = config.map(Port::of_image).unwrap_or_default();
    context.renderer().warnings(diagnostics);
    if ports.is_empty() {
        let message = "no port is known, so there is no Service; name the ports with --port";
        context.warn("the application", message);
    }
    ports
}

/// Refuses an image that the platform would refuse to start.
fn check_user(image: &ImageRef, config: &ContainerConfig) -> Result<(), KubeError> {
    match Account::uid_of(&config.user) {
        Some(0) => Err(KubeError::Root(image.clone())),
        Some(_) => Ok(()),
        None => Err(KubeError::UserName {
            image: image.clone(),
            user: config.user.clone(),
        }),
    }
}

pub(super) fn probe(check: &Check) -> Probe {
    match check {
        Check::Tcp => Probe::Tcp,
        Check::Http(path) => Probe::Http(path.clone()),
    }
}
