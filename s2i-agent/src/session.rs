//! The session: one request after another, until the host ends it.

use std::{path::PathBuf, time::SystemTime};

use rustix::process::geteuid;
use s2i_core::{
    archive::{Keep, KeptTimes},
    wire::{Answer, Failure, Frame, Hello, Kind, OrFailure as _, Request, VERSION},
};

use crate::{
    account::{Accounts, act, keeps_own},
    exec, finish,
    inject::Injections,
    input::Frames,
    output::Output,
    processes, read, unpack,
};

pub(crate) struct Session {
    frames: Frames,
    output: Output,
    started: SystemTime,
    accounts: Accounts,
    /// Directories that did not exist before; see [`unpack::unpack`].
    made: Vec<PathBuf>,
    injections: Injections,
}

impl Session {
    pub(crate) fn new(frames: Frames, output: Output, started: SystemTime) -> Self {
        Self {
            frames,
            output,
            started,
            accounts: Accounts::default(),
            made: Vec::new(),
            injections: Injections::default(),
        }
    }

    /// Serves requests until the host closes the connection.
    pub(crate) fn serve(mut self) {
        let hello = Hello { version: VERSION };
        let mut sent = self.output.frame(&Frame::json(Kind::Hello, &hello));
        while sent.is_ok() {
            let Ok(frame) = self.frames.next() else {
                break;
            };
            if frame.kind != Kind::Request {
                // The rest of an archive whose unpacking failed.
                continue;
            }
            let answer = self.answer(&frame);
            processes::request_done();
            sent = self.output.frame(&match answer {
                Ok(answer) => Frame::json(Kind::Answer, &answer),
                Err(failure) => Frame::json(Kind::Failure, &failure),
            });
        }
        // After a commit there are none. After a failure the container is removed, unless it is in use.
        let _ = self.injections.remove();
    }

    fn answer(&mut self, frame: &Frame) -> Result<Answer, Failure> {
        let request = frame.parse().map_err(|err| Failure::os(err.to_string()))?;
        match request {
            Request::Identify { user } => {
                let account = self.accounts.find(&user)?;
                // Without the right to change into the account, it is another one that does the work.
                let uid = if keeps_own() {
                    let own = act(&account, || geteuid().as_raw());
                    own.or_failure(format_args!("can't become the user `{user}`"))?
                } else {
                    account.uid
                };
                Ok(Answer::Identified { uid })
            }
            Request::Unpack { into, user } => {
                let account = self.accounts.find(&user)?;
                unpack::unpack(&into, &user, &account, &mut self.frames, &mut self.made)
            }
            Request::Inject { into, user } => {
                let account = self.accounts.find(&user)?;
                self.injections.inject(&into, &account, &mut self.frames)
            }
            Request::Exec(exec) => {
                let account = self.accounts.find(&exec.user)?;
                exec::exec(&exec, &account, &self.output)
            }
            Request::Read {
                items,
                times,
                keep_modes,
                user,
            } => {
                let account = self.accounts.find(&user)?;
                let started = Some(self.started);
                let keep = Keep {
                    modes: keep_modes,
                    times: Some(KeptTimes { times, started }),
                    directory_times: keep_modes,
                };
                read::read(&items, times.new, keep, &user, &account, &self.output)
            }
            Request::Finish(finish) => {
                finish::finish(&finish, &self.made, &mut self.injections, self.started)
            }
        }
    }
}
