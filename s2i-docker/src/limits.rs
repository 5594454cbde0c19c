//! Whether a container has the limits that it was made with.
//!
//! Docker leaves out what the machine can't keep, and warns. Podman of an ordinary user does so with version 1
//! of control groups, and says nothing: no warning, and its description of itself claims all limits.

use bollard::{models::HostConfig, query_parameters::InspectContainerOptions};
use s2i_build::{EngineError, ports::Operation, request::Limits};

use crate::{container::Handle, convert, error::Said};

impl Handle {
    /// Makes sure that the container has these limits.
    pub(crate) async fn check_limits(&self, limits: &Limits) -> Result<(), EngineError> {
        if *limits == Limits::default() {
            return Ok(());
        }
        let options = None::<InspectContainerOptions>;
        let found = self.docker.inspect_container(&self.name, options).await;
        let found = found.map_err(self.fail(Operation::LookAtContainer))?;
        let lacking = lacking(
            &convert::limited(limits),
            &found.host_config.unwrap_or_default(),
        );
        if lacking.is_empty() {
            return Ok(());
        }
        let source = Said(format!(
            "it keeps no limit for {} here; for an ordinary user that takes version 2 of control groups",
            lacking.join(" and ")
        ));
        Err(EngineError::Failed {
            operation: Operation::LimitContainer,
            subject: self.image.to_string(),
            source: source.into(),
        })
    }
}

/// What was asked for and is not there.
fn lacking(asked: &HostConfig, found: &HostConfig) -> Vec<&'static str> {
    let limits = [
        ("memory", asked.memory, found.memory),
        ("processors", asked.cpu_quota, found.cpu_quota),
        ("processes", asked.pids_limit, found.pids_limit),
    ];
    let lacking = limits
        .into_iter()
        .filter(|(_, asked, found)| asked.is_some() && asked != found);
    lacking.map(|(name, ..)| name).collect()
}
