//! The parts of a plan that have no form in a Dockerfile.

use s2i_core::{Account, ImageRef};
use thiserror::Error;

use super::DockerfileForm;
use crate::{plan::Stage, request::Network};

/// A part of a plan that has no form in a Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DockerfileError {
    /// No image.
    #[error("a Dockerfile makes an image, and this plan makes none")]
    Outputs,
    /// A network that a Dockerfile can't select.
    #[error("a Dockerfile can't select the network `{0}`")]
    Network(Network),
    /// Limits, which belong to the command that builds a Dockerfile.
    #[error("a Dockerfile can't limit memory, processors or processes")]
    Limits,
    /// Options of containers, which belong to that command too.
    #[error("a Dockerfile can't have volumes, names of hosts, capabilities or security options")]
    Options,
    /// `ONBUILD` triggers, which `FROM` runs by itself, with the whole context in place of the source.
    #[error(
        "`FROM {0}` would run the ONBUILD triggers of the image with the Dockerfile's own directory in place of the source"
    )]
    Triggers(ImageRef),
    /// Injected files, in a form without mounts.
    #[error("a Dockerfile without mounts would keep the injected `{0}` in a layer")]
    Injection(String),
    /// A list of allowed users, and a user whose number only the image knows.
    #[error("a Dockerfile can't check that the number of the user `{0}` is an allowed one")]
    User(String),
    /// A secret, in a form without mounts.
    #[error("a Dockerfile without mounts would keep the secret `{0}` in a layer")]
    Secret(String),
    /// Certificates, in a form without mounts.
    #[error("a Dockerfile without mounts would keep the certificates in a layer")]
    Trust,
    /// A name of a variable or a secret that shells don't have.
    #[error("`{0}` can't be the name of a variable in a Dockerfile")]
    Name(String),
    /// A path that an instruction of a Dockerfile can't have.
    #[error("a Dockerfile can't have the path or name `{0}`")]
    Path(String),
    /// A control character, which Dockerfiles can't quote.
    #[error("the value of `{0}` has a control character, which a Dockerfile can't have")]
    Control(String),
}

impl DockerfileError {
    /// Returns the advice for this error.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Secret(_) | Self::Injection(_) | Self::Trust => {
                "use --dockerfile-form mount, and a builder that has it: BuildKit or Buildah"
            }
            Self::Network(_) | Self::Limits | Self::Options => {
                "give it to the command that builds the Dockerfile"
            }
            _ => "build it with an engine, without --as-dockerfile",
        }
    }
}

/// Refuses a stage that would be another one in a Dockerfile.
pub(super) fn check(stage: &Stage, form: DockerfileForm) -> Result<(), DockerfileError> {
    let may_select = form == DockerfileForm::Mount && stage.network == Network::None;
    if stage.network != Network::Default && !may_select {
        return Err(DockerfileError::Network(stage.network.clone()));
    }
    if !stage.limits.is_empty() {
        return Err(DockerfileError::Limits);
    }
    if !stage.options.is_empty() {
        return Err(DockerfileError::Options);
    }
    if let (DockerfileForm::Copy, Some(inject)) = (form, stage.injections().next()) {
        return Err(DockerfileError::Injection(inject.source.clone()));
    }
    // The planner has checked the numbers.
    let user = &stage.user;
    if !user.allowed.is_empty() && Account::uid_of(&user.name).is_none() {
        return Err(DockerfileError::User(user.name.clone()));
    }
    Ok(())
}
