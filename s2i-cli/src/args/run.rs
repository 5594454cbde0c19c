//! What can be typed after `s2i run`.

use std::{convert::Infallible, num::NonZeroU16, path::PathBuf, str::FromStr};

use clap::{Args, Subcommand};
use s2i_build::{
    ports::Publish,
    request::{Network, PullPolicy},
};
use s2i_core::{EnvVar, ImageRef, ImageRefError};

use super::limits::Limited;

/// Run the command of an image, and end as it ends.
#[derive(Debug, Args)]
#[command(
    override_usage = "s2i run [OPTIONS] <IMAGE> [ARGS]...",
    after_help = "Whatever comes after IMAGE is for the application, in place of the image's command.",
    disable_help_subcommand = true
)]
pub(crate) struct Run {
    /// A variable for the application
    #[arg(short, long, value_name = "NAME=VALUE")]
    pub(crate) env: Vec<EnvVar>,
    /// A file with such variables, one on a line
    #[arg(short = 'E', long, value_name = "FILE", visible_alias = "env-file")]
    pub(crate) environment_file: Option<PathBuf>,
    /// A port of this machine that leads to a port of the container
    #[arg(short, long, value_name = "HOST:CONTAINER")]
    pub(crate) publish: Vec<Port>,
    /// The user of the application, in place of the image's own
    #[arg(short, long, value_name = "USER")]
    pub(crate) user: Option<String>,
    /// What the application can reach: none, host, or a network of the engine
    #[arg(long, value_name = "NETWORK", value_parser = |text: &str| Ok::<_, Infallible>(Network::from(text)))]
    pub(crate) network: Option<Network>,
    #[command(flatten)]
    pub(crate) limited: Limited,
    /// Let the application write nowhere but to /tmp, which is gone with it
    #[arg(long)]
    pub(crate) read_only: bool,
    /// When to pull the image: always, if-not-present or never
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "if-not-present",
        visible_alias = "pull"
    )]
    pub(crate) pull_policy: PullPolicy,

    #[command(subcommand)]
    pub(crate) what: What,
}

/// What runs.
#[derive(Debug, Subcommand)]
pub(crate) enum What {
    /// The image, and what the application gets in place of the image's command. As a subcommand it
    /// ends the options of s2i: all that comes after it is the application's.
    #[command(external_subcommand)]
    Image(Vec<String>),
}

impl Run {
    /// The image and the arguments after it.
    pub(crate) fn image(&self) -> Result<(ImageRef, &[String]), ImageRefError> {
        let What::Image(words) = &self.what;
        let (image, args) = words.split_first().ok_or(ImageRefError::Empty)?;
        Ok((image.parse()?, args))
    }
}

/// Ports as they are typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Port(pub(crate) Publish);

impl FromStr for Port {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let ports = text.split_once(':').and_then(|(host, container)| {
            let host = host.parse::<NonZeroU16>().ok()?;
            let container = container.trim_end_matches("/tcp").parse::<NonZeroU16>();
            Some((host.get(), container.ok()?.get()))
        });
        let (host, container) =
            ports.ok_or("two ports from 1 to 65535 with a `:` between them are needed")?;
        Ok(Self(Publish { host, container }))
    }
}
