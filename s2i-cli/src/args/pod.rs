//! The command line of the steps of a build in a pod. `s2i build --on cluster` writes it.

use clap::Subcommand;

/// A step, which runs in a container of its own.
#[derive(Debug, Subcommand)]
pub(crate) enum Pod {
    /// Receive or clone the source, and look up the images
    Prepare {
        /// Receive the source on standard input
        #[arg(long)]
        receive: bool,
        /// The pod has a step in the runtime image
        #[arg(long)]
        with_runtime: bool,
        /// The arguments of `s2i build`
        #[arg(last = true, value_name = "ARGS")]
        build: Vec<String>,
    },
    /// Build in this container
    Assemble,
    /// Run `assemble-runtime` in this container, if the build needs it
    AssembleRuntime,
    /// Push the result
    Push,
}
