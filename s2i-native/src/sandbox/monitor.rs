//! The monitor stage: makes the namespaces of a container, starts its first process in them, and waits for it.

use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    os::fd::{AsRawFd as _, OwnedFd},
    process::{Child, ExitCode},
};

use nix::sched::{CloneFlags, unshare};
use rustix::{
    mount::{MountPropagationFlags, mount_change},
    pipe::{PipeFlags, pipe_with},
    stdio::{dup2_stderr, dup2_stdin, dup2_stdout},
};
use s2i_core::wire::{Failure, OrFailure as _};

use super::{
    descriptors::{close_inherited, sealed},
    init_args::{ContainerSpec, InitArgs},
    spec::{Network, Program},
};
use crate::{
    descriptor::proc_path,
    files::host_bytes,
    stage::{self, OWN_PROGRAM, Stage, parent, report},
};

/// Runs the stage.
pub(crate) fn run(args: &[OsString]) -> ExitCode {
    let (args, spec) = match open(args) {
        Ok(opened) => opened,
        Err(failure) => return report::failure(&failure, &Program::Nothing),
    };
    let program = &spec.sandbox.program;
    match start(&args, &spec).and_then(Init::wait) {
        Ok(code) => code,
        Err(failure) => report::failure(&failure, program),
    }
}

fn open(args: &[OsString]) -> Result<(InitArgs, ContainerSpec), Failure> {
    let operation = "can't start the container";
    let args = InitArgs::parse(args).or_failure(operation)?;
    args.parent()
        .and_then(parent::die_with)
        .or_failure(operation)?;
    close_inherited().or_failure(operation)?;
    let spec = args.spec().or_failure(operation)?;
    Ok((args, spec))
}

fn start(args: &InitArgs, spec: &ContainerSpec) -> Result<Init, Failure> {
    // Before there are limits: the memory of this copy does not count as the container's.
    let copy = copy_for(&spec.sandbox.program)
        .or_failure("can't start the first process of the container")?;
    if let Some(procs) = &spec.cgroup {
        fs::write(procs, "0").or_failure(format_args!(
            "can't enter a cgroup by `{}`",
            procs.display()
        ))?;
    }
    let mut namespaces = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWCGROUP;
    if spec.sandbox.network == Network::None {
        namespaces |= CloneFlags::CLONE_NEWNET;
    }
    unshare(namespaces).or_failure("can't make namespaces")?;
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).or_failure("can't make mounts private")?;
    Init::start(args, copy.as_ref())
}

/// The init stage, and the files that it needs while it runs.
struct Init {
    child: Child,
    null: File,
    _spec: File,
    _agent: Option<File>,
    /// A pipe without data. It ends with this process.
    _lifeline: (OwnedFd, OwnedFd),
}

impl Init {
    fn start(args: &InitArgs, copy: Option<&File>) -> Result<Self, Failure> {
        let operation = "can't start the first process of the container";
        let spec = args.spec_file().or_failure(operation)?;
        let agent = args.agent().or_failure(operation)?;
        let lifeline = pipe_with(PipeFlags::CLOEXEC).or_failure(operation)?;
        let null = File::options().read(true).write(true).open("/dev/null");
        let args = InitArgs::new(&spec, agent.as_ref(), Some(lifeline.0.as_raw_fd()));
        let mut command = match copy {
            Some(copy) => Stage::Init.command_of(proc_path(copy)),
            None => Stage::Init.command(),
        };
        let child = command.arg(args.to_arg()).spawn();
        Ok(Self {
            child: child.or_failure(operation)?,
            null: null.or_failure(operation)?,
            _spec: spec,
            _agent: agent,
            _lifeline: lifeline,
        })
    }

    /// Waits for the container and returns its exit code.
    fn wait(mut self) -> Result<ExitCode, Failure> {
        let operation = "lost the first process of the container";
        // The streams end when the container closes them, so this process must not hold them.
        dup2_stdin(&self.null).or_failure(operation)?;
        dup2_stdout(&self.null).or_failure(operation)?;
        dup2_stderr(&self.null).or_failure(operation)?;
        Ok(stage::exit_code(self.child.wait().or_failure(operation)?))
    }
}

/// Returns a copy of this program for an init stage that becomes a command of an image.
///
/// The command may name `/proc/self/exe` as itself or as its interpreter, and then holds a file of the host
/// open as root (CVE-2019-5736). So that file is a sealed copy. The agent starts programs from its own file, which is
/// such a copy already.
fn copy_for(program: &Program) -> io::Result<Option<File>> {
    match program {
        Program::Direct(_) => Ok(Some(sealed("s2i", &host_bytes(OWN_PROGRAM)?)?)),
        Program::Agent { .. } | Program::Nothing => Ok(None),
    }
}
