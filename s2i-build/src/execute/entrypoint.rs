//! The trial of the entry point of an image: whether it runs its arguments.
//!
//! It runs in a container of its own, without the source and without a network, because an entry point may do anything,
//! and nothing of that may get into the result.

use std::{
    pin::pin,
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use futures_util::future::{Either, select};
use s2i_core::{image::ContainerConfig, wire::Exit};

use super::{Executor, admitted};
use crate::{
    context::BuildContext,
    error::BuildFailure,
    event::Progress,
    facts::{ImageFacts, variables_of},
    notice::{EntrypointFault, Notice},
    plan::{ConfigChanges, Entrypoint, Run, Stage, StageName},
    ports::{Container, EngineError, ImageStore, Program, Runner, Start},
    request::{ContainerOptions, Network},
};

/// The directories in which images have the programs `true` and `false`.
const DIRECTORIES: [&str; 2] = ["/bin", "/usr/bin"];

/// The time that the trial may take. An entry point that starts a server does not end.
const LIMIT: Duration = Duration::from_secs(10);

impl<E: Runner + ImageStore> Executor<'_, E> {
    /// Returns the config of an image of a stage with these changes. An entry point that does not run its arguments is dropped with a
    /// notice.
    pub(super) async fn config(
        &self,
        stage: StageName,
        changes: &ConfigChanges,
        base: &ImageFacts,
    ) -> Result<ContainerConfig, BuildFailure> {
        let mut config = changes.applied_to(&base.config);
        let is_tried = changes.entrypoint == Entrypoint::KeepIfItRunsArguments;
        if !is_tried || config.entrypoint.is_empty() {
            return Ok(config);
        }
        if let Err(fault) = self.try_entrypoint(self.stage(stage), base).await? {
            self.context.progress.notice(Notice::EntrypointDropped {
                image: base.name.clone(),
                entrypoint: std::mem::take(&mut config.entrypoint),
                fault,
            });
        }
        Ok(config)
    }

    /// Tries the entry point as the user of the stage, whom the plan allows.
    async fn try_entrypoint(
        &self,
        stage: &Stage,
        base: &ImageFacts,
    ) -> Result<Result<(), EntrypointFault>, BuildFailure> {
        let start = Start {
            image: base,
            user: &stage.user.name,
            network: &Network::None,
            limits: stage.limits,
            options: &ContainerOptions::default(),
            artifacts: None,
            source: None,
            others: &[],
        };
        let run = stage.runs().next().expect("a checked stage has a program");
        let container = self.engine.start(&start, self.context).await?;
        let mut container = admitted(container, self.plan.script_user(stage, run)).await?;
        // Its output is not that of a script.
        let quiet = Progress::new(&());
        let context = BuildContext::new(&quiet, self.context.cancel);
        let trial = Trial { stage, run, base };
        let tried = within(LIMIT, trial.run_in(&mut container, context)).await;
        let discarded = container.discard().await;
        match tried {
            Some(Err(error)) => Err(BuildFailure::new(error, discarded)),
            Some(Ok(verdict)) => {
                self.context.warn_of_leftover(discarded);
                Ok(verdict)
            }
            None => {
                self.context.warn_of_leftover(discarded);
                Ok(Err(EntrypointFault::NoEnd))
            }
        }
    }
}

/// The trial of the entry point of an image.
struct Trial<'a> {
    stage: &'a Stage,
    run: &'a Run,
    base: &'a ImageFacts,
}

impl Trial<'_> {
    /// Runs `true` and `false` as arguments of the entry point: one that only prints them ends well with both.
    async fn run_in<C: Container>(
        &self,
        container: &mut C,
        context: BuildContext<'_>,
    ) -> Result<Result<(), EntrypointFault>, EngineError> {
        for directory in DIRECTORIES {
            let [succeeds, fails] = ["true", "false"].map(|name| format!("{directory}/{name}"));
            let alone = self.exit(&[], &succeeds, container, context).await?;
            if !alone.is_some_and(Exit::is_success) {
                continue;
            }
            let entrypoint = &self.base.config.entrypoint;
            let success = self.exit(entrypoint, &succeeds, container, context).await?;
            let failure = self.exit(entrypoint, &fails, container, context).await?;
            let runs = success.is_some_and(Exit::is_success)
                && failure.is_some_and(|exit| !exit.is_success());
            return Ok(if runs {
                Ok(())
            } else {
                Err(EntrypointFault::IgnoresArguments)
            });
        }
        Ok(Err(EntrypointFault::NoProgram))
    }

    /// Returns how a program ended; `None` if it could not start.
    async fn exit<C: Container>(
        &self,
        entrypoint: &[String],
        program: &str,
        container: &mut C,
        context: BuildContext<'_>,
    ) -> Result<Option<Exit>, EngineError> {
        let argv = entrypoint.iter().cloned().chain([program.to_owned()]);
        let program = Program {
            argv: argv.collect(),
            env: variables_of(&self.base.config),
            secrets: Vec::new(),
            masked: Vec::new(),
            without: Vec::new(),
            cwd: self.run.cwd.clone(),
            user: self.stage.user.name.clone(),
        };
        match container.exec(&program, context).await {
            Ok(exit) => Ok(Some(exit)),
            Err(EngineError::Container { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Returns the result of the work; `None` if it takes longer than the limit.
async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    let (_working, ended) = channel::<()>();
    let (sender, late) = futures_channel::oneshot::channel();
    thread::spawn(move || {
        if ended.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            // The receiver is gone if the work has just ended.
            let _ = sender.send(());
        }
    });
    match select(pin!(work), late).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_ends_at_the_limit() {
        let limit = Duration::from_millis(1);
        let never = std::future::pending::<()>();
        assert_eq!(pollster::block_on(within(limit, never)), None);
        let done = within(LIMIT, std::future::ready(7));
        assert_eq!(pollster::block_on(done), Some(7));
    }
}
