//! The command line of `s2i run`.

use std::{convert::Infallible, num::NonZeroU16, path::PathBuf, str::FromStr};

use clap::{Args, Subcommand};
use s2i_build::{
    ports::Publish,
    request::{Network, PullPolicy},
};
use s2i_core::{EnvVar, ImageRef, ImageRefError};

use super::limits::LimitArgs;

/// Run a container from an image and exit with its status.
#[derive(Debug, Args)]
#[command(
    override_usage = "s2i run [OPTIONS] <IMAGE> [ARGS]...",
    after_help = "All words after IMAGE replace the image's command.",
    disable_help_subcommand = true
)]
pub(crate) struct Run {
    /// Set an environment variable for the application
    #[arg(short, long, value_name = "NAME=VALUE")]
    pub(crate) env: Vec<EnvVar>,
    /// Read environment variables from a file, one NAME=VALUE per line
    #[arg(short = 'E', long, value_name = "FILE", visible_alias = "env-file")]
    pub(crate) environment_file: Option<PathBuf>,
    /// Publish a port of the container on a port of this machine
    #[arg(short, long, value_name = "HOST:CONTAINER")]
    pub(crate) publish: Vec<Port>,
    /// Run the application as this user instead of the image's user
    #[arg(short, long, value_name = "USER")]
    pub(crate) user: Option<String>,
    /// Connect the application to a network: none, host, or the name of a network of the engine
    #[arg(long, value_name = "NETWORK", value_parser = |text: &str| Ok::<_, Infallible>(Network::from(text)))]
    pub(crate) network: Option<Network>,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    /// Mount the root file system read-only, with a temporary writable /tmp
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
    pub(crate) command: ImageCommand,
}

/// The image to run, with its arguments.
#[derive(Debug, Subcommand)]
pub(crate) enum ImageCommand {
    /// The image, and the arguments that replace its command. As an external subcommand it ends the options of
    /// s2i: all further words belong to the application.
    #[command(external_subcommand)]
    Image(Vec<String>),
}

impl Run {
    /// Returns the image and the arguments after it.
    pub(crate) fn image(&self) -> Result<(ImageRef, &[String]), ImageRefError> {
        let ImageCommand::Image(words) = &self.command;
        let (image, args) = words.split_first().ok_or(ImageRefError::Empty)?;
        Ok((image.parse()?, args))
    }
}

/// A published port in the notation `HOST:CONTAINER`.
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
