//! One file a command.

mod build;
mod load;
mod version;

use s2i_docker::{DockerEngine, Endpoint, Flavour};

use crate::{
    agents,
    args::{Args, Command, EngineName, Global},
    error::Error,
    exit,
    host::Host,
    render,
};

pub(crate) async fn run(args: &Args, host: &Host) -> Result<(), Error> {
    match &args.command {
        Command::Build(build) => build::run(build, &args.global, host).await,
        Command::Load(load) => load::run(load, &args.global, host).await,
        Command::Version => version::run(&args.global, host).await,
        Command::ExitCodes => {
            render::data("  0  success\n");
            for (code, meaning) in &exit::TABLE {
                render::data(&format!("{:>3}  {meaning}\n", code.0));
            }
            Ok(())
        }
    }
}

/// The engine that was asked for, else the first that answers.
fn engine(global: &Global, host: &Host) -> Result<DockerEngine, Error> {
    let flavour = global.engine.map(|name| match name {
        EngineName::Docker => Flavour::Docker,
        EngineName::Podman => Flavour::Podman,
    });
    let endpoint = Endpoint::find(global.url.as_deref(), flavour, &host.engine)?;
    Ok(DockerEngine::connect(
        endpoint,
        agents::embedded(),
        &host.engine,
    )?)
}
