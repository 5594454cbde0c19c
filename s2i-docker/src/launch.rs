//! The command of an image in its own container.

use std::{pin::Pin, time::Duration};

use bollard::{
    container::{AttachContainerResults, LogOutput},
    errors::Error,
    models::ContainerStateStatusEnum::{DEAD, EXITED, REMOVING},
    query_parameters::{KillContainerOptions, WaitContainerOptions},
};
use futures_util::{
    StreamExt as _,
    future::{Either, select, try_join},
};
use s2i_build::{
    BuildContext, EngineError, Interrupt, Resource,
    event::{Event, Output, Progress},
    ports::{Launch, Launcher, Operation},
};
use s2i_core::wire::Exit;
use tokio::sync::Notify;

use crate::{
    DockerEngine,
    client::{Message, status},
    container::{Created, Handle},
    convert,
    transport::Accepted,
};

/// The grace period between the signal that stops a command and `SIGKILL`.
const GRACE: Duration = Duration::from_secs(10);

/// The time between two looks at a container whose output has ended.
const LOOK: Duration = Duration::from_secs(1);

impl Launcher for DockerEngine {
    async fn launch(
        &self,
        launch: &Launch<'_>,
        context: BuildContext<'_>,
    ) -> Result<Exit, EngineError> {
        let body = convert::launch_body(launch);
        let name = launch.image.name.clone();
        let created = Created::new(&self.client, name, body, Resource::Application, context);
        let created = created.await?;
        let handle = created.handle();
        let exit = match context
            .or_interrupted(handle.check_limits(&launch.limits))
            .await
        {
            Ok(()) => handle.run(context).await,
            Err(err) => Err(err),
        };
        // The engine removes it when it has ended; this waits for that.
        context.warn_of_leftover(handle.remove().await);
        exit
    }
}

impl Handle {
    /// Runs a container from its start to its end.
    async fn run(&self, context: BuildContext<'_>) -> Result<Exit, EngineError> {
        let attached = context.or_interrupted(self.attach(false)).await?;
        let work = std::pin::pin!(self.start_and_wait(attached, context.progress));
        match select(std::pin::pin!(context.cancel.cancelled()), work).await {
            Either::Right((done, _)) => done,
            Either::Left((reason, work)) => self.stop(reason, work).await,
        }
    }

    /// Starts a container, forwards its output and returns its exit status.
    async fn start_and_wait(
        &self,
        attached: AttachContainerResults,
        progress: &Progress<'_>,
    ) -> Result<Exit, EngineError> {
        let accepted = Accepted::default();
        let mut waiting = std::pin::pin!(self.wait(&accepted));
        // The next exit is that after the engine has accepted the wait, and the container is removed with its exit status.
        let watched = std::pin::pin!(accepted.accepted());
        if let Either::Left((exit, _)) = select(waiting.as_mut(), watched).await {
            return exit;
        }
        self.start().await?;
        let silent = Notify::new();
        let output = async {
            self.forward_output(attached, progress).await?;
            silent.notify_one();
            Ok(())
        };
        let missed = std::pin::pin!(async {
            silent.notified().await;
            self.look_for_end().await
        });
        let exit = async { select(waiting, missed).await.factor_first().0 };
        let (exit, ()) = try_join(exit, output).await?;
        Ok(exit)
    }

    /// Looks until a container has ended. Podman accepts a wait before it begins to watch the container, and never
    /// responds to it if the container ends in between.
    async fn look_for_end(&self) -> Result<Exit, EngineError> {
        loop {
            tokio::time::sleep(LOOK).await;
            let found = self.client.inspect_container(&self.name, None).await;
            let state = match found {
                Ok(found) => found.state.unwrap_or_default(),
                Err(err) if status(&err) == Some(404) => break,
                Err(err) => return Err(self.fail(Operation::WaitForContainer)(err)),
            };
            if let (Some(EXITED | DEAD | REMOVING), Some(code)) = (state.status, state.exit_code) {
                return Ok(exit(code));
            }
        }
        // The response to the wait may still be on its way.
        tokio::time::sleep(GRACE).await;
        Err(self.lost("it was removed, and its exit status is not known"))
    }

    /// Sends the signal of the interrupt and waits for the end.
    async fn stop<T>(
        &self,
        reason: Interrupt,
        mut work: Pin<&mut impl Future<Output = Result<T, EngineError>>>,
    ) -> Result<T, EngineError> {
        for signal in [signal_of(reason), "SIGKILL"] {
            let signal = signal.to_owned();
            let options = KillContainerOptions { signal };
            let killed = self.client.kill_container(&self.name, Some(options)).await;
            if killed.is_err() {
                // The container has not started, or is gone.
                break;
            }
            if let Ok(done) = tokio::time::timeout(GRACE, work.as_mut()).await {
                return done;
            }
        }
        Err(EngineError::Interrupted(reason))
    }

    /// Sends the output of the container as events until it ends.
    async fn forward_output(
        &self,
        attached: AttachContainerResults,
        progress: &Progress<'_>,
    ) -> Result<(), EngineError> {
        let mut output = attached.output;
        while let Some(piece) = output.next().await {
            let piece = piece.map_err(|err| self.lost(err.to_string()))?;
            let stream = match piece {
                LogOutput::StdErr { .. } => Output::Stderr,
                _ => Output::Stdout,
            };
            progress.send(Event::Output(stream, piece.into_bytes().to_vec()));
        }
        Ok(())
    }

    /// Waits for the next exit of the container.
    async fn wait(&self, accepted: &Accepted) -> Result<Exit, EngineError> {
        let condition = "next-exit".to_owned();
        let options = WaitContainerOptions { condition };
        let client = accepted.mark(&self.client);
        let mut waiting = client.wait_container(&self.name, Some(options));
        let code = match waiting.next().await {
            Some(Ok(ended)) => ended.status_code,
            Some(Err(Error::DockerContainerWaitError { code, error })) if error.is_empty() => code,
            Some(Err(err)) if status(&err) != Some(404) => {
                return Err(self.fail(Operation::WaitForContainer)(err));
            }
            Some(Err(_)) | None => return Err(self.lost("its exit status is not known")),
        };
        Ok(exit(code))
    }

    fn lost(&self, why: impl Into<String>) -> EngineError {
        EngineError::Lost {
            image: self.image.clone(),
            source: Message(why.into()).into(),
        }
    }
}

fn exit(code: i64) -> Exit {
    Exit::Code(u8::try_from(code).unwrap_or(u8::MAX))
}

fn signal_of(reason: Interrupt) -> &'static str {
    match reason {
        Interrupt::Interrupted => "SIGINT",
        Interrupt::Terminated => "SIGTERM",
        Interrupt::HungUp => "SIGHUP",
    }
}
