//! Running the command of an image.

use std::{pin::pin, time::Duration};

use futures_util::{
    StreamExt as _,
    future::{Either, select},
};
use rustix::process::Signal;
use s2i_build::{
    BuildContext, EngineError, Interrupt,
    event::{Event, Output, Progress},
    ports::{Launch, Launcher, Operation, Publish},
    session::{Piece, Transport},
};
use s2i_core::wire::Exit;

use crate::{
    bundle::ContainerConfig,
    engine::{NativeEngine, network},
    error::{blocking, failed},
    sandbox::{Direct, Killer, Program},
};

/// The time that an application may take to end after the signal.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

impl Launcher for NativeEngine {
    fn shares_ports(&self) -> bool {
        true
    }

    async fn launch(
        &self,
        launch: &Launch<'_>,
        context: BuildContext<'_>,
    ) -> Result<Exit, EngineError> {
        check_ports(&launch.ports)?;
        let config = ContainerConfig {
            name: launch.image.name.clone(),
            image: context.or_interrupted(self.pinned(launch.image)).await?,
            network: network(&launch.network)?,
            program: Program::Direct(command(launch)),
            limits: launch.limits,
            artifacts: None,
            source: None,
            binds: Vec::new(),
            hosts: Vec::new(),
            tmpfs: if launch.read_only {
                vec!["/tmp".into()]
            } else {
                Vec::new()
            },
            read_only: launch.read_only,
        };
        let started = self.start_container(config, None, context);
        let (bundle, mut running, transport) = started.await?;
        bundle.note_application();
        let killer = running.killer();
        let name = launch.image.name.clone();
        // An application may close its outputs and go on.
        let end = async {
            forward(transport, context.progress).await;
            blocking(move || {
                let exit = running.wait();
                drop(running);
                let exit = exit.map_err(failed(Operation::WaitForContainer, name));
                bundle.remove().and(exit)
            })
            .await
        };
        match select(pin!(context.cancel.cancelled()), pin!(end)).await {
            Either::Right((exit, _)) => exit,
            Either::Left((reason, end)) => {
                stop(killer, reason);
                end.await
            }
        }
    }
}

/// Passes all output on until both streams end, which they do with the last process at the latest.
async fn forward(transport: Transport, progress: &Progress<'_>) {
    let Transport { input, mut output } = transport;
    drop(input);
    while let Some(Ok(piece)) = output.next().await {
        progress.send(match piece {
            Piece::Stdout(bytes) => Event::Output(Output::Stdout, bytes.into()),
            Piece::Stderr(bytes) => Event::Output(Output::Stderr, bytes.into()),
        });
    }
}

/// Sends the application the signal for this reason, and kills it if it has not ended in time.
fn stop(killer: Killer, reason: Interrupt) {
    let signal = match reason {
        Interrupt::Interrupted => Signal::INT,
        Interrupt::Terminated => Signal::TERM,
        Interrupt::HungUp => Signal::HUP,
    };
    // An application that has ended needs no signal.
    let _ = killer.signal(signal);
    std::thread::spawn(move || {
        std::thread::sleep(STOP_TIMEOUT);
        killer.kill();
    });
}

/// Returns the command of a container, as `docker run` combines image and arguments.
fn command(launch: &Launch<'_>) -> Direct {
    let config = &launch.image.config;
    let args = if launch.args.is_empty() {
        &config.cmd
    } else {
        &launch.args
    };
    let own = launch.env.iter().map(s2i_core::EnvVar::to_entry);
    let is_kept = |entry: &&String| {
        let name = entry.split('=').next();
        launch.env.iter().all(|own| Some(own.name()) != name)
    };
    let kept = config.env.iter().filter(is_kept).cloned();
    Direct {
        argv: config.entrypoint.iter().chain(args).cloned().collect(),
        env: kept.chain(own).collect(),
        cwd: config.working_dir.clone(),
        user: launch.user.clone().unwrap_or_else(|| config.user.clone()),
    }
}

/// Fails if a port of the host leads to another one of the container, which listens on the host's ports.
fn check_ports(ports: &[Publish]) -> Result<(), EngineError> {
    let Some(port) = ports.iter().find(|port| port.host != port.container) else {
        return Ok(());
    };
    let reason = "the embedded engine has no network of its own: the application listens on the host's ports, \
                  so the two numbers must be the same";
    let ports = format!("{}:{}", port.host, port.container);
    Err(failed(Operation::PublishPort, ports)(reason))
}
