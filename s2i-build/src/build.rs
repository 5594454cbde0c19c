//! A whole build: gather, plan, execute.

use std::time::Duration;

use s2i_core::{ImageRef, Script, wire::Exit};
use thiserror::Error;

use crate::{
    cancel::{CancelToken, Interrupt},
    engine::{Engine, EngineError},
    event::{EventSink, Phase, Progress},
    execute::{Failed, execute},
    gather::gather,
    plan::{PlanError, plan},
    request::BuildRequest,
    source::{Source, SourceError},
};

/// A build that ended well.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The image, as the engine calls it.
    pub image_id: String,
    /// Its name, if it got one.
    pub tag: Option<ImageRef>,
    /// Its size as the engine counts it, in bytes.
    pub size: u64,
    /// The phases in order, with what each took.
    pub times: Vec<(Phase, Duration)>,
}

/// A build that did not.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The source could not be had.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The request can't end well.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The engine could not do something.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A script ended with a status other than 0.
    #[error("`{script}` of `{image}` {}", how(*exit))]
    Script {
        /// Which one.
        script: Script,
        /// The image that it ran in.
        image: ImageRef,
        /// How it ended.
        exit: Exit,
    },
}

impl BuildError {
    /// Who stopped the build, if somebody did.
    #[must_use]
    pub fn interrupt(&self) -> Option<Interrupt> {
        match self {
            Self::Source(SourceError::Interrupted(reason))
            | Self::Engine(EngineError::Interrupted(reason)) => Some(*reason),
            _ => None,
        }
    }
}

fn how(exit: Exit) -> String {
    match exit {
        Exit::Code(code) => format!("failed with status {code}"),
        Exit::Signal(9) => "was killed by signal 9 (is there enough memory?)".into(),
        Exit::Signal(signal) => format!("was killed by signal {signal}"),
    }
}

/// Builds what was asked for.
///
/// # Errors
/// [`Failed`]; nothing is left behind unless its `cleanup` says so.
pub async fn build<E: Engine, S: Source>(
    engine: &E,
    source: &S,
    request: &BuildRequest,
    events: &dyn EventSink,
    cancel: &CancelToken,
) -> Result<Outcome, Failed> {
    let progress = Progress::new(events);
    let (facts, fetched) = gather(engine, source, request, &progress, cancel).await?;
    let plan = plan(request, &facts)?;
    let committed = execute(engine, &plan, &fetched, &progress, cancel).await?;
    Ok(Outcome {
        image_id: committed.id,
        tag: request.tag.clone(),
        size: committed.size,
        times: progress.times(),
    })
}
