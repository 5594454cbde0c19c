//! The command line of `s2i kube app`.

use std::{convert::Infallible, str::FromStr};

use clap::Args;
use s2i_core::{EnvVar, ImageRef};
use s2i_kube::{Name, Port, Reference, openshift::StreamTag};

use super::ObjectArgs;
use crate::args::credentials::CredentialArgs;

/// Write the Deployment and the Service of an image.
#[derive(Debug, Args)]
pub(crate) struct App {
    /// Image in a registry, which is asked for the ports
    #[arg(required_unless_present = "stream")]
    pub(crate) image: Option<ImageRef>,
    /// Follow this tag of an image stream of OpenShift instead, `[NAMESPACE/]STREAM[:TAG]`
    #[arg(
        long,
        alias = "openshift",
        value_name = "TAG",
        conflicts_with = "image"
    )]
    pub(crate) stream: Option<StreamTag>,
    /// Name of the objects; by default, the last part of that of the image
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<Name>,
    #[command(flatten)]
    pub(crate) ports: PortArgs,
    /// Number of pods
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) replicas: u16,
    /// Set an environment variable of the container
    #[arg(short, long, value_name = "NAME=VALUE")]
    pub(crate) env: Vec<EnvVar>,
    /// Start the container again if this check fails: `tcp`, or a path for a request over HTTP
    #[arg(long, value_name = "CHECK")]
    pub(crate) liveness: Option<Check>,
    /// User ID of the container; necessary if the image has the name of a user instead of a number
    #[arg(long, value_name = "NUMBER")]
    pub(crate) uid: Option<u32>,
    /// Secret with the login for the registry of the image
    #[arg(long, value_name = "NAME")]
    pub(crate) pull_secret: Option<Reference>,
    #[command(flatten)]
    pub(crate) objects: ObjectArgs,
    #[command(flatten)]
    pub(crate) credentials: CredentialArgs,
}

/// The options for ports.
#[derive(Debug, Args)]
pub(crate) struct PortArgs {
    /// Port of the application, as 8080, 53/udp or 8080:http; by default, those that the image exposes
    #[arg(short = 'p', long = "port", id = "ports", value_name = "PORT")]
    pub(crate) given: Vec<Port>,
    /// Do not ask the registry for the ports of the image
    #[arg(long)]
    pub(crate) offline: bool,
    /// Send requests to a pod only while this check succeeds: `tcp`, or a path for a request over HTTP
    #[arg(long, value_name = "CHECK")]
    pub(crate) readiness: Option<Check>,
}

/// A check of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    Tcp,
    /// A request for this path.
    Http(String),
}

impl FromStr for Check {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "tcp" => Self::Tcp,
            path if path.starts_with('/') => Self::Http(path.into()),
            path => Self::Http(format!("/{path}")),
        })
    }
}
