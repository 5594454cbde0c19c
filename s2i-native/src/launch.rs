//! Running the command of an image.

use std::time::Duration;

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
    engine::{NativeEngine, limits, network},
    error::{blocking, failed},
    sandbox::{Direct, Killer, Program},
};

/// How long an application may take to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(10);

impl Launcher for NativeEngine {
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
            limits: limits(&launch.limits),
            artifacts: None,
            source: None,
            tmpfs: if launch.read_only {
                vec!["/tmp".into()]
            } else {
                Vec::new()
            },
            read_only: launch.read_only,
        };
        let placed = self.start_container(config, None, context);
        let (bundle, mut running, transport) = placed.await?;
        bundle.note_application();
        let killer = running.killer();
        let name = launch.image.name.clone();
        // An application may close its outputs and go on.
        let ending = async {
            tell(transport, context.progress).await;
            let waiting = move || {
                let exit = running.wait();
                drop(running);
                let exit = exit.map_err(failed(Operation::WaitForContainer, name));
                bundle.remove().and(exit)
            };
            blocking(waiting).await
        };
        match select(
            std::pin::pin!(context.cancel.cancelled()),
            std::pin::pin!(ending),
        )
        .await
        {
            Either::Right((exit, _)) => exit,
            Either::Left((reason, ending)) => {
                stop(killer, reason);
                ending.await
            }
        }
    }
}

/// Passes everything on until both outputs end, which they do with the last process at the latest.
async fn tell(transport: Transport, progress: &Progress<'_>) {
    let Transport { input, mut output } = transport;
    drop(input);
    while let Some(Ok(piece)) = output.next().await {
        progress.send(match piece {
            Piece::Stdout(bytes) => Event::Output(Output::Stdout, bytes.into()),
            Piece::Stderr(bytes) => Event::Output(Output::Stderr, bytes.into()),
        });
    }
}

/// Asks the application to end, and ends it after a while.
fn stop(killer: Killer, reason: Interrupt) {
    let signal = match reason {
        Interrupt::Interrupted => Signal::INT,
        Interrupt::Terminated => Signal::TERM,
        Interrupt::HungUp => Signal::HUP,
    };
    // One that has ended needs no signal.
    let _ = killer.signal(signal);
    std::thread::spawn(move || {
        std::thread::sleep(PATIENCE);
        killer.kill();
    });
}

/// As `docker run` puts them together.
fn command(launch: &Launch<'_>) -> Direct {
    let config = &launch.image.config;
    let args = if launch.args.is_empty() {
        &config.cmd
    } else {
        &launch.args
    };
    let own = launch.env.iter().map(s2i_core::EnvVar::to_entry);
    let is_replaced = |entry: &&String| {
        let name = entry.split('=').next();
        launch
            .env
            .iter()
            .any(|variable| Some(variable.name()) == name)
    };
    let kept = config
        .env
        .iter()
        .filter(|entry| !is_replaced(entry))
        .cloned();
    Direct {
        argv: config.entrypoint.iter().chain(args).cloned().collect(),
        env: kept.chain(own).collect(),
        cwd: config.working_dir.clone(),
        user: launch.user.clone().unwrap_or_else(|| config.user.clone()),
    }
}

/// Containers have the host's own ports here, so none can lead to another.
fn check_ports(ports: &[Publish]) -> Result<(), EngineError> {
    match ports.iter().find(|port| port.host != port.container) {
        None => Ok(()),
        Some(port) => {
            let why = "the embedded engine has no network of its own: the application listens on the host's \
                       ports, so the two numbers must be the same";
            let ports = format!("{}:{}", port.host, port.container);
            Err(failed(Operation::PublishPort, ports)(why))
        }
    }
}
