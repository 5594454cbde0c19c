//! `cargo xtask engine`: container engines and a registry to test against, started and removed on
//! demand.
//!
//! Each engine has its own folder below [`kind::ROOT`], its own socket, its own bridge and its own
//! NAT rules, so it lives beside whatever else runs on the host. Other tasks call [`up`], [`down`]
//! and [`endpoint`].

mod choice;
mod clean;
mod cni;
mod docker;
mod docker_latest;
pub(crate) mod http;
mod kind;
mod list;
mod network;
mod podman;
mod podman_user;
mod process;
mod programs;
mod registry;
mod state;
mod target;
pub(crate) mod user;
mod version;
mod wait;

use anyhow::{Context, Result, anyhow, ensure};

pub(crate) use self::{
    choice::{Choice, Otherwise},
    kind::{Kind, ROOT},
    state::Endpoint,
    target::Target,
};
use self::{
    state::{Lock, Record},
    wait::Starting,
};

/// Arguments of `cargo xtask engine`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Start engines, wait until they answer, and print how to select each.
    Up {
        /// Which engines.
        #[arg(required = true, value_enum)]
        kinds: Vec<Kind>,
        /// Install missing Debian packages first.
        #[arg(long)]
        install: bool,
    },
    /// Stop engines and remove all they left; every engine when none is named.
    Down {
        /// Which engines.
        #[arg(value_enum)]
        kinds: Vec<Kind>,
    },
    /// List engines: kind, state, version, how to select it.
    List {
        /// Machine-readable.
        #[arg(long)]
        json: bool,
    },
}

pub(crate) fn run(args: &Args) -> Result<()> {
    match &args.action {
        Action::Up { kinds, install } => {
            let lacking: Vec<Kind> = kinds
                .iter()
                .copied()
                .filter(|kind| endpoint(*kind).is_none())
                .collect();
            programs::check(&lacking, *install)?;
            for kind in kinds {
                println!("{}", up(*kind)?.selecting());
            }
            Ok(())
        }
        Action::Down { kinds } if kinds.is_empty() => {
            Kind::ALL.iter().try_for_each(|kind| down(*kind))
        }
        Action::Down { kinds } => kinds.iter().try_for_each(|kind| down(*kind)),
        Action::List { json } => list::print(*json),
    }
}

/// Starts an engine and waits until it answers; only says where it is when it is up already.
pub(crate) fn up(kind: Kind) -> Result<Endpoint> {
    if let Some(endpoint) = endpoint(kind) {
        return Ok(endpoint);
    }
    programs::check(&[kind], false)?;
    require_root()?;
    prepare(kind)?;
    let _lock = Lock::take(kind)?;
    if let Some(endpoint) = endpoint(kind) {
        return Ok(endpoint);
    }
    clean::all(kind)?;
    eprintln!("starting {kind}");
    let mut starting = Starting::new(kind)?;
    match start(&mut starting) {
        Ok(endpoint) => Ok(endpoint),
        Err(err) => {
            let log = starting.log_tail();
            let err = anyhow!("{kind} does not start: {err:#}; its log ends with:\n{log}");
            match clean::all(kind) {
                Ok(()) => Err(err),
                Err(left) => Err(err.context(format!("and cleaning up failed: {left:#}"))),
            }
        }
    }
}

/// Stops an engine and removes all it left behind; nothing happens when there is none.
pub(crate) fn down(kind: Kind) -> Result<()> {
    if !kind.dir().exists() {
        return Ok(());
    }
    require_root()?;
    let _lock = Lock::take(kind)?;
    eprintln!("removing {kind}");
    clean::all(kind).with_context(|| format!("can't remove all of {kind}"))
}

/// Where an engine is, when it is up: its processes live and it answers.
pub(crate) fn endpoint(kind: Kind) -> Option<Endpoint> {
    let record = Record::load(kind)?;
    let endpoint = record.endpoint?;
    let live = record.processes.iter().all(process::Process::is_alive);
    (live && version::version(&endpoint).is_ok()).then_some(endpoint)
}

/// The long work that comes before anything is started.
fn prepare(kind: Kind) -> Result<()> {
    match kind {
        Kind::DockerLatest => docker_latest::build(),
        Kind::Docker | Kind::Podman | Kind::PodmanUser | Kind::Registry => Ok(()),
    }
}

fn start(starting: &mut Starting) -> Result<Endpoint> {
    match starting.kind() {
        Kind::Docker => docker::start(starting, &docker::Programs::of_the_host()?),
        Kind::DockerLatest => docker::start(starting, &docker_latest::programs()?),
        Kind::Podman => podman::start(starting),
        Kind::PodmanUser => podman_user::start(starting),
        Kind::Registry => registry::start(starting),
    }
}

fn require_root() -> Result<()> {
    ensure!(
        rustix::process::geteuid().is_root(),
        "starting and stopping engines takes root"
    );
    Ok(())
}
