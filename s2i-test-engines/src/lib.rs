//! Container engines, a registry and a Kubernetes to test against, started and removed on demand.
//!
//! Each engine has its own folder below [`ROOT`], its own socket, its own bridge and its own NAT rules, so it
//! does not affect other engines on the host. Debian's Docker 20.10 is the oldest supported version; the newest
//! Docker is built from source, and so is [Kubernetes](kubernetes). Starting and stopping an engine requires root.
//!
//! ```no_run
//! use s2i_test_engines::{Kind, down, up};
//!
//! let docker = up(Kind::Docker)?;
//! println!("{} at {}", docker.version, docker.url);
//! down(Kind::Docker)?;
//! # Ok::<(), anyhow::Error>(())
//! ```

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it is a part of `cargo xtask`, which shows what it does"
)]

pub mod api;
mod cgroups;
mod clean;
mod cni;
mod docker;
mod docker_latest;
mod go;
pub mod host;
mod kind;
pub mod kubernetes;
mod list;
mod network;
pub mod paths;
mod podman;
mod podman_user;
mod process;
mod programs;
mod registry;
mod state;
mod tls;
pub mod user;
mod version;
mod wait;
pub mod web;

use anyhow::{Context, Result, anyhow, ensure};

pub use self::{
    kind::{Kind, ROOT},
    list::print as print_list,
    programs::check as check_programs,
    state::Endpoint,
};
use self::{
    state::{Lock, Record},
    wait::Starting,
};

/// Starts an engine and waits until it responds. An engine that is already up is left as it is.
///
/// # Errors
/// Fails if a program is missing, the user is not root, or the engine does not start. Nothing is left behind
/// then.
pub fn up(kind: Kind) -> Result<Endpoint> {
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
            let log = match starting.log_tail() {
                log if log.is_empty() => log,
                log => format!("; its log ends with:\n{log}"),
            };
            let err = anyhow!("{kind} does not start: {err:#}{log}");
            match clean::all(kind) {
                Ok(()) => Err(err),
                Err(left) => Err(err.context(format!("and cleaning up failed: {left:#}"))),
            }
        }
    }
}

/// Stops an engine and removes everything that it left behind. Does nothing if there is none.
///
/// # Errors
/// Fails if something can't be removed.
pub fn down(kind: Kind) -> Result<()> {
    if !kind.dir().exists() {
        return Ok(());
    }
    require_root()?;
    let _lock = Lock::take(kind)?;
    eprintln!("removing {kind}");
    clean::all(kind).with_context(|| format!("can't remove all of {kind}"))
}

/// Returns the endpoint of an engine that is up: its processes are alive and it responds.
#[must_use]
pub fn endpoint(kind: Kind) -> Option<Endpoint> {
    let record = Record::load(kind)?;
    let endpoint = record.endpoint?;
    let live = record.processes.iter().all(process::Process::is_alive);
    (live && version::version(&endpoint).is_ok()).then_some(endpoint)
}

/// Does the slow preparations before the engine is started.
fn prepare(kind: Kind) -> Result<()> {
    match kind {
        Kind::DockerLatest => docker_latest::build(),
        Kind::Kubernetes => kubernetes::build(),
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
        Kind::Kubernetes => kubernetes::start(starting),
    }
}

fn require_root() -> Result<()> {
    let is_root = rustix::process::geteuid().is_root();
    ensure!(is_root, "starting and stopping engines takes root");
    Ok(())
}
