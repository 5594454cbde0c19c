//! The check of the limits of a created container.
//!
//! Docker drops a limit that the machine can't enforce, and warns. Rootless Podman drops limits with version 1 of
//! control groups without a warning, and its description claims support for all of them.

use bollard::{models::HostConfig, query_parameters::InspectContainerOptions};
use s2i_build::{EngineError, ports::Operation, request::Limits};

use crate::{client::Message, container::Handle, convert};

impl Handle {
    /// Checks that the container has these limits.
    pub(crate) async fn check_limits(&self, limits: &Limits) -> Result<(), EngineError> {
        if *limits == Limits::default() {
            return Ok(());
        }
        let options = None::<InspectContainerOptions>;
        let found = self.client.inspect_container(&self.name, options).await;
        let found = found.map_err(self.fail(Operation::LookAtContainer))?;
        let lacking = lacking(
            &convert::limited(limits),
            &found.host_config.unwrap_or_default(),
        );
        if lacking.is_empty() {
            return Ok(());
        }
        let source = Message(format!(
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

/// Returns the names of the requested limits that the container lacks.
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
