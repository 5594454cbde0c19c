//! The references inside a plan, which may have been written by hand.

use thiserror::Error;

use super::{
    BuildPlan, Copy, CopySource, Entrypoint, FetchedScripts, ImageRole, Output, Stage, StageName,
    Step,
};

/// An invalid reference in a plan.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlanReferenceError {
    /// There are two stages of one name.
    #[error("the plan has two stages `{0}`")]
    SameStage(StageName),
    /// A stage starts from an image that is not among the inputs.
    #[error("the stage `{stage}` starts from the image `{role}`, which is not among the inputs")]
    NoImage {
        /// The stage.
        stage: StageName,
        /// The role of the image.
        role: ImageRole,
    },
    /// A stage runs no program.
    #[error("the stage `{0}` runs no program")]
    NoRun(StageName),
    /// A stage copies from one that does not come before it.
    #[error("the stage `{stage}` copies from the stage `{from}`, which does not come before it")]
    NoEarlierStage {
        /// The stage.
        stage: StageName,
        /// The stage that it copies from.
        from: StageName,
    },
    /// A stage copies the standard output of two stages.
    #[error("the stage `{0}` copies the standard output of more than one stage")]
    SecondStdout(StageName),
    /// A stage whose standard output is copied does more than to run one program.
    #[error("the standard output of the stage `{0}` is copied, so it can only run one program")]
    StreamedSteps(StageName),
    /// A program gets a secret that is not among the inputs.
    #[error("the stage `{stage}` uses the secret `{id}`, which is not among the inputs")]
    NoSecret {
        /// The stage.
        stage: StageName,
        /// The name of the secret.
        id: String,
    },
    /// A stage copies certificates, and the inputs have none.
    #[error("the stage `{0}` copies certificates, and there are none among the inputs")]
    NoTrust(StageName),
    /// A stage copies a script of a URL that is not among the inputs.
    #[error("the stage `{stage}` copies scripts of `{url}` that are not among the inputs")]
    NoScripts {
        /// The stage.
        stage: StageName,
        /// The URL.
        url: String,
    },
    /// The plan has no outputs.
    #[error("the plan has no output")]
    NoOutput,
    /// An image is made of a stage that does not exist, or whose container ends with its output.
    #[error("an output is made of the stage `{0}`, which leaves no container")]
    NoOutputStage(StageName),
    /// Two images are made of one container.
    #[error("the plan has two outputs of the stage `{0}`")]
    SameOutput(StageName),
}

impl BuildPlan {
    /// Checks that everything that the plan refers to is in it.
    ///
    /// # Errors
    /// [`PlanReferenceError`] names the first invalid reference.
    pub fn check_references(&self) -> Result<(), PlanReferenceError> {
        for (index, stage) in self.stages.iter().enumerate() {
            self.check_stage(stage, &self.stages[..index])?;
        }
        if self.outputs.is_empty() {
            return Err(PlanReferenceError::NoOutput);
        }
        for (index, output) in self.outputs.iter().enumerate() {
            let stage = output.stage;
            if self.stage(stage).is_none() || self.is_streamed(stage) {
                return Err(PlanReferenceError::NoOutputStage(stage));
            }
            if self.outputs[..index]
                .iter()
                .any(|other| other.stage == stage)
            {
                return Err(PlanReferenceError::SameOutput(stage));
            }
        }
        Ok(())
    }

    /// Returns whether nothing needs a program of this stage: neither a copy of its output nor the trial of the entry
    /// point of its image.
    fn may_only_copy(&self, stage: &Stage) -> bool {
        let is_tried = |output: &&Output| {
            output.stage == stage.name
                && output.config.entrypoint == Entrypoint::KeepIfItRunsArguments
        };
        !stage.steps.is_empty()
            && !self.is_streamed(stage.name)
            && !self.outputs.iter().any(|output| is_tried(&output))
    }

    fn has_scripts(&self, fetched: &FetchedScripts) -> bool {
        let mut inputs = self.inputs.scripts.iter();
        let input = inputs.find(|input| input.url == fetched.url);
        input.is_some_and(|input| {
            let mut scripts = fetched.scripts.iter();
            scripts.all(|script| input.files.contains_key(script))
        })
    }

    fn check_stage(&self, stage: &Stage, earlier: &[Stage]) -> Result<(), PlanReferenceError> {
        let (name, role) = (stage.name, stage.from);
        let has = |name| earlier.iter().any(|stage| stage.name == name);
        if has(name) {
            return Err(PlanReferenceError::SameStage(name));
        }
        if self.inputs.images.get(role).is_none() {
            return Err(PlanReferenceError::NoImage { stage: name, role });
        }
        // A stage of triggers may only copy.
        if stage.runs().next().is_none() && !self.may_only_copy(stage) {
            return Err(PlanReferenceError::NoRun(name));
        }
        if self.is_streamed(name) && !matches!(stage.steps[..], [Step::Run(_)]) {
            return Err(PlanReferenceError::StreamedSteps(name));
        }
        let is_stdout = |copy: &&Copy| matches!(copy.from, CopySource::Stdout(_));
        if stage.copies().filter(is_stdout).count() > 1 {
            return Err(PlanReferenceError::SecondStdout(name));
        }
        for copy in stage.copies() {
            let from = match &copy.from {
                CopySource::Stdout(saved) => saved.stage,
                CopySource::Stage(paths) if self.is_streamed(paths.name) => {
                    let (stage, from) = (name, paths.name);
                    return Err(PlanReferenceError::NoEarlierStage { stage, from });
                }
                CopySource::Stage(paths) => paths.name,
                CopySource::Trust if self.inputs.trust.is_none() => {
                    return Err(PlanReferenceError::NoTrust(name));
                }
                CopySource::Fetched(fetched) if !self.has_scripts(fetched) => {
                    let (stage, url) = (name, fetched.url.clone());
                    return Err(PlanReferenceError::NoScripts { stage, url });
                }
                CopySource::Fetched(_)
                | CopySource::Trust
                | CopySource::Source
                | CopySource::Cache
                | CopySource::Paths(_)
                | CopySource::Scripts(_) => continue,
            };
            if !has(from) {
                return Err(PlanReferenceError::NoEarlierStage { stage: name, from });
            }
        }
        let is_known = |id: &&String| self.inputs.secrets.iter().any(|known| known.id == **id);
        let mut used = stage.runs().flat_map(|run| &run.secrets);
        used.find(|id| !is_known(id)).map_or(Ok(()), |id| {
            Err(PlanReferenceError::NoSecret {
                stage: name,
                id: id.clone(),
            })
        })
    }
}
