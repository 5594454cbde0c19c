//! The second stage, which is process 1: makes the container around itself and becomes its program.

use std::{convert::Infallible, ffi::OsString, fs::File, process::ExitCode};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::Mode,
    process::{Signal, set_parent_process_death_signal, setsid, umask},
    system::sethostname,
};

use super::{
    Network, Program, Sandbox, agent, direct,
    fault::{Fault, OrFault as _},
    handover::Handover,
    loopback, mounts, privileges,
    spawn::Order,
};

/// The name of this stage.
pub(crate) const STAGE: &str = "inner";

/// Runs the stage; comes back when it could not, or when there is no program.
pub(crate) fn inner(args: &[OsString]) -> ExitCode {
    let (order, handed) = match begin(args) {
        Ok(begun) => begun,
        Err(fault) => return fault.tell(&Program::Nothing),
    };
    match become_it(&order.sandbox, handed) {
        Ok(End::Nothing) => ExitCode::SUCCESS,
        Err(fault) => fault.tell(&order.sandbox.program),
    }
}

enum End {
    Nothing,
}

struct Handed {
    agent: Option<File>,
    lifeline: Lifeline,
}

fn begin(args: &[OsString]) -> Result<(Order, Handed), Fault> {
    let what = || "can't begin the container".to_owned();
    let handover = Handover::from_args(args).or_fault(what)?;
    let lifeline = Lifeline(handover.lifeline().or_fault(what)?);
    lifeline.hold()?;
    let agent = handover.agent().or_fault(what)?;
    let order = handover.order().or_fault(what)?;
    Ok((order, Handed { agent, lifeline }))
}

fn become_it(sandbox: &Sandbox, handed: Handed) -> Result<End, Fault> {
    setsid().or_fault(|| "can't make a session".into())?;
    umask(Mode::WGRP | Mode::WOTH);
    let name = &sandbox.hostname;
    sethostname(name.as_bytes()).or_fault(|| format!("can't set the host name `{name}`"))?;
    if sandbox.network == Network::None {
        loopback::up().or_fault(|| "can't start the loopback interface".into())?;
    }
    mounts::make_root(sandbox)?;
    let is_top = mounts::is_top().or_fault(|| "can't look above the container's root".into())?;
    let withheld = privileges::withheld(sandbox.network, is_top);
    let started = match &sandbox.program {
        Program::Direct(command) => Some(direct::prepare(command, sandbox)?),
        Program::Agent { .. } | Program::Nothing => None,
    };
    if sandbox.read_only {
        mounts::make_read_only().or_fault(|| "can't make the root read-only".into())?;
    }
    let never = match (&sandbox.program, started, handed.agent) {
        (Program::Direct(_), Some(command), _) => command.exec(withheld, &handed.lifeline)?,
        (Program::Agent { for_root }, _, Some(file)) => {
            let rights = privileges::of_agent(*for_root) - withheld;
            privileges::confine(rights, None, &handed.lifeline)?;
            agent::exec(&file)?
        }
        (Program::Nothing, ..) => {
            let rights = privileges::of_agent(true) - withheld;
            privileges::confine(rights, None, &handed.lifeline)?;
            return Ok(End::Nothing);
        }
        (Program::Direct(_) | Program::Agent { .. }, ..) => {
            return Err(Fault::new("the container has no program"));
        }
    };
    match never {}
}

/// A pipe whose other end the outer stage has.
pub(super) struct Lifeline(File);

impl Lifeline {
    /// From now on, and until it changes its user, this process dies with the outer stage.
    pub(super) fn hold(&self) -> Result<(), Fault> {
        let what = || "can't tie the container to s2i".to_owned();
        set_parent_process_death_signal(Some(Signal::KILL)).or_fault(what)?;
        // One who died before that sends no signal, and to this namespace it has no number to ask for.
        let mut other_end = [PollFd::new(&self.0, PollFlags::IN)];
        match poll(&mut other_end, Some(&Timespec::default())).or_fault(what)? {
            0 => Ok(()),
            _ => Err(Fault::new("s2i is gone")),
        }
    }
}

/// What a program that replaces this one gives back.
pub(super) type Never = Infallible;
