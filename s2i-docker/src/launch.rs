//! The command of an image in its own container.

use std::{pin::Pin, time::Duration};

use bollard::{
    container::{AttachContainerResults, LogOutput},
    errors::Error,
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

use crate::{
    DockerEngine,
    client::{Message, status},
    container::{Created, Handle},
    convert,
};

/// The grace period between the signal that stops a command and `SIGKILL`.
const GRACE: Duration = Duration::from_secs(10);

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
        // The wait is requested before the start: the exit status is lost when the container is removed.
        let ending = try_join(self.wait(), self.start());
        let work = try_join(ending, self.forward_output(attached, context.progress));
        let work = std::pin::pin!(work);
        let done = match select(std::pin::pin!(context.cancel.cancelled()), work).await {
            Either::Right((done, _)) => done,
            Either::Left((reason, work)) => self.stop(reason, work).await,
        };
        done.map(|((exit, ()), ())| exit)
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
    async fn wait(&self) -> Result<Exit, EngineError> {
        let condition = "next-exit".to_owned();
        let options = WaitContainerOptions { condition };
        let mut waiting = self.client.wait_container(&self.name, Some(options));
        let code = match waiting.next().await {
            Some(Ok(ended)) => ended.status_code,
            Some(Err(Error::DockerContainerWaitError { code, error })) if error.is_empty() => code,
            Some(Err(err)) if status(&err) != Some(404) => {
                return Err(self.fail(Operation::WaitForContainer)(err));
            }
            Some(Err(_)) | None => return Err(self.lost("its exit status is not known")),
        };
        Ok(Exit::Code(u8::try_from(code).unwrap_or(u8::MAX)))
    }

    fn lost(&self, why: impl Into<String>) -> EngineError {
        EngineError::Lost {
            image: self.image.clone(),
            source: Message(why.into()).into(),
        }
    }
}

fn signal_of(reason: Interrupt) -> &'static str {
    match reason {
        Interrupt::Interrupted => "SIGINT",
        Interrupt::Terminated => "SIGTERM",
        Interrupt::HungUp => "SIGHUP",
    }
}
