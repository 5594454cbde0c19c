//! The options for resource limits of containers, as in Docker.

use std::num::NonZeroU64;

use clap::Args;
use s2i_build::limits::{self, Limits};

/// The resource limits of a container.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct LimitArgs {
    /// Limit the memory of each container, for example 512m or 1.5g
    #[arg(long, value_name = "SIZE", value_parser = limits::memory)]
    memory: Option<u64>,
    /// Limit the CPUs of each container, for example 1.5
    #[arg(long, value_name = "NUMBER", value_parser = limits::cpus)]
    cpus: Option<u64>,
    /// Limit the number of processes and threads of each container
    #[arg(long, value_name = "NUMBER")]
    pids_limit: Option<NonZeroU64>,
}

impl LimitArgs {
    /// Returns the limits in the units of the engine.
    pub(crate) fn limits(self) -> Limits {
        Limits {
            memory: self.memory,
            cpu_millis: self.cpus,
            pids: self.pids_limit.map(NonZeroU64::get),
        }
    }
}
