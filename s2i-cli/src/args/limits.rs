//! What containers may use, as users of Docker type it.

use std::num::NonZeroU64;

use clap::Args;
use s2i_build::limits::{self, Limits};

/// The options of limits.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Limited {
    /// The most memory that a container can have, such as 512m or 1.5g
    #[arg(long, value_name = "SIZE", value_parser = limits::memory)]
    memory: Option<u64>,
    /// The most processors that a container can use, such as 1.5
    #[arg(long, value_name = "NUMBER", value_parser = limits::cpus)]
    cpus: Option<u64>,
    /// The most processes and threads that a container can have
    #[arg(long, value_name = "NUMBER")]
    pids_limit: Option<NonZeroU64>,
}

impl Limited {
    /// What is meant.
    pub(crate) fn limits(self) -> Limits {
        Limits {
            memory: self.memory,
            cpu_millis: self.cpus,
            pids: self.pids_limit.map(NonZeroU64::get),
        }
    }
}
