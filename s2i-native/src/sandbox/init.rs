//! The init stage: process 1 of a container, which sets the container up around itself and becomes its program.

use std::{ffi::OsString, fs::File, process::ExitCode};

use rustix::{
    fs::Mode,
    process::{setsid, umask},
    system::sethostname,
};
use s2i_core::wire::{Failure, OrFailure as _};

use super::{
    agent, direct,
    init_args::{ContainerSpec, InitArgs},
    lifeline::Lifeline,
    loopback, mounts, privileges,
    spec::{Network, Program, Sandbox},
};
use crate::stage::report;

/// Runs the stage; returns after a failure, or if there is no program.
pub(crate) fn run(args: &[OsString]) -> ExitCode {
    let (spec, files) = match open(args) {
        Ok(opened) => opened,
        Err(failure) => return report::failure(&failure, &Program::Nothing),
    };
    match become_program(&spec.sandbox, files) {
        Ok(Nothing) => ExitCode::SUCCESS,
        Err(failure) => report::failure(&failure, &spec.sandbox.program),
    }
}

/// The end of a container without a program.
struct Nothing;

/// The files of the monitor.
struct Files {
    agent: Option<File>,
    lifeline: Lifeline,
}

fn open(args: &[OsString]) -> Result<(ContainerSpec, Files), Failure> {
    let operation = "can't begin the container";
    let args = InitArgs::parse(args).or_failure(operation)?;
    let lifeline = Lifeline(args.lifeline().or_failure(operation)?);
    lifeline.hold()?;
    let agent = args.agent().or_failure(operation)?;
    let spec = args.spec().or_failure(operation)?;
    Ok((spec, Files { agent, lifeline }))
}

fn become_program(sandbox: &Sandbox, files: Files) -> Result<Nothing, Failure> {
    setsid().or_failure("can't make a session")?;
    umask(Mode::WGRP | Mode::WOTH);
    let name = &sandbox.hostname;
    sethostname(name.as_bytes()).or_failure(format_args!("can't set the host name `{name}`"))?;
    if sandbox.network == Network::None {
        loopback::up().or_failure("can't start the loopback interface")?;
    }
    mounts::make_root(sandbox)?;
    let is_top = mounts::is_top().or_failure("can't look above the container's root")?;
    let withheld = privileges::withheld(sandbox.network, is_top);
    let prepared = match &sandbox.program {
        Program::Direct(command) => Some(direct::prepare(command, sandbox)?),
        Program::Agent { .. } | Program::Nothing => None,
    };
    if sandbox.read_only {
        mounts::make_read_only().or_failure("can't make the root read-only")?;
    }
    let Files { agent, lifeline } = files;
    let never = match (&sandbox.program, prepared, agent) {
        (Program::Direct(_), Some(command), _) => command.exec(withheld, &lifeline)?,
        (Program::Agent { for_root }, _, Some(file)) => {
            let rights = privileges::of_agent(*for_root) - withheld;
            privileges::confine(rights, None, &lifeline)?;
            agent::exec(&file)?
        }
        (Program::Nothing, ..) => {
            let rights = privileges::of_agent(true) - withheld;
            privileges::confine(rights, None, &lifeline)?;
            return Ok(Nothing);
        }
        (Program::Direct(_) | Program::Agent { .. }, ..) => {
            return Err(Failure::os("the container has no program"));
        }
    };
    match never {}
}
