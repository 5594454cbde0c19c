//! A plan as a Dockerfile.
//!
//! Its context has the directory [`upload`](DOCKERFILE_DIR), with the source and with the scripts that are not in an
//! image. There are two [forms](DockerfileForm): for builders with `RUN --mount` (BuildKit, Buildah) and for all others.

mod error;
mod quote;
mod stages;

use s2i_core::Script;
use serde_json::json;

pub use error::DockerfileError;
use quote::{quoted, variable_name};

use super::super::{BuildPlan, ConfigChanges, Output, Stage, StageName};

/// The directory in the context that has everything else.
pub const DOCKERFILE_DIR: &str = "upload";

/// The directory of the source in the context of a Dockerfile.
pub const DOCKERFILE_SOURCE_DIR: &str = "upload/src";

/// The directory of the certificates in the context of a Dockerfile.
pub const DOCKERFILE_TRUST_DIR: &str = "upload/trust";

/// The directory of injected files in the context of a Dockerfile: one directory for each injection, named by its
/// number in the order of the plan, from 0.
pub const DOCKERFILE_INJECTIONS_DIR: &str = "upload/injections";

/// Returns the directory in the context for the scripts that go into this stage.
#[must_use]
pub fn dockerfile_scripts_dir(stage: StageName) -> &'static str {
    match stage {
        StageName::Previous | StageName::Build => "upload/scripts",
        StageName::Runtime => "upload/runtime-scripts",
    }
}

/// The form of a Dockerfile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DockerfileForm {
    /// The source is mounted, and copied, used and removed in one instruction, so that no layer has it; so are
    /// artifacts, certificates and secrets. For BuildKit and Buildah.
    #[default]
    Mount,
    /// The source is copied, and stays in a layer. For builders without `RUN --mount`, as the Go `s2i` writes it.
    Copy,
}

impl BuildPlan {
    /// Returns the plan as a Dockerfile for a context with the directory [`DOCKERFILE_DIR`].
    ///
    /// # Errors
    /// [`DockerfileError`] names the first part that has no form in a Dockerfile.
    pub fn to_dockerfile(&self, form: DockerfileForm) -> Result<String, DockerfileError> {
        let result = self.outputs.first().ok_or(DockerfileError::Outputs)?;
        let writer = Dockerfile {
            plan: self,
            form,
            result,
            lines: Vec::new(),
        };
        writer.write()
    }
}

/// A Dockerfile that is being written.
struct Dockerfile<'a> {
    plan: &'a BuildPlan,
    form: DockerfileForm,
    /// The output that the Dockerfile makes. Others are stages of it, which a builder can make an image of.
    result: &'a Output,
    lines: Vec<String>,
}

impl Dockerfile<'_> {
    fn write(mut self) -> Result<String, DockerfileError> {
        let builder = &self.plan.inputs.images.builder;
        let config = builder.config.as_ref();
        if config.is_some_and(|config| !config.on_build.is_empty()) {
            return Err(DockerfileError::Triggers(builder.reference.clone()));
        }
        for stage in &self.plan.stages {
            error::check(stage, self.form)?;
            match stage.name {
                StageName::Previous => self.previous(stage)?,
                StageName::Build => self.build(stage)?,
                StageName::Runtime => self.runtime(stage)?,
            }
        }
        let mut command = self.result.config.cmd.clone();
        let stage = self.plan.stage(self.result.stage);
        if let (Some(stage), Some(script)) = (stage, command.first_mut())
            && self.has_copied_script(Script::Run)
        {
            *script = self.in_image(stage, script).to_owned();
        }
        self.line(format!("CMD {}", json!(command)));
        Ok(self.lines.join("\n") + "\n")
    }

    fn line(&mut self, instruction: impl Into<String>) {
        self.lines.push(instruction.into());
    }

    /// Returns whether the result is made of this stage.
    fn is_result(&self, stage: &Stage) -> bool {
        self.result.stage == stage.name
    }

    /// Writes `LABEL`, `ENV` and `ARG`: the labels of the result, and the variables that go into it or are for the
    /// scripts of this stage alone.
    fn variables(&mut self, stage: &Stage) -> Result<(), DockerfileError> {
        let ConfigChanges { env, labels, .. } = &self.result.config;
        if self.is_result(stage) {
            let labels = labels.iter().map(|(name, value)| {
                Ok(format!("{}={}", quoted(name, name)?, quoted(name, value)?))
            });
            let labels = labels.collect::<Result<Vec<_>, _>>()?;
            self.pairs("LABEL", &labels, 6);
        }
        let kept = env.iter().map(variable).collect::<Result<Vec<_>, _>>()?;
        self.pairs("ENV", &kept, 4);
        let own = stage.runs().flat_map(|run| &run.env);
        let own = own.filter(|variable| !env.contains(variable));
        let own = own.map(variable).collect::<Result<Vec<_>, _>>()?;
        for own in own {
            self.line(format!("ARG {own}"));
        }
        Ok(())
    }

    /// Writes an instruction with a pair on each line; nothing without pairs.
    fn pairs(&mut self, name: &str, pairs: &[String], indent: usize) {
        if !pairs.is_empty() {
            let next = format!(" \\\n{:indent$}", "");
            self.line(format!("{name} {}", pairs.join(&next)));
        }
    }
}

fn variable(variable: &s2i_core::EnvVar) -> Result<String, DockerfileError> {
    let name = variable_name(variable.name())?;
    Ok(format!("{name}={}", quoted(name, variable.value())?))
}
