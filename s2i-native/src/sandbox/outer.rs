//! The first stage: makes the namespaces, starts the second in them, and waits.

use std::{
    ffi::OsString,
    fs::{self, File},
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::process::ExitStatusExt as _,
    },
    process::{Child, ExitCode},
};

use nix::sched::{CloneFlags, unshare};
use rustix::{
    mount::{MountPropagationFlags, mount_change},
    pipe::{PipeFlags, pipe_with},
    process::{Signal, getppid, set_parent_process_death_signal},
    stdio::{dup2_stderr, dup2_stdin, dup2_stdout},
};

use super::{
    INNER, Network, Program,
    descriptors::{close_inherited, sealed},
    fault::{Fault, OrFault as _},
    handover::Handover,
    spawn::Order,
};
use crate::{files::host_bytes, reexec};

/// The name of this stage.
pub(crate) const STAGE: &str = "outer";

/// Runs the stage.
pub(crate) fn outer(args: &[OsString]) -> ExitCode {
    let (handover, order) = match begin(args) {
        Ok(begun) => begun,
        Err(fault) => return fault.tell(&Program::Nothing),
    };
    let program = &order.sandbox.program;
    match start(&handover, &order).and_then(Inner::wait) {
        Ok(code) => code,
        Err(fault) => fault.tell(program),
    }
}

fn begin(args: &[OsString]) -> Result<(Handover, Order), Fault> {
    let what = || "can't start the container".to_owned();
    let handover = Handover::from_args(args).or_fault(what)?;
    set_parent_process_death_signal(Some(Signal::KILL)).or_fault(what)?;
    // One who died before that sends no signal.
    let parent = getppid().map(|parent| parent.as_raw_nonzero().get().cast_unsigned());
    if parent != Some(handover.pid) {
        return Err(Fault::new("s2i is gone"));
    }
    close_inherited().or_fault(what)?;
    let order = handover.order().or_fault(what)?;
    Ok((handover, order))
}

fn start(handover: &Handover, order: &Order) -> Result<Inner, Fault> {
    // Before there are limits: what this program needs for itself is not the container's to pay for.
    let image = own_image(&order.sandbox.program)
        .or_fault(|| "can't start the first process of the container".into())?;
    if let Some(procs) = &order.cgroup {
        fs::write(procs, "0")
            .or_fault(|| format!("can't enter a cgroup by `{}`", procs.display()))?;
    }
    let sandbox = &order.sandbox;
    let mut namespaces = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWCGROUP;
    if sandbox.network == Network::None {
        namespaces |= CloneFlags::CLONE_NEWNET;
    }
    unshare(namespaces).or_fault(|| "can't make namespaces".into())?;
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).or_fault(|| "can't make mounts private".into())?;
    Inner::start(handover, image.as_ref())
}

/// The second stage, and what it needs of this one while it runs.
struct Inner {
    child: Child,
    null: File,
    _spec: File,
    _agent: Option<File>,
    /// Nothing is ever written to it. Its end is the news that this process has died.
    _lifeline: (OwnedFd, OwnedFd),
}

impl Inner {
    fn start(handover: &Handover, image: Option<&File>) -> Result<Self, Fault> {
        let what = || "can't start the first process of the container".to_owned();
        let spec = handover.spec().or_fault(what)?;
        let agent = handover.agent().or_fault(what)?;
        let lifeline = pipe_with(PipeFlags::CLOEXEC).or_fault(what)?;
        let null = File::options().read(true).write(true).open("/dev/null");
        let handed = Handover::new(&spec, agent.as_ref(), Some(lifeline.0.as_raw_fd()));
        let path = match image {
            Some(image) => format!("/proc/self/fd/{}", image.as_raw_fd()),
            None => reexec::SELF.to_owned(),
        };
        let child = reexec::command(path, INNER).arg(handed.to_arg()).spawn();
        Ok(Self {
            child: child.or_fault(what)?,
            null: null.or_fault(what)?,
            _spec: spec,
            _agent: agent,
            _lifeline: lifeline,
        })
    }

    /// How it ended, as an exit status.
    fn wait(mut self) -> Result<ExitCode, Fault> {
        let what = || "lost the first process of the container".to_owned();
        // It alone holds the streams now, so they end when it closes them.
        dup2_stdin(&self.null).or_fault(what)?;
        dup2_stdout(&self.null).or_fault(what)?;
        dup2_stderr(&self.null).or_fault(what)?;
        let status = self.child.wait().or_fault(what)?;
        let code = match (status.code(), status.signal()) {
            (Some(code), _) => code,
            (None, signal) => 128 + signal.unwrap_or_default(),
        };
        Ok(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)))
    }
}

/// A copy of this program for a stage that an image's command comes after.
///
/// The command may name `/proc/self/exe` as itself or as its interpreter, and then has a file of the host
/// in its hands, open as root (CVE-2019-5736). So that file is a copy that nobody can change. The agent
/// starts what it starts from itself, which is such a copy already.
fn own_image(program: &Program) -> std::io::Result<Option<File>> {
    match program {
        Program::Direct(_) => Ok(Some(sealed("s2i", &host_bytes(reexec::SELF)?)?)),
        Program::Agent { .. } | Program::Nothing => Ok(None),
    }
}
